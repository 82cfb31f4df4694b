"""Opening things for a visitor: what the read matrix denies is answered like a page that is not there for them."""

from django.core.exceptions import PermissionDenied
from django.http import Http404

from quarterdeck.entrypoints.web.people_in import CLOCK, Visitor
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.ids import is_ticket_number
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading, TicketView
from quarterdeck.workflows import record_view as looking


def ticket_for(seen: Visitor, number: str, what: Reading = Reading.TICKET) -> TicketView:
    """Return the ticket when the visitor may read this part of it; Http404 or PermissionDenied otherwise."""
    if not is_ticket_number(number):
        raise Http404
    try:
        found = tickets.ticket(number)
    except Refused as refused:
        if all(code.endswith(".unknown") for code in refused.decision.codes):
            raise Http404 from refused
        raise
    if not tickets.reading_of(number, seen.person.id, seen.now, what).allowed:
        raise PermissionDenied
    return found


def reads(seen: Visitor, number: str, what: Reading) -> bool:
    """True when the visitor may read this part of the ticket."""
    return tickets.reading_of(number, seen.person.id, seen.now, what).allowed


def record_view(seen: Visitor, kind: str, object_id: str, ticket: str) -> None:
    """Record that this person looked at a piece of evidence."""
    looking.record_view(seen.actor, CLOCK, evidence.ObjectRef(kind, object_id), of=ticket)
