"""Reads a CSV file into rows: encoding, delimiter, quoting, limits. It knows nothing of assets.

Nothing is repaired in silence: what had to be guessed is a notice, what can't be read is refused with its line.
"""

import codecs
import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NoReturn

from quarterdeck.kernel.decision import Refused, refuse

MAX_BYTES = 16 * 1024 * 1024
MAX_ROWS = 10_000
MAX_COLUMNS = 200
MAX_CELL = 4_000
_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab"}
_SAVE_AS = "Save the sheet as CSV UTF-8 and try again."
# What a spreadsheet would run as a formula, the full-width forms included (attacks.md row 22).
FORMULA_STARTS = "=+-@\uff1d\uff0b\uff0d\uff20"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of data: `line` is where it begins in the file, counted from 1; cells are as many as the file has."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A CSV file in memory: at most 10,000 rows."""

    sha256: str
    encoding: str
    encoding_guessed: bool
    delimiter: str
    header: tuple[str, ...]
    header_line: int
    rows: tuple[Row, ...]
    notices: tuple[str, ...]


def read_sheet(data: bytes | str, known_headers: Iterable[str] = ()) -> Sheet:
    """Return the sheet that these bytes are; raise `Refused` with what can't be read and the next step.

    The delimiter is the one (comma, semicolon, tab) under which most header cells are among `known_headers`.
    """
    raw = data.encode() if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        _stop("csv.too_big", f"The file is larger than {MAX_BYTES // 2**20} MiB.", "Split it, for example by site.")
    text, encoding, guessed = _decode(raw)
    if not text.strip():
        _stop("csv.empty", "The file is empty.", "Export the inventory with a line of column names above the rows.")
    delimiter, skipped = _delimiter(text, frozenset(name.casefold() for name in known_headers))
    rows = _rows(text, delimiter, skipped)
    first = next(rows, None)
    if first is None:
        _stop("csv.empty", "The file has no line of column names.", "Put the column names above the rows.")
    header = _header(first)
    body = tuple(_body(rows))
    notices = []
    if guessed:
        notices.append(
            "The file does not say its encoding and is not UTF-8; it was read as Windows-1252, which is a guess. "
            "Look at names with accents or umlauts before you import."
        )
    if not body:
        notices.append("The file has column names but no rows.")
    digest = hashlib.sha256(raw).hexdigest()
    return Sheet(digest, encoding, guessed, delimiter, header, first.line, body, tuple(notices))


def defuse(cell: str) -> str:
    """Return the cell as it may stand in a CSV file: an apostrophe before what a spreadsheet would run."""
    return f"'{cell}" if cell[:1] in (*FORMULA_STARTS, "'") and cell else cell


def undo_defuse(cell: str) -> tuple[str, bool]:
    """Return the meant text, and whether the cell would run as a formula as it stands in the file."""
    if cell[:1] == "'" and cell[1:2] in (*FORMULA_STARTS, "'") and len(cell) > 1:
        return cell[1:], False
    return cell, bool(cell) and cell[0] in FORMULA_STARTS


