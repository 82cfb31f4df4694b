"""Text in its strict forms: plain text, JSON, mail, tlog; line by line, so that the length does not matter."""

import codecs
import json
import re
from typing import BinaryIO

_CHUNK = 1 << 20
_LINE = 4 << 20
_MOST_JSON = 64 << 20
_MOST_HEADERS = 1 << 20
_HEADER = re.compile(rb"([!-9;-~]{1,100}):[ \t]?.*")
_CONTROL = re.compile(r"[\x00-\x06\x0e-\x1a\x1c-\x1f]")
_TLOG_TEXT = ("host", "rec", "user", "term")
_TLOG_NUMBERS = ("session", "id", "pos")


def text(file: BinaryIO, _size: int) -> str:
    """Return why it is no text: UTF-8, or UTF-16 with a byte order mark, without control characters."""
    mark = file.read(2)
    coding = "utf-16" if mark in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8"
    file.seek(0)
    decoder = codecs.getincrementaldecoder(coding)("strict")
    try:
        while part := file.read(_CHUNK):
            if _CONTROL.search(decoder.decode(part)):
                return "it has control characters that no text has"
        decoder.decode(b"", final=True)
    except UnicodeError:
        return "it is not text in UTF-8 or UTF-16"
    return ""


def json_document(file: BinaryIO, size: int) -> str:
    """Return why it is no JSON: one document, or one a line."""
    first = file.readline(_LINE)
    try:
        json.loads(first)
    except RecursionError:
        return "it is nested too deeply"
    except ValueError:
        return _whole_document(file, size)
    while line := file.readline(_LINE):
        if line.strip() and not isinstance(_parsed(line), dict | list):
            return "a line of it is no JSON"
    return ""


def _whole_document(file: BinaryIO, size: int) -> str:
    if size > _MOST_JSON:
        return f"it is one JSON document of more than {_MOST_JSON >> 20} MiB"
    file.seek(0)
    try:
        json.loads(file.read())
    except RecursionError:
        return "it is nested too deeply"
    except (ValueError, UnicodeError):
        return "it is no JSON"
    return ""


def tlog(file: BinaryIO, _size: int) -> str:
    """Return why it is no tlog: each line a message of one recording, the messages counted up."""
    recording, count = "", 0
    while line := file.readline(_LINE):
        if not line.strip():
            continue
        message = _parsed(line)
        if not isinstance(message, dict) or not _is_tlog(message):
            return f"line {count + 1} is no message of tlog"
        if recording and message["rec"] != recording:
            return "it holds messages of several recordings"
        if message["id"] != count + 1:
            return f"message {count + 1} is missing"
        recording, count = str(message["rec"]), count + 1
    return "" if count else "it has no message"


def _is_tlog(message: dict[str, object]) -> bool:
    return (
        "ver" in message
        and "timing" in message
        and all(isinstance(message.get(name), str) for name in _TLOG_TEXT)
        and all(type(message.get(name)) is int for name in _TLOG_NUMBERS)
    )


def mail(file: BinaryIO, _size: int) -> str:
    """Return why it is no mail: headers by RFC 5322, with From and Date, before the first empty line."""
    found: set[bytes] = set()
    told = 0
    while line := file.readline(_MOST_HEADERS):
        told += len(line)
        bare = line.rstrip(b"\r\n")
        if not bare:
            break
        header = _HEADER.fullmatch(bare)
        if header is None and not (found and bare[:1] in b" \t"):
            return "it does not begin with the headers of a mail"
        if told > _MOST_HEADERS or b"\0" in bare:
            return "its headers are none"
        if header is not None:
            found.add(header[1].lower())
    missing = sorted({b"from", b"date"} - found)
    return "" if not missing else f"it has no {missing[0].decode().capitalize()} header"


def _parsed(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None
