"""Opening: a person opens a scheduled ticket once every hold point before it holds; reopening in the window."""

from quarterdeck.access import api as access
from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView
from quarterdeck.workflows.refusals import refusals_recorded


def open_ticket(actor: Actor, clock: Clock, number: str) -> TicketView:
    """Open the ticket; Refused names every hold point that stands against it."""
    with refusals_recorded(actor, clock, "ticket.open", number), act(actor, clock) as current:
        tickets.open_ticket(current, number)
    return tickets.ticket(number)


def reopen(actor: Actor, clock: Clock, number: str) -> TicketView:
    """Go back to work inside the window."""
    with refusals_recorded(actor, clock, "ticket.reopen", number), act(actor, clock) as current:
        access.not_revoked(actor.id, number).require()
        tickets.reopen(current, number)
    return tickets.ticket(number)
