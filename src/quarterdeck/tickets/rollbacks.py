"""Rolling back under a ticket: begin it, say what became of a step, tell of an overrun. The ledger alone keeps it."""

from collections.abc import Sequence
from datetime import datetime

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, Entry, Fact, Grade, JsonValue, ObjectRef, Outcome
from quarterdeck.kernel.decision import ALLOWED, Decision, all_of, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import rollback_rules
from quarterdeck.tickets.hold_points import newest_fact
from quarterdeck.tickets.moving import locked
from quarterdeck.tickets.notices import tell
from quarterdeck.tickets.pictures import takes_part
from quarterdeck.tickets.rollback_terms import RollbackPlan, RollbackView, StepKind, StepState, StepView
from quarterdeck.tickets.rows import content_of, find, view
from quarterdeck.tickets.rules import require_reason
from quarterdeck.tickets.standing import has_role, require_process, require_role, require_step_up
from quarterdeck.tickets.terms import State, TicketView

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
    if told is None or told.data["state"] == StepState.WAITING:
        return StepView(number, step, StepState.WAITING)
    codes, files = told.data.get("codes"), told.artifacts
    return StepView(
        number, step, StepState(str(told.data["state"])), told.actor_id, told.at, bool(told.data.get("captured")),
        tuple(str(one) for one in codes) if isinstance(codes, list) else (),
        str(files[0]["sha256"]) if files else "",
    )  # fmt: skip


def begin_rollback(act: Act, number: str, reason: str) -> RollbackView:
    """Begin the rollback: the clock of its time box runs from this entry; Refused unless somebody at work says so."""
    require_reason(reason)
    ticket, begun = _led_by_person(act, number)
    plan = ticket.content.rollback_plan
    rollback_rules.may_begin(ticket.state, plan, begun).require()
    minutes = plan.minutes if plan else 0
    act.record(
        BEGUN,
        ObjectRef("ticket", number),
        ticket=number,
        data={"minutes": minutes, "steps": len(plan.steps) if plan else 0, "reason": act.commitment(reason)},
    )
    told = {ticket.requester, *ticket.technicians, *(one.owner for one in plan.steps)} if plan else set()
    told |= set(personnel.holders(Role.IT_LEAD, act.at))
    words = f"The rollback was begun; its time box is {minutes} minutes.\n"
    tell(act, find(number), sorted(told), "is rolled back", words)
    return RollbackView(
        number, act.actor.id, act.at, act.at + (plan.time_box if plan else act.at - act.at),
        tuple(_step(at, plan, None) for at in range(1, len(plan.steps) + 1)) if plan else (), overrun_told=False,
    )  # fmt: skip


def may_say_step(number: str, step: int, person: str, at: datetime) -> Decision:
    """Decide whether a person may say what became of a step."""
    leads = Role.IT_LEAD in personnel.roles_of(person, at)
    return rollback_rules.may_tell(rollback_of(number), step, person, leads=leads)


def enter_step(act: Act, number: str, step: int, state: StepState) -> StepView:
    """Lead a step that runs by itself on, to `clearing` or `under_way`; Refused unless it is its turn.

    From this entry on nobody is let in to an asset whose snapshot is gone back to, until the step is over.
    """
    require_process(act)
    row = locked(act, number)
    seen = rollback_of(number)
    all_of([rollback_rules.at_work(State(row.state)), rollback_rules.may_run(seen, step)]).require()
    act.record(
        STEP, ObjectRef("ticket", number), ticket=number, data={"step": step, "state": state.value, "captured": True}
    )
    plan = view(row).content.rollback_plan
    if plan is None:
        raise AssertionError("a rollback that was begun has a plan")
    return StepView(step, plan.steps[step - 1], state, act.actor.id, act.at, captured=True)


