"""The ticket of a sealed account that was used while Quarterdeck was down (design section 4, break glass).

Nobody asked before that work, so the ticket begins behind it: verifying, an emergency, to be written down and ratified.
"""

from datetime import timedelta

from quarterdeck.evidence.api import Act, Grade, JsonValue, Outcome, entries
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.moving import record
from quarterdeck.tickets.requesting import new_row
from quarterdeck.tickets.rows import find
from quarterdeck.tickets.rules import ratification_due
from quarterdeck.tickets.snapshot import content_hash, snapshot
from quarterdeck.tickets.standing import require_process
from quarterdeck.tickets.terms import (
    Action,
    Content,
    MaintenanceType,
    Method,
    Risk,
    State,
    TicketAsset,
    TicketUse,
    WorkClass,
)

REQUESTED = "ticket.requested"
ROTATED = "credentials.rotated"
_INSTANT = timedelta(minutes=1)


def request_for_use(act: Act, use: TicketUse) -> str:
    """Make the ticket of a sealed account's use, verifying from its first entry on, and return its number.

    Only a process of ours does: who opened the envelope says afterwards what was done. The credential counts as
    unchanged, which keeps the ticket from closing, until `note_rotation`.
    """
    require_process(act)
    asset = inventory.asset(use.asset)
    content = Content(
        title=f"Break glass on {asset.hostname}: {use.account} was used",
        maintenance_type=MaintenanceType.CORRECTIVE,
        action=Action.REPAIR,
        method=Method.ON_SITE if use.at_console else Method.EXTERNAL,
        plan=f"The target's own log shows a login by the sealed account {use.account}. Who opened the envelope writes "
        "the session down on this ticket: who, why, what was done, what changed.",
        impact="Nothing was stated before the work: Quarterdeck was not asked.",
        rollback="None was planned. Compare the watched files with their last baseline.",
        window=Window(use.at, max(act.at, use.at + _INSTANT)),
        assets=(TicketAsset(use.asset, ""),),
        risk=Risk.HIGH,
    )
    row = new_row(act, content, WorkClass.TICKET, emergency=True, requester=use.requester)
    row.state, row.opened_at, row.ratify_until = State.VERIFYING.value, use.at, ratification_due(act.at)
    row.content_hash = content_hash(snapshot(row))
    row.save()
    data: dict[str, JsonValue] = {"class": WorkClass.TICKET.value, "emergency": True}
    data |= {"break_glass": use.seal, "asset": use.asset}
    entry = record(act, row, REQUESTED, data=data)
    _say_rotation(act, entry, row.number, Outcome.FAILED, Grade.CAPTURED)
    return row.number


def is_of_break_glass(number: str) -> bool:
    """True for a ticket that was made because a sealed account was used."""
    first = next(iter(entries(ticket=number, events=(REQUESTED,))), None)
    return first is not None and bool(first.data.get("break_glass"))


def note_rotation(act: Act, number: str, entry: str) -> None:
    """Say of such a ticket, by the entry that tells of it, that the credential was changed."""
    if State(find(number).state) is State.VERIFYING:
        _say_rotation(act, entry, number, Outcome.PASSED, Grade.ATTACHED)


def _say_rotation(act: Act, entry: str, number: str, outcome: Outcome, grade: Grade) -> None:
    act.fact(ROTATED, entry=entry, outcome=outcome, grade=grade, ticket=number)
