"""Settle differences of a ticket with one person's reason, one or many at a time."""

from collections.abc import Iterable

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, DriftView
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused


def disposition_drift(
    items: Iterable[int], *, how: Disposition, reason: str, actor: Actor, clock: Clock
) -> list[DriftView]:
    """Explain, mark as put back, or keep as a finding; returns the ticket's comparisons as they are then.

    The reason becomes an artifact, the entry carries only its hash. A refusal is recorded and raised as Refused.
    """
    wanted = sorted(set(items))
    baselines.check_reason(reason).require()
    first = baselines.drift_item(wanted[0]) if wanted else None
    document = evidence.store_artifact(
        reason.strip().encode(),
        media_type="text/plain",
        role="reason",
        name="drift-reason.txt",
        may_contain_cui=inventory.asset(first.asset).handles_cui if first else True,
    )
    try:
        with evidence.act(actor, clock) as act:
            baselines.dispose(act, wanted, how=how, reason=reason, document=document)
    except Refused as refused:
        evidence.record_refusal(
            actor, clock, refused.decision, rule="disposition_drift", ticket=first.ticket if first else None
        )
        raise
    return baselines.drift(first.ticket) if first else []


def open_items(ticket: str) -> list[int]:
    """Return the numbers of all differences of a ticket that still wait for an explanation: for a bulk choice."""
    return [item.id for view in baselines.drift(ticket) for item in view.open_items]
