"""The one place that changes a ticket's state: row and entry together, the row's digest in the entry."""

from collections.abc import Mapping, Sequence

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, JsonValue
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.tickets.models import MaintenanceTicket
from quarterdeck.tickets.rows import find
from quarterdeck.tickets.rules import after
from quarterdeck.tickets.sealing import CLOSING_EVENTS, check_ticket, ticket_digest
from quarterdeck.tickets.terms import State

EVENT_OF_ACT = {
    "edit": "ticket.edited",
    "submit": "ticket.submitted",
    "approve": "ticket.approved",
    "refuse": "ticket.rejected",
    "schedule": "ticket.scheduled",
    "withdraw": "ticket.withdrawn",
    "expire": "ticket.expired",
    "open": "ticket.opened",
    "end_work": "ticket.work_ended",
    "reopen": "ticket.reopened",
    "close": "ticket.closed",
    "roll_back": "ticket.rolled_back",
}


def locked(act: Act, number: str) -> MaintenanceTicket:
    """Return the ticket's row, locked, checked against its sealed entry; Refused(ticket.unknown, ticket.unsealed)."""
    row = find(number, lock=True)
    check_ticket(row).require()
    return row


def move(
    act: Act,
    row: MaintenanceTicket,
    verb: str,
    *,
    data: Mapping[str, JsonValue] | None = None,
    artifacts: Sequence[ArtifactRef] = (),
) -> str:
    """Lead the ticket on by `verb`, save the row, record the entry and return its event id; Refused(state.wrong)."""
    before = State(row.state)
    row.state = after(verb, before).value
    row.state_at = act.at
    if verb == "open":
        row.opened_at = row.opened_at or act.at
    if row.state in {State.CLOSED, State.ROLLED_BACK}:
        row.closed_at = act.at
    row.save()
    return record(act, row, EVENT_OF_ACT[verb], data={"from": before.value, **dict(data or {})}, artifacts=artifacts)


def record(
    act: Act,
    row: MaintenanceTicket,
    event: str,
    *,
    data: Mapping[str, JsonValue] | None = None,
    artifacts: Sequence[ArtifactRef] = (),
) -> str:
    """Record an entry about the ticket that carries its state, content hash, window and row digest."""
    told: dict[str, JsonValue] = {
        "to": row.state,
        "version": row.version,
        "content": row.content_hash,
        "window_from": rfc3339(row.window_from),
        "window_until": rfc3339(row.window_until),
        "row": ticket_digest(row),
        **({} if row.extended_until is None else {"extended_until": rfc3339(row.extended_until)}),
        **dict(data or {}),
    }
    return act.record(
        event,
        evidence.ObjectRef("ticket", row.number),
        ticket=row.number,
        data=told,
        artifacts=artifacts,
        closes_ticket=event in CLOSING_EVENTS,
    )
