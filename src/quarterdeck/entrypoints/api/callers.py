"""Who calls: the person behind the token, with the scope that the call takes."""

from django.http import HttpRequest

from quarterdeck import wiring
from quarterdeck.entrypoints.api.authentication import caller_of
from quarterdeck.kernel.actors import Actor
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading


def actor_of(request: HttpRequest, scope: str = "read") -> Actor:
    """Return the person behind the request; Refused(token.scope) when the token does not reach that far."""
    return caller_of(request, scope)


def may_read_ticket(actor: Actor, number: str, what: Reading = Reading.TICKET) -> None:
    """Raise Refused(reading.denied) unless the person may read this part of the ticket; deny by default."""
    tickets.reading_of(number, actor.id, wiring.clock().now(), what).require()
