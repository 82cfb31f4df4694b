"""SFTP version 3 as OpenSSH speaks it: framing of a byte stream into packets, and the fields of a packet.

Pure. Source: draft-ietf-secsh-filexfer-02 and OpenSSH's PROTOCOL (extensions). A packet longer than OpenSSH's own
limit, or one whose fields do not fill it, is a `BrokenProtocol`: what can't be followed is not let through.
"""

from dataclasses import dataclass
from enum import IntEnum

from quarterdeck.entrypoints.gate.audits import BrokenProtocol

LONGEST = 256 * 1024
LONGEST_PATH = 4096


class Kind(IntEnum):
    """Packet types of version 3."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Status(IntEnum):
    """Codes of a STATUS packet."""

    OK = 0
    EOF = 1
    PERMISSION_DENIED = 3
    FAILURE = 4
    UNSUPPORTED = 8


OPEN_READ, OPEN_WRITE, OPEN_APPEND, OPEN_CREATE, OPEN_TRUNCATE, OPEN_NEW = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
ATTR_SIZE, ATTR_OWNER, ATTR_PERMISSIONS, ATTR_TIMES = 0x01, 0x02, 0x04, 0x08


class Framer:
    """Cuts a stream into packet bodies, however it arrives; keeps at most one unfinished packet."""

    def __init__(self) -> None:
        self._rest = b""

    @property
    def between_packets(self) -> bool:
        """True when everything that was fed made whole packets."""
        return not self._rest

    def feed(self, chunk: bytes) -> tuple[memoryview, list[memoryview]]:
        """Return the bytes of the packets that are whole now, and the body of each, type byte first.

        Raises BrokenProtocol for an absurd length, before anything of such a packet is kept.
        """
        data = memoryview(self._rest + chunk if self._rest else chunk)
        bodies = []
        start, end = 0, len(data)
        while end - start >= 4:
            size = int.from_bytes(data[start : start + 4], "big")
            if not 0 < size <= LONGEST:
                raise BrokenProtocol(f"a packet says that it has {size} bytes")
            if end - start - 4 < size:
                break
            bodies.append(data[start + 4 : start + 4 + size])
            start += 4 + size
        self._rest = bytes(data[start:])
        return data[:start], bodies


class Fields:
    """Reads the fields of one packet body from left to right."""

    __slots__ = ("_at", "_body")

    def __init__(self, body: memoryview, start: int = 1) -> None:
        self._body = body
        self._at = start

    def number(self) -> int:
        """Return the next uint32."""
        return int.from_bytes(self._take(4), "big")

    def long(self) -> int:
        """Return the next uint64."""
        return int.from_bytes(self._take(8), "big")

    def view(self) -> memoryview:
        """Return the next string without copying it."""
        return self._take(self.number())

    def text(self) -> bytes:
        """Return the next string: a name, a path, a handle."""
        found = bytes(self.view())
        if len(found) > LONGEST_PATH:
            raise BrokenProtocol("a name is too long")
        return found

    def _take(self, size: int) -> memoryview:
        end = self._at + size
        if end > len(self._body):
            raise BrokenProtocol("a packet ends inside a field")
        part = self._body[self._at : end]
        self._at = end
        return part


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a packet says of a file's attributes; None where it says nothing."""

    size: int | None = None
    owner: tuple[int, int] | None = None
    permissions: int | None = None
    times: bool = False


def attributes(fields: Fields) -> Attributes:
    """Return the attributes that come next."""
    flags = fields.number()
    size = fields.long() if flags & ATTR_SIZE else None
    owner = (fields.number(), fields.number()) if flags & ATTR_OWNER else None
    permissions = fields.number() if flags & ATTR_PERMISSIONS else None
    if flags & ATTR_TIMES:
        fields.number()
        fields.number()
    return Attributes(size, owner, permissions, bool(flags & ATTR_TIMES))


def packet(kind: Kind, *parts: bytes) -> bytes:
    """Return a whole packet of this kind."""
    body = bytes([kind]) + b"".join(parts)
    return len(body).to_bytes(4, "big") + body


def number(value: int) -> bytes:
    """Return a uint32."""
    return value.to_bytes(4, "big")


def long(value: int) -> bytes:
    """Return a uint64."""
    return value.to_bytes(8, "big")


def text(value: bytes) -> bytes:
    """Return a string with its length."""
    return number(len(value)) + value


def status(request: int, code: Status, sentence: str) -> bytes:
    """Return the answer that refuses (or ends) a request, with a sentence for the person."""
    return packet(Kind.STATUS, number(request), number(code), text(sentence.encode()), text(b"en"))
