"""The one list of every page: search, filters, sort, columns and page number live in the address, so a view is a link.

A page names its columns and filters and hands over its rows; it gets back what the template `parts/list.html` shows,
or the file when the address asks for an export.
"""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

from django.http import HttpRequest, HttpResponse, QueryDict

from quarterdeck.entrypoints.web import exports, words

Row = TypeVar("Row")
PAGE_SIZE = 50


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one cell. `kind` picks the look: text, mono, whole, number, status, when, marks, meter."""

    text: str = ""
    kind: str = "text"
    url: str = ""
    sub: str = ""
    code: str = ""
    moment: datetime | None = None
    style: str = "moment"
    marks: tuple[str, ...] = ()

    @property
    def plain(self) -> str:
        """The cell as it stands in an export."""
        if self.kind == "when":
            return self.moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if self.moment else ""
        if self.kind == "status":
            return self.text or words.status(self.code).word
        return ", ".join((self.text, *self.marks)) if self.marks and self.text else self.text or ", ".join(self.marks)


def text(value: object, *, url: str = "", sub: str = "", marks: Iterable[str] = ()) -> Cell:
    """Return a cell of plain text, perhaps with a link, a second line and marks such as CUI."""
    return Cell(text=str(value), url=url, sub=sub, marks=tuple(marks))


def mono(value: object, *, url: str = "", sub: str = "") -> Cell:
    """Return a cell in the monospaced face: hashes, host names."""
    return Cell(text=str(value), kind="mono", url=url, sub=sub)


def whole(value: object, *, sub: str = "", marks: Iterable[str] = ()) -> Cell:
    """Return a cell whose text is not broken: a ticket's number, a size."""
    return Cell(text=str(value), kind="whole", sub=sub, marks=tuple(marks))


def state(code: str, word: str = "") -> Cell:
    """Return a status cell."""
    return Cell(kind="status", code=str(code), text=word)


def moment(value: datetime | None, style: str = "moment") -> Cell:
    """Return a time cell."""
    return Cell(kind="when", moment=value, style=style)


@dataclass(frozen=True)
class Column(Generic[Row]):
    """One column: how a row's cell is made, and what it sorts by when that is not the cell's text."""

    key: str
    label: str
    cell: Callable[[Row], Cell]
    sort: Callable[[Row], Any] | None = None
    shown: bool = True

    def order(self, row: Row) -> tuple[bool, Any]:
        """Return what `row` sorts by; empty values come last."""
        value = self.sort(row) if self.sort else self.cell(row).plain.lower()
        return (value is None or value == "", value if value is not None else "")


@dataclass(frozen=True)
class Filter(Generic[Row]):
    """One filter: `of` gives a row's value or values."""

    key: str
    label: str
    of: Callable[[Row], Hashable | Iterable[Hashable]]
    names: Callable[[str], str] = lambda code: words.status(code).word

    def values(self, row: Row) -> set[str]:
        """Return the row's values as they stand in the address."""
        found = self.of(row)
        if isinstance(found, Iterable) and not isinstance(found, str):
            return {str(value) for value in found}
        return {str(found)}


@dataclass(frozen=True, slots=True)
class Act:
    """A bulk act: the form posts the ticked ids to `url`, which shows a preview first."""

    label: str
    url: str
    icon: str = "check"


@dataclass(frozen=True, slots=True)
class Empty:
    """What belongs here, and the first act."""

    title: str
    say: str
    icon: str = "list-details"
    act: str = ""
    url: str = ""


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """A list as a page declares it; `group` puts a heading over each run of rows while they stand as they came."""

    name: str
    noun: str
    columns: Sequence[Column[Row]]
    row_url: Callable[[Row], str]
    empty: Empty
    filters: Sequence[Filter[Row]] = ()
    row_id: Callable[[Row], str] | None = None
    acts: Sequence[Act] = ()
    sort: str = ""
    single: str = ""
    group: Callable[[Row], str] | None = None

    def counted(self, count: int) -> str:
        """Return the word for so many rows: `1 ticket`, `2 tickets`."""
        return (self.single or self.noun.removesuffix("s")) if count == 1 else self.noun


