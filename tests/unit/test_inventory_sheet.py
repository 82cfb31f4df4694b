"""Reading CSV files as they come: encodings, delimiters, quotes, limits; and writing ones that run nothing."""

import codecs

import pytest

from quarterdeck.inventory.columns import KNOWN_HEADERS
from quarterdeck.inventory.sheet import MAX_ROWS, defuse, read_sheet, undo_defuse, write_sheet
from quarterdeck.kernel.decision import Refused

PLAIN = "hostname,title,location\nfiles01,Dateiserver,Büro\n"


def refused(data):
    with pytest.raises(Refused) as caught:
        read_sheet(data, KNOWN_HEADERS)
    reason = caught.value.decision.reasons[0]
    assert reason.sentence.endswith((".", ")."))
    assert reason.next_step
    return reason


@pytest.mark.parametrize(
    ("data", "encoding", "guessed"),
    [
        (PLAIN.encode(), "utf-8", False),
        (codecs.BOM_UTF8 + PLAIN.encode(), "utf-8", False),
        (PLAIN.encode("utf-16"), "utf-16", False),
        (codecs.BOM_UTF16_BE + PLAIN.encode("utf-16-be"), "utf-16", False),
        (PLAIN.encode("cp1252"), "cp1252", True),
        (PLAIN, "utf-8", False),
    ],
)
def test_encodings(data, encoding, guessed):
    sheet = read_sheet(data, KNOWN_HEADERS)
    assert (sheet.encoding, sheet.encoding_guessed) == (encoding, guessed)
    assert sheet.header == ("hostname", "title", "location")
    assert sheet.rows[0].cells == ("files01", "Dateiserver", "Büro")
    assert any("guess" in notice for notice in sheet.notices) is guessed


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_delimiters(delimiter):
    sheet = read_sheet(PLAIN.replace(",", delimiter), KNOWN_HEADERS)
    assert sheet.delimiter == delimiter
    assert len(sheet.rows[0].cells) == 3


def test_a_delimiter_inside_quotes_does_not_mislead():
    sheet = read_sheet('hostname;title\nweb01;"a, b, c; d"\n', KNOWN_HEADERS)
    assert sheet.rows[0].cells == ("web01", "a, b, c; d")


def test_one_column_alone():
    assert read_sheet("hostname\nweb01\n", KNOWN_HEADERS).rows[0].cells == ("web01",)


@pytest.mark.parametrize("mark", ["sep=;\r\n", "SEP=;\n"])
def test_the_separator_line_of_a_spreadsheet(mark):
    sheet = read_sheet(mark + "hostname;title\nweb01;x\n", KNOWN_HEADERS)
    assert sheet.delimiter == ";"
    assert (sheet.header_line, sheet.rows[0].line) == (2, 3)


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_line_ends(ends):
    sheet = read_sheet(ends.join(["hostname,title", "web01,x", "", "web02,y", ""]), KNOWN_HEADERS)
    assert [(row.line, row.cells[0]) for row in sheet.rows] == [(2, "web01"), (4, "web02")]


def test_lines_are_counted_through_cells_with_line_breaks():
    sheet = read_sheet('hostname,title\nweb01,"two\nlines"\nweb02,x\n', KNOWN_HEADERS)
    assert [row.line for row in sheet.rows] == [2, 4]


def test_empty_columns_at_the_right_edge_are_not_columns():
    sheet = read_sheet("hostname,title,,\nweb01,x,,\n", KNOWN_HEADERS)
    assert sheet.header == ("hostname", "title")


@pytest.mark.parametrize("data", [b"", b"\n\n", b"   \n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_an_empty_file_is_refused(data):
    assert refused(data).code == "csv.empty"


def test_a_file_without_rows_says_so():
    assert "no rows" in read_sheet("hostname,title\n", KNOWN_HEADERS).notices[0]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"hostname,title\nweb\x0001,x\n", "csv.nul"),
        ("hostname,title\nweb01,x\n".encode("utf-16-le"), "csv.nul"),
        (codecs.BOM_UTF8 + b"hostname\n\xff\xfe\n", "csv.encoding"),
        (codecs.BOM_UTF16_LE + b"h\x00o", "csv.encoding"),
        (codecs.BOM_UTF32_LE + "hostname\n".encode("utf-32-le"), "csv.encoding"),
        (b"hostname,title\nweb01,\x81\n", "csv.encoding"),
        (b'hostname,title\nweb01,"never closed\nweb02,x\n', "csv.malformed"),
        (b'hostname,title\nweb01,"a"b\n', "csv.malformed"),
        (b"hostname,title,Title\nweb01,a,b\n", "csv.duplicate_column"),
        (b"hostname,,title\nweb01,a,b\n", "csv.unnamed_column"),
        (b"hostname," + b",".join(b"c%d" % i for i in range(300)) + b"\n", "csv.too_wide"),
        (b"x" * (16 * 1024 * 1024 + 1), "csv.too_big"),
    ],
)
def test_what_cannot_be_read_is_refused(data, code):
    assert refused(data).code == code


def test_a_broken_quote_is_refused_with_its_line():
    assert refused(b'hostname,title\nweb01,x\nweb02,"y\nweb03,z\n').sentence.startswith("Line 3 ")


def test_a_hundred_thousand_rows_are_refused_with_the_limit():
    reason = refused("hostname\n" + "".join(f"h{n}\n" for n in range(100_000)))
    assert reason.code == "csv.too_many_rows"
    assert "10,000" in reason.sentence


def test_the_limit_itself_is_read():
    assert len(read_sheet("hostname\n" + "".join(f"h{n}\n" for n in range(MAX_ROWS)), KNOWN_HEADERS).rows) == MAX_ROWS


@pytest.mark.parametrize("cell", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "＝1+1", "'quoted", "'"])
def test_what_a_spreadsheet_would_run_is_written_as_text(cell):
    assert defuse(cell) == f"'{cell}"
    assert undo_defuse(defuse(cell)) == (cell, False)


@pytest.mark.parametrize("cell", ["", "plain", "a=b", "O'Brien", "1"])
def test_other_cells_are_written_as_they_are(cell):
    assert defuse(cell) == cell
    assert undo_defuse(cell) == (cell, False)


def test_a_formula_as_it_stands_is_noticed():
    assert undo_defuse("=1+1") == ("=1+1", True)


def test_written_files_say_their_encoding_and_read_back():
    data = write_sheet(["hostname", "title"], [["web01", '=a, "b"'], ["web02", "Büro"]])
    assert data.startswith(codecs.BOM_UTF8)
    assert b"\r\n" in data
    rows = read_sheet(data, KNOWN_HEADERS).rows
    assert [undo_defuse(row.cells[1])[0] for row in rows] == ['=a, "b"', "Büro"]