def write_sheet(header: Iterable[str], rows: Iterable[Iterable[str]]) -> bytes:
    """Return a CSV file (UTF-8 with mark, commas, CR LF) in which no cell runs as a formula."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(list(header))
    for row in rows:
        writer.writerow([defuse(cell) for cell in row])
    return codecs.BOM_UTF8 + out.getvalue().encode()


def _decode(raw: bytes) -> tuple[str, str, bool]:
    if raw.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        _stop("csv.encoding", "The file is in UTF-32, which is not read.", _SAVE_AS)
    named = None
    if raw.startswith(codecs.BOM_UTF8):
        named = "utf-8-sig"
    elif raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        named = "utf-16"
    text, encoding, guessed = _try(raw, named) if named else _try_unnamed(raw)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        _stop("csv.nul", f"Line {line} holds a NUL byte: the file is not text, or UTF-16 without its mark.", _SAVE_AS)
    return text, encoding, guessed


def _try(raw: bytes, encoding: str) -> tuple[str, str, bool]:
    try:
        return raw.decode(encoding), encoding.removesuffix("-sig"), False
    except UnicodeDecodeError as error:
        message = f"The file says it is {encoding.removesuffix('-sig').upper()} but byte {error.start} is not."
        raise Refused(refuse("csv.encoding", message, _SAVE_AS)) from error


def _try_unnamed(raw: bytes) -> tuple[str, str, bool]:
    try:
        return raw.decode("utf-8"), "utf-8", False
    except UnicodeDecodeError:
        pass
    try:
        return raw.decode("cp1252"), "cp1252", True
    except UnicodeDecodeError as error:
        message = f"The file is neither UTF-8 nor Windows-1252 (byte {error.start})."
        raise Refused(refuse("csv.encoding", message, _SAVE_AS)) from error


def _delimiter(text: str, known: frozenset[str]) -> tuple[str, int]:
    """Return the delimiter and how many characters of a `sep=` line stand before the header."""
    head, _, _ = text.partition("\n")
    if head.strip().lower().startswith("sep=") and head.strip()[4:] in _DELIMITERS:
        return head.strip()[4:], len(head) + 1
    if head.lower().rstrip("\r").startswith("sep=\t"):
        return "\t", len(head) + 1
    start = len(text) - len(text.lstrip("\r\n"))
    best, best_score = ",", (-1, -1)
    for delimiter in _DELIMITERS:
        try:
            cells = next(csv.reader(io.StringIO(text[start : start + 65536], newline=""), delimiter=delimiter), [])
        except csv.Error:
            continue
        score = (sum(cell.strip().casefold() in known for cell in cells), len(cells))
        if score > best_score:
            best, best_score = delimiter, score
    return best, 0


def _rows(text: str, delimiter: str, skipped: int) -> Iterator[Row]:
    """Yield rows that are not blank; a broken quote is refused with its line."""
    reader = csv.reader(io.StringIO(text[skipped:], newline=""), delimiter=delimiter, strict=True)
    offset = 1 if skipped else 0
    begins = offset + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            _stop(
                "csv.malformed",
                f"Line {begins} can't be read as CSV ({error}).",
                "Look for a quotation mark that is opened and not closed, or one in the middle of a cell.",
            )
        if any(cell.strip() for cell in cells):
            yield Row(begins, tuple(cells))
        begins = offset + reader.line_num + 1


def _header(row: Row) -> tuple[str, ...]:
    names = [cell.strip() for cell in row.cells]
    while names and not names[-1]:  # Excel likes to save empty columns at the right edge
        names.pop()
    if len(names) > MAX_COLUMNS:
        _stop("csv.too_wide", f"The file has more than {MAX_COLUMNS} columns.", "Remove columns that are not needed.")
    seen: dict[str, int] = {}
    for number, name in enumerate(names, start=1):
        if not name:
            _stop("csv.unnamed_column", f"Column {number} has no name.", "Give it a name or remove it.")
        if name.casefold() in seen:
            _stop(
                "csv.duplicate_column",
                f'Columns {seen[name.casefold()]} and {number} are both called "{name[:60]}".',
                "Rename or remove one of them, so that it is clear which counts.",
            )
        seen[name.casefold()] = number
    return tuple(names)


def _body(rows: Iterator[Row]) -> Iterator[Row]:
    for count, row in enumerate(rows, start=1):
        if count > MAX_ROWS:
            _stop(
                "csv.too_many_rows",
                f"The file has more than {MAX_ROWS:,} rows; one import takes at most that many.",
                "Split it, for example by site, and import the parts one after the other.",
            )
        yield row


def _stop(code: str, sentence: str, next_step: str) -> NoReturn:
    raise Refused(refuse(code, sentence, next_step))
