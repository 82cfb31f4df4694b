"""Running monitoring plans: measure what is due, compare with the asset's last baseline, record what is unexplained.

What does not come about is recorded as not known, with the sentence why, and tried again after a growing wait.
"""

from collections.abc import Callable
from functools import partial

from quarterdeck.access import api as access
from quarterdeck.access.api import PlanState, PlanView
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import MonitorChannel, Monitored, RunView
from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused
from quarterdeck.workflows.measure_place import CANNOT_MEASURE, measure_place, store_comparison
from quarterdeck.workflows.read_target_logs import read_for_plan
from quarterdeck.workflows.scan_files import known_from


def run_next_plan(
    actor: Actor, clock: Clock, channel: Callable[[], MonitorChannel], authority: Callable[[], str] | None = None
) -> bool:
    """Measure under the plan that has been due longest, if any; return whether there was one.

    With the target `authority`, by which logins are told apart, the asset's login log is read as well.

    While a ticket of the asset is open or verified its plan waits, and does not run before it is allowed again.
    """
    now = clock.now()
    due = sorted(
        (baselines.monitoring_due_at(plan.id, plan.state_at, plan.cadence), plan.id, plan)
        for plan in access.plans(states=(PlanState.APPROVED,))
    )
    for due_at, _, plan in due:
        if due_at <= now and _may_run(plan, clock).allowed:
            run_plan(actor, clock, plan, channel())
            if authority is not None and _may_run(plan, clock).allowed:
                read_for_plan(actor, clock, plan, channel(), authority)
            return True
    return False


def run_plan(actor: Actor, clock: Clock, plan: PlanView, channel: MonitorChannel) -> RunView | None:
    """Measure under a plan and record what came of it; None when the plan stopped allowing it meanwhile."""
    started = clock.now()
    try:
        monitored = _measured(clock, plan, channel)
        documents = [store_comparison(one) for one in monitored.comparisons]
        with act(actor, clock) as current:
            # A ticket that opened meanwhile has changed the asset, a plan that ended allows nothing: nobody keeps this.
            _may_run(plan, clock).require()
            return baselines.record_monitored(current, monitored, documents)
    except (*CANNOT_MEASURE, Refused, OSError) as error:
        if not _may_run(plan, clock).allowed:
            return None
        sentence = str(error)
    with act(actor, clock) as current:
        return baselines.record_monitor_failure(
            current, plan=plan.id, asset=plan.asset, started_at=started, sentence=sentence
        )


def _measured(clock: Clock, plan: PlanView, channel: MonitorChannel) -> Monitored:
    before = baselines.reference(plan.asset, plan.connection)
    measured = measure_place(
        partial(channel.run, plan=plan.id),
        asset_id=plan.asset,
        connection_id=plan.connection,
        label=plan.id,
        since=before.started_at if before else None,
        clock=clock,
        known=known_from(before, clock.now()),
    )
    return baselines.compare_monitored(plan=plan.id, asset=plan.asset, connection=plan.connection, measured=measured)


def _may_run(plan: PlanView, clock: Clock) -> Decision:
    return access.may_monitor(
        plan.id,
        asset=plan.asset,
        connection=plan.connection,
        collector_sha256=baselines.program_at(plan.connection),
        at=clock.now(),
    )
