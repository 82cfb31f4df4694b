"""Which version of which store holds an artifact, and how it was when it was last read."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import F

from quarterdeck.evidence.models import Artifact, ArtifactCopy
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


def present_after(sha256: str, limit: int) -> Sequence[tuple[str, int]]:
    """Return hash and size of artifacts that should be there, in the order of their hashes, after this one."""
    rows = Artifact.objects.filter(state="present", sha256__gt=sha256).order_by("sha256")
    return list(rows.values_list("sha256", "size")[:limit])


def present_count() -> int:
    """Return how many artifacts should be there."""
    return Artifact.objects.filter(state="present").count()


def longest_unread(store: str, limit: int) -> Sequence[str]:
    """Return the artifacts whose copy in this store was not read for the longest time, never read ones first."""
    known = ArtifactCopy.objects.filter(store=store, checked_at__isnull=False)
    never = list(
        Artifact.objects.filter(state="present")
        .exclude(sha256__in=known.values("sha256"))
        .order_by("sha256")
        .values_list("sha256", flat=True)[:limit]
    )
    if len(never) >= limit:
        return never
    present = Artifact.objects.filter(state="present").values("sha256")
    oldest = known.filter(sha256__in=present).order_by(F("checked_at").asc(), "sha256")
    return [*never, *oldest.values_list("sha256", flat=True)[: limit - len(never)]]


def in_condition(store: str, *conditions: str) -> Sequence[str]:
    """Return the hashes whose copy in this store was found so when it was last read."""
    rows = ArtifactCopy.objects.filter(store=store, condition__in=conditions).order_by("sha256")
    return list(rows.values_list("sha256", flat=True))


def copy_row(store: str, sha256: str) -> ArtifactCopy | None:
    """Return the row of a copy."""
    return ArtifactCopy.objects.filter(sha256=sha256, store=store).first()
