"""Differences before and after as the ticket's tab shows them, and the form that settles them."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, DriftClass, DriftItemView, DriftView
from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets.api import Reading, TicketView
from quarterdeck.workflows.disposition_drift import disposition_drift

HOW = {
    Disposition.EXPLAINED: "Explained: it belongs to the work",
    Disposition.REVERTED: "Put back: it is as it was before",
    Disposition.FINDING: "Keep as a finding",
}


def shown(drift: DriftView, seen: Visitor, ticket: TicketView, names: Names) -> dict[str, Any]:
    """Return one asset's comparison: counts, packages in one line each, unexplained first."""
    left = len(drift.open_items)
    packages: dict[str, int] = {}
    for item in drift.items:
        if item.package and item.drift_class is DriftClass.EXPECTED:
            packages[item.package] = packages.get(item.package, 0) + item.count
    return {
        "id": drift.asset,
        "asset": names.asset(drift.asset),
        "before_at": drift.before.finished_at,
        "after_at": drift.after.finished_at,
        "open": left,
        "open_words": f"{left} unexplained",
        "counts": [
            {"n": drift.after.entries, "label": "paths watched"},
            {"n": sum(item.count for item in drift.items), "label": "differences"},
            {"n": sum(item.drift_class is DriftClass.EXPECTED for item in drift.items), "label": "expected"},
            {"n": left, "label": "unexplained"},
            {"n": drift.after.unreadable, "label": "unreadable"},
        ],
        "packages": [
            f"{name}: {count} {'file' if count == 1 else 'files'}, expected" for name, count in packages.items()
        ],
        "items": [_item(item, names) for item in drift.items],
        "may_explain": not ticket.is_final
        and seen.person.id not in ticket.technicians
        and bool(seen.roles & STAFF_AT_WORK),
        "how": [(how.value, said) for how, said in HOW.items()],
    }


def _item(item: DriftItemView, names: Names) -> dict[str, Any]:
    judged = item.disposition.value if item.disposition else item.drift_class.value
    return {
        "id": item.id,
        "path": item.path,
        "posture": "posture" if item.source == "posture" else "",
        "change": item.kind.value.replace("_", " "),
        "what": ", ".join(code.replace("_", " ") for code in item.codes),
        "severity": item.severity.value,
        "package": item.package,
        "count": item.count,
        "open": item.is_open,
        "judgement": judged,
        "by": names.person(item.disposed_by) if item.disposed_by else "",
        "at": item.disposed_at,
    }


@page(*STAFF_AT_WORK)
@require_POST
def explain(request: HttpRequest, seen: Visitor, number: str, asset: str) -> HttpResponse:
    """Settle the ticked differences of one asset with one reason."""
    ticket_for(seen, number, Reading.BASELINE)
    mine = {item.id for one in baselines.drift(number, asset) for item in one.items}
    chosen = [int(value) for value in request.POST.getlist("items") if value.isdecimal() and int(value) in mine]
    back = HttpResponseRedirect(f"{reverse('ticket', args=[number])}?tab=drift#tabs")
    if not chosen:
        messages.error(request, "Nothing was chosen: tick the differences that your reason explains.")
        return back
    wanted = request.POST.get("how", "")
    how = Disposition(wanted) if wanted in set(Disposition) else Disposition.EXPLAINED
    try:
        disposition_drift(chosen, how=how, reason=request.POST.get("reason", ""), actor=seen.actor, clock=CLOCK)
    except Refused as refused:
        if stepup.NEEDED in refused.decision.codes:
            return stepup.ask_and_repeat(request)
        messages.error(request, str(refused))
        return back
    messages.success(request, f"{len(chosen)} {'difference' if len(chosen) == 1 else 'differences'} settled.")
    return back
