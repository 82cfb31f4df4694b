"""The collector for systems without Python, and what its output means as a manifest or a posture.

Its facts are fewer: no extended attributes, ACLs, capabilities and inode flags, and perhaps whole seconds only. What it
tells is read as strictly as the other's: a count that does not agree or an end that lacks refuses the whole.
"""

import hashlib
import re
import shlex
import stat
from collections.abc import Iterator, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import BinaryIO

from quarterdeck.baselines.bootstrap import check_call
from quarterdeck.baselines.manifest import Sink, Totals, escape, spell_path
from quarterdeck.baselines.ports import Told, nobody_asks
from quarterdeck.baselines.receiver import BadOutput, Header, Received, sorted_manifest

_LONGEST = 1 << 20
_MOST_IN_A_BATCH = 1_000_000
_LONGEST_PATH = 4095  # PATH_MAX of Linux less its NUL: what lies deeper `find` sees and no other program can name
_PROGRAM = (
    "s=$(head -c {size};echo x);s=${{s%x}};"
    'h=$(printf %s "$s"|{{ sha256sum||openssl dgst -sha256 -r;}} 2>/dev/null|cut -c1-64);'
    '[ "$h" = {sha256} ]||{{ echo "collector refused: these are not the approved bytes">&2;exit 1;}};eval "$s"'
)
_FACTS = re.compile(
    rb"([0-9a-f]{1,8}) (\d{1,10}) (\d{1,10}) (\d{1,10}) (\d{1,20}) (-?\d{1,12}\.\d{9}) (-?\d{1,12}\.\d{9})"
    rb" (\d{1,20}) ([0-9a-f]{1,8}) ([0-9a-f]{1,8})"
)
_DIGEST = re.compile(rb"[0-9a-f]{64}|-|E")
_TYPES = {stat.S_IFREG: b"file", stat.S_IFDIR: b"dir", stat.S_IFLNK: b"link", stat.S_IFCHR: b"char",
          stat.S_IFBLK: b"block", stat.S_IFIFO: b"fifo", stat.S_IFSOCK: b"socket"}  # fmt: skip


@lru_cache(maxsize=1)
def fallback_bytes() -> bytes:
    """Return the script exactly as it is sent to a target."""
    return files("quarterdeck.baselines.target").joinpath("fallback.sh").read_bytes()


def fallback_sha256() -> str:
    """Return its SHA-256 in hex: what a measure grant names."""
    return hashlib.sha256(fallback_bytes()).hexdigest()


def fallback_command(sha256: str, size: int, arguments: Sequence[str]) -> str:
    """Return the shell command that reads `size` bytes of script, checks `sha256` and runs it with `arguments`."""
    check_call(sha256, size, arguments)
    return shlex.join(["sh", "-c", _PROGRAM.format(size=size, sha256=sha256), "sh", *arguments])


