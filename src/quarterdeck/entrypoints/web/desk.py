"""The assessor's desk: read-only, every view recorded; objectives, packages, and a sample drawn in the open."""

import secrets
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import OrderState
from quarterdeck.controls.api import MA_OBJECTIVES, kinds_for
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.evidence import api as evidence
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import GrantState, Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, TicketView

SAMPLE = 5
_DRAWN = "sample.drawn"


@page(Role.ASSESSOR)
def desk(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The assessor's first page."""
    names = Names()
    facts: dict[str, int] = {}
    for fact in evidence.facts():
        facts[fact.kind] = facts.get(fact.kind, 0) + 1
    grant = next(
        (
            one
            for one in personnel.role_grants(seen.person.id)
            if one.role is Role.ASSESSOR and one.state is GrantState.ACTIVE
        ),
        None,
    )
    drawn = [entry for entry in evidence.entries(events=(_DRAWN,)) if entry.actor_id == seen.person.id]
    context: dict[str, Any] = {
        "until": grant.valid_until if grant else None,
        "objectives": [
            {
                "id": one.id, "label": one.label, "url": reverse("objective", args=[one.token]),
                "count": sum(facts.get(kind.code, 0) for kind in kinds_for(one.id)),
            }
            for one in MA_OBJECTIVES
        ],
        "packages": [one for one in assessor.orders() if one.state is OrderState.DONE],
        "population": len(_population(names)),
        "sample_size": SAMPLE,
        "samples": [_sample(entry) for entry in reversed(drawn)][:5],
    }  # fmt: skip
    return render(request, "work/desk.html", context)


def _population(names: Names) -> list[TicketView]:
    return [ticket for ticket in tickets.tickets(states=[State.CLOSED, State.ROLLED_BACK]) if names.is_cui(ticket)]


def _sample(entry: evidence.Entry) -> dict[str, Any]:
    chosen = entry.data.get("tickets")
    numbers = [str(number) for number in chosen] if isinstance(chosen, list) else []
    return {"at": entry.at, "seq": entry.seq, "of": entry.data.get("population"), "numbers": numbers}


@page(Role.ASSESSOR)
@require_POST
def draw(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Draw closed CUI tickets at random, and record which out of how many."""
    population = sorted(ticket.number for ticket in _population(Names()))
    chosen = sorted(secrets.SystemRandom().sample(population, min(SAMPLE, len(population))))
    if not chosen:
        messages.info(request, "There is no closed ticket of a CUI asset to draw from yet.")
        return redirect("desk")
    with evidence.act(seen.actor, CLOCK) as act:
        act.record(
            _DRAWN, evidence.ObjectRef("person", seen.person.id),
            data={"population": len(population), "tickets": list(chosen)},
        )  # fmt: skip
    messages.success(request, f"{len(chosen)} of {len(population)} drawn; the draw is an entry of the ledger.")
    return redirect("desk")
