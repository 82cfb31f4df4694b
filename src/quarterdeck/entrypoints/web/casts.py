"""The text of a recording (asciicast v2), for people who read instead of watching; and its hash chain. Pure."""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Iterator, Sequence

from quarterdeck.sessions.terms import file_lines, files_in

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])")
_CHAIN_START = b"quarterdeck-recording\n"
_CONTROL = {
    code: None
    for code in (*range(9), *range(11, 32), 127, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A))
}


def events(lines: Iterable[str]) -> Iterator[tuple[float, str, str]]:
    """Yield (seconds, code, data) of each event; a torn last line, left by a killed session, ends the text."""
    for number, line in enumerate(lines):
        if number == 0 or not line.strip():
            continue
        try:
            moment, code, data = json.loads(line)
            seconds = float(moment)
        except (ValueError, TypeError, OverflowError, RecursionError):
            return
        yield seconds, str(code), str(data)


def transcript(lines: Sequence[str]) -> str:
    """Return what the terminal showed, line by line, without escape sequences or direction marks; then its files."""
    shown = "".join(data for _, code, data in events(lines) if code == "o")
    text = "\n".join(_kept(line) for line in _ESCAPES.sub("", shown).split("\n"))
    files = "".join(f"{_stamp(at)}  {line}\n" for at, line in file_lines(files_in(lines)))
    return f"{text.rstrip()}\n\nFiles of the session\n{files}".lstrip("\n") if files else text


def has_picture(lines: Sequence[str]) -> bool:
    """True when there is something to replay: output of a terminal or a command."""
    return any(code == "o" for _, code, _ in events(lines))


def _stamp(at: float) -> str:
    seconds = int(at)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _kept(line: str) -> str:
    """Return the line as it stood in the end: after the last return to its start, with erased characters gone."""
    last = line.rstrip("\r").rpartition("\r")[2]
    kept: list[str] = []
    for sign in last:
        if sign != "\b":
            kept.append(sign)
        elif kept:
            kept.pop()
    return "".join(kept).translate(_CONTROL)


def chain_holds(data: bytes, session_id: str, head: str) -> bool:
    """True when the hash chain over the whole lines of a recording ends in `head`, the value that was sealed.

    The chain is the gate's: SHA-256 over a fixed word and the session's id, then over each line with what was before.
    """
    value = hashlib.sha256(_CHAIN_START + session_id.encode()).digest()
    for line in data.splitlines(keepends=True):
        if line.endswith(b"\n"):
            value = hashlib.sha256(value + line).digest()
    return hmac.compare_digest(value.hex(), head)
