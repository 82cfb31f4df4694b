"""Keeping monitoring plans: proposed, decided, ended by people; expired and voided when time or a register moves on."""

from datetime import datetime

from quarterdeck.access import api as access
from quarterdeck.access.api import PlanFields, PlanState, PlanView
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence.api import act, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Verdict
from quarterdeck.workflows.refusals import refusals_recorded

LIVE = (PlanState.PROPOSED, PlanState.APPROVED)


def propose(
    actor: Actor,
    clock: Clock,
    *,
    asset: str,
    connection: str,
    cadence_hours: int,
    valid_until: datetime,
    reason: str,
) -> PlanView:
    """Propose monitoring of an asset with the installed collector; what it means now is frozen and stored."""
    with refusals_recorded(actor, clock, "monitoring_plan.propose"):
        tickets.has_role(actor, [Role.IT_LEAD], clock.now()).require()
        tickets.require_reason(reason)
        said = PlanFields(asset, connection, baselines.program_at(connection), cadence_hours, valid_until, reason)
        frozen = store_artifact(
            tickets.snapshot_bytes(access.plan_content(said, actor.id)),
            media_type="application/json",
            role="snapshot",
            name=f"monitoring-plan-{asset}.json",
            may_contain_cui=inventory.asset(asset).handles_cui,
        )
        with act(actor, clock) as current:
            made = access.propose_plan(current, said, snapshot=frozen)
    return access.plan(made)


def decide(
    actor: Actor,
    clock: Clock,
    plan: str,
    *,
    role: ApprovalRole,
    verdict: Verdict,
    content_hash: str,
    reason: str,
) -> PlanView:
    """Approve or refuse exactly the plan whose hash was shown; the second person's approval puts it in force."""
    with refusals_recorded(actor, clock, "monitoring_plan.decide"), act(actor, clock) as current:
        access.decide_plan(current, plan, role=role, verdict=verdict, content_hash=content_hash, reason=reason)
    return access.plan(plan)


def end(actor: Actor, clock: Clock, plan: str, *, reason: str) -> PlanView:
    """End a plan at once, with its grants."""
    with refusals_recorded(actor, clock, "monitoring_plan.end"), act(actor, clock) as current:
        access.end_plan(current, plan, reason)
    return access.plan(plan)


def look_after_plans(actor: Actor, clock: Clock) -> int:
    """Expire plans whose time is over and void those whose frozen content moved; return how many that were.

    What went wrong with one, and one that is gone from the database, is raised after the others were looked at.
    """
    moved, refusals = 0, []
    for plan in access.plans(states=LIVE):
        try:
            moved += _look_after(actor, clock, plan)
        except Refused as refusal:
            refusals.append(refusal)
    if refusals:
        raise refusals[0]
    access.plans_are_whole().require()
    return moved


def _look_after(actor: Actor, clock: Clock, plan: PlanView) -> int:
    if clock.now() >= plan.valid_until:
        with act(actor, clock) as current:
            access.expire_plan(current, plan.id)
        return 1
    differences = access.changes_since_plan_was_frozen(plan.id, baselines.program_at(plan.connection))
    if not differences:
        return 0
    with act(actor, clock) as current:
        access.void_plan(current, plan.id, differences)
    return 1