def repeat_steps(act: Act, number: str, *, waits: bool) -> RollbackView:
    """Record that a person asks for what comes next by itself once more: as strict as beginning (3.4.5[h])."""
    ticket, seen = _led_by_person(act, number)
    all_of([rollback_rules.at_work(ticket.state), rollback_rules.may_repeat(seen, waits=waits)]).require()
    if seen is None or seen.next_step is None:
        raise AssertionError("what may be repeated was begun and has a next step")
    step = seen.next_step.number
    act.record("rollback.repeated", ObjectRef("ticket", number), ticket=number, data={"step": step})
    told: dict[str, JsonValue] = {"step": step, "state": StepState.WAITING.value, "captured": False}
    act.record(STEP, ObjectRef("ticket", number), ticket=number, data=told)
    return seen


def stop_steps(act: Act, number: str) -> RollbackView:
    """Record that a person stops what comes next by itself; a step that touches nothing yet is over as failed."""
    require_role(act, _WORKING)
    row = locked(act, number)
    seen = rollback_of(number)
    all_of([takes_part(view(row), act.actor, act.at), rollback_rules.was_begun(seen)]).require()
    if seen is None:
        raise AssertionError("a rollback that was begun is there")
    act.record("rollback.stopped", ObjectRef("ticket", number), ticket=number)
    step = seen.next_step
    if step is not None and step.state is StepState.CLEARING:
        told: dict[str, JsonValue] = {"step": step.number, "state": StepState.FAILED.value, "captured": False}
        told["codes"] = ["rollback.stopped"]
        act.record(STEP, ObjectRef("ticket", number), ticket=number, data=told)
    return seen


def not_put_back_now(number: str, plan: RollbackPlan | None, asset_id: str) -> Decision:
    """Decide whether an asset can be worked on: not while it is taken back to its snapshot, under anybody's hands."""
    if plan is None or not any(one.kind is StepKind.SNAPSHOT and one.asset == asset_id for one in plan.steps):
        return ALLOWED
    seen = rollback_of(number)
    step = None if seen is None else seen.next_step
    if step is None or step.step.asset != asset_id or step.step.kind is not StepKind.SNAPSHOT:
        return ALLOWED
    if step.state not in (StepState.CLEARING, StepState.UNDER_WAY):
        return ALLOWED
    return refuse(
        "rollback.under_way",
        "The asset is being taken back to its snapshot right now.",
        "Take access again once that step of the rollback is over.",
    )


def _led_by_person(act: Act, number: str) -> tuple[TicketView, RollbackView | None]:
    """Return ticket and rollback for a person who may lead it: role, fresh second factor, part of the ticket."""
    require_role(act, _WORKING)
    require_step_up(act)
    ticket = view(locked(act, number))
    takes_part(ticket, act.actor, act.at).require()
    return ticket, rollback_of(number)


def say_step(
    act: Act,
    number: str,
    step: int,
    *,
    done: bool,
    said: str,
    artifact: ArtifactRef | None = None,
    codes: Sequence[str] = (),
) -> None:
    """Record what became of a step: by the person who did it, or by a process of ours that ran it (then captured)."""
    row = locked(act, number)
    if act.actor.is_person:
        has_role(act.actor, list(Role), act.at).require()
        all_of([rollback_rules.at_work(State(row.state)), may_say_step(number, step, act.actor.id, act.at)]).require()
    else:
        require_process(act)
        rollback_rules.may_end_step(rollback_of(number), step).require()
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
            **({"codes": list[JsonValue](codes)} if codes else {}),
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


def may_end(number: str, *, rolled_back: bool) -> Decision:
    """Decide whether the ticket may close like this; what was rolled back was measured again where it was before."""
    row, seen = find(number), rollback_of(number)
    decisions = [rollback_rules.may_end(seen, content_of(row).rollback_plan, rolled_back=rolled_back)]
    if seen is not None and rolled_back:
        told = evidence.facts(ticket=number, kinds=["baseline.before", "baseline.after"])
        for asset_id in row.asset_rows.values_list("asset_id", flat=True):
            before = newest_fact(told, "baseline.before", asset_id)
            after = newest_fact(told, "baseline.after", asset_id)
            measured = rollback_rules.measured_since(seen, _moment(before), _moment(after))
            decisions.append(measured)
    return all_of(dict.fromkeys(decisions))


def _moment(fact: Fact | None) -> datetime | None:
    return None if fact is None else fact.at


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
