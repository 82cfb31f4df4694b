"""How monitoring of an asset stands: what pages, API and command line say of a plan beside its own words."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.access import api as access
from quarterdeck.access.api import PlanState, PlanView
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import DriftView, RunView
from quarterdeck.kernel.decision import Decision
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading


@dataclass(frozen=True, slots=True)
class WatchState:
    """A plan with its newest run, when the next is due, what holds it up, and whether its row is genuine.

    `due_at` is None and nothing is late unless the plan is in force; `changes` are what has moved under a live plan.
    """

    plan: PlanView
    genuine: Decision
    last_run: RunView | None
    due_at: datetime | None
    late: bool
    waits_for: str
    changes: tuple[dict[str, str], ...]


def watch_state(plan: PlanView, at: datetime) -> WatchState:
    """Return how a plan stands at `at`."""
    in_force = plan.state is PlanState.APPROVED
    newest = baselines.runs(plan.id, 1)
    program = baselines.program_at(plan.connection)
    live_changes = access.changes_since_plan_was_frozen(plan.id, program) if plan.is_live else []
    return WatchState(
        plan=plan,
        genuine=access.check_plan(plan.id),
        last_run=newest[0] if newest else None,
        due_at=baselines.monitoring_due_at(plan.id, plan.state_at, plan.cadence) if in_force else None,
        late=in_force and baselines.is_monitoring_late(plan.id, plan.state_at, plan.cadence, at),
        waits_for=access.working_ticket(plan.asset) if in_force else "",
        changes=tuple(live_changes),
    )


def may_read_findings(roles: Collection[Role]) -> Decision:
    """Decide whether somebody with these roles may read findings: they name paths, as baselines do."""
    return tickets.may_read(Reading.BASELINE, roles=roles, takes_part=False)


def open_findings(asset: str = "") -> list[DriftView]:
    """Return the findings that wait for an explanation, newest first."""
    return baselines.findings(asset, open_only=True)
