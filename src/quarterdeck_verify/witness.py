"""Cosignatures of witnesses: another party's key over a checkpoint that it found to continue what it saw before.

C2SP tlog-cosignature, cosignature/v1: Ed25519 over `cosignature/v1`, a line `time N`, and the three lines. A key is one
line `name+id+base64(kind and public key)`. Only keys that came from outside the package make a cosignature count.
"""

import base64
import binascii
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from quarterdeck_verify import checkpoint, curves, merkle, package
from quarterdeck_verify.checkpoint import NOTE_ED25519, Checkpoint, NoteSignature
from quarterdeck_verify.cosignature import COSIGNATURE, VerifierKey, cosigned_message, parse_key
from quarterdeck_verify.members import MAX_TINY, Members

MAX_KEYS_BYTES = 100_000
MAX_RECEIPTS = 16 << 20
MAX_COSIGNATURES = 2_000

_LINE = re.compile(r"\u2014 ([!-*,-~]{1,200}) ([A-Za-z0-9+/]{8,400}={0,2})(?=[\s\"]|$)")
_LATEST = 253_402_300_799  # the last second of year 9999


@dataclass(frozen=True, slots=True)
class Cosigned:
    """A cosignature that holds: who says to have seen a log of `size` entries, and when."""

    name: str
    size: int
    at: datetime


@dataclass(slots=True)
class Witnessed:
    """What witnesses say of this ledger: `pinned` by keys from outside, `inside` by keys that came with the package."""

    pinned: list[Cosigned] = field(default_factory=list)
    inside: list[Cosigned] = field(default_factory=list)
    unknown: int = 0


def parse_keys(data: bytes) -> list[VerifierKey]:
    """Return the keys of a file of lines `name+id+key`; ValueError names the first line that cannot be used."""
    if len(data) > MAX_KEYS_BYTES:
        raise ValueError("the file of witness keys is too long")
    try:
        lines = data.decode("ascii").split("\n")
    except UnicodeError:
        raise ValueError("the file of witness keys is not text") from None
    words = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    found = [_parse_key(number, line) for number, line in words if line and not line.startswith("#")]
    if not found:
        raise ValueError("the file of witness keys names no key")
    return found


def check_line(line: NoteSignature, key: VerifierKey, text: bytes) -> datetime | None:
    """Return when the witness signed the checkpoint's lines, None unless the signature is the key's and holds."""
    if key.kind != COSIGNATURE or (line.name, line.key_id) != (key.name, key.id) or len(line.signature) != 72:
        return None
    at = int.from_bytes(line.signature[:8], "big")
    if at > _LATEST or not curves.verify_ed25519(key.public, cosigned_message(at, text), line.signature[8:]):
        return None
    return datetime.fromtimestamp(at, UTC)


def check_cosignatures(
    members: Members, head: Checkpoint, steps: Mapping[int, package.ConsistencyStep], pins: Sequence[VerifierKey]
) -> Witnessed:
    """Check every cosignature of this ledger that the package holds; a wrong one by a known key is a finding."""
    result, own = Witnessed(), _own_keys(members)
    for count, (member, size, line) in enumerate(_lines(members, head)):
        text = _text_at(head, steps, size)
        if count >= MAX_COSIGNATURES or text is None:
            result.unknown += 1
            continue
        _check_one(members, member, (size, text), line, (pins, own), result)
    _check_note(members, head, own)
    return result


def _check_one(
    members: Members,
    member: str,
    seen: tuple[int, bytes],
    line: NoteSignature,
    keys: tuple[Sequence[VerifierKey], Sequence[VerifierKey]],
    result: Witnessed,
) -> None:
    size, text = seen
    for known, found in zip(keys, (result.pinned, result.inside), strict=True):
        mine = [key for key in known if key.kind == COSIGNATURE and (key.name, key.id) == (line.name, line.key_id)]
        if not mine:
            continue
        at = check_line(line, mine[0], text)
        if at is None:
            sentence = f"The cosignature of {line.name} does not hold for the checkpoint of {size} entries."
            members.findings.add("cosignature.wrong", member, sentence)
        elif Cosigned(line.name, size, at) not in found:
            found.append(Cosigned(line.name, size, at))
        return
    result.unknown += 1


