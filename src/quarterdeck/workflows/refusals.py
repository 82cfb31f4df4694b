"""Refusals are evidence too: one place that records them, in an act of their own, and lets them go on to the person."""

from collections.abc import Iterator
from contextlib import contextmanager

from quarterdeck.evidence.api import record_refusal
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets


@contextmanager
def refusals_recorded(actor: Actor, clock: Clock, rule: str, ticket: str | None = None) -> Iterator[None]:
    """Record a Refused that passes through, folded per actor, rule and ticket, then raise it on."""
    try:
        yield
    except Refused as refusal:
        known = ticket if ticket is not None and tickets.exists(ticket) else None
        # A clock behind the ledger refuses every act, the record of the refusal included.
        if "clock.behind" not in refusal.decision.codes:
            record_refusal(actor, clock, refusal.decision, rule=rule, ticket=known)
        raise
