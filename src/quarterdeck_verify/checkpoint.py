"""The checkpoint: three lines (origin, size, base64 root) that a person can keep in a mail; and its C2SP signed note.

The three lines are what `checkpoint.sig` signs and what an anchor is; the note is the same body for witnesses.
"""

import base64
import binascii
import hashlib
import quopri
import re
from dataclasses import dataclass

MAX_BYTES = 1_000
NOTE_ED25519 = 1
NOTE_ECDSA = 2

_ORIGIN = re.compile(r"[A-Za-z0-9._/:-]{1,200}", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,15}", re.ASCII)
_NAME = re.compile(r"[!-*,-~]{1,200}", re.ASCII)
_BASE64_BLOCK = re.compile(rb"(?:^[A-Za-z0-9+/]{4,}={0,2}\r?(?:\n|\Z))+", re.MULTILINE)
_MARK = "\u2014 "


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A log's head: its origin, the number of entries and the Merkle root over them."""

    origin: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class NoteSignature:
    """One signature line of a signed note: key name, 4-byte key id, signature bytes."""

    name: str
    key_id: bytes
    signature: bytes


def body(origin: str, size: int, root: bytes) -> bytes:
    """Return the three lines of a checkpoint; ValueError when a part is malformed."""
    if _ORIGIN.fullmatch(origin) is None:
        raise ValueError("the checkpoint's origin is malformed")
    if size < 0 or _SIZE.fullmatch(str(size)) is None or len(root) != 32:
        raise ValueError("the checkpoint's size or root is malformed")
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n".encode("ascii")


def parse(data: bytes) -> Checkpoint:
    """Return the checkpoint whose exact three lines are `data`; ValueError for anything `body` would not write."""
    if len(data) > MAX_BYTES:
        raise ValueError("the checkpoint is too long")
    try:
        lines = data.decode("ascii").split("\n")
        if len(lines) != 4 or lines[3] or _SIZE.fullmatch(lines[1]) is None:
            raise ValueError("the checkpoint is not three lines of origin, size and root")
        found = Checkpoint(lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True))
    except (UnicodeError, binascii.Error):
        raise ValueError("the checkpoint is not three lines of origin, size and root") from None
    if body(found.origin, found.size, found.root) != data:
        raise ValueError("the checkpoint is not in its canonical form")
    return found


def find(data: bytes) -> list[Checkpoint]:
    """Return every checkpoint whose three lines stand one after the other in a text, such as a kept mail."""
    found: dict[Checkpoint, None] = {}
    for text in texts(data):
        lines = [line.strip(b" \t\r>") for line in text.split(b"\n")]
        for first in range(len(lines) - 2):
            if lines[first + 1].isdigit() and len(lines[first + 2]) == 44:
                try:
                    found[parse(b"\n".join(lines[first : first + 3]) + b"\n")] = None
                except ValueError:
                    continue
    return list(found)


def key_id(name: str, kind: int, public_key: bytes) -> bytes:
    """Return the 4-byte key id of a C2SP signed note: SHA-256 over name, newline, kind and public key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public_key).digest()[:4]


def make_note(text: bytes, signatures: list[NoteSignature]) -> bytes:
    """Return the C2SP signed note of a checkpoint's body."""
    lines = []
    for item in signatures:
        if _NAME.fullmatch(item.name) is None or len(item.key_id) != 4 or not item.signature:
            raise ValueError("the note's signature is malformed")
        lines.append(f"{_MARK}{item.name} {base64.b64encode(item.key_id + item.signature).decode()}\n")
    parse(text)
    return text + b"\n" + "".join(lines).encode("utf-8")


def parse_note(data: bytes) -> tuple[Checkpoint, list[NoteSignature]]:
    """Return body and signatures of a signed note; ValueError for anything `make_note` would not write."""
    text, blank, tail = data.partition(b"\n\n")
    if not blank or len(data) > 100 * MAX_BYTES:
        raise ValueError("the signed note has no signatures")
    try:
        signatures = [_parse_signature(line) for line in tail.decode("utf-8").split("\n")[:-1]]
    except (UnicodeError, binascii.Error):
        raise ValueError("the signed note is malformed") from None
    if not signatures or make_note(text + b"\n", signatures) != data:
        raise ValueError("the signed note is malformed")
    return parse(text + b"\n"), signatures


def texts(data: bytes) -> list[bytes]:
    """Return a text, and what it may be once a mail's transport encoding is taken off: quoted-printable, base64."""
    found = [data, quopri.decodestring(data)] if b"=3D" in data else [data]
    for block in _BASE64_BLOCK.findall(data):
        try:
            found.append(base64.b64decode(b"".join(block.split()), validate=True))
        except binascii.Error:
            continue
    return found


def _parse_signature(line: str) -> NoteSignature:
    name, space, value = line.removeprefix(_MARK).partition(" ")
    raw = base64.b64decode(value, validate=True)
    if not space or not line.startswith(_MARK) or len(raw) < 5:
        raise ValueError("the signed note is malformed")
    return NoteSignature(name, raw[:4], raw[4:])
