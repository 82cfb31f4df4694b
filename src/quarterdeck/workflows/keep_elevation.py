"""Keeping sudo rules on targets as tickets say: placed while a ticket is open, taken away when its work has ended.

The ticker compares what should be with what is and acts on the difference, so that an extension, a reopening or a
target that was away needs no rule of its own. What fails is recorded, told on the ticket and tried again.
"""

import json
from dataclasses import asdict
from datetime import datetime, timedelta

from quarterdeck.access import api as access
from quarterdeck.access.api import ElevationChannel, RuleFailed, RuleSeen, RuleState, SudoRuleView
from quarterdeck.evidence.api import ArtifactRef, act, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import Elevation
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, TicketAsset, TicketView


def keep_rules(actor: Actor, clock: Clock, channel: ElevationChannel) -> int:
    """Place what is wanted, take away what is over; return how many targets were asked."""
    wanted = [(view, place) for view in tickets.tickets(states=(State.OPEN,)) for place in _raised(view)]
    asked = sum(_place(actor, clock, view, place, channel) for view, place in wanted)
    live = {(view.number, place.asset_id) for view, place in wanted}
    over = [one for one in access.sudo_rules(maybe_there=True) if (one.ticket, one.asset) not in live]
    return asked + sum(_take_away(actor, clock, one, channel) for one in over)


def withdraw_rules(actor: Actor, clock: Clock, number: str, channel: ElevationChannel | None) -> list[str]:
    """Take away the rules of a ticket whose work has ended; return a sentence for each that could not be."""
    for rule in access.sudo_rules(number, maybe_there=True):
        if channel is not None:
            _withdraw(actor, clock, rule, channel)
    return [
        f"The sudo rule on {inventory.asset(one.asset).hostname} was not taken away: {one.said or 'nobody asked'}"
        for one in access.sudo_rules(number, maybe_there=True)
    ]


def _raised(view: TicketView) -> list[TicketAsset]:
    """The places of a ticket whose approved connection raises its account by sudo."""
    return [
        place
        for place in view.assets
        if place.connection_id and inventory.connection(place.connection_id).elevation is Elevation.SUDO
    ]


def _place(actor: Actor, clock: Clock, view: TicketView, place: TicketAsset, channel: ElevationChannel) -> bool:
    rule = next((one for one in access.sudo_rules(view.number) if one.asset == place.asset_id), None)
    now, until = clock.now(), view.window.until
    stands = rule is not None and rule.state is RuleState.PLACED and _same(rule.until, until)
    if stands or now >= until or (rule is not None and not access.is_due_again(rule, now)):
        return False
    where = {"asset_id": place.asset_id, "connection_id": place.connection_id}
    try:
        seen = channel.allow(ticket=view.number, **where)
    except RuleFailed as failed:
        _record(actor, clock, RuleState.FAILED, view.number, place.asset_id, place.connection_id, said=str(failed))
        return True
    _record(actor, clock, RuleState.PLACED, view.number, place.asset_id, place.connection_id, seen=seen)
    return True


def _same(placed: datetime | None, until: datetime) -> bool:
    """Sudo knows whole seconds."""
    return placed is not None and abs(placed - until) < timedelta(seconds=1)


def _take_away(actor: Actor, clock: Clock, rule: SudoRuleView, channel: ElevationChannel) -> bool:
    """Take a rule away in its turn; after the ticket's last state nobody may connect, and sudo's own end holds."""
    if not access.is_due_again(rule, clock.now()) or not tickets.may_measure(rule.ticket, rule.asset).allowed:
        return False
    _withdraw(actor, clock, rule, channel)
    return True


def _withdraw(actor: Actor, clock: Clock, rule: SudoRuleView, channel: ElevationChannel) -> None:
    try:
        seen = channel.withdraw(ticket=rule.ticket, asset_id=rule.asset, connection_id=rule.connection)
    except RuleFailed as failed:
        _record(actor, clock, RuleState.LEFT, rule.ticket, rule.asset, rule.connection, said=str(failed))
        return
    _record(actor, clock, RuleState.WITHDRAWN, rule.ticket, rule.asset, rule.connection, seen=seen)


def _record(
    actor: Actor,
    clock: Clock,
    state: RuleState,
    ticket: str,
    asset: str,
    connection: str,
    *,
    seen: RuleSeen | None = None,
    said: str = "",
) -> None:
    document = None if seen is None else _stored(state, ticket, asset, seen)
    with act(actor, clock) as current:
        access.record_rule(
            current,
            state,
            ticket=ticket,
            asset=asset,
            connection=connection,
            account=inventory.connection(connection).target_account,
            seen=seen,
            said=said[:1000],
            document=document,
        )


def _stored(state: RuleState, ticket: str, asset: str, seen: RuleSeen) -> ArtifactRef:
    told = asdict(seen) | {"until": rfc3339(seen.until)}
    return store_artifact(
        json.dumps(told, sort_keys=True, indent=1).encode(),
        media_type="application/json",
        role="sudo-rule",
        name=f"{ticket}-sudo-{state.value}-{asset}.json",
        may_contain_cui=inventory.asset(asset).handles_cui,
    )
