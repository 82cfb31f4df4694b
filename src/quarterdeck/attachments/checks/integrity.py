"""Results of other integrity programs: AIDE databases, Tripwire and syscheck reports, logs of file watchers.

Read through strictly and in little memory; nothing in them is believed, only that each is whole and what it says it is.
"""

import binascii
import json
import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from typing import BinaryIO

_LINE = 1 << 20
_MOST_UNPACKED = 8 << 30
_AIDE_COLUMN = re.compile(rb"[a-z0-9_]{1,20}")
_AIDE_DIGESTS = {b"md5": 16, b"sha1": 20, b"sha256": 32, b"sha512": 64, b"rmd160": 20, b"sha512_256": 32}
_TRIPWIRE_PARTS = ("Report Summary:", "Rule Summary:", "Object Summary:")
_SYSCHECK = re.compile(
    rb"[!+#]{0,3}(?:\d{1,20}|-1):\d{1,7}:[^:\n]{0,40}:[^:\n]{0,40}:[0-9a-fx]{0,128}:[0-9a-fx]{0,128}"
    rb"[^\n]* ?!\d{9,12} /?[^\n]+"
)
_WATCHED = frozenset({"path", "file", "filename", "target_path", "name"})
_HAPPENED = frozenset({"action", "event", "type", "change", "event_type", "syscheck", "decorations"})


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Give lines without their ends; ValueError for one that is endless, for damaged or exploding gzip."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    unpacker = zlib.decompressobj(31)
    rest, told = b"", 0
    while part := file.read(1 << 16):
        while part:
            content = unpacker.decompress(part, _LINE) if packed else part
            part = unpacker.unconsumed_tail if packed else b""
            told += len(content)
            *whole, rest = (rest + content).split(b"\n")
            if len(rest) > _LINE or told > _MOST_UNPACKED:
                raise ValueError("a line or the whole of it is endless")
            yield from whole
    if packed and not unpacker.eof:
        raise ValueError("it is cut off")
    if rest:
        yield rest


def _guarded(file: BinaryIO, look: str) -> str:
    try:
        return _READERS[look](_lines(file))
    except (ValueError, zlib.error, RecursionError) as error:
        return str(error) if type(error) is ValueError else "it is damaged"


def aide(file: BinaryIO, _size: int) -> str:
    """Return why it is no whole database of AIDE, plain or gzip: begin, column names, one object a line, end."""
    return _guarded(file, "aide")


def _aide(lines: Iterator[bytes]) -> str:
    columns: list[bytes] = []
    began = ended = False
    for line in lines:
        if line == b"@@begin_db":
            began = True
        elif line.startswith(b"@@db_spec "):
            columns = line.split()[1:]
            if columns[:1] != [b"name"] or not all(map(_AIDE_COLUMN.fullmatch, columns)):
                return "its column names are not AIDE's"
        elif line == b"@@end_db":
            ended = True
        elif line and not line.startswith(b"#"):
            if ended or not columns:
                return "it has lines before its column names or after its end"
            why = _aide_object(columns, line.split(b" "))
            if why:
                return why
    return "" if began and columns and ended else "it is no AIDE database, or it is cut off"


def _aide_object(columns: list[bytes], values: list[bytes]) -> str:
    if len(values) != len(columns) or not values[0].startswith(b"/"):
        return "a line does not fit the column names"
    for name, value in zip(columns, values, strict=True):
        if name in _AIDE_DIGESTS and value != b"0":
            try:
                if len(b64decode(value, validate=True)) != _AIDE_DIGESTS[name]:
                    return "a digest in it has another length than its kind"
            except binascii.Error:
                return "a digest in it is not base64"
    return ""


def tripwire(file: BinaryIO, _size: int) -> str:
    """Return why it is no text report of Tripwire: its title, its three parts, its end mark."""
    return _guarded(file, "tripwire")


def _tripwire(lines: Iterator[bytes]) -> str:
    seen: list[str] = []
    title = ended = False
    for line in lines:
        text = line.decode("utf-8", "strict").strip()
        title = title or ("Tripwire" in text and "Integrity Check Report" in text)
        seen += [text] if text in _TRIPWIRE_PARTS and text not in seen else []
        ended = ended or text == "*** End of report ***"
    if not title:
        return "it does not begin as a report of Tripwire"
    return "" if tuple(seen) == _TRIPWIRE_PARTS and ended else "it is cut off: parts of the report are missing"


def syscheck(file: BinaryIO, _size: int) -> str:
    """Return why it is no database of OSSEC's or Wazuh's syscheck: checksums, moment and path in each line."""
    return _guarded(file, "syscheck")


def _syscheck(lines: Iterator[bytes]) -> str:
    count = 0
    for line in lines:
        if line and not line.startswith(b"#"):
            if _SYSCHECK.fullmatch(line) is None:
                return "a line is not one of syscheck"
            count += 1
    return "" if count else "it has no object"


def watcher(file: BinaryIO, _size: int) -> str:
    """Return why it is no log of a file watcher: JSON objects, one a line, each with a path and what happened."""
    return _guarded(file, "watcher")


def _watcher(lines: Iterator[bytes]) -> str:
    count = 0
    for line in lines:
        if not line.strip():
            continue
        told = json.loads(line)
        inner = told.get("columns", told.get("syscheck", told)) if isinstance(told, dict) else None
        if not isinstance(told, dict) or not isinstance(inner, dict):
            return "a line is no event of a file watcher"
        if not _WATCHED & inner.keys() or not _HAPPENED & (told.keys() | inner.keys()):
            return "an event does not say which file and what happened"
        count += 1
    return "" if count else "it has no event"


_READERS = {"aide": _aide, "tripwire": _tripwire, "syscheck": _syscheck, "watcher": _watcher}
