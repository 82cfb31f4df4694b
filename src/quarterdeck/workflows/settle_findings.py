"""Settling what monitoring found: one person's reason, or the ticket that explains it."""

from collections.abc import Iterable

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, DriftView
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import all_of
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded


def settle_finding(
    finding: int,
    items: Iterable[int],
    *,
    how: Disposition,
    reason: str,
    actor: Actor,
    clock: Clock,
    ticket: str = "",
) -> DriftView:
    """Explain differences of a finding, mark them put back, or keep them; returns the finding as it is then.

    The reason becomes an artifact, the entry carries only its hash. A refusal is recorded and raised as Refused.
    """
    with refusals_recorded(actor, clock, "settle_finding"):
        all_of((baselines.check_reason(reason), tickets.readable(reason))).require()
        seen = baselines.finding(finding)
        document = evidence.store_artifact(
            reason.strip().encode(),
            media_type="text/plain",
            role="reason",
            name="finding-reason.txt",
            may_contain_cui=inventory.asset(seen.asset).handles_cui,
        )
        with evidence.act(actor, clock) as act:
            baselines.settle_finding(act, finding, items, how=how, reason=reason, document=document, ticket=ticket)
    return baselines.finding(finding)
