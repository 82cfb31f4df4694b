"""How a rollback stands, read for pages and programs: what does each step now, and whether the assets came back."""

from dataclasses import dataclass
from enum import StrEnum

from quarterdeck.baselines import api as baselines
from quarterdeck.runs import api as runs
from quarterdeck.runs.api import RunView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import JobView, RollbackView, StepKind, StepState

ROLL_BACK = "roll_back"


class CameBack(StrEnum):
    """What measuring after the rollback said against the baseline of before the work."""

    NOT_MEASURED = "not_measured"
    AS_BEFORE = "as_before"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class RollbackStanding:
    """A rollback with what goes on: `said` and `runs` by step, what may be asked, how many differences are left."""

    view: RollbackView
    said: dict[int, str]
    runs: dict[int, str]
    waits: bool
    may_repeat: bool
    came_back: CameBack
    differences: int


def standing(number: str) -> RollbackStanding | None:
    """Return how the rollback of a ticket stands, None when none was begun."""
    seen = tickets.rollback_of(number)
    if seen is None:
        return None
    newest: dict[int, RunView] = {}
    for run in reversed(runs.runs(number)):
        if run.rollback_step is not None:
            newest[run.rollback_step] = run
    waits = is_asked_for(seen)
    came_back, differences = _came_back(seen)
    at_work = tickets.at_work(tickets.ticket(number).state).allowed
    return RollbackStanding(
        view=seen,
        said=_said(seen, newest),
        runs={step: run.id for step, run in newest.items()},
        waits=waits,
        may_repeat=at_work and _runs_by_itself(seen) and not waits,
        came_back=came_back,
        differences=differences,
    )


def is_asked_for(seen: RollbackView) -> bool:
    """Tell whether what comes next by itself was asked for and is not over."""
    step = seen.next_step
    if step is not None and step.step.kind is StepKind.PLAYBOOK:
        return any(run.rollback_step == step.number for run in live_runs(seen.ticket))
    return bool(live_jobs(seen.ticket))


def live_runs(number: str) -> list[RunView]:
    """Return the runs of a ticket's rollback that wait or run."""
    return [run for run in runs.runs(number) if run.rollback_step is not None and not run.is_over]


def live_jobs(number: str) -> list[JobView]:
    """Return the jobs of a ticket's rollback that wait or run."""
    return [one for one in tickets.jobs(number) if one.kind == ROLL_BACK and one.state in ("waiting", "running")]


def _runs_by_itself(seen: RollbackView) -> bool:
    return seen.next_step is not None and seen.next_step.step.kind is not StepKind.MANUAL


def _said(seen: RollbackView, newest: dict[int, RunView]) -> dict[int, str]:
    """Return a sentence for each playbook, and for the snapshot that comes next or failed."""
    said = {step: run.message or runs.progress(run.id).message for step, run in newest.items()}
    step = seen.next_step
    if step is not None and step.step.kind is StepKind.SNAPSHOT and step.state is not StepState.WAITING:
        job = next((one for one in tickets.jobs(seen.ticket) if one.kind == ROLL_BACK), None)
        said[step.number] = "" if job is None else job.message.removeprefix(f"Step {step.number}: ")
    return said


def _came_back(seen: RollbackView) -> tuple[CameBack, int]:
    """Compare only what was measured after the last step; one asset that was not leaves the answer open."""
    before = {one.asset for one in baselines.baselines(ticket=seen.ticket, phase=baselines.Phase.BEFORE)}
    ended = seen.ended_at
    if ended is None or not before:
        return CameBack.NOT_MEASURED, 0
    found = {one.asset: one for one in baselines.drift(seen.ticket) if one.compared_at >= ended}
    if before - set(found):
        return CameBack.NOT_MEASURED, 0
    count = sum(len(one.items) for one in found.values())
    return (CameBack.DIFFERS if count else CameBack.AS_BEFORE), count
