"""Captures asked for and under way: what the ticker does for a ticket outside any act, with progress and cancel."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Q

from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.tickets.models import CaptureJob

LEASE = timedelta(minutes=2)
MOST_ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class JobView:
    """A capture: `prepare` before opening, `verify` after the work; times in UTC."""

    id: int
    ticket: str
    kind: str
    state: str
    requested_by: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    message: str
    cancel_asked: bool
    attempts: int


def _view(row: CaptureJob) -> JobView:
    return JobView(
        row.pk,
        row.ticket_id,
        row.kind,
        row.state,
        row.requested_by,
        row.requested_at,
        row.started_at,
        row.finished_at,
        row.message,
        row.cancel_asked,
        row.attempts,
    )


def ask_capture(number: str, kind: str, *, actor: Actor, clock: Clock) -> JobView:
    """Ask for a capture and return its job; one that already waits or runs is returned instead of a second."""
    try:
        with transaction.atomic():
            return _view(
                CaptureJob.objects.create(ticket_id=number, kind=kind, requested_by=actor.id, requested_at=clock.now())
            )
    except IntegrityError:
        return _view(CaptureJob.objects.get(ticket_id=number, kind=kind, state__in=["waiting", "running"]))


def take_job(clock: Clock) -> JobView | None:
    """Lease the oldest job that waits or whose worker died, and return it; None when there is nothing to do."""
    now = clock.now()
    with transaction.atomic():
        row = (
            CaptureJob.objects.select_for_update()
            .filter(Q(state="waiting") | Q(state="running", lease_until__lt=now))
            .order_by("requested_at")
            .first()
        )
        if row is None:
            return None
        row.attempts += 1
        if row.cancel_asked or row.attempts > MOST_ATTEMPTS:
            row.state, row.finished_at = "failed", now
            row.message = "Cancelled." if row.cancel_asked else f"Given up after {MOST_ATTEMPTS} tries. {row.message}"
        else:
            row.state, row.started_at, row.lease_until = "running", row.started_at or now, now + LEASE
        row.save()
    return _view(row) if row.state == "running" else None


def tell_progress(job_id: int, message: str, clock: Clock) -> bool:
    """Keep the lease, show the message, and return False when somebody asked to cancel."""
    CaptureJob.objects.filter(pk=job_id).update(message=message[:500], lease_until=clock.now() + LEASE)
    return not CaptureJob.objects.filter(pk=job_id, cancel_asked=True).exists()


def finish_job(job_id: int, *, failed: bool, message: str, clock: Clock) -> None:
    """End a job with its last message."""
    CaptureJob.objects.filter(pk=job_id).update(
        state="failed" if failed else "done", message=message[:2000], finished_at=clock.now(), lease_until=None
    )


def cancel_job(job_id: int) -> None:
    """Ask a waiting or running job to stop at its next step."""
    CaptureJob.objects.filter(pk=job_id, state__in=["waiting", "running"]).update(cancel_asked=True)


def jobs(number: str) -> list[JobView]:
    """Return the ticket's captures, newest first."""
    return [_view(row) for row in CaptureJob.objects.filter(ticket_id=number).order_by("-requested_at")]


def put_back_job(job_id: int, message: str, *, clock: Clock) -> None:
    """Let a leased job wait on, without counting the try: what it waits for has not happened yet."""
    row = CaptureJob.objects.get(pk=job_id)
    row.state, row.message, row.lease_until = "waiting", message[:500], None
    row.attempts = max(0, row.attempts - 1)
    # Behind the others, so that a job that waits never starves them.
    row.requested_at = clock.now()
    row.save()
