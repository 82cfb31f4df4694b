"""Naming the ticket under which work or rollback was tried in staging."""

from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded


def record(actor: Actor, clock: Clock, number: str, *, staging: str) -> tuple[str, ...]:
    """Record it and return the kinds of fact that it brought."""
    with refusals_recorded(actor, clock, "staging.record", number), act(actor, clock) as current:
        return tickets.record_staging(current, number, staging)
