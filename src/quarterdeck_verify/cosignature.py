"""Witness cosignatures of checkpoints: C2SP tlog-cosignature v1 over Ed25519, and the notes that carry them.

A cosignature says: at this time, this was the largest checkpoint of that log that I saw, and it continues all that I
saw before. Notes of others may carry lines of any kind; what is not by a known key is passed over (C2SP signed-note).
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from quarterdeck_verify import curves
from quarterdeck_verify.checkpoint import NOTE_ED25519, Checkpoint, NoteSignature, key_id

COSIGNATURE = 4
MAX_NOTE_BYTES = 200_000
MAX_SIGNATURES = 64
_MARK = "\u2014 "
_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_KINDS = (NOTE_ED25519, COSIGNATURE)
_LENGTH = 8 + 64


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """An Ed25519 key of a log (kind 1) or of a witness (kind 4) under its name."""

    name: str
    kind: int
    public: bytes

    @property
    def id(self) -> bytes:
        """Return the four bytes that a signature line carries."""
        return key_id(self.name, self.kind, self.public)

    @property
    def text(self) -> str:
        """Return the key as people exchange it: `name+id+key`."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}"


def parse_key(text: str) -> VerifierKey:
    """Return the key of `name+id+key`; ValueError with a sentence for anything else."""
    parts = text.split("+", 2)
    try:
        raw = base64.b64decode(parts[2], validate=True)
        found = VerifierKey(parts[0], raw[0], raw[1:])
    except (IndexError, binascii.Error):
        raise ValueError(f"{text[:80]!r} is no verifier key of the form name+id+key") from None
    if found.kind not in _KINDS or len(found.public) != 32 or not _is_name(found.name):
        raise ValueError(f"the key of {found.name[:80]!r} is no Ed25519 key of a log or a witness")
    if found.id.hex() != parts[1]:
        raise ValueError(f"the key of {found.name[:80]!r} does not have the id that stands before it")
    return found


def cosigned_message(at: int, text: bytes) -> bytes:
    """Return the bytes that a witness signs at the POSIX time `at` for a checkpoint's text."""
    return b"cosignature/v1\ntime %d\n" % at + text


def cosignature_line(key: VerifierKey, at: int, signature: bytes) -> str:
    """Return the note line of a cosignature, with its line feed."""
    return f"{_MARK}{key.name} {base64.b64encode(key.id + at.to_bytes(8, 'big') + signature).decode()}\n"


def make_request(old: int, proof: Sequence[bytes], note: bytes) -> bytes:
    """Return the body of an add-checkpoint request: the size seen last, the proof from there, the signed note."""
    lines = [f"old {old}", *(base64.b64encode(step).decode() for step in proof)]
    return "".join(f"{line}\n" for line in lines).encode() + b"\n" + note


def split_note(data: bytes) -> tuple[bytes, list[NoteSignature]]:
    """Return a note's text, with its last line feed, and its signature lines; ValueError when it is no note."""
    text, blank, tail = data.rpartition(b"\n\n")
    if not blank or len(data) > MAX_NOTE_BYTES:
        raise ValueError("it is no signed note")
    return text + b"\n", parse_lines(tail)


def parse_lines(data: bytes) -> list[NoteSignature]:
    """Return signature lines; ValueError when a line is none, whoever it may be by."""
    try:
        lines = data.decode("utf-8").split("\n")
    except UnicodeError:
        raise ValueError("the signatures are not text") from None
    if lines.pop() or not lines or len(lines) > MAX_SIGNATURES:
        raise ValueError("there is no signature, there are too many, or the last line is cut off")
    return [_parse_line(line) for line in lines]


def parse_text(text: bytes) -> Checkpoint:
    """Return the head that a checkpoint's text names; extension lines are allowed and mean nothing here."""
    try:
        lines = text.decode("utf-8").split("\n")
        size, root = lines[1], base64.b64decode(lines[2], validate=True)
    except (UnicodeError, IndexError, binascii.Error):
        raise ValueError("it is no checkpoint") from None
    control = any(ord(letter) < 32 for line in lines for letter in line)
    canonical = base64.b64encode(root).decode() == lines[2]
    if control or lines[-1] or not lines[0] or not _NUMBER.fullmatch(size) or len(root) != 32 or not canonical:
        raise ValueError("it is no checkpoint of origin, size and root")
    return Checkpoint(lines[0], int(size), root)


def cosigned_at(signature: NoteSignature, key: VerifierKey, text: bytes) -> int | None:
    """Return when `key` cosigned this checkpoint, None for a line of another key; ValueError when it does not hold."""
    if (signature.name, signature.key_id) != (key.name, key.id):
        return None
    raw = signature.signature
    at = int.from_bytes(raw[:8], "big")
    if len(raw) != _LENGTH or not 0 < at < 1 << 63:
        raise ValueError("the cosignature is malformed or has no time")
    if not curves.verify_ed25519(key.public, cosigned_message(at, text), raw[8:]):
        raise ValueError("the cosignature does not sign this checkpoint")
    return at


def _parse_line(line: str) -> NoteSignature:
    name, space, value = line.removeprefix(_MARK).partition(" ")
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("a signature line is malformed") from None
    if not line.startswith(_MARK) or not space or not _is_name(name) or len(raw) < 5:
        raise ValueError("a signature line is malformed")
    return NoteSignature(name, raw[:4], raw[4:])


def _is_name(text: str) -> bool:
    return bool(text) and "+" not in text and not any(letter.isspace() or ord(letter) < 32 for letter in text)
