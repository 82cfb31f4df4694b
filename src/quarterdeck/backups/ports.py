"""What backups need from outside: a product that names its newest backup and verifies it."""

from typing import Protocol

from quarterdeck.backups.terms import Snapshot, Source, Verification


class ProductFailed(Exception):
    """The backup product could not be asked; the text is a sentence for a person."""


class BackupProduct(Protocol):
    """A backup product of one kind."""

    def latest_snapshot(self, source: Source) -> Snapshot | None:
        """Return the newest backup of the source's host, path and tag, None when there is none; ProductFailed else."""

    def verify(self, source: Source, snapshot: Snapshot) -> Verification:
        """Read back and check as deep as the source says; a found error is a Verification, not an exception."""
