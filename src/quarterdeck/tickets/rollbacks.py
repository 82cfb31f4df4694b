"""Rolling back under a ticket: begin it, say what became of a step, tell of an overrun. The ledger alone keeps it."""

from datetime import datetime

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, Entry, Grade, ObjectRef, Outcome
from quarterdeck.kernel.decision import Decision, all_of
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import rollback_rules
from quarterdeck.tickets.moving import locked
from quarterdeck.tickets.notices import tell
from quarterdeck.tickets.pictures import takes_part
from quarterdeck.tickets.rollback_terms import RollbackPlan, RollbackView, StepState, StepView
from quarterdeck.tickets.rows import content_of, find, view
from quarterdeck.tickets.rules import require_reason
from quarterdeck.tickets.standing import has_role, require_process, require_role, require_step_up
from quarterdeck.tickets.terms import State

BEGUN, STEP, OVERRUN = "rollback.begun", "rollback.step", "rollback.overrun"
_WORKING = (Role.TECHNICIAN, Role.IT_LEAD, Role.REQUESTER)


def rollback_of(number: str) -> RollbackView | None:
    """Return the rollback of a ticket as its entries tell it, None when none was begun."""
    plan = content_of(find(number)).rollback_plan
    told = list(evidence.entries(ticket=number, events=[BEGUN, STEP, OVERRUN]))
    begun = next((one for one in told if one.event == BEGUN), None)
    if begun is None or plan is None:
        return None
    said = {int(str(one.data["step"])): one for one in told if one.event == STEP}
    return RollbackView(
        ticket=number,
        begun_by=begun.actor_id,
        begun_at=begun.at,
        until=begun.at + plan.time_box,
        steps=tuple(_step(at, plan, said.get(at)) for at in range(1, len(plan.steps) + 1)),
        overrun_told=any(one.event == OVERRUN for one in told),
    )


def _step(number: int, plan: RollbackPlan, told: Entry | None) -> StepView:
    step = plan.steps[number - 1]
    if told is None:
        return StepView(number, step, StepState.WAITING)
    state = StepState(str(told.data["state"]))
    return StepView(number, step, state, told.actor_id, told.at, bool(told.data.get("captured")))


def begin_rollback(act: Act, number: str, reason: str) -> RollbackView:
    """Begin the rollback: the clock of its time box runs from this entry; Refused unless somebody at work says so."""
    require_role(act, _WORKING)
    require_step_up(act)
    require_reason(reason)
    row = locked(act, number)
    ticket = view(row)
    plan = ticket.content.rollback_plan
    all_of(
        [
            takes_part(ticket, act.actor, act.at),
            rollback_rules.may_begin(State(row.state), plan, rollback_of(number)),
        ]
    ).require()
    minutes = plan.minutes if plan else 0
    act.record(
        BEGUN,
        ObjectRef("ticket", number),
        ticket=number,
        data={"minutes": minutes, "steps": len(plan.steps) if plan else 0, "reason": act.commitment(reason)},
    )
    told = {ticket.requester, *ticket.technicians, *(one.owner for one in plan.steps)} if plan else set()
    told |= set(personnel.holders(Role.IT_LEAD, act.at))
    tell(act, row, sorted(told), "is rolled back", f"The rollback was begun; its time box is {minutes} minutes.\n")
    return RollbackView(
        number, act.actor.id, act.at, act.at + (plan.time_box if plan else act.at - act.at),
        tuple(_step(at, plan, None) for at in range(1, len(plan.steps) + 1)) if plan else (), overrun_told=False,
    )  # fmt: skip


def may_say_step(number: str, step: int, person: str, at: datetime) -> Decision:
    """Decide whether a person may say what became of a step."""
    leads = Role.IT_LEAD in personnel.roles_of(person, at)
    return rollback_rules.may_tell(rollback_of(number), step, person, leads=leads)


def say_step(act: Act, number: str, step: int, *, done: bool, said: str, artifact: ArtifactRef | None = None) -> None:
    """Record what became of a step: by the person who did it, or by a process of ours that ran it (then captured)."""
    row = locked(act, number)
    if act.actor.is_person:
        has_role(act.actor, list(Role), act.at).require()
        may_say_step(number, step, act.actor.id, act.at).require()
    else:
        require_process(act)
        rollback_rules.may_tell(rollback_of(number), step, "", leads=True).require()
    require_reason(said)
    entry = act.record(
        STEP,
        ObjectRef("ticket", number),
        ticket=number,
        data={
            "step": step,
            "state": (StepState.DONE if done else StepState.FAILED).value,
            "captured": not act.actor.is_person,
            "said": act.commitment(said),
        },
        artifacts=() if artifact is None else (artifact,),
    )
    _fact_if_last(act, row.number, step, entry, done=done)


def _fact_if_last(act: Act, number: str, step: int, entry: str, *, done: bool) -> None:
    """State whether the system is back within its time box, once the last step is done."""
    seen = rollback_of(number)
    if seen is None or not done or any(one.state is not StepState.DONE for one in seen.steps if one.number != step):
        return
    captured = not act.actor.is_person and all(one.captured for one in seen.steps if one.number != step)
    act.fact(
        "rollback.performed",
        entry=entry,
        outcome=Outcome.PASSED if act.at <= seen.until else Outcome.FAILED,
        grade=Grade.CAPTURED if captured else Grade.ATTACHED,
        ticket=number,
        detail={"minutes": int((act.at - seen.begun_at).total_seconds() // 60)},
    )


def tell_overrun(act: Act, number: str) -> None:
    """Record that the time box is over and the system is not back, and tell those who can help."""
    require_process(act)
    row = locked(act, number)
    ticket = view(row)
    act.record(OVERRUN, ObjectRef("ticket", number), ticket=number)
    people = {ticket.requester, *ticket.technicians}
    for role in (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER):
        people |= set(personnel.holders(role, act.at))
    words = "The rollback takes longer than its time box. Look at the ticket and decide how it goes on.\n"
    tell(act, row, sorted(people), "the rollback overruns its time box", words)
