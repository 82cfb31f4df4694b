"""What the terminal shows: plain tables, JSON, sentences; nothing that a server sends can steer the terminal."""

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence

LONGEST = 64  # a SHA-256 is shown whole
JsonValue = bool | int | float | str | None | list["JsonValue"] | dict[str, "JsonValue"]
Row = Mapping[str, JsonValue]


def clean(text: object) -> str:
    """Return the text without control and direction characters (attacks.md row 22)."""
    return "".join(letter if _is_harmless(letter) else " " for letter in str(text))


def _is_harmless(letter: str) -> bool:
    return unicodedata.category(letter) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def table(rows: Sequence[Row], columns: Mapping[str, str]) -> str:
    """Return rows as aligned columns; `columns` maps a heading to the row's key."""
    lines = [[*columns]] + [[_cell(row.get(key)) for key in columns.values()] for row in rows]
    widths = [max(len(line[number]) for line in lines) for number in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _cell(value: JsonValue) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_cell(item) for item in value)
    return clean(value)[:LONGEST]


def show_rows(rows: Sequence[Row], columns: Mapping[str, str], *, as_json: bool, none: str) -> None:
    """Print a list as a table or as JSON; `none` is the sentence for an empty list."""
    if as_json:
        show_json(list(rows))
    elif rows:
        print(table(rows, columns))
    else:
        print(none)


def show_json(value: object) -> None:
    """Print JSON, escaped to ASCII, so that it can steer no terminal."""
    print(json.dumps(value, indent=1, ensure_ascii=True))


def complain(sentence: str) -> None:
    """Print what is wrong to standard error, one reason a line."""
    print("qd: " + "\n".join(map(clean, sentence.split("\n"))), file=sys.stderr)


def confirm(question: str) -> bool:
    """Ask a person at the terminal; False when there is none."""
    if not sys.stdin.isatty():
        return False
    return input(f"{question} [yes/no] ").strip().lower() == "yes"
