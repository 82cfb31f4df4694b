"""Long work on store and ledger and the notes about it: ordered, leased, told how far, cancelled, ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q

from quarterdeck.evidence.models import StoreJob, StoreNote
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.kernel.ids import new_id

LEASE = timedelta(minutes=30)


class JobKind(StrEnum):
    """Read through and hash; remove what nothing names; bring everything to another store; read the ledger again."""

    SCRUB = "scrub"
    COLLECT = "gc"
    MIGRATE = "migrate"
    LEDGER = "ledger"


class JobState(StrEnum):
    """How far it is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


_RUNS = refuse("store.job_runs", "The same work is under way already.", "See how far it is, or cancel it.")
LIVE = (JobState.WAITING.value, JobState.RUNNING.value)


@dataclass(frozen=True, slots=True)
class JobView:
    """One piece of long work; `found` counts what was wrong, or removed."""

    id: str
    kind: JobKind
    scope: str
    asked_by: str
    asked_at: datetime
    state: JobState
    done: int
    total: int
    found: int
    message: str
    started_at: datetime | None
    finished_at: datetime | None
    cancel_asked: bool


def order_job(kind: JobKind, scope: str, asked_by: str, at: datetime, *, alone: bool = False) -> JobView:
    """Order work; Refused(store.job_runs) while one of its kind waits or runs.

    Who knows that no other process does it says `alone`: what is written down as running was broken off.
    """
    try:
        return _ordered(kind, scope, asked_by, at, alone=alone)
    except IntegrityError as error:
        raise Refused(_RUNS) from error


def _ordered(kind: JobKind, scope: str, asked_by: str, at: datetime, *, alone: bool) -> JobView:
    with transaction.atomic():
        alive = StoreJob.objects.select_for_update().filter(kind=kind.value, state__in=LIVE)
        if not alone and alive.exclude(state=JobState.RUNNING.value, lease_until__lt=at).exists():
            raise Refused(_RUNS)
        alive.update(state=JobState.FAILED.value, finished_at=at, message="Broke off; it was begun anew.")
        row = StoreJob.objects.create(
            id=new_id("sj"), kind=kind.value, scope=scope, asked_by=asked_by, asked_at=at, lease_until=None
        )
    return _view(row)


def take_job(kinds: Sequence[JobKind], at: datetime, job_id: str = "") -> JobView | None:
    """Lease the oldest work of these kinds that waits or whose worker died; None when there is none."""
    waits = Q(state=JobState.WAITING.value) | Q(state=JobState.RUNNING.value, lease_until__lt=at)
    rows = StoreJob.objects.filter(waits, kind__in=[kind.value for kind in kinds])
    if job_id:
        rows = rows.filter(id=job_id)
    if not rows.exists():
        return None
    with transaction.atomic():
        row = rows.select_for_update().order_by("asked_at").first()
        if row is None:
            return None
        if row.cancel_asked:
            row.state, row.finished_at, row.message = JobState.CANCELLED.value, at, "Cancelled."
        else:
            row.state, row.lease_until = JobState.RUNNING.value, at + LEASE
            row.started_at = row.started_at or at
        row.save()
    return _view(row) if row.state == JobState.RUNNING.value else None


def tell_job(job_id: str, at: datetime, *, done: int, total: int, found: int = 0, message: str = "") -> bool:
    """Show how far it is, keep the lease, and return False when somebody asked to stop."""
    StoreJob.objects.filter(id=job_id).update(
        done=done, total=total, found=found, message=message[:500], lease_until=at + LEASE
    )
    return not StoreJob.objects.filter(id=job_id, cancel_asked=True).exists()


def end_job(job_id: str, at: datetime, state: JobState, message: str) -> None:
    """Note how it ended."""
    StoreJob.objects.filter(id=job_id).update(
        state=state.value, message=message[:500], finished_at=at, lease_until=None
    )


def cancel_job(job_id: str) -> None:
    """Ask waiting or running work to stop at its next step; Refused(store.no_job)."""
    if not StoreJob.objects.filter(id=job_id, state__in=LIVE).update(cancel_asked=True):
        raise Refused(refuse("store.no_job", "There is no such work under way.", "Look under Evidence."))


def jobs(limit: int = 10) -> list[JobView]:
    """Return the newest work."""
    return [_view(row) for row in StoreJob.objects.order_by("-asked_at", "-id")[:limit]]


def last_job(kind: JobKind, *states: JobState) -> JobView | None:
    """Return the newest work of a kind in one of these states, in any when none is named."""
    rows = StoreJob.objects.filter(kind=kind.value)
    if states:
        rows = rows.filter(state__in=[state.value for state in states])
    row = rows.order_by("-asked_at", "-id").first()
    return None if row is None else _view(row)


def note(name: str, store: str, value: dict[str, Any], at: datetime) -> None:
    """Write a note about a store; a note of another store under this name is replaced."""
    StoreNote.objects.update_or_create(name=name, defaults={"store": store, "value": value, "at": at})


def noted(name: str, store: str) -> tuple[dict[str, Any], datetime] | None:
    """Return a note about this store and when it was written."""
    row = StoreNote.objects.filter(name=name, store=store).first()
    return None if row is None else (row.value, row.at)


def _view(row: StoreJob) -> JobView:
    return JobView(
        row.id,
        JobKind(row.kind),
        row.scope,
        row.asked_by,
        row.asked_at,
        JobState(row.state),
        row.done,
        row.total,
        row.found,
        row.message,
        row.started_at,
        row.finished_at,
        row.cancel_asked,
    )