def _check_note(members: Members, head: Checkpoint, own: Sequence[VerifierKey]) -> None:
    """Check the log's own lines of the signed note by keys that the package names; others are nobody's."""
    if package.CHECKPOINT_NOTE not in members.measured:
        return
    try:
        _, signatures = checkpoint.parse_note(members.read(package.CHECKPOINT_NOTE, MAX_TINY))
    except ValueError:
        return  # `trust.read_checkpoint` names it
    text = checkpoint.body(head.origin, head.size, head.root)
    for line in signatures:
        mine = [key for key in own if key.kind == NOTE_ED25519 and (key.name, key.id) == (line.name, line.key_id)]
        if mine and not curves.verify_ed25519(mine[0].public, text, line.signature):
            sentence = f"The line of {line.name} does not sign the checkpoint."
            members.findings.add("note.wrong", package.CHECKPOINT_NOTE, sentence)


def _own_keys(members: Members) -> list[VerifierKey]:
    if package.WITNESSES not in members.measured:
        return []
    try:
        return parse_keys(members.read(package.WITNESSES, MAX_TINY))
    except ValueError as problem:
        members.findings.add("member.malformed", package.WITNESSES, f"It cannot be used: {problem}.")
        return []


def _text_at(head: Checkpoint, steps: Mapping[int, package.ConsistencyStep], size: int) -> bytes | None:
    """Return the three lines of this ledger's checkpoint of that size, as far as the package proves them."""
    if size == head.size:
        return checkpoint.body(head.origin, size, head.root)
    step = steps.get(size)
    if step is None or not merkle.verify_consistency(size, head.size, step.proof, step.root, head.root):
        return None
    return checkpoint.body(head.origin, size, step.root)


def _lines(members: Members, head: Checkpoint) -> Iterator[tuple[str, int, NoteSignature]]:
    """Yield the note lines of all anchors, whatever file keeps them: (member, size, line)."""
    for name in sorted(members.measured):
        if name == package.CHECKPOINT_NOTE:
            yield from ((name, head.size, line) for line in _note_lines(members.read(name, MAX_TINY)))
        elif name == package.RECEIPTS:
            yield from _receipt_lines(name, members.read(name, MAX_RECEIPTS))
        elif name.startswith(package.ANCHORS) and not name.endswith((".tsr", ".checkpoint", ".sig")):
            size = name.removeprefix(package.ANCHORS).partition(".")[0]
            if size.isdecimal() and len(size) < 17:
                yield from ((name, int(size), line) for line in _note_lines(members.read(name, MAX_TINY)))


def _receipt_lines(member: str, data: bytes) -> Iterator[tuple[str, int, NoteSignature]]:
    for text in data.split(b"\n"):
        try:
            value = json.loads(text) if text else None
        except (ValueError, RecursionError):
            continue
        size = value.get("size") if isinstance(value, dict) else None
        if isinstance(value, dict) and type(size) is int and 0 <= size < 1 << 53:
            texts = [item for item in value.values() if isinstance(item, str)]
            yield from ((member, size, line) for one in texts for line in _note_lines(one.encode("utf-8", "replace")))


def _note_lines(data: bytes) -> Iterable[NoteSignature]:
    for match in _LINE.finditer(data.decode("utf-8", "replace")):
        try:
            raw = base64.b64decode(match[2], validate=True)
        except binascii.Error:
            continue
        if len(raw) == 4 + 72:
            yield NoteSignature(match[1], raw[:4], raw[4:])


def _parse_key(number: int, line: str) -> VerifierKey:
    try:
        return parse_key(line)
    except ValueError as problem:
        raise ValueError(f"line {number} of the file of witness keys cannot be used: {problem}") from None
