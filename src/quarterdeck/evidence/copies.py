"""Which version of which store holds an artifact, and how it was when it was last read."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from quarterdeck.evidence.models import ArtifactCopy
from quarterdeck.evidence.ports import StoredCopy

WHOLE, ALTERED, MISSING = "whole", "altered", "missing"


def note_copy(store: str, copy: StoredCopy) -> None:
    """Remember the version under which a store took these bytes. Written before any entry names them."""
    ArtifactCopy.objects.update_or_create(
        sha256=copy.sha256,
        store=store,
        defaults={
            "version": copy.version,
            "checksum": copy.checksum,
            "mode": copy.lock.mode.value,
            "until": copy.lock.until,
            "held": copy.lock.held,
            "gone": False,
            # Bytes that come again after they were given up are there again: what was done is not owed for them.
            "wanted_gone": False,
        },
    )


def version_of(store: str, sha256: str) -> str:
    """Return the version that the store gave these bytes, empty when nobody wrote it down."""
    found = ArtifactCopy.objects.filter(sha256=sha256, store=store).values_list("version", flat=True).first()
    return found or ""


def note_condition(store: str, sha256: str, condition: str, at: datetime) -> None:
    """Remember how these bytes were when they were read through."""
    ArtifactCopy.objects.update_or_create(
        sha256=sha256, store=store, defaults={"condition": condition, "checked_at": at}
    )


def longest_unread(store: str, hashes: Iterable[str], limit: int) -> Sequence[str]:
    """Return those of these artifacts whose copy was not read for the longest time, never read ones first."""
    rows = ArtifactCopy.objects.filter(store=store).values_list("sha256", "checked_at")
    read = {sha256: at.timestamp() for sha256, at in rows if at is not None}
    return sorted(hashes, key=lambda sha256: (read.get(sha256, 0.0), sha256))[:limit]


def copy_row(store: str, sha256: str) -> ArtifactCopy | None:
    """Return the row of a copy."""
    return ArtifactCopy.objects.filter(sha256=sha256, store=store).first()