@dataclass(frozen=True, slots=True)
class Heading:
    """A column heading with the address that sorts by it."""

    key: str
    label: str
    url: str
    sorted: str  # "ascending", "descending" or ""


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a filter: how many rows have it and the address that turns it on or off."""

    label: str
    count: int
    on: bool
    url: str


@dataclass(slots=True)
class Shown:
    """Everything that the template needs."""

    listing: Listing[Any]
    headings: list[Heading]
    rows: list[dict[str, Any]]
    total: int
    found: int
    query: str
    hidden: list[tuple[str, str]]
    chips: list[dict[str, str]]
    menus: list[tuple[str, list[Choice]]]
    columns: list[tuple[str, str, bool]]
    counted: str
    pages: dict[str, Any] = field(default_factory=dict)
    csv_url: str = ""
    xlsx_url: str = ""
    clear_url: str = ""
    narrowed: bool = False
    offers: bool = True


def build(
    request: HttpRequest, listing: Listing[Row], rows: Sequence[Row], *, offers: bool = True
) -> Shown | HttpResponse:
    """Return the list as the address asks for it, or the export file; `offers` lets an empty one name the first act."""
    asked = request.GET
    picked = _searched(listing, rows, asked.get("q", ""))
    kept = [row for row in picked if _passes(listing, row, asked)]
    columns = _columns(listing, asked)
    sort, descending = _sort(listing, asked)
    by_key = {column.key: column for column in listing.columns}
    if sort in by_key:
        kept = _ordered(kept, by_key[sort], descending=descending)
    wanted = asked.get("export", "")
    if wanted in exports.KINDS:
        cells = [[column.cell(row).plain for column in columns] for row in kept]
        return exports.KINDS[wanted](listing.name, [column.label for column in columns], cells)
    page, last = _page(asked, len(kept))
    part = kept[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]
    grouped = listing.group if not sort else None
    return Shown(
        listing=listing,
        headings=[_heading(column, asked, sort, descending=descending) for column in columns],
        rows=_rows(listing, columns, part, grouped),
        total=len(rows),
        found=len(kept),
        query=asked.get("q", ""),
        hidden=[(key, value) for key, values in asked.lists() if key not in {"q", "page"} for value in values],
        chips=_chips(listing, asked),
        menus=[(each.label, _choices(each, picked, asked)) for each in listing.filters],
        columns=[(column.key, column.label, column in columns) for column in listing.columns],
        counted=listing.counted(len(rows)),
        pages={"at": page, "last": last, "back": _with(asked, page=page - 1), "on": _with(asked, page=page + 1)},
        csv_url=_with(asked, export="csv"),
        xlsx_url=_with(asked, export="xlsx"),
        clear_url=request.path,
        narrowed=len(kept) != len(rows),
        offers=offers,
    )


def _rows(
    listing: Listing[Row], columns: Sequence[Column[Row]], part: Sequence[Row], group: Callable[[Row], str] | None
) -> list[dict[str, Any]]:
    shown, last = [], None
    for row in part:
        heading = group(row) if group else ""
        shown.append(_row(listing, columns, row) | {"heading": heading if heading != last else ""})
        last = heading
    return shown


def _row(listing: Listing[Row], columns: Sequence[Column[Row]], row: Row) -> dict[str, Any]:
    return {
        "url": listing.row_url(row),
        "id": listing.row_id(row) if listing.row_id else "",
        "name": listing.columns[0].cell(row).plain,
        "cells": [(column.label, column.cell(row)) for column in columns],
    }


def _searched(listing: Listing[Row], rows: Sequence[Row], query: str) -> list[Row]:
    """Every word must stand somewhere in the row; a quoted text must stand exactly."""
    exact = len(query) > 2 and query[0] == query[-1] == '"'
    wanted = [query[1:-1].lower()] if exact else query.lower().split()
    if not wanted:
        return list(rows)

    def found(row: Row) -> bool:
        cells = [column.cell(row) for column in listing.columns]
        if exact:
            return any(wanted[0] in (cell.plain.lower(), cell.sub.lower()) for cell in cells)
        text_of_row = " ".join(f"{cell.plain} {cell.sub}" for cell in cells).lower()
        return all(word in text_of_row for word in wanted)

    return [row for row in rows if found(row)]


def _passes(listing: Listing[Row], row: Row, asked: QueryDict) -> bool:
    return all(
        not asked.getlist(each.key) or each.values(row) & set(asked.getlist(each.key)) for each in listing.filters
    )


def _columns(listing: Listing[Row], asked: QueryDict) -> list[Column[Row]]:
    chosen = set(filter(None, asked.get("cols", "").split(",")))
    found = [column for column in listing.columns if (column.key in chosen if chosen else column.shown)]
    return found or list(listing.columns[:1])


def _sort(listing: Listing[Any], asked: QueryDict) -> tuple[str, bool]:
    wanted = asked.get("sort", listing.sort)
    return wanted.lstrip("-"), wanted.startswith("-")


def _ordered(rows: list[Row], column: Column[Row], *, descending: bool) -> list[Row]:
    full = [row for row in rows if not column.order(row)[0]]
    empty = [row for row in rows if column.order(row)[0]]
    return sorted(full, key=lambda row: column.order(row)[1], reverse=descending) + empty


def _page(asked: QueryDict, count: int) -> tuple[int, int]:
    last = max(1, -(-count // PAGE_SIZE))
    wanted = asked.get("page", "1")
    return min(max(1, int(wanted) if wanted.isdecimal() and len(wanted) < 6 else 1), last), last


def _with(asked: QueryDict, **changes: object) -> str:
    query = asked.copy()
    for key in ("page", "export"):
        query.pop(key, None)
    for key, value in changes.items():
        query[key] = str(value)
    return f"?{query.urlencode()}"


def _heading(column: Column[Any], asked: QueryDict, sort: str, *, descending: bool) -> Heading:
    here = column.key == sort
    following = f"-{column.key}" if here and not descending else column.key
    word = ("descending" if descending else "ascending") if here else ""
    return Heading(column.key, column.label, _with(asked, sort=following), word)


def _toggled(asked: QueryDict, key: str, value: str) -> str:
    query = asked.copy()
    query.pop("page", None)
    values = query.getlist(key)
    query.setlist(key, [other for other in values if other != value] if value in values else [*values, value])
    return f"?{query.urlencode()}"


def _chips(listing: Listing[Any], asked: QueryDict) -> list[dict[str, str]]:
    return [
        {"label": f"{each.label}: {each.names(value)}", "url": _toggled(asked, each.key, value)}
        for each in listing.filters
        for value in asked.getlist(each.key)
    ]


def _choices(each: Filter[Row], rows: Sequence[Row], asked: QueryDict) -> list[Choice]:
    counts: dict[str, int] = {}
    for row in rows:
        for value in each.values(row):
            counts[value] = counts.get(value, 0) + 1
    chosen = set(asked.getlist(each.key))
    return [
        Choice(each.names(value), counts.get(value, 0), value in chosen, _toggled(asked, each.key, value))
        for value in sorted(set(counts) | chosen)
    ]
