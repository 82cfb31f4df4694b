"""Frames of the collector to a manifest or a document: truncated, malformed or miscounted output is rejected whole.

Memory is bounded: lines are sorted in runs of some megabytes that are spilled to unnamed temporary files and merged.
"""

import heapq
import json
import struct
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import IO, BinaryIO

from quarterdeck.baselines.manifest import Sink, Totals, write
from quarterdeck.baselines.ports import Told, nobody_asks
from quarterdeck.kernel.names import is_drive_root

# Takes the watched roots and the sorted lines, gives the lines that the manifest shall have.
Through = Callable[[Sequence[bytes], Iterator[bytes]], Iterator[bytes]]
FORMAT = "quarterdeck-collector-1"
_LONGEST_FRAME = 8 << 20
_LONGEST_CONTENT = 64 << 20
_RUN = 8 << 20
_MOST_RUNS = 64
_LONGEST_MANIFEST = 4 << 30


class BadOutput(ValueError):
    """The collector's output is truncated, malformed or miscounted, or another collector made it."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the collector says about itself at the start; moments in Unix seconds of the target's clock."""

    mode: str
    arguments: tuple[str, ...]
    collector_sha256: str
    python: str
    system: str
    uid: int
    started: str


@dataclass(frozen=True, slots=True)
class Received:
    """One finished measurement: header, moment of the end on the target's clock, totals or document."""

    header: Header
    finished: str
    totals: Totals
    document: dict[str, object]


