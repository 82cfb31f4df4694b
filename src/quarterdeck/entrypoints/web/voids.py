"""Approvals that no longer count since what their ticket names has changed, and who freezes it anew."""

from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.next_act import MOVING, Scene
from quarterdeck.entrypoints.web.people_in import Visitor
from quarterdeck.entrypoints.web.tickets import ticket_url
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalView, State, TicketView, Verdict

BEFORE_OPENING = (State.SUBMITTED, State.APPROVED, State.SCHEDULED)


def has_moved(ticket: TicketView) -> bool:
    """True when the ticket waits for its opening and can't be opened before it is frozen anew."""
    return ticket.state in BEFORE_OPENING and tickets.has_moved(ticket.number)


def may_freeze(ticket: TicketView, seen: Visitor, names: Names) -> bool:
    """True for its requester, its technicians and the IT lead, as the act itself decides."""
    return seen.has(*MOVING) and Scene(ticket, seen, names, (), busy=False).works


def risks(seen: Visitor, live: list[TicketView]) -> list[dict[str, str]]:
    """Return the tickets whose approval by this person no longer counts, with what comes next."""
    return [
        {
            "what": f"Your approval of {ticket.number} no longer counts",
            "why": "What it names has changed since, or the policy. Once it is frozen anew you are asked again.",
            "url": ticket_url(ticket),
        }
        for ticket in live
        if any(one.person == seen.person.id and _stands(one) for one in ticket.approvals) and has_moved(ticket)
    ]


def _stands(one: ApprovalView) -> bool:
    return one.void_at is None and one.verdict is Verdict.APPROVED
