"""A recording (asciicast v2) as text with times, for people who read instead of watching, and for print. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from quarterdeck.assessor.clean import clean
from quarterdeck.sessions.terms import file_lines, files_in

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
    r"|\x9b[0-?]*[ -/]*[@-~]"
)
_ERASED = re.compile(r"[^\x08]\x08")
LONGEST_LINE = 4_000
LONGEST_SECONDS = 100 * 366 * 86_400


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it stood in the end, and the seconds after the beginning at which it began to appear."""

    at: float
    text: str

    @property
    def stamp(self) -> str:
        """The time as h:mm:ss."""
        seconds = int(self.at)
        return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


@dataclass(frozen=True, slots=True)
class Transcript:
    """What a terminal showed; `torn` when the recording breaks off inside an event, as a killed session leaves it."""

    lines: tuple[Line, ...]
    seconds: float
    torn: bool

    @property
    def text(self) -> str:
        """The transcript as a file: time, two spaces, line."""
        return "".join(f"{line.stamp}  {line.text}".rstrip() + "\n" for line in self.lines)


def transcript(cast: bytes) -> Transcript:
    """Return the text of a recording; bytes that are no recording give an empty, torn transcript."""
    events = list(_events(cast.decode("utf-8", "replace")))
    torn = not events or events[-1] is None
    known = [event for event in events if event is not None]
    lines = sorted([*_lines(known), *_files(cast)], key=lambda line: line.at)
    return Transcript(tuple(lines), known[-1][0] if known else 0.0, torn)


def _files(cast: bytes) -> Iterator[Line]:
    """Yield what happened to files, a line each, where it happened."""
    for at, text in file_lines(files_in(cast.splitlines(keepends=True))):
        yield Line(at, clean(text))


def _events(text: str) -> Iterator[tuple[float, str, str] | None]:
    """Yield header and events as (seconds, code, data); None for the line that can't be read, and nothing after it."""
    for number, raw in enumerate(line for line in text.split("\n") if line.strip()):
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            yield None
            return
        if number == 0:
            yield (0.0, "", "")
        elif isinstance(value, list) and len(value) == 3 and (at := _seconds(value[0])) is not None:
            yield (at, str(value[1]), str(value[2]))


def _seconds(value: object) -> float | None:
    """Return a time of at most a century; None for what is none, or too large to be told in hours."""
    return float(value) if isinstance(value, int | float) and 0 <= value < LONGEST_SECONDS else None


def _lines(events: list[tuple[float, str, str]]) -> Iterator[Line]:
    waiting, began = "", 0.0
    for at, code, data in events:
        if code != "o":
            continue
        if not waiting:
            began = at
        *whole, waiting = (waiting + data).split("\n")
        for line in whole:
            yield Line(began, _as_it_stood(line))
            began = at
    if waiting:
        yield Line(began, _as_it_stood(waiting))


def _as_it_stood(line: str) -> str:
    """Return the line after the last return to its start, with what was erased gone, and cut when it is endless."""
    last = _ESCAPES.sub("", line).rstrip("\r").rpartition("\r")[2]
    while "\b" in last:
        shorter = _ERASED.sub("", last, count=1)
        last = shorter if shorter != last else last.replace("\b", "")
    shown = clean(last)
    return shown if len(shown) <= LONGEST_LINE else f"{shown[:LONGEST_LINE]} … ({len(shown)} characters)"