def _exactly(source: BinaryIO, size: int) -> bytes:
    parts = []
    while size:
        part = source.read(size)
        if not part:
            raise BadOutput("the collector's output ends too early: nothing of it is used")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def frames(source: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Give kind and content of every frame; BadOutput unless the end frame comes and nothing follows it."""
    while size := struct.unpack(">I", _exactly(source, 4))[0]:
        if not 2 <= size <= _LONGEST_FRAME:
            raise BadOutput("a frame of the collector's output has an impossible length")
        packed = _exactly(source, size)
        unpacker = zlib.decompressobj()
        try:
            content = unpacker.decompress(packed[1:], _LONGEST_CONTENT)
        except zlib.error:
            raise BadOutput("a frame of the collector's output does not unpack") from None
        if not unpacker.eof or unpacker.unused_data:
            raise BadOutput("a frame of the collector's output is too large or has a tail")
        yield packed[:1], content
    if source.read(1):
        raise BadOutput("something follows the end of the collector's output")


def _object(content: bytes, what: str) -> dict[str, object]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadOutput(f"the collector's {what} can't be read")
    return found


def _header(content: bytes, expected: Sequence[str], sha256: str) -> Header:
    found = _object(content, "header")
    texts = {name: found.get(name) for name in ("mode", "collector_sha256", "python", "system", "started")}
    arguments, uid = found.get("arguments"), found.get("uid")
    if found.get("format") != FORMAT or not all(isinstance(text, str) and len(text) < 300 for text in texts.values()):
        raise BadOutput("the collector's header can't be read")
    if not isinstance(uid, int) or not isinstance(arguments, list):
        raise BadOutput("the collector's header can't be read")
    if [texts["mode"], *arguments] != list(expected):
        raise BadOutput("the collector ran with other arguments than were asked")
    if texts["collector_sha256"] != sha256:
        raise BadOutput("another collector answered than the one that was sent")
    names = {name: str(text) for name, text in texts.items()}
    return Header(arguments=tuple(arguments), uid=uid, **names)


class _Runs:
    """Lines sorted in bounded memory: full runs go to unnamed temporary files."""

    def __init__(self, most: int) -> None:
        self.count = 0
        self._most = most
        self._lines: list[bytes] = []
        self._size = self._total = 0
        self._spilled: list[IO[bytes]] = []

    def add(self, content: bytes) -> None:
        """Take the lines of one record frame."""
        lines = content.splitlines(keepends=True)
        self._lines += lines
        self.count += len(lines)
        self._size += len(content)
        self._total += len(content)
        if self._total > _LONGEST_MANIFEST:
            raise BadOutput("the collector found too many objects for one baseline: watch fewer folders")
        if self._size > self._most:
            self._spill()

    def _spill(self) -> None:
        if len(self._spilled) == _MOST_RUNS:
            merged = self._file(heapq.merge(*self._spilled))
            self.close()
            self._spilled.append(merged)
        self._lines.sort()
        self._spilled.append(self._file(self._lines))
        self._lines, self._size = [], 0

    @staticmethod
    def _file(lines: Iterable[bytes]) -> IO[bytes]:
        spilled = tempfile.TemporaryFile()  # noqa: SIM115  outlives this function; closed by close()
        spilled.writelines(lines)
        spilled.seek(0)
        return spilled

    def merged(self) -> Iterator[bytes]:
        """Give all lines sorted."""
        self._lines.sort()
        return heapq.merge(*self._spilled, self._lines)

    def close(self) -> None:
        """Drop the temporary files."""
        for spilled in self._spilled:
            spilled.close()
        self._spilled = []


def receive(
    source: BinaryIO,
    target: Sink,
    *,
    arguments: Sequence[str],
    sha256: str,
    run_bytes: int = _RUN,
    told: Told = nobody_asks,
    through: Through = lambda roots, lines: lines,
) -> Received:
    """Read a whole measurement asked with `arguments` from the collector `sha256`; the manifest goes to `target`.

    At most about `run_bytes` of lines are held in memory; `told` hears of every frame and may stop it. The
    sorted lines go `through` on their way. Raises BadOutput or ManifestError, and what these two raise; then nothing in
    `target` may be used.
    """
    runs, parts = _Runs(run_bytes), frames(source)
    try:
        kind, content = next(parts, (b"", b""))
        if kind != b"H":
            raise BadOutput("the collector's output does not begin with its header")
        header = _header(content, arguments, sha256)
        document: dict[str, object] = {}
        trailer: dict[str, object] = {}
        wanted = b"R" if header.mode == "manifest" else b"D"
        for kind, content in parts:
            if trailer or kind not in (wanted, b"T") or (document and kind == b"D"):
                raise BadOutput("the frames of the collector's output are not in their order")
            if kind == b"R":
                _add(runs, content)
                told(runs.count)
            elif kind == b"D":
                document = _object(content, "answer")
            else:
                trailer = _object(content, "trailer")
        finished = trailer.get("finished")
        if trailer.get("entries") != runs.count or not isinstance(finished, str) or (wanted == b"D") != bool(document):
            raise BadOutput("the collector's count does not agree with what arrived")
        return Received(header, finished, _manifest(header, runs, target, through), document)
    finally:
        runs.close()


def _add(runs: _Runs, content: bytes) -> None:
    if not content.endswith(b"\n"):
        raise BadOutput("a record frame of the collector's output is cut off")
    runs.add(content)


def _manifest(header: Header, runs: _Runs, target: Sink, through: Through) -> Totals:
    if header.mode != "manifest":
        return Totals()
    roots = watched(header.arguments)
    return write(roots, through(roots, runs.merged()), target)


def sorted_manifest(
    arguments: Sequence[str], batches: Iterable[bytes], target: Sink, told: Told = nobody_asks
) -> Totals:
    """Write the manifest of lines that come in any order, sorted in bounded memory; a line told twice counts once."""
    runs = _Runs(_RUN)
    try:
        for content in batches:
            _add(runs, content)
            told(runs.count)
        return write(watched(arguments), (line for line, _ in groupby(runs.merged())), target)
    finally:
        runs.close()


def watched(arguments: Sequence[str]) -> list[bytes]:
    """Return the watched roots among a collector's arguments, as the collector itself normalises them."""
    roots = (
        argument.replace("%20", " ") if is_drive_root(argument) else argument
        for argument in arguments
        if argument.startswith("/")
    )
    return [b"/" + b"/".join(part for part in root.encode().split(b"/") if part not in (b"", b".")) for root in roots]
