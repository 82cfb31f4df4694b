"""Who holds checkpoints outside: the card of the evidence page, and the button that tries one of them now."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.config.api import load
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import anchor_standing
from quarterdeck.workflows.anchor_standing import RouteStanding

_CHANNELS = {"mail": "Mail", "syslog": "Syslog", "rfc3161": "Time stamp", "witness": "Witness", "s3": "S3 copy"}
_REACHES = {
    "every": "every checkpoint",
    "newest": "the newest checkpoint, at once",
    "milestones": "approvals, openings, closings, exports, key changes, and daily",
    "stamps": "closings, exports, and daily",
}


def card(seen: Visitor, names: Names) -> dict[str, Any]:
    """Return the holders; addresses and failures are for whoever reads the ledger, the rest is for everybody."""
    minutes = load().anchor_target_minutes
    standing = anchor_standing.look(wiring.anchor_routes(seen.now), timedelta(minutes=minutes), seen.now)
    people = {person.email: person.name for person in names.people.values() if person.email}
    may_see = seen.has(Role.IT_LEAD, Role.ASSESSOR)
    return {
        "self_attested": standing.self_attested,
        "only_inside": not standing.self_attested and not standing.independent,
        "late": standing.late,
        "target": minutes,
        "may_try": seen.has(Role.IT_LEAD),
        "may_see": may_see,
        "holders": [_holder(one, people, may_see) for one in standing.routes],
    }


def _holder(one: RouteStanding, people: dict[str, str], may_see: bool) -> dict[str, Any]:
    known = one.known
    return {
        "id": known.id,
        "channel": _CHANNELS.get(known.channel, known.channel),
        "who": people.get(known.target, known.target if may_see else ""),
        "independent": one.grade is AnchorGrade.INDEPENDENT,
        "holds": one.holds,
        "state": f"anchor_{one.state.value}",
        "reach": _REACHES[one.reach.value],
        "taken_size": known.taken_size,
        "taken_at": known.taken_at,
        "backlog": one.backlog,
        "sentence": known.sentence if may_see else "",
        "next_try": known.next_try,
        "asked": known.asked_at is not None,
    }


@page(Role.IT_LEAD)
@require_POST
def try_now(request: HttpRequest, seen: Visitor, route_id: str) -> HttpResponse:
    """Send the newest checkpoint to this holder at once."""
    anchor_standing.ask_trial(seen.actor, CLOCK, wiring.anchor_routes(seen.now), route_id)
    messages.success(request, "The newest checkpoint goes out now. Look again in a moment how it went.")
    return redirect("evidence")
