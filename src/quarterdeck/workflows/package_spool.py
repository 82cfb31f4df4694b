"""The folder of one package under way: its views, its layout, and the zip as far as it is written.

Once the layout stands here, a maker that was killed is followed by another that goes on with the same package: the zip
is a function of the layout, so what is written already is compared and kept.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from quarterdeck.assessor.api import Recipient
from quarterdeck.assessor.ports import Locksmith
from quarterdeck_verify.container import Source
from quarterdeck_verify.writer import Laid

_LAYOUT = "layout.jsonl"
_ZIP = "package.zip"


@dataclass(slots=True)
class Spool:
    """Fulfils assessor.ports.Sink in a folder of mode 0700; files 0600."""

    folder: Path
    recipient: Recipient = field(default_factory=Recipient)
    locksmith: Locksmith | None = None
    _count: int = 0

    def clear(self) -> None:
        """Begin anew: nothing of an earlier try is left."""
        self.remove()
        self.folder.mkdir(parents=True, mode=0o700)
        self._count = 0

    def remove(self) -> None:
        """Take the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def keep(self, name: str, content: bytes) -> Source:
        """Write the bytes to a file and return its path."""
        path = self._next()
        with open(path, "xb", opener=_private) as out:
            out.write(content)
        return path

    def seal(self, name: str, content: BinaryIO) -> Source:
        """Write the bytes encrypted to a file and return its path."""
        if self.locksmith is None:
            raise RuntimeError(f"{name} is to be encrypted and nobody is there to do it")
        path = self._next()
        self.locksmith.seal(self.recipient, content, path)
        return path

    def _next(self) -> Path:
        self._count += 1
        return self.folder / f"view-{self._count}"

    def save_layout(self, members: Iterable[Laid]) -> list[Laid]:
        """Keep the layout durably; what stood in memory stands in files then."""
        kept = []
        with open(self.folder / f"{_LAYOUT}.new", "wb", opener=_private) as out:
            for one in members:
                source = one.source
                if isinstance(source, bytes):
                    source = self.keep(one.name, source)
                if source is not None and not isinstance(source, Path):
                    raise TypeError(f"{one.name} is neither bytes nor a file")
                kept.append(Laid(one.name, one.size, one.sha256, source))
                told = [one.name, one.size, one.sha256, None if source is None else source.name]
                out.write(json.dumps(told).encode() + b"\n")
            out.flush()
            os.fsync(out.fileno())
        (self.folder / f"{_LAYOUT}.new").rename(self.folder / _LAYOUT)
        return kept

    def layout(self) -> list[Laid]:
        """Return the layout that an earlier maker left; empty when there is none that can be gone on with."""
        try:
            lines = (self.folder / _LAYOUT).read_bytes().splitlines()
        except FileNotFoundError:
            return []
        rows = [json.loads(line) for line in lines]
        found = [
            Laid(name, size, sha256, None if file is None else self.folder / file) for name, size, sha256, file in rows
        ]
        whole = all(one.source is None or _is_whole(one) for one in found)
        return found if whole else []

    @contextmanager
    def zip_file(self) -> Iterator[BinaryIO]:
        """Give the zip as far as it is written, to be gone on with."""
        with open(self.folder / _ZIP, "r+b" if (self.folder / _ZIP).exists() else "w+b", opener=_private) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())

    @property
    def finished(self) -> Path:
        """Where the zip is written."""
        return self.folder / _ZIP

    def deliver(self, path: Path) -> None:
        """Move the finished zip to where packages lie."""
        (self.folder / _ZIP).rename(path)
        descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_whole(one: Laid) -> bool:
    return isinstance(one.source, Path) and one.source.is_file() and one.source.stat().st_size == one.size


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


@dataclass(slots=True)
class Telling:
    """Says how far the writing is, every 64 MiB: bytes, rate, time left. `boot` is a clock that never goes back."""

    total: int
    tell: Callable[[str], None]
    boot: Callable[[], float]
    done: int = 0
    _next: int = 0
    _began: float = -1.0

    def __call__(self, count: int) -> None:
        """Hear of a chunk."""
        if self._began < 0:
            self._began = self.boot()
        self.done += count
        if self.done < self._next:
            return
        self._next = self.done + (64 << 20)
        elapsed = self.boot() - self._began
        told = f"Writing the package: {_size(self.done)} of {_size(self.total)}"
        if elapsed > 1:
            rate = self.done / elapsed
            left = max(0, self.total - self.done) / rate
            told += f", {_size(int(rate))}/s, {_span(elapsed)} so far, {_span(left)} left"
        self.tell(told)


def _size(count: int) -> str:
    value = float(count)
    for unit in ("bytes", "kB", "MB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1000
    return f"{value:.1f} GB"


def _span(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
