"""Keeping the sealed accounts: registered, changed after use and in time, retired; the secret never comes here."""

from datetime import datetime

from quarterdeck.activity import api as activity
from quarterdeck.activity.api import BreakGlassView
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence.api import act, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import all_of
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded


def seal(
    actor: Actor, clock: Clock, *, asset: str, account: str, place: str, due_at: datetime, sealed_by: str = ""
) -> BreakGlassView:
    """Register the sealed account of an asset; Refused, which is recorded too."""
    with refusals_recorded(actor, clock, "break_glass.seal"), act(actor, clock) as current:
        return activity.seal(current, asset=asset, account=account, place=place, due_at=due_at, sealed_by=sealed_by)


def rotate(
    actor: Actor, clock: Clock, seal_id: str, *, place: str, due_at: datetime, how: str, sealed_by: str = ""
) -> BreakGlassView:
    """Record that the credential was changed and sealed anew; `how` says how and who saw it, kept as attached."""
    with refusals_recorded(actor, clock, "break_glass.rotate"):
        all_of((baselines.check_reason(how), tickets.readable(how))).require()
        asset = inventory.asset(activity.break_glass(seal_id).asset)
        document = store_artifact(
            how.strip().encode(),
            media_type="text/plain",
            role="rotation",
            name=f"rotation-{seal_id}.txt",
            may_contain_cui=asset.handles_cui,
        )
        with act(actor, clock) as current:
            return activity.rotate(current, seal_id, place=place, due_at=due_at, document=document, sealed_by=sealed_by)


def retire(actor: Actor, clock: Clock, seal_id: str) -> BreakGlassView:
    """Retire a sealed account; Refused while a used credential was not changed."""
    with refusals_recorded(actor, clock, "break_glass.retire"), act(actor, clock) as current:
        return activity.retire(current, seal_id)
