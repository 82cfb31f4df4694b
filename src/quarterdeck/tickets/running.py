"""Runs under a ticket: may one be ordered, does the ticket name its runbook, and opening for one that was queued.

A queued run opens its ticket at its time without the person: what is believed is the sealed entry of the order, which
the person gave with a second factor and which names ticket, runbook and window (3.7.5[a], 3.7.2[c]).
"""

from datetime import datetime, timedelta

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act
from quarterdeck.kernel.clock import parse_rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.tickets.moving import locked
from quarterdeck.tickets.pictures import sealed_view, workers
from quarterdeck.tickets.rows import find
from quarterdeck.tickets.sealing import check_ticket
from quarterdeck.tickets.standing import require_role
from quarterdeck.tickets.terms import State, TicketView
from quarterdeck.tickets.working import WORKING_ROLES, content_is_unchanged, is_standing_for, may_admit, opened
from quarterdeck.tools import api as tools

RUN_ORDERED = "run.ordered"
QUEUED = "queued"
LONGEST_QUEUE = timedelta(days=14)
_ORDERABLE = frozenset({State.SCHEDULED, State.OPEN})


def names_mechanism(number: str, sha256: str, at: datetime) -> Decision:
    """Decide whether the ticket names a mechanism that is exactly this file and may be used now (3.7.2[c])."""
    try:
        ticket = sealed_view(find(number))
        found = [one for one in map(tools.item, ticket.content.items) if one.sha256 == sha256]
    except Refused as refusal:
        return refusal.decision
    if not found:
        return refuse(
            "run.not_named",
            f"{number} does not name this runbook: what was approved is another one, or none.",
            "Name the runbook among the ticket's mechanisms and have the ticket approved with it.",
        )
    return all_of(tools.usable(one.id, at, sha256=sha256) for one in found)


def may_order_run(number: str, person_id: str, asset_id: str, sha256: str, at: datetime) -> Decision:
    """Decide whether this person may order a run of this runbook on this asset: now, or later in the window.

    An open ticket answers as for any access. A scheduled one must be whole and unchanged and name person and asset; it
    is asked again when it opens and at every use.
    """
    names = names_mechanism(number, sha256, at)
    row = find(number)
    if row.state == State.OPEN.value:
        return all_of((may_admit(number, person_id, asset_id, at), names))
    try:
        ticket = sealed_view(row)
    except Refused as refusal:
        return refusal.decision
    fits = all_of((check_ticket(row), _may_wait(ticket, person_id, asset_id, at), content_is_unchanged(row), names))
    return all_of((fits, is_standing_for(ticket, person_id, asset_id, at))) if fits.allowed else fits


def _may_wait(ticket: TicketView, person_id: str, asset_id: str, at: datetime) -> Decision:
    number = ticket.number
    return all_of(
        (
            require_that(
                ticket.state in _ORDERABLE and ticket.finding == "",
                "run.not_scheduled",
                f"{number} is {ticket.state.replace('_', ' ')}: a run is queued for a scheduled ticket.",
                "Have the ticket approved and scheduled first.",
            ),
            require_that(
                at < ticket.window.until,
                "window.after",
                f"The window of {number} is over.",
                "Request a new ticket.",
            ),
            require_that(
                person_id in workers(ticket),
                "ticket.not_yours",
                f"{number} does not name you to do its work.",
                "Ask its requester.",
            ),
            require_that(
                asset_id in {named.asset_id for named in ticket.assets},
                "scope.other_asset",
                f"{number} is not about this asset.",
                "Choose among the ticket's assets.",
            ),
        )
    )


def open_for_run(act: Act, number: str, run: str) -> None:
    """Open the ticket for a run that its technician queued; Refused names every hold point that stands against it."""
    require_role(act, WORKING_ROLES)
    _is_ordered(act, number, run).require()
    opened(act, locked(act, number))


def _is_ordered(act: Act, number: str, run: str) -> Decision:
    """Read the order from the ledger, not from a row: who gave it, with which factor, for which ticket and time."""
    told = evidence.last_entry((RUN_ORDERED,), object=evidence.ObjectRef("run", run))
    if told is None or act.actor.auth != QUEUED or not act.actor.is_person:
        return refuse("run.no_order", "Nobody ordered this run.", "Order it from the ticket.")
    data = told.data
    return all_of(
        (
            require_that(
                told.actor_id == act.actor.id and told.ticket == number and data.get("unattended") is True,
                "run.other_order",
                "The order is another person's, another ticket's, or not for running unattended.",
                "Order the run from the ticket.",
            ),
            require_that(
                _moment(data.get("not_before")) <= act.at < _moment(data.get("until")),
                "run.not_now",
                "The order is for another time.",
                "Order the run for the ticket's window.",
            ),
        )
    )


def _moment(value: object) -> datetime:
    return parse_rfc3339(str(value))
