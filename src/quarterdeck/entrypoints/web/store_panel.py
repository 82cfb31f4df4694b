"""The evidence store on the Evidence page: its properties as read back, locks, what was found, work with progress."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.package_contents import PACKAGERS
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import JobKind, JobState, JobView
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import keep_store
from quarterdeck.workflows.store_state import KINDS, LIVE, StoreState, store_state

_ANSWERS = {"good": ("passed", "As it should be"), "bad": ("failed", "Not so"), "unsaid": ("unknown", "To be known")}
_STATES = {
    JobState.WAITING: ("pending", "Waiting"),
    JobState.RUNNING: ("running_job", "Under way"),
    JobState.DONE: ("passed", "Done"),
    JobState.FAILED: ("failed", "Failed"),
    JobState.CANCELLED: ("not_applicable", "Cancelled"),
}
_WHO = {"operator": "the operator", "ticker": "Quarterdeck itself"}
SHOWN_JOBS = 3


def panel(seen: Visitor, state: StoreState, names: Names) -> dict[str, Any]:
    """Return what `evidence/store.html` shows."""
    return {
        "name": state.name,
        "facts": [{**fact, "look": _ANSWERS[fact["answer"]]} for fact in state.facts],
        "facts_at": state.facts_at,
        "locks": state.locks,
        "locking": state.name.startswith("s3:"),
        "altered": sum(event == keep_store.ALTERED for event in state.wrong.values()),
        "missing": sum(event == keep_store.MISSING for event in state.wrong.values()),
        "wrong": [(sha256, event) for sha256, event in sorted(state.wrong.items())][:20],
        "scrubbed": state.last_scrub if state.is_read else None,
        "jobs": [job_line(job, seen.now, names) for job in state.jobs[:SHOWN_JOBS]],
        "live": state.live,
        "may_tend": seen.has(Role.IT_LEAD),
    }


def job_line(job: JobView, now: datetime, names: Names) -> dict[str, Any]:
    """Return one piece of long work as a line: what, by whom, how far."""
    code, word = _STATES[job.state]
    whole = " (everything)" if job.kind is JobKind.SCRUB and job.scope == keep_store.EVERYTHING else ""
    return {
        "id": job.id,
        "what": KINDS[job.kind] + whole,
        "by": _WHO.get(job.asked_by) or names.person(job.asked_by),
        "at": job.asked_at,
        "code": code,
        "word": word,
        "live": job.state in LIVE,
        "done": job.done,
        "total": job.total,
        "since": job.started_at,
        "left": _left(job, now),
        "message": job.message,
        "cancelling": job.cancel_asked,
    }


def _left(job: JobView, now: datetime) -> int | None:
    """Return the minutes that are left at the rate so far, None before anybody can tell."""
    if job.state is not JobState.RUNNING or job.started_at is None or not job.done or job.total <= job.done:
        return None
    rest: timedelta = (now - job.started_at) / job.done * (job.total - job.done)
    return max(1, round(rest.total_seconds() / 60))


@page(*PACKAGERS)
def store_card(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The card alone, asked for while work is under way."""
    return render(request, "evidence/store.html", {"store": panel(seen, store_state(), Names())})


@page(Role.IT_LEAD)
@require_POST
def store_scrub(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Have every file of the store read through."""
    return _told(request, lambda: keep_store.order_scrub(seen.actor, CLOCK, everything=True))


@page(Role.IT_LEAD)
@require_POST
def store_sweep(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Have files removed that no entry names."""
    return _told(request, lambda: keep_store.order_sweep(seen.actor, CLOCK))


@page(Role.IT_LEAD)
@require_POST
def store_cancel(request: HttpRequest, seen: Visitor, job_id: str) -> HttpResponse:
    """Stop work on the store at its next step."""
    return _told(request, lambda: keep_store.cancel(seen.actor, CLOCK, job_id), "It stops at its next step.")


def _told(request: HttpRequest, order: Any, words: str = "It goes on when you leave this page.") -> HttpResponse:  # noqa: ANN401
    try:
        order()
    except Refused as refused:
        for reason in refused.decision.reasons:
            messages.error(request, f"{reason.sentence} {reason.next_step}")
    else:
        messages.success(request, words)
    return redirect("evidence")


def risks(seen: Visitor) -> list[dict[str, str]]:
    """Return what is at risk in the store, for those who see to it."""
    if not seen.has(Role.IT_LEAD):
        return []
    found, wrong, locks = [], keep_store.found_wrong(), evidence.lock_counts()
    if wrong:
        why = f"{len(wrong)} are altered or missing since they were last read."
        found.append({"what": "Files of evidence are wrong", "why": why, "url": reverse("evidence")})
    if locks.failing:
        why = f"{locks.failing} could not be set and are tried again."
        found.append({"what": "Locks on evidence fail", "why": why, "url": reverse("evidence")})
    return found
