"""Supervising a running session: watch it, order something of it, be present as its escort; what the gate asks of it.

Serves 3.7.6[a] (supervision of people without access authorisation) and 3.1.12[b] (monitoring of remote sessions).
"""

from datetime import datetime

from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import OrderKind, SessionView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows.refusals import refusals_recorded


def begin_watch(actor: Actor, clock: Clock, session_id: str) -> str:
    """Let this person watch a running session and return the lease's id; Refused for who may not read recordings."""
    seen = sessions.session(session_id)
    with refusals_recorded(actor, clock, "session.watch", seen.ticket):
        tickets.reading_of(seen.ticket, actor.id, clock.now(), Reading.RECORDING).require()
        with act(actor, clock) as current:
            return sessions.watch(current, session_id)


def may_go_on(person: str, seen: SessionView, now: datetime) -> bool:
    """True while somebody who watches may still read the recording."""
    return personnel.is_standing(person) and tickets.reading_of(seen.ticket, person, now, Reading.RECORDING).allowed


def order(actor: Actor, clock: Clock, session_id: str, kind: OrderKind, text: str = "") -> str:
    """Order something of a running session: recorded first, then read by the gate; returns the order's id."""
    seen = sessions.session(session_id)
    with refusals_recorded(actor, clock, f"session.{kind.value}", seen.ticket), act(actor, clock) as current:
        return sessions.order(current, session_id, kind, text)


def be_present(actor: Actor, clock: Clock, session_id: str, watch_id: str) -> None:
    """Keep the escort's presence up; its beginning, also after it had lapsed, is an entry."""
    if sessions.stay(watch_id, actor.id, clock.now()):
        return
    seen = sessions.session(session_id)
    with refusals_recorded(actor, clock, "escort.arrive", seen.ticket), act(actor, clock) as current:
        sessions.arrive(current, watch_id)


def escort_demanded(seen: SessionView) -> str:
    """Return the name of the escort without whom this person may not work on this asset, empty for none (3.7.6[a])."""
    escort = tickets.ticket(seen.ticket).escort
    if not escort or not tickets.needs_escort(seen.person, seen.asset, seen.began_at):
        return ""
    return personnel.person(escort).name


def note_lapse(actor: Actor, clock: Clock, session_id: str) -> None:
    """Record that the escort's presence is over, when it is."""
    with act(actor, clock) as current:
        sessions.lapse(current, session_id)
