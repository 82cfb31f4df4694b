"""Packages as files: a deterministic zip writer, and strict readers for that zip and for an unpacked folder.

The zip reader accepts only what the writer would write for the same members; the folder reader refuses links,
special files and empty folders. Both stream: no member is held in memory unless it is asked for, within a limit.
"""

import hashlib
import os
import re
import stat
import zlib
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Protocol

from quarterdeck_verify import zipformat

MAX_MEMBERS = 200_000
MAX_PATH = 200
CHUNK = 1 << 20


_SEGMENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._+=@-]{0,178}[A-Za-z0-9_])?", re.ASCII)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.ASCII | re.IGNORECASE)


class Readable(Protocol):
    """As much of a binary stream as is used here."""

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` bytes, all that are left when it is negative, none at the end."""

    def close(self) -> None:
        """Release the stream."""


Source = bytes | Path | Callable[[], Readable]


class ContainerError(ValueError):
    """The container is not one that the writer makes; `member` names the place as far as it is known."""

    def __init__(self, sentence: str, member: str = "") -> None:
        super().__init__(sentence)
        self.member = member


@dataclass(frozen=True, slots=True)
class Measured:
    """What one pass over a member's bytes tells: size in bytes, CRC-32, SHA-256 in hexadecimal."""

    size: int
    crc: int
    sha256: str


class Expected(Protocol):
    """What is known of a member before it is packed."""

    @property
    def size(self) -> int:
        """Return its size in bytes."""

    @property
    def sha256(self) -> str:
        """Return its SHA-256 in hexadecimal."""


class Container(Protocol):
    """A readable package: its base folder's name (empty when unknown) and its members."""

    base: str

    def names(self) -> list[str]:
        """Return the members' paths below the base folder, sorted."""

    def measure(self, name: str) -> Measured:
        """Return size and hashes of a member; ContainerError when its bytes are not what the container says."""

    def open(self, name: str) -> Readable:
        """Return the member's bytes as a stream that the caller closes."""

    def size(self, name: str) -> int:
        """Return the member's size in bytes."""

    def close(self) -> None:
        """Release the files that are held open."""


def is_safe_path(path: str) -> bool:
    """True for a relative ASCII path that every system can hold: no brackets, spaces, devices, `..`, at most 200."""
    parts = path.split("/")
    return len(path) <= MAX_PATH and all(_SEGMENT.fullmatch(part) and not _DEVICE.fullmatch(part) for part in parts)


def open_source(source: Source) -> Readable:
    """Return a stream over bytes, a file or whatever the callable opens."""
    if isinstance(source, bytes):
        return BytesIO(source)
    if isinstance(source, Path):
        return source.open("rb")
    return source()


def measure(source: Source) -> Measured:
    """Return size, CRC-32 and SHA-256 of a source in one pass."""
    with closing(open_source(source)) as stream:
        return _measure_stream(stream)


def write(
    out: BinaryIO,
    base: str,
    members: Iterable[tuple[str, Source, Expected]],
    told: Callable[[int], None] = lambda count: None,
) -> None:
    """Write the zip of `members` under the folder `base`; ValueError when a name is unsafe or a source is another.

    Each source is read once: a member's CRC-32 is put into its header when its bytes have passed. `told` hears of
    every chunk and may raise to stop. An `out` that can be read and already holds the beginning of this zip, as a
    killed writer leaves it, is continued after its last whole member, which is read again and compared.
    """
    records: list[bytes] = []
    offset, known, kept = 0, dict[str, str](), out.readable()
    for name, source, expected in sorted(members, key=lambda member: member[0]):
        path = f"{base}/{name}"
        _check_name(path, known)
        raw = path.encode("ascii")
        crc = _kept_crc(out, offset, raw, expected, told) if kept else None
        if crc is None:
            kept = False
            crc = _pack(out, offset, raw, (source, expected), told)
        records.append(zipformat.central_header(raw, expected.size, crc, offset))
        offset += len(zipformat.local_header(raw, expected.size, crc)) + expected.size
    directory = b"".join(records)
    out.seek(offset)
    out.write(directory)
    out.write(zipformat.end_records(len(records), len(directory), offset))
    out.truncate()


def _kept_crc(out: BinaryIO, offset: int, raw: bytes, expected: Expected, told: Callable[[int], None]) -> int | None:
    """Return the CRC-32 of the member that stands whole at `offset`; None when it does not."""
    length = len(zipformat.local_header(raw, expected.size, 0))
    out.seek(offset)
    head = out.read(length)
    crc = zipformat.local_crc(head) if len(head) == length else 0
    if head != zipformat.local_header(raw, expected.size, crc):
        return None
    found = _measure_stream(_Window(out, offset + length, expected.size), told)
    return crc if (found.size, found.crc, found.sha256) == (expected.size, crc, expected.sha256) else None


def _pack(out: BinaryIO, offset: int, raw: bytes, member: tuple[Source, Expected], told: Callable[[int], None]) -> int:
    source, expected = member
    out.seek(offset)
    out.write(zipformat.local_header(raw, expected.size, 0))
    found = _copy(source, out, told)
    if (found.size, found.sha256) != (expected.size, expected.sha256):
        name = raw.decode("ascii").partition("/")[2]
        raise ValueError(f"{name} is not what was announced, or changed while it was being packed")
    out.seek(offset)
    out.write(zipformat.local_header(raw, expected.size, found.crc))
    return found.crc


def open_container(path: Path) -> Container:
    """Return the reader of a zip or of an unpacked folder; OSError when there is nothing, ContainerError when bad."""
    return FolderContainer(path) if path.is_dir() else ZipContainer(path)


class ZipContainer:
    """A zip that is bytewise what `write` makes; the file stays open until `close`."""

    def __init__(self, path: Path) -> None:
        if not stat.S_ISREG(path.stat().st_mode):
            raise ContainerError("it is neither a file nor a folder")
        self._file = path.open("rb")
        self._members: dict[str, tuple[int, int, int]] = {}
        self.base = ""
        try:
            self._read_directory()
        except BaseException:
            self._file.close()
            raise

    def names(self) -> list[str]:
        """Return the members' paths below the base folder, sorted."""
        return list(self._members)

    def size(self, name: str) -> int:
        """Return the member's size in bytes."""
        return self._members[name][1]

    def measure(self, name: str) -> Measured:
        """Return size and hashes of a member; ContainerError when its CRC-32 is not the one of its header."""
        found = _measure_stream(self.open(name))
        if (found.size, found.crc) != self._members[name][1:]:
            raise ContainerError("its bytes do not fit the checksum in the zip's header", name)
        return found

    def told(self, name: str) -> tuple[int, int]:
        """Return the size and the CRC-32 that a member's header claims."""
        return self._members[name][1:]

    def open(self, name: str) -> Readable:
        """Return the member's bytes as a stream."""
        start, size, _crc = self._members[name]
        return _Window(self._file, start, size)

    def close(self) -> None:
        """Close the zip file."""
        self._file.close()

    def _read_directory(self) -> None:
        length = self._file.seek(0, os.SEEK_END)
        if length < zipformat.END_BYTES:
            raise ContainerError("it is too short to be a zip")
        longest = zipformat.END_BYTES + zipformat.LOCATOR_BYTES + zipformat.END64_BYTES
        tail = self._read(max(0, length - longest), min(length, longest))
        count, size, offset = zipformat.parse_end(tail)
        end = zipformat.end_records(count, size, offset) if offset < 1 << 62 and size < 1 << 62 else b""
        if not end or not tail.endswith(end) or offset + size + len(end) != length:
            raise ContainerError("its last bytes are not the end of a zip as Quarterdeck writes it")
        if count > MAX_MEMBERS:
            raise ContainerError(f"it has more than {MAX_MEMBERS} members")
        position, at, known, last = 0, offset, dict[str, str](), ""
        for _ in range(count):
            name, data_size, crc, used = self._read_record(at, offset + size, position)
            if name <= last:
                raise ContainerError("a name stands twice or out of order", name)
            _check_name(name, known)
            at, last = at + used, name
            header = zipformat.local_header(name.encode("ascii"), data_size, crc)
            if position + len(header) + data_size > offset or self._read(position, len(header)) != header:
                raise ContainerError("its header is not the one that Quarterdeck's writer makes", name)
            self._add(name, position + len(header), data_size, crc)
            position += len(header) + data_size
        if position != offset or at != offset + size:
            raise ContainerError("there are bytes between its members that belong to none")

    def _read_record(self, at: int, end: int, position: int) -> tuple[str, int, int, int]:
        head = self._read(at, zipformat.CENTRAL_BYTES)
        if at + zipformat.CENTRAL_BYTES > end:
            raise ContainerError("its directory ends too early")
        rest = self._read(at + zipformat.CENTRAL_BYTES, zipformat.central_rest(head))
        raw, size, crc, _offset = zipformat.parse_central(head, rest)
        name = raw.decode("ascii", "backslashreplace")
        if zipformat.central_header(raw, size, crc, position) != head + rest:
            raise ContainerError("its record in the directory is not the one that Quarterdeck's writer makes", name)
        return name, size, crc, len(head) + len(rest)

    def _add(self, path: str, start: int, size: int, crc: int) -> None:
        base, slash, name = path.partition("/")
        if not slash or (self.base and base != self.base):
            raise ContainerError("not all its members stand in one folder", path)
        self.base = base
        self._members[name] = (start, size, crc)

    def _read(self, at: int, count: int) -> bytes:
        self._file.seek(at)
        data = self._file.read(count)
        if len(data) != count:
            raise ContainerError("it ends too early")
        return data


class FolderContainer:
    """An unpacked package; the folder's own name does not count."""

    def __init__(self, path: Path) -> None:
        self._root = path
        self.base = ""
        self._sizes: dict[str, int] = {}
        self._walk(path, "")
        self._sizes = dict(sorted(self._sizes.items()))
        known = dict[str, str]()
        for name in self._sizes:
            _check_name(name, known)

    def names(self) -> list[str]:
        """Return the files' paths below the folder, sorted."""
        return list(self._sizes)

    def size(self, name: str) -> int:
        """Return the file's size in bytes when the folder was listed."""
        return self._sizes[name]

    def measure(self, name: str) -> Measured:
        """Return size and hashes of a file."""
        with closing(self.open(name)) as stream:
            return _measure_stream(stream)

    def open(self, name: str) -> Readable:
        """Return the file's bytes as a stream that the caller closes; ContainerError when it became a link."""
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
        try:
            return os.fdopen(os.open(self._root / name, flags), "rb")
        except OSError as problem:
            raise ContainerError(f"it cannot be read: {problem.strerror}", name) from None

    def close(self) -> None:
        """Nothing is held open."""

    def _walk(self, folder: Path, prefix: str) -> None:
        entries = list(os.scandir(folder))
        if prefix and not entries:
            raise ContainerError("an empty folder belongs to no package", prefix.rstrip("/"))
        if len(prefix) > MAX_PATH or len(self._sizes) + len(entries) > MAX_MEMBERS:
            raise ContainerError("it has too many files or too long names", prefix.rstrip("/"))
        for entry in entries:
            name = prefix + entry.name
            info = entry.stat(follow_symlinks=False)
            if stat.S_ISDIR(info.st_mode):
                self._walk(Path(entry.path), name + "/")
            elif stat.S_ISREG(info.st_mode):
                self._sizes[name] = info.st_size
            else:
                raise ContainerError("it is a link or a special file, not a plain file", name)


class _Window:
    """A read-only stream over one stored member; reading it moves the zip file's own position."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file, self._at, self._left = file, start, size

    def close(self) -> None:
        """The zip file stays open for the next member."""

    def read(self, count: int = -1, /) -> bytes:
        """Return up to `count` bytes, all that are left when it is negative."""
        count = self._left if count < 0 else min(count, self._left)
        self._file.seek(self._at)
        data = self._file.read(count)
        self._at, self._left = self._at + len(data), self._left - len(data)
        return data


def _check_name(path: str, known: dict[str, str]) -> None:
    """Refuse unsafe names, and names that some file system takes for one already in `known`."""
    if not is_safe_path(path):
        raise ContainerError("its name is not one that a package may hold", path)
    folders = [path[: i + 1] for i, letter in enumerate(path) if letter == "/"]
    if path.lower() in known or any(known.setdefault(name[:-1].lower(), name) != name for name in folders):
        raise ContainerError("its name collides with another one", path)
    known[path.lower()] = path


def _measure_stream(stream: Readable, told: Callable[[int], None] = lambda count: None) -> Measured:
    digest, crc, size = hashlib.sha256(), 0, 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        told(len(chunk))
    return Measured(size, crc, digest.hexdigest())


def _copy(source: Source, out: BinaryIO, told: Callable[[int], None]) -> Measured:
    digest, crc, size = hashlib.sha256(), 0, 0
    with closing(open_source(source)) as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
            crc = zlib.crc32(chunk, crc)
            size += len(chunk)
            out.write(chunk)
            told(len(chunk))
    return Measured(size, crc, digest.hexdigest())
