"""The list component without a database: search, filters, sort, pages, columns, exports."""

import io
import zipfile
from dataclasses import dataclass

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from quarterdeck.entrypoints.web import lists
from quarterdeck.entrypoints.web.exports import neutral

ASK = RequestFactory()


@dataclass(frozen=True)
class Row:
    name: str
    state: str
    size: int | None


ROWS = [Row("fs01", "open", 3), Row("web01", "closed", 10), Row("plotter", "open", None), Row("=cmd|x", "draft", 2)]
LISTING = lists.Listing[Row](
    name="rows",
    noun="rows",
    columns=[
        lists.Column("name", "Name", lambda row: lists.text(row.name, sub=f"sub of {row.name}")),
        lists.Column("state", "State", lambda row: lists.state(row.state)),
        lists.Column(
            "size", "Size", lambda row: lists.text("" if row.size is None else row.size), lambda row: row.size
        ),
        lists.Column("hidden", "Hidden", lambda row: lists.text("secret"), shown=False),
    ],
    row_url=lambda row: f"/rows/{row.name}/",
    empty=lists.Empty("None", "Nothing."),
    filters=[lists.Filter("state", "State", lambda row: row.state)],
)


def _built(query: str = "", rows: list[Row] | None = None) -> lists.Shown:
    found = lists.build(ASK.get(f"/rows/?{query}"), LISTING, ROWS if rows is None else rows)
    assert isinstance(found, lists.Shown)
    return found


def _names(shown: lists.Shown) -> list[str]:
    return [row["cells"][0][1].text for row in shown.rows]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", ["fs01", "web01", "plotter", "=cmd|x"]),
        ("q=01", ["fs01", "web01"]),
        ("q=01+open", ["fs01"]),
        ("q=%22fs0%22", []),
        ("q=%22fs01%22", ["fs01"]),
        ("state=open", ["fs01", "plotter"]),
        ("state=open&state=draft", ["fs01", "plotter", "=cmd|x"]),
        ("state=nonsense", []),
        ("sort=size", ["=cmd|x", "fs01", "web01", "plotter"]),
        ("sort=-size", ["web01", "fs01", "=cmd|x", "plotter"]),
        ("sort=nonsense", ["fs01", "web01", "plotter", "=cmd|x"]),
    ],
)
def test_search_filter_and_sort_come_from_the_address(query, names):
    assert _names(_built(query)) == names


def test_filters_are_chips_that_can_be_taken_away_and_counts_follow_the_search():
    shown = _built("q=01&state=open")
    assert [chip["label"] for chip in shown.chips] == ["State: Open"]
    assert shown.chips[0]["url"] == "?q=01"
    ((_, choices),) = shown.menus
    assert {choice.label: choice.count for choice in choices} == {"Open": 1, "Closed": 1}
    assert (shown.found, shown.total) == (1, 4)


def test_columns_are_chosen_in_the_address():
    assert [heading.label for heading in _built().headings] == ["Name", "State", "Size"]
    assert [heading.label for heading in _built("cols=name,hidden").headings] == ["Name", "Hidden"]
    assert [heading.label for heading in _built("cols=nonsense").headings] == ["Name"]


@pytest.mark.parametrize(
    ("page", "at", "count"), [("", 1, 50), ("2", 2, 50), ("3", 3, 20), ("9", 3, 20), ("-1", 1, 50), ("x", 1, 50)]
)
def test_pages(page, at, count):
    shown = _built(f"page={page}", [Row(f"h{number}", "open", number) for number in range(120)])
    assert shown.pages["at"] == at
    assert shown.pages["last"] == 3
    assert len(shown.rows) == count


def test_an_export_has_every_row_of_the_view_and_runs_nothing():
    answer = lists.build(ASK.get("/rows/?export=csv&sort=name"), LISTING, ROWS)
    assert isinstance(answer, HttpResponse)
    lines = answer.content.decode("utf-8-sig").splitlines()
    assert lines == ["Name,State,Size", "'=cmd|x,Draft,2", "fs01,Open,3", "plotter,Open,", "web01,Closed,10"]
    book = lists.build(ASK.get("/rows/?export=xlsx&state=closed"), LISTING, ROWS)
    assert isinstance(book, HttpResponse)
    with zipfile.ZipFile(io.BytesIO(book.content)) as parts:
        sheet = parts.read("xl/worksheets/sheet1.xml").decode()
    assert "web01" in sheet
    assert "<f>" not in sheet
    assert "fs01" not in sheet


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\t=1", "\x1b=1", "\u202e=1", "\uffff=1"])
def test_formulas_and_direction_marks_are_made_text(cell):
    assert neutral(cell)[0] == "'"
    assert neutral(cell).isprintable()


def test_the_count_is_said_in_the_right_number():
    assert _built(rows=ROWS[:1]).counted == "row"
    assert _built().counted == "rows"
    people = lists.Listing[Row](
        name="people", noun="people", single="person", columns=LISTING.columns, row_url=LISTING.row_url,
        empty=LISTING.empty,
    )  # fmt: skip
    assert people.counted(1) == "person"
    assert people.counted(0) == "people"


def test_groups_have_a_heading_while_the_rows_stand_as_they_came():
    grouped = lists.Listing[Row](
        name="rows", noun="rows", columns=LISTING.columns, row_url=LISTING.row_url, empty=LISTING.empty,
        group=lambda row: "Machines" if row.name.endswith("01") else "Others",
    )  # fmt: skip
    shown = lists.build(ASK.get("/rows/"), grouped, ROWS)
    assert isinstance(shown, lists.Shown)
    assert [row["heading"] for row in shown.rows] == ["Machines", "", "Others", ""]
    by_name = lists.build(ASK.get("/rows/?sort=name"), grouped, ROWS)
    assert isinstance(by_name, lists.Shown)
    assert {row["heading"] for row in by_name.rows} == {""}


def test_a_row_is_named_where_it_is_ticked():
    assert [row["name"] for row in _built().rows] == ["fs01", "web01", "plotter", "=cmd|x"]
