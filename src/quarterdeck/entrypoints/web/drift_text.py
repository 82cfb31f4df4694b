"""What changed in a small text file, side by side; looking at it is recorded."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from quarterdeck.baselines import api as baselines
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.evidence.api import ObjectRef
from quarterdeck.kernel.decision import require_that
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows.read_texts import read_texts
from quarterdeck.workflows.record_view import record_view


@page()
def drift_text(request: HttpRequest, seen: Visitor, number: str, item: int) -> HttpResponse:
    """Show one text before and after."""
    ticket = ticket_for(seen, number, Reading.RECORDING)
    found = baselines.drift_item(item)
    require_that(
        found.ticket == number, "drift.unknown", "There is no such difference.", "Open the ticket's page again."
    ).require()
    lines = read_texts(item)
    record_view(seen.actor, CLOCK, ObjectRef("drift", str(item)), of=number)
    context = {"ticket": ticket, "path": found.path, "asset": Names().asset(found.asset), "lines": lines}
    answer = render(request, "tickets/drift_text.html", context)
    answer["Cache-Control"] = "no-store"
    return answer
