"""Text made safe to show: no control or direction characters, no formulas, no way out of a script element.

Escaping for HTML is the template engine's; this is what escaping does not do (attacks.md row 22). Pure.
"""

import json
from collections.abc import Mapping

_DIRECTION = (0x061C, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF)
_CONTROL = (*range(0x00, 0x09), *range(0x0B, 0x20), 0x7F, *range(0x80, 0xA0))
_OUT = {code: None for code in (*_CONTROL, *_DIRECTION)} | {0x2028: "\n", 0x2029: "\n"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_IN_SCRIPT = {ord("<"): "\\u003c", ord(">"): "\\u003e", ord("&"): "\\u0026", 0x2028: "\\u2028", 0x2029: "\\u2029"}


def clean(text: str) -> str:
    """Return the text without C0, C1 and direction characters; tabs and line feeds stay."""
    return text.replace("\r\n", "\n").translate(_OUT).encode("utf-8", "replace").decode("utf-8")


def clean_all(value: object) -> object:
    """Return lists and maps of plain values with every text in them cleaned; other values as they are."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {key: clean_all(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [clean_all(item) for item in value]
    return value


def cell(value: object) -> str:
    """Return a cell of a CSV file: one line, and made text where a spreadsheet would run it as a formula."""
    text = " ".join(clean("" if value is None else str(value)).split())
    return f"'{text}" if text.startswith(_FORMULA) else text


def script_json(value: object) -> str:
    """Return JSON that may stand in a script element: no `<`, so neither `</script` nor `<!--`."""
    return json.dumps(value, ensure_ascii=False).translate(_IN_SCRIPT)
