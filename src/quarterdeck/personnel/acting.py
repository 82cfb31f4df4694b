"""The frame of every act of this app: a standing person, a permitted role, a fresh second factor; refusals recorded."""

from collections.abc import Iterator
from contextlib import contextmanager

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel.reading import is_standing, roles_of
from quarterdeck.personnel.rules import PersonnelAct, may_act


def require_may(act: Act, doing: PersonnelAct, *, concerns: str = "") -> None:
    """Raise Refused unless the act's actor may do this; `concerns` is the person whose record it touches."""
    actor = act.actor
    may_act(doing, actor, roles_of(actor.id, act.at), own=actor.id == concerns, at=act.at).require()
    if not is_standing(actor.id):
        refuse(
            "actor.unknown", "You are not an active person of this Quarterdeck.", "Ask the IT lead to look at People."
        ).require()


@contextmanager
def recorded_refusals(actor: Actor, clock: Clock, rule: str) -> Iterator[None]:
    """Let a refusal pass on and record it in an act of its own, after the refused act is undone."""
    try:
        yield
    except Refused as refused:
        # A clock behind the ledger refuses every act, the record of the refusal included.
        if "clock.behind" not in refused.decision.codes:
            evidence.record_refusal(actor, clock, refused.decision, rule=f"personnel.{rule}")
        raise


@contextmanager
def personnel_act(doing: PersonnelAct, actor: Actor, clock: Clock, *, concerns: str = "") -> Iterator[Act]:
    """Open an act for something that a person does here; Refused with the reasons of `may_act`."""
    with recorded_refusals(actor, clock, doing.value), evidence.act(actor, clock) as act:
        require_may(act, doing, concerns=concerns)
        yield act
