"""Snapshots of a ticket's assets: taken and looked at again; a step of the rollback goes back to one."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from quarterdeck import wiring
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import SnapshotState, TakenSnapshot
from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import take_snapshot

_WORDS = {
    SnapshotState.PENDING: ("pending", "Still being made"),
    SnapshotState.COMPLETE: ("passed", "Whole"),
    SnapshotState.FAILED: ("failed", "Failed"),
    SnapshotState.REVERTED: ("explained", "Put back to it"),
}


@page(*STAFF_AT_WORK)
def ticket_snapshots(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Show the ticket's snapshots with what can be done; a button's work ends in a sentence on the same page."""
    ticket = ticket_for(seen, number, Reading.BASELINE)
    context: dict[str, object] = {}
    if request.method == "POST":
        try:
            done = _act(request, seen, number)
            messages.success(request, f"{_WORDS[done.state][1]}. {done.sentence}")
            return redirect("snapshots", number)
        except Refused as refused:
            context["refused"] = refused.decision
    names = Names()
    rows = [
        {"one": one, "asset": names.asset(one.asset), "code": _WORDS[one.state][0], "word": _WORDS[one.state][1],
         "looks": one.state in (SnapshotState.PENDING, SnapshotState.COMPLETE)}
        for one in backups.snapshots(number)
    ]  # fmt: skip
    assets = [(one.asset_id, names.asset(one.asset_id)) for one in ticket.assets]
    return render(request, "backups/snapshots.html", context | {
        "ticket": ticket, "rows": rows, "assets": assets, "code_form": stepup.code_form(request, seen),
    })  # fmt: skip


def _act(request: HttpRequest, seen: Visitor, number: str) -> TakenSnapshot:
    makers = wiring.snapshot_makers()
    if request.POST.get("do") == "take":
        return take_snapshot.take_snapshot(
            number, request.POST.get("asset", ""), makers=makers, actor=seen.actor, clock=CLOCK
        )
    snapshot = request.POST.get("snapshot", "")
    return take_snapshot.look_at_snapshot(number, snapshot, makers=makers, actor=seen.actor, clock=CLOCK)
