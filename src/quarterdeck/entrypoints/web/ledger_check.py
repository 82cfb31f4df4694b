"""The ledger's last whole check on the Evidence page: contradictions, what is missing, with links; and a new one."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web import store_panel
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import JobKind, JobState
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import check_ledger, keep_store
from quarterdeck_verify.entry import is_ticket_number
from quarterdeck_verify.gaps import Gap

READERS = (Role.IT_LEAD, Role.ASSESSOR)
SHOWN = 50


def panel(seen: Visitor, names: Names) -> dict[str, Any]:
    """Return what `evidence/ledger_check.html` shows."""
    last, job = check_ledger.last_check(), evidence.last_job(JobKind.LEDGER)
    live = job is not None and job.state in (JobState.WAITING, JobState.RUNNING)
    shown = [] if last is None else [_line(gap) for gap in last.missing[:SHOWN]]
    return {
        "last": last,
        "missing": shown,
        "more": 0 if last is None else last.missing_total - len(shown),
        "job": store_panel.job_line(job, seen.now, names) if job is not None else None,
        "live": live,
        "may_tend": seen.has(Role.IT_LEAD),
    }


def _line(gap: Gap) -> dict[str, str]:
    """Return what is missing, with the page of its session or ticket where there is one."""
    ticket, _, thing = gap.where.partition(" ")
    url = ""
    if thing.startswith("se_"):
        url = reverse("session", args=[thing])
    elif is_ticket_number(ticket) and gap.code != "ticket.missing":
        url = reverse("ticket", args=[ticket])
    return {"where": gap.where, "sentence": gap.sentence, "url": url}


@page(*READERS)
def ledger_check_card(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The card alone, asked for while the check is under way."""
    return render(request, "evidence/ledger_check.html", {"check": panel(seen, Names())})


@page(Role.IT_LEAD)
@require_POST
def ledger_check_begin(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Have the whole ledger read again in the background."""
    try:
        keep_store.order_check(seen.actor, CLOCK)
    except Refused as refused:
        for reason in refused.decision.reasons:
            messages.error(request, f"{reason.sentence} {reason.next_step}")
    else:
        messages.success(request, "The whole ledger is read again. It goes on when you leave this page.")
    return redirect("evidence")


def risks(seen: Visitor) -> list[dict[str, str]]:
    """Return that the ledger contradicts itself, for those who see to it."""
    last = check_ledger.last_check() if seen.has(Role.IT_LEAD) else None
    if last is None or not last.problems:
        return []
    why = f"{len(last.problems)} contradictions when it was last read. Keep the machine as it is."
    return [{"what": "The ledger is not whole", "why": why, "url": reverse("evidence")}]
