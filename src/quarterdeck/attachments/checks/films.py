"""Recordings as remote products export them: the container is walked part by part, the pictures are not decoded."""

import json
from typing import BinaryIO

_MOST_PARTS = 1_000_000
_LINE = 1 << 20
_BOXES = frozenset({b"ftyp", b"moov", b"mdat", b"free", b"skip", b"moof", b"mfra", b"sidx", b"styp", b"uuid", b"wide",
                    b"meta", b"pdin", b"emsg", b"prft", b"udta"})  # fmt: skip


def mp4(file: BinaryIO, size: int) -> str:
    """Return why it is no MP4 or QuickTime: `ftyp` first, top-level boxes that fill the file, one with the film."""
    seen: set[bytes] = set()
    at = 0
    for number in range(_MOST_PARTS):
        if at == size:
            return "" if seen & {b"moov", b"moof"} else "it has no film in it"
        file.seek(at)
        head = file.read(16)
        length, name = int.from_bytes(head[:4], "big"), head[4:8]
        if number == 0 and name != b"ftyp":
            return "it does not begin as an MP4 does"
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        elif length == 0:
            length = size - at
        if length < 8 or name not in _BOXES:
            return "it has a part that is none of an MP4's"
        if at + length > size:
            return "it is cut off: the last part is longer than the file"
        seen.add(name)
        at += length
    return "it has too many parts"


def matroska(file: BinaryIO, size: int) -> str:
    """Return why it is no WebM or Matroska: the EBML header with its document type, then a segment."""
    head = file.read(min(size, 4096))
    if head[:4] != b"\x1aE\xdf\xa3":
        return "it does not begin as WebM or Matroska does"
    if b"webm" not in head[:100] and b"matroska" not in head[:100]:
        return "its header names another kind of document"
    return "" if b"\x18S\x80g" in head else "it has no segment"


def avi(file: BinaryIO, size: int) -> str:
    """Return why it is no AVI."""
    head = file.read(24)
    if head[:4] != b"RIFF" or head[8:12] != b"AVI " or head[12:16] != b"LIST":
        return "it does not begin as an AVI does"
    return "" if int.from_bytes(head[4:8], "little") + 8 <= size else "it is cut off"


def asciicast(file: BinaryIO, size: int) -> str:
    """Return why it is no asciicast v2: a header, then events `[time, code, text]`, a line each."""
    header = _parsed(file.readline(_LINE))
    if not isinstance(header, dict) or header.get("version") != 2 or not isinstance(header.get("width"), int):
        return "its first line is no header of asciicast version 2"
    last = 0.0
    while line := file.readline(_LINE):
        event = _parsed(line)
        if not (isinstance(event, list) and len(event) == 3 and isinstance(event[0], int | float)):
            return "it has a line that is no event"
        if event[0] < last or not all(isinstance(part, str) for part in event[1:]):
            return "an event of it is out of order"
        last = event[0]
    return "" if file.tell() == size else "it is cut off"


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
