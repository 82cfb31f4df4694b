"""Looking at a target once its sessions have ended: was a process left behind? One look for each quiet asset.

While the ticket is open this runs by itself a minute after the last session; the checks after the work look again.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from quarterdeck.baselines.api import MeasureChannel
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import SessionKind, SessionView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, TicketView
from quarterdeck.workflows.run_checks import check_leftovers

QUIET = timedelta(minutes=1)


def look_after_next(actor: Actor, clock: Clock, channel: Callable[[], MeasureChannel]) -> bool:
    """Look at one asset whose sessions have ended and that nobody has looked at since; return whether there was one.

    A target that does not answer is recorded as *unknown* and asked again only after another session.
    """
    for ticket in tickets.tickets(states=[State.OPEN]):
        if not tickets.is_sealed(ticket.number).allowed:
            continue
        for named in ticket.assets:
            if named.connection_id and _is_due(ticket, named.asset_id, clock):
                check_leftovers(
                    actor,
                    clock,
                    ticket=ticket.number,
                    asset_id=named.asset_id,
                    connection_id=named.connection_id,
                    channel=channel(),
                )
                return True
    return False


def _is_due(ticket: TicketView, asset_id: str, clock: Clock) -> bool:
    found = [one for one in sessions.sessions(ticket.number) if one.asset == asset_id and one.kind is SessionKind.GATE]
    ends = [_gone_at(one) for one in found]
    if not found or any(end is None for end in ends):
        return False
    last = max(end for end in ends if end is not None)
    if clock.now() - last < QUIET:
        return False
    looks = evidence.entries(ticket=ticket.number, events=[sessions.LOOKED, sessions.AFTER_WORK])
    return not any(look.object.id == asset_id and look.at >= last for look in looks)


def _gone_at(one: SessionView) -> datetime | None:
    return one.network_terminated_at or (one.ended_at if one.explained else None)
