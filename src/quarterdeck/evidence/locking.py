"""Retention, legal hold and disposal brought to the store: decided inside an act, done after it, tried until it holds.

`retain`, `hold` and `destroy` only write down what was decided and belong into the act that decides it. `settle` does
it outside, reads back what the store answers and keeps that; what could not be done stays visible and is tried again.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q

from quarterdeck.config.api import load
from quarterdeck.evidence.models import ArtifactCopy
from quarterdeck.evidence.named import given_up, standing_artifacts
from quarterdeck.evidence.ports import EvidenceStore, LockMode, NotInStore, StillLocked, StoreFailed
from quarterdeck.kernel.clock import Clock

# A COMPLIANCE date cannot be taken back: what lies further off is a mistake. Six years from a status date that may be
# three years after the capture (facts.md section 5) are nine; contracts may want more.
LONGEST = timedelta(days=20 * 365)
FIRST_RETRY, LONGEST_RETRY = timedelta(seconds=15), timedelta(hours=1)
_FIRMNESS = (LockMode.NONE, LockMode.GOVERNANCE, LockMode.COMPLIANCE)


@dataclass(frozen=True, slots=True)
class LockView:
    """What was decided for an artifact in the present store and what the store answered; `message` says why not yet."""

    sha256: str
    wanted_mode: LockMode
    wanted_until: datetime | None
    wanted_hold: bool
    wanted_gone: bool
    mode: LockMode
    until: datetime | None
    held: bool
    gone: bool
    settled: bool
    message: str


@dataclass(frozen=True, slots=True)
class LockCounts:
    """How many copies of the present store are locked, and what is still to be done there."""

    governance: int
    compliance: int
    held: int
    waiting: int
    failing: int
    message: str


def retain(sha256: str, until: datetime, mode: LockMode) -> None:
    """Have the store keep these bytes until then at least; a wish is only ever made longer and firmer."""
    row = _row(sha256)
    later = until if row.wanted_until is None else max(row.wanted_until, until)
    firmer = max(LockMode(row.wanted_mode), mode, key=_FIRMNESS.index)
    if (row.wanted_until, row.wanted_mode) != (later, firmer.value):
        row.wanted_until, row.wanted_mode = later, firmer.value
        _ask(row)


def hold(sha256: str, *, on: bool) -> None:
    """Have the store put a legal hold on these bytes, or take it off."""
    row = _row(sha256)
    if row.wanted_hold != on:
        row.wanted_hold = on
        _ask(row)


def destroy(sha256: str) -> None:
    """Have the store remove these bytes; what it promised to keep stays, and says so.

    Done only where an entry says that the artifact was given up (`artifact.disposed`, `artifact.redacted`).
    """
    row = _row(sha256)
    row.wanted_gone, row.gone = True, False
    _ask(row)


def _row(sha256: str) -> ArtifactCopy:
    row, _ = ArtifactCopy.objects.get_or_create(sha256=sha256, store=load().store_name)
    return row


def _ask(row: ArtifactCopy) -> None:
    row.settled, row.failures, row.next_try, row.message = False, 0, None, ""
    row.save()


def renew_first_locks(store: EvidenceStore, clock: Clock, first_lock: timedelta) -> int:
    """Ask for more time where the first lock of an artifact that an entry names is half over; orphans run out."""
    if not store.pins:
        return 0
    soon = clock.now() + first_lock / 2
    rows = ArtifactCopy.objects.filter(
        store=store.name, mode=LockMode.GOVERNANCE.value, until__lt=soon, gone=False
    ).exclude(wanted_mode=LockMode.COMPLIANCE.value)
    if not rows.exists():
        return 0
    renewed, standing = 0, standing_artifacts()
    for row in rows:
        if row.sha256 in standing and (row.wanted_until is None or row.wanted_until < soon):
            row.wanted_mode, row.wanted_until = LockMode.GOVERNANCE.value, clock.now() + first_lock
            _ask(row)
            renewed += 1
    return renewed


def settle(store: EvidenceStore, clock: Clock, limit: int = 50) -> int:
    """Do what is due in this store and return how many are as decided now. Never inside an act."""
    now = clock.now()
    due = ArtifactCopy.objects.filter(Q(next_try__isnull=True) | Q(next_try__lte=now), settled=False, store=store.name)
    return sum(_settle_one(store, row, now) for row in due.order_by("next_try", "sha256")[:limit])


def destroy_now(store: EvidenceStore, sha256: str, now: datetime) -> bool:
    """Have the store end these bytes at once; False when it did not, and it is tried again by `settle`."""
    destroy(sha256)
    row = _row(sha256)
    try:
        _remove(store, row)
    except StoreFailed as failed:
        _put_off(row, failed, now)
        return False
    row.settled = True
    row.save()
    return True


def _remove(store: EvidenceStore, row: ArtifactCopy) -> None:
    if given_up(row.sha256) is None:
        raise StoreFailed("No entry of the ledger says that it was given up.", "Ask who wrote into the database.")
    if row.wanted_hold:
        raise StoreFailed("A legal hold is on it; a hold outranks disposal.", "Release the hold first.")
    if row.held:
        # Released before it was given up, and the store was not told yet: it would keep the bytes for good.
        with suppress(NotInStore):
            store.hold(row.sha256, row.version, on=False)
    until = store.destroy(row.sha256)
    row.gone, row.mode, row.until, row.held = True, "", until, False


def _settle_one(store: EvidenceStore, row: ArtifactCopy, now: datetime) -> bool:
    asked = (row.wanted_mode, row.wanted_until, row.wanted_hold, row.wanted_gone)
    try:
        _apply(store, row, now)
    except StoreFailed as failed:
        _put_off(row, failed, now)
        return False
    told = ArtifactCopy.objects.filter(pk=row.pk)
    told.update(mode=row.mode, until=row.until, held=row.held, gone=row.gone)
    # Decided anew meanwhile: then it is not settled, and is done once more.
    names = ("wanted_mode", "wanted_until", "wanted_hold", "wanted_gone")
    same = told.filter(**dict(zip(names, asked, strict=True)))
    return bool(same.update(settled=True, failures=0, next_try=None, message=""))


def _put_off(row: ArtifactCopy, failed: StoreFailed, now: datetime) -> None:
    """Note why it was not done and when it is tried again: a lock whose end is known is waited for, no failure."""
    until = failed.until if isinstance(failed, StillLocked) else None
    failures = row.failures + 1 if until is None else 0
    wait = min(FIRST_RETRY * 2 ** min(failures - 1, 10), LONGEST_RETRY)
    ArtifactCopy.objects.filter(pk=row.pk).update(
        failures=failures,
        next_try=now + wait if until is None else max(until, now) + FIRST_RETRY,
        message=f"{failed} {failed.next_step}"[:500],
    )


def _apply(store: EvidenceStore, row: ArtifactCopy, now: datetime) -> None:
    if row.wanted_gone:
        _remove(store, row)
        return
    lock = store.lock(row.sha256, row.version)
    if row.wanted_hold != lock.held:
        lock = store.hold(row.sha256, row.version, on=row.wanted_hold)
    if row.wanted_mode and row.wanted_until is not None:
        if row.wanted_until > now + LONGEST:
            raise StoreFailed(
                f"Kept until {row.wanted_until:%Y} is further off than {LONGEST.days // 365} years and could not be "
                "taken back.",
                "Correct the retention policy.",
            )
        if row.wanted_until > now:
            lock = store.retain(row.sha256, row.version, row.wanted_until, LockMode(row.wanted_mode))
    row.mode, row.until, row.held = lock.mode.value, lock.until, lock.held


def lock_of(sha256: str) -> LockView | None:
    """Return what was decided for an artifact and how it stands in the present store."""
    return next(iter(locks_of([sha256])), None)


def locks_of(files: Sequence[str]) -> list[LockView]:
    """Return the same of several artifacts; those without a row are left out."""
    rows = ArtifactCopy.objects.filter(sha256__in=files, store=load().store_name)
    return [_view(row) for row in rows.order_by("sha256")]


def _view(row: ArtifactCopy) -> LockView:
    return LockView(
        row.sha256,
        LockMode(row.wanted_mode),
        row.wanted_until,
        row.wanted_hold,
        row.wanted_gone,
        LockMode(row.mode),
        row.until,
        row.held,
        row.gone,
        row.settled,
        row.message,
    )


def lock_counts() -> LockCounts:
    """Return how the present store stands."""
    rows = ArtifactCopy.objects.filter(store=load().store_name, gone=False)
    failing = rows.filter(settled=False, failures__gt=0)
    return LockCounts(
        rows.filter(mode=LockMode.GOVERNANCE.value).count(),
        rows.filter(mode=LockMode.COMPLIANCE.value).count(),
        rows.filter(held=True).count(),
        rows.filter(settled=False, failures=0).count(),
        failing.count(),
        failing.values_list("message", flat=True).first() or "",
    )
