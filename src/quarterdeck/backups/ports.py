"""What backups need from outside: a product that names and verifies, one that snapshots, one that restores."""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from quarterdeck.backups.terms import BucketLock, Digest, LogRead, Restored, Snapshot, Source, Verification


class ProductFailed(Exception):
    """The backup product could not be asked; the text is a sentence for a person."""


class BackupProduct(Protocol):
    """A backup product of one kind."""

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        """Return the newest backup of the source's host, path and tag, None when there is none; ProductFailed else."""

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        """Read back and check as deep as the source says; a found error is a Verification, not an exception."""


class JobLogProduct(BackupProduct, Protocol):
    """An uploaded job log, read strictly."""

    def said(self) -> LogRead:
        """Return which product wrote the log, when its job ended and of which machine it is."""


class SnapshotMaker(Protocol):
    """A product that makes a point to go back to, and goes back."""

    def take(self, source: Source, name: str, now: datetime) -> Snapshot:
        """Make a snapshot of this name and return it, perhaps still pending; ProductFailed when it is refused."""

    def look(self, source: Source, snapshot: str) -> Verification:
        """Read back whether the snapshot is whole, pending or gone."""

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        """Put the asset's disk back to the snapshot; `verified` when that was read back."""


class Restorer(Protocol):
    """A product whose backups can be brought back to a scratch place for a drill."""

    def restore(self, source: Source, snapshot: Snapshot, scratch: str) -> Restored:
        """Really restore below `scratch`, hash what came back, and clean up, also after a failure."""

    def source_digests(self, source: Source, snapshot: Snapshot) -> Mapping[str, Digest]:
        """Return the digests of what was backed up, by the same names; ProductFailed when it can't be read."""


class LockReader(Protocol):
    """Whoever reads back how a backup bucket is locked."""

    def read_lock(self, source: Source) -> BucketLock | None:
        """Return the bucket's own word, None for a repository that is no bucket; ProductFailed else."""
