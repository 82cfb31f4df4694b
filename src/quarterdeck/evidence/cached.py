"""A store in front of which small documents are kept on this machine: frozen contents, postures, reports.

Rules read frozen contents inside an act, where no network may be waited for, and a store that does not answer must not
end sessions whose ticket was approved long ago. What is kept here is checked by its hash like everything else.
"""

import hashlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from quarterdeck.evidence.directory import DirectoryStore
from quarterdeck.evidence.ports import (
    EvidenceStore,
    Lock,
    LockMode,
    StoredCopy,
    StoredObject,
    StoreFact,
    StoreFailed,
)
from quarterdeck.kernel.chunks import Source

SMALL = 1024 * 1024
MOST_NEAR = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class CachedStore:
    """Fulfils ports.EvidenceStore by another store; `near` holds copies of what is small."""

    far: EvidenceStore
    near: DirectoryStore

    @property
    def name(self) -> str:
        """Return the name of the store itself."""
        return self.far.name

    @property
    def pins(self) -> bool:
        """True when the store itself keeps versions."""
        return self.far.pins

    def put(self, source: Source) -> StoredCopy:
        """Keep it far; then near, when it is small."""
        copy = self.far.put(source)
        if isinstance(source, bytes) and copy.size <= SMALL:
            self._keep(source)
        return copy

    def _keep(self, content: bytes) -> None:
        # A full disk here costs speed, not evidence: the far copy is the one that counts.
        with suppress(StoreFailed):
            self.near.put(content)

    def open(self, sha256: str, version: str = "") -> BinaryIO:
        """Open the near copy when it is the right one, else the far one, which is then kept near when it is small."""
        if self.near.size(sha256) is not None:
            if self.near.digest(sha256) == sha256:
                return self.near.open(sha256)
            self.near.destroy(sha256)
        file = self.far.open(sha256, version)
        content = file.read(SMALL + 1)
        file.seek(0)
        if len(content) <= SMALL and hashlib.sha256(content).hexdigest() == sha256:
            self._keep(content)
        return file

    def digest(self, sha256: str, version: str = "") -> str:
        """Ask the store itself."""
        return self.far.digest(sha256, version)

    def size(self, sha256: str, version: str = "") -> int | None:
        """Ask the store itself."""
        return self.far.size(sha256, version)

    def retain(self, sha256: str, version: str, until: datetime, mode: LockMode) -> Lock:
        """Ask the store itself."""
        return self.far.retain(sha256, version, until, mode)

    def hold(self, sha256: str, version: str, *, on: bool) -> Lock:
        """Ask the store itself."""
        return self.far.hold(sha256, version, on=on)

    def destroy(self, sha256: str) -> datetime | None:
        """Remove the near copy first: it must not outlive the other."""
        self.near.destroy(sha256)
        return self.far.destroy(sha256)

    def lock(self, sha256: str, version: str) -> Lock:
        """Ask the store itself."""
        return self.far.lock(sha256, version)

    def objects(self) -> Iterator[StoredObject]:
        """List the store itself."""
        return self.far.objects()

    def remove(self, one: StoredObject) -> None:
        """Remove it near and far."""
        if one.sha256:
            self.near.destroy(one.sha256)
        self.far.remove(one)

    def look(self) -> list[StoreFact]:
        """Ask the store itself."""
        return self.far.look()


def tidy(near: DirectoryStore, octets: int = MOST_NEAR) -> int:
    """Remove the oldest near copies beyond this size; returns how many. They come again when they are asked for."""
    kept, removed = 0, 0
    for one in sorted(near.objects(), key=lambda one: one.stored_at, reverse=True):
        kept += one.size
        if kept > octets:
            near.remove(one)
            removed += 1
    return removed
