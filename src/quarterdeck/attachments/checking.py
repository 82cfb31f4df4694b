"""Is the file what it was said to be: the readers of its kind are asked in turn, and what does not match is told."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

from quarterdeck.attachments.checks import devices, films, images, integrity, logs, texts
from quarterdeck.attachments.terms import KINDS, Kind
from quarterdeck.kernel.decision import Refused, refuse


@dataclass(frozen=True, slots=True)
class Form:
    """One form of file: its name, its media type, and what reads it: it returns why not, empty when it fits."""

    label: str
    media_type: str
    why_not: Callable[[BinaryIO, int], str]


def _anything(_file: BinaryIO, _size: int) -> str:
    return ""


FORMS = {
    "mp4": Form("MP4", "video/mp4", films.mp4),
    "matroska": Form("WebM or Matroska", "video/x-matroska", films.matroska),
    "avi": Form("AVI", "video/x-msvideo", films.avi),
    "asciicast": Form("asciicast", "application/x-asciicast", films.asciicast),
    "png": Form("PNG", "image/png", images.png),
    "jpeg": Form("JPEG", "image/jpeg", images.jpeg),
    "webp": Form("WebP", "image/webp", images.webp),
    "json": Form("JSON", "application/json", texts.json_document),
    "text": Form("text", "text/plain", texts.text),
    "tlog": Form("tlog", "application/json", texts.tlog),
    "mail": Form("mail", "message/rfc822", texts.mail),
    "evtx": Form("Windows event log", "application/x-ms-evtx", logs.evtx),
    "sudo_io": Form("sudo I/O log", "application/x-tar", logs.sudo_io),
    "pdf": Form("PDF", "application/pdf", logs.pdf),
    "aide": Form("database of AIDE", "application/octet-stream", integrity.aide),
    "tripwire": Form("report of Tripwire", "text/plain", integrity.tripwire),
    "syscheck": Form("database of syscheck", "text/plain", integrity.syscheck),
    "watcher": Form("log of a file watcher", "application/json", integrity.watcher),
    "configuration": Form("configuration of a device", "text/plain", devices.configuration),
    "any": Form("any file", "application/octet-stream", _anything),
}
# What a file begins with, for the sentence that tells what it seems to be.
_BEGINNINGS = (
    (b"MZ", "a Windows program"), (b"\x7fELF", "a Linux program"), (b"\xcf\xfa\xed\xfe", "a macOS program"),
    (b"\x89PNG", "a PNG picture"), (b"\xff\xd8\xff", "a JPEG picture"), (b"%PDF-", "a PDF"),
    (b"PK\x03\x04", "a zip archive or an Office document"), (b"\x1f\x8b", "a file compressed with gzip"),
    (b"ElfFile", "a Windows event log"), (b"\x1aE\xdf\xa3", "a WebM or Matroska film"), (b"GIF8", "a GIF picture"),
    (b"<!DOCTYPE", "a web page"), (b"<html", "a web page"), (b"<svg", "an SVG drawing"), (b"Rar!", "a rar archive"),
)  # fmt: skip
_PROGRAMS = 3


def check(kind_code: str, file: BinaryIO, size: int) -> Form:
    """Return the form that the file has; Refused(attachment.program, attachment.form) with what does not match."""
    kind = KINDS[kind_code]
    file.seek(0)
    head = file.read(64)
    if any(head.startswith(magic) for magic, _ in _BEGINNINGS[:_PROGRAMS]):
        raise Refused(
            refuse(
                "attachment.program",
                f"This file is {_seems(head)}; programs are not taken as evidence.",
                "Attach its log or a screenshot; a maintenance tool is registered with its hash under Registers.",
            )
        )
    reasons = []
    for name in kind.forms:
        file.seek(0)
        why = FORMS[name].why_not(file, size)
        if not why:
            return FORMS[name]
        reasons.append(f"as {FORMS[name].label}, {why}")
    raise Refused(refuse("attachment.form", _sentence(kind, head, reasons), _next_step(kind)))


def _sentence(kind: Kind, head: bytes, reasons: list[str]) -> str:
    seems = _seems(head)
    told = f" It seems to be {seems}." if seems else ""
    return f"The file is not what a {kind.label[0].lower()}{kind.label[1:]} is: {'; '.join(reasons)}.{told}"


def _next_step(kind: Kind) -> str:
    return f"Wanted is {kind.say}. Export it again, or say what it really is."


def _seems(head: bytes) -> str:
    bare = head.lstrip()
    return next((words for magic, words in _BEGINNINGS if bare.lower().startswith(magic.lower())), "")
