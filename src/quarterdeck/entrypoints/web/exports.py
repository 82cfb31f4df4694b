"""Files of a list: CSV and XLSX. A cell that a spreadsheet would run as a formula is made text (attacks.md row 22)."""

import csv
import io
import zipfile
from collections.abc import Callable, Sequence
from xml.sax.saxutils import escape

from django.http import HttpResponse

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# U+FFFE and U+FFFF have no place in XML: a workbook with one of them does not open.
_CONTROL = {
    code: None
    for code in (*range(32), 127, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFFFE, 0xFFFF)
}
_TYPES = (
    '<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/xl/workbook.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/>'
    '<Override PartName="/xl/worksheets/sheet1.xml" ContentType='
    '"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>'
)
_RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEET = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def neutral(cell: str) -> str:
    """Return the cell without control or direction characters, and with a quote before what looks like a formula."""
    clean = cell.translate(_CONTROL)
    return f"'{clean}" if clean.startswith(_FORMULA) else clean


def as_csv(name: str, labels: Sequence[str], rows: Sequence[Sequence[str]]) -> HttpResponse:
    """Return the rows as a CSV download in UTF-8 with a byte order mark, which spreadsheets expect."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(labels)
    writer.writerows([neutral(cell) for cell in row] for row in rows)
    return _download(f"{name}.csv", "text/csv; charset=utf-8", b"\xef\xbb\xbf" + text.getvalue().encode())


def as_xlsx(name: str, labels: Sequence[str], rows: Sequence[Sequence[str]]) -> HttpResponse:
    """Return the rows as a minimal workbook; every cell is text."""
    lines = "".join(
        "<row>"
        + "".join(f'<c t="inlineStr"><is><t xml:space="preserve">{escape(cell)}</t></is></c>' for cell in row)
        + "</row>"
        for row in (labels, *([neutral(cell) for cell in row] for row in rows))
    )
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1" Type="{_OFFICE}/officeDocument" '
        'Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{_SHEET}" xmlns:r="{_OFFICE}"><sheets><sheet name="{escape(name)[:31]}" '
        'sheetId="1" r:id="r1"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1" '
        f'Type="{_OFFICE}/worksheet" Target="worksheets/sheet1.xml"/></Relationships>',
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{_SHEET}"><sheetData>{lines}</sheetData></worksheet>',
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as book:
        for path, body in parts.items():
            book.writestr(path, body)
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    return _download(f"{name}.xlsx", kind, buffer.getvalue())


def _download(name: str, kind: str, body: bytes) -> HttpResponse:
    return HttpResponse(body, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


KINDS: dict[str, Callable[[str, Sequence[str], Sequence[Sequence[str]]], HttpResponse]] = {
    "csv": as_csv,
    "xlsx": as_xlsx,
}