class _Stream:
    """The output as lines and NUL-ended names; BadOutput when it ends too early or a line is endless."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self._rest = b""

    def until(self, end: bytes) -> bytes:
        """Return what comes before the next `end`."""
        while end not in self._rest:
            part = self._source.read(1 << 16)
            if not part or len(self._rest) > _LONGEST:
                raise BadOutput("the collector's output ends too early: nothing of it is used")
            self._rest += part
        found, _, self._rest = self._rest.partition(end)
        return found

    def line(self) -> bytes:
        """Return the next line."""
        return self.until(b"\n")

    def nothing_follows(self) -> None:
        """Raise BadOutput when something follows the end."""
        if self._rest or self._source.read(1):
            raise BadOutput("something follows the end of the collector's output")


def receive_fallback(source: BinaryIO, target: Sink, *, arguments: Sequence[str], told: Told = nobody_asks) -> Received:
    """Read a measurement of the fallback asked with `arguments`; the manifest goes to `target`.

    Raises BadOutput or ManifestError, and then nothing in `target` may be used.
    """
    stream = _Stream(source)
    header = _header(stream, arguments)
    document: dict[str, object] = {}
    totals = Totals()
    end: list[bytes] = []
    if header.mode == "manifest":
        totals = sorted_manifest(header.arguments, _batches(stream, end), target, told)
    else:
        document = _posture(stream, end)
    stream.nothing_follows()
    return Received(header, end[0].decode("ascii"), totals, document)


def _header(stream: _Stream, arguments: Sequence[str]) -> Header:
    asked = list(arguments)
    if stream.line() != f"quarterdeck-fallback-1 {asked[0]}".encode():
        raise BadOutput("the collector's output does not begin with its header")
    for argument in asked[1:]:
        if stream.line() != f"A {argument}".encode():
            raise BadOutput("the collector ran with other arguments than were asked")
    told = {}
    for name in ("system", "uid", "started"):
        word, _, value = stream.line().partition(b" ")
        if word != name.encode() or len(value) > 300:
            raise BadOutput("the collector's header can't be read")
        told[name] = value.decode("ascii", "backslashreplace")
    if not told["uid"].isdecimal() or not told["started"].isdecimal():
        raise BadOutput("the collector's header can't be read")
    return Header(
        asked[0], tuple(asked[1:]), fallback_sha256(), "none (sh)", told["system"], int(told["uid"]), told["started"]
    )


def _is_end(line: bytes, end: list[bytes]) -> bool:
    word, _, value = line.partition(b" ")
    if word != b"finished":
        return False
    if not value.isdigit():
        raise BadOutput("the collector's trailer can't be read")
    end.append(value)
    return True


def _batches(stream: _Stream, end: list[bytes]) -> Iterator[bytes]:
    while not _is_end(line := stream.line(), end):
        word, _, value = line.partition(b" ")
        if word == b"M":
            yield spell_path(value) + b" error=ENOENT\n"
        elif word == b"B" and value.isdigit() and int(value) <= _MOST_IN_A_BATCH:
            yield _batch(stream, int(value))
        else:
            raise BadOutput("the records of the collector's output are not in their order")


def _batch(stream: _Stream, count: int) -> bytes:
    before = [stream.line() for _ in range(count)]
    digests = [stream.line() for _ in range(count)]
    after = [stream.line() for _ in range(count)]
    links = [stream.until(b"\0").removesuffix(b"\n") for _ in range(count)]
    names = [stream.until(b"\0") for _ in range(count)]
    return b"".join(map(_record, names, before, digests, after, links))


def _record(path: bytes, before: bytes, digest: bytes, after: bytes, link: bytes) -> bytes:
    """Return the manifest line of one object; what moved between the two looks is unstable, never measured."""
    if _DIGEST.fullmatch(digest) is None or not path.startswith(b"/"):
        raise BadOutput("a record of the collector's output can't be read")
    if b"E" in (before, after):
        gone = b"ENOENT" if len(path) <= _LONGEST_PATH else b"ENAMETOOLONG"
        return spell_path(path) + b" error=" + (gone if before == after else b"unstable") + b"\n"
    found = _FACTS.fullmatch(before)
    if found is None or _FACTS.fullmatch(after) is None:
        raise BadOutput("a record of the collector's output can't be read")
    mode, uid, gid, nlink, size, time, ctime, inode, major, minor = found.groups()
    kind = _TYPES.get(stat.S_IFMT(int(mode, 16)))
    if kind is None:
        raise BadOutput("an object of a kind that there is not")
    special, hashed = b"", b""
    error = b"" if before == after else b" error=unstable"
    if kind == b"file":
        special = b" nlink=%s size=%s" % (nlink, size)
        error = error or (b" error=EACCES" if digest in (b"E", b"-") else b"")
        hashed = b"" if error else b" sha256digest=" + digest
    elif kind == b"link":
        special = b" link=" + escape(link)
    elif kind in (b"char", b"block"):
        special = b" device=native,%d,%d" % (int(major, 16), int(minor, 16))
    facts = b" type=%s uid=%s gid=%s mode=%04o" % (kind, uid, gid, stat.S_IMODE(int(mode, 16)))
    rest = b" time=%s%s ctime=%s inode=%s%s\n" % (time, hashed, ctime, inode, error)
    return spell_path(path) + facts + special + rest


def _posture(stream: _Stream, end: list[bytes]) -> dict[str, object]:
    values: dict[str, object] = {}
    lists: dict[str, list[str]] = {}
    while not _is_end(line := stream.line(), end):
        word, _, rest = line.partition(b" ")
        name, _, value = rest.decode("utf-8", "backslashreplace").partition(" ")
        if word == b"F":
            values[name] = {"value": value} if value else {"error": "not readable"}
        elif word == b"L":
            lists.setdefault(name, []).append(value)
        else:
            raise BadOutput("a fact of the collector's output can't be read")
    return values | {name: {"value": told} for name, told in lists.items()}
