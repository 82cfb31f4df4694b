"""OpenSSH key revocation lists (PROTOCOL.krl of OpenSSH) as bytes: certificates by authority and serial, whole keys.

Pure. `sshd` reads one through `RevokedKeys` and refuses what it names at authentication. A revoked key that is an
authority takes every certificate with it that this authority has signed. Serves 3.1.12[c], 3.7.5[b].
"""

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.access.certificates import read_public_key

_MAGIC = 0x5353484B524C0A00
_FORMAT = 1
_SECTION_CERTIFICATES = 1
_SECTION_KEYS = 2
_SERIAL_LIST = 0x20
COMMENT = "quarterdeck"


@dataclass(frozen=True, slots=True)
class Revoked:
    """What one list takes back: serials of one authority, and whole authorities that count no more."""

    authority: str
    serials: frozenset[int] = frozenset()
    retired: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """True when the list takes nothing back; it is a valid list all the same."""
        return not self.serials and not self.retired


def revocation_list(revoked: Revoked, at: datetime) -> bytes:
    """Return the list as OpenSSH reads it; its version is its moment in milliseconds, so that it only ever grows."""
    moment = int(at.timestamp())
    parts = [
        struct.pack(">QIQQQ", _MAGIC, _FORMAT, int(at.timestamp() * 1000), moment, 0),
        _string(b""),
        _string(COMMENT.encode()),
    ]
    if revoked.serials:
        parts.append(_section(_SECTION_CERTIFICATES, _certificates(revoked.authority, revoked.serials)))
    if revoked.retired:
        keys = b"".join(_string(read_public_key(line).blob) for line in sorted(set(revoked.retired)))
        parts.append(_section(_SECTION_KEYS, keys))
    return b"".join(parts)


def _certificates(authority: str, serials: Iterable[int]) -> bytes:
    numbers = sorted(serials)
    if numbers[0] < 1 or numbers[-1] >= 1 << 64:
        raise ValueError("a serial is a positive number below 2**64")
    listed = b"".join(struct.pack(">Q", number) for number in numbers)
    return _string(read_public_key(authority).blob) + _string(b"") + _section(_SERIAL_LIST, listed)


def _section(kind: int, data: bytes) -> bytes:
    return bytes((kind,)) + _string(data)


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value
