"""More time for open work: asked for from anywhere, decided by who may; running sessions follow by themselves."""

from datetime import datetime, timedelta

from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, ExtensionView, TicketView, Verdict
from quarterdeck.workflows.refusals import refusals_recorded


def extend(
    actor: Actor, clock: Clock, number: str, *, reason: str, until: datetime | None = None, minutes: int = 0
) -> ExtensionView:
    """Ask for an end, or for minutes beyond the one that holds now; the answer says whether it is granted or waits."""
    with refusals_recorded(actor, clock, "ticket.extend", number):
        if (until is None) == (minutes <= 0):
            raise Refused(
                refuse(
                    "extension.unclear",
                    "It is not clear how much more time is meant.",
                    "Give either a new end or a number of minutes.",
                )
            )
        with act(actor, clock) as current:
            end = until or tickets.ticket(number).window.until + timedelta(minutes=minutes)
            asked = tickets.extend(current, number, until=end, reason=reason)
    return asked


def decide(
    actor: Actor, clock: Clock, number: str, extension: str, *, role: ApprovalRole, verdict: Verdict, reason: str
) -> TicketView:
    """Grant or refuse exactly the extension that was shown."""
    with refusals_recorded(actor, clock, "extension.decide", number), act(actor, clock) as current:
        tickets.decide_extension(current, number, extension, role=role, verdict=verdict, reason=reason)
    return tickets.ticket(number)
