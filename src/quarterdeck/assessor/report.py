"""The human report: one self-contained HTML page without any request to the outside."""

from collections.abc import Mapping
from datetime import datetime

from django.template.loader import render_to_string

from quarterdeck.assessor.slices import Slice
from quarterdeck.assessor.terms import OrderView
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets


def render_report(
    order: OrderView, cut: Slice, withheld: Mapping[str, str], at: datetime, player: Mapping[str, bytes]
) -> bytes:
    """Return the page; everything a person wrote is escaped by the template engine."""
    names = {person.id: person.name for person in personnel.people()}
    pages = [
        {
            "ticket": view,
            "requester": names.get(view.requester, view.requester),
            "approvals": [{"approval": a, "name": names.get(a.person, a.person)} for a in view.approvals],
            "hold_points": tickets.hold_points(view.number, at),
            "meter": tickets.evidence_meter(view.number, at),
            "timeline": [
                {"entry": e, "name": names.get(e.actor_id, e.actor_id)} for e in cut.entries if e.ticket == view.number
            ],
        }
        for view in cut.tickets
    ]
    context = {"order": order, "pages": pages, "withheld": sorted(withheld.items()), "at": at}
    return render_to_string("assessor/report.html", context).encode()
