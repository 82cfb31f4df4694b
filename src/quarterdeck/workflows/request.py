"""Requesting work: draft, change, submit (which freezes the snapshot), withdraw, remark, quick log, standard work."""

from datetime import datetime

from quarterdeck.evidence.api import ArtifactRef, JsonValue, act, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Content, TicketView
from quarterdeck.workflows.refusals import refusals_recorded


def request(actor: Actor, clock: Clock, content: Content, *, emergency: bool = False) -> TicketView:
    """Create a draft and return it; Refused names whatever is unknown or badly formed."""
    with refusals_recorded(actor, clock, "ticket.request"), act(actor, clock) as current:
        number = tickets.request(current, content, emergency=emergency)
    return tickets.ticket(number)


def edit(actor: Actor, clock: Clock, number: str, content: Content, *, version: int) -> TicketView:
    """Change a ticket before it opens; a submitted one is frozen anew and its approvals are void."""
    with refusals_recorded(actor, clock, "ticket.edit", number):
        with act(actor, clock) as current:
            tickets.edit(current, number, content, version=version)
        if tickets.ticket(number).content_hash:
            freeze_again(actor, clock, number)
    return tickets.ticket(number)


def freeze_again(actor: Actor, clock: Clock, number: str) -> TicketView:
    """Freeze a submitted ticket as it and the registers are now; approvals of other content become void."""
    with refusals_recorded(actor, clock, "ticket.freeze", number):
        frozen = _frozen(number)
        with act(actor, clock) as current:
            tickets.refreeze(current, number, frozen)
    return tickets.ticket(number)


def submit(actor: Actor, clock: Clock, number: str) -> TicketView:
    """Freeze the ticket and submit it for approval."""
    with refusals_recorded(actor, clock, "ticket.submit", number):
        tickets.may_move("submit", tickets.ticket(number).state).require()
        frozen = _frozen(number)
        with act(actor, clock) as current:
            tickets.submit(current, number, frozen)
    return tickets.ticket(number)


def _frozen(number: str) -> ArtifactRef:
    document = tickets.current_snapshot(number)
    return store_artifact(
        tickets.snapshot_bytes(document),
        media_type="application/json",
        role="snapshot",
        name=f"{number}-snapshot.json",
        may_contain_cui=_handles_cui(document),
    )


def _handles_cui(document: dict[str, JsonValue]) -> bool:
    assets = document.get("assets")
    named = assets if isinstance(assets, list) else []
    return any(isinstance(asset, dict) and asset.get("handles_cui") is not False for asset in named)


def withdraw(actor: Actor, clock: Clock, number: str, reason: str) -> TicketView:
    """Withdraw a ticket that never opened."""
    with refusals_recorded(actor, clock, "ticket.withdraw", number), act(actor, clock) as current:
        tickets.withdraw(current, number, reason)
    return tickets.ticket(number)


def comment(actor: Actor, clock: Clock, number: str, text: str) -> None:
    """Add a remark to a live ticket."""
    with refusals_recorded(actor, clock, "ticket.comment", number), act(actor, clock) as current:
        tickets.comment(current, number, text)


def log_quick(actor: Actor, clock: Clock, content: Content, *, changed_configuration: bool) -> TicketView:
    """Write down a small on-site chore after it was done; Refused for nonlocal work and CUI configuration."""
    with refusals_recorded(actor, clock, "ticket.quick_log"), act(actor, clock) as current:
        number = tickets.log_quick(current, content, changed_configuration=changed_configuration)
    return tickets.ticket(number)


def request_standard(actor: Actor, clock: Clock, template_id: str, window_from: datetime) -> TicketView:
    """Create a scheduled ticket from a pre-approved template in one step, its snapshot kept with it."""
    with refusals_recorded(actor, clock, "ticket.standard"):
        with act(actor, clock) as current:
            number = tickets.request_standard(current, template_id, window_from)
        frozen = _frozen(number)
        with act(actor, clock) as current:
            tickets.keep_snapshot(current, number, frozen)
    return tickets.ticket(number)


def owners_of(view: TicketView) -> tuple[str, ...]:
    """Return the person ids of the owners of the ticket's assets, each once."""
    owners = (inventory.asset(named.asset_id).owner for named in view.assets)
    return tuple(dict.fromkeys(owner for owner in owners if owner))
