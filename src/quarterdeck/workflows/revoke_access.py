"""Revoking: grants, sessions and tickets in one act, those concerned told; seen beforehand, lifted afterwards.

Running sessions end because their grant is gone: the gate reads the ledger four times a second (3.1.12[c]).
"""

from dataclasses import dataclass

from quarterdeck.access import api as access
from quarterdeck.access.api import GrantView, Scope
from quarterdeck.evidence.api import Act, act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import SessionView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State
from quarterdeck.workflows.close_ticket import VERIFY
from quarterdeck.workflows.refusals import refusals_recorded


@dataclass(frozen=True, slots=True)
class Reach:
    """What a revocation takes away: the grants, the sessions that run under them, the tickets that it touches."""

    scope: Scope
    target: str
    grants: tuple[GrantView, ...]
    sessions: tuple[SessionView, ...]
    ends_work: tuple[str, ...]

    @property
    def tickets(self) -> tuple[str, ...]:
        """Numbers of the tickets under which something ends."""
        return tuple(sorted({one.ticket for one in self.grants} | set(self.ends_work)))


def preview(scope: Scope, target: str) -> Reach:
    """Return what a revocation would end now; nothing is changed. Refused(*.unknown)."""
    found = tuple(access.reached(scope, target))
    ids = {one.id for one in found}
    live = tuple(one for one in sessions.running() if one.grant in ids)
    return Reach(scope, target, found, live, _ends(scope, target))


def revoke(actor: Actor, clock: Clock, scope: Scope, target: str, reason: str) -> Reach:
    """Revoke at once and return what was taken away; the work of a revoked ticket is over, other tickets stay."""
    ticket = target if scope is Scope.TICKET else None
    with refusals_recorded(actor, clock, "access.revoke", ticket):
        # First who asks: what there is to revoke is no answer for everybody.
        access.may_revoke(actor, scope, clock.now()).require()
        with act(actor, clock) as current:
            # Asked under the ticket's lock and held to the commit: one that opens or ends meanwhile is met as it is.
            ends = (ticket,) if ticket is not None and tickets.is_at_work(current, ticket) else ()
            live = preview(scope, target).sessions
            gone = access.order(current, scope, target, reason)
            for number in ends:
                tickets.stop_work(current, number)
                access.revoke_for(current, ticket=number, reason="revoked.ticket")
            _tell(current, gone)
    for number in ends:
        tickets.ask_capture(number, VERIFY, actor=actor, clock=clock)
    return Reach(scope, target, tuple(gone), live, ends)


def lift(actor: Actor, clock: Clock, scope: Scope, target: str, reason: str) -> None:
    """Let access be taken again; what was revoked stays revoked."""
    ticket = target if scope is Scope.TICKET else None
    with refusals_recorded(actor, clock, "access.lift", ticket), act(actor, clock) as current:
        access.lift(current, scope, target, reason)


def _ends(scope: Scope, target: str) -> tuple[str, ...]:
    if scope is not Scope.TICKET:
        return ()
    try:
        return (target,) if tickets.ticket(target).state is State.OPEN else ()
    except Refused:
        return ()


def _tell(current: Act, gone: list[GrantView]) -> None:
    for number in dict.fromkeys(one.ticket for one in gone):
        seen = tickets.ticket(number)
        people = [one.person for one in gone if one.ticket == number]
        tickets.tell_people(
            current,
            number,
            [who for who in (*people, seen.requester, seen.escort) if who and who != current.actor.id],
            "access was revoked",
            "Access under this ticket was revoked and running sessions have ended. Ask the IT lead.\n",
        )
