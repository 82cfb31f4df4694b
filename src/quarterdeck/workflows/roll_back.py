"""Rolling back: begun by a person from the page or the command line, steps by people and by what reverts for us.

What is automated runs in the ticker, outside any act, like every capture; each step ends in an entry of its own.
"""

from collections.abc import Mapping

from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import RollbackView, State, StepKind, StepState
from quarterdeck.tickets.ports import Reverted, Reverter
from quarterdeck.workflows.prepare_ticket import Instruments, Prepared
from quarterdeck.workflows.refusals import refusals_recorded
from quarterdeck.workflows.take_baseline import Progress

ROLL_BACK = "roll_back"


def begin(actor: Actor, clock: Clock, number: str, *, reason: str) -> RollbackView:
    """Begin the rollback of a ticket; steps that run by themselves are asked of the ticker in their order."""
    with refusals_recorded(actor, clock, "rollback.begin", number):
        tickets.readable(reason).require()
        with act(actor, clock) as current:
            begun = tickets.begin_rollback(current, number, reason)
    if _next_automated(begun) is not None:
        tickets.ask_capture(number, ROLL_BACK, actor=actor, clock=clock)
    return begun


def say_step(actor: Actor, clock: Clock, number: str, step: int, *, done: bool, said: str) -> RollbackView:
    """Say what became of a step that a person does; what comes next by itself is asked of the ticker."""
    with refusals_recorded(actor, clock, "rollback.step", number):
        tickets.readable(said).require()
        with act(actor, clock) as current:
            tickets.say_step(current, number, step, done=done, said=said)
    seen = _seen(number)
    if done and _next_automated(seen) is not None:
        tickets.ask_capture(number, ROLL_BACK, actor=actor, clock=clock)
    return seen


def ask_again(actor: Actor, clock: Clock, number: str) -> tickets.JobView:
    """Ask for the automated steps once more, after one of them failed."""
    with refusals_recorded(actor, clock, "rollback.again", number):
        tickets.has_role(actor, tickets.WORKING_ROLES, clock.now()).require()
        _seen(number)
    return tickets.ask_capture(number, ROLL_BACK, actor=actor, clock=clock)


def run_steps(
    actor: Actor, clock: Clock, number: str, instruments: Instruments, progress: Progress = lambda text: True
) -> Prepared:
    """Run the automated steps that come next, until one fails or a person's turn comes; each ends in an entry."""
    remarks: list[str] = []
    while (seen := tickets.rollback_of(number)) is not None:
        waiting = _next_automated(seen, again=not remarks)
        if waiting is None or tickets.ticket(number).state not in (State.OPEN, State.VERIFYING):
            break
        if not progress(f"Rollback, step {waiting.number}"):
            return Prepared(tuple(remarks), cancelled=True)
        found = _reverted(instruments.reverters, number, waiting)
        with act(actor, clock) as current:
            tickets.say_step(
                current, number, waiting.number, done=found.done, said=found.sentence, artifact=found.artifact
            )
        if not found.done:
            return Prepared((*remarks, f"Step {waiting.number}: {found.sentence}"))
        remarks.append(f"Step {waiting.number} is done.")
    return Prepared(tuple(remarks))


def _reverted(reverters: Mapping[StepKind, Reverter], number: str, waiting: tickets.StepView) -> Reverted:
    step = waiting.step
    reverter = reverters.get(step.kind)
    if reverter is None:
        return Reverted(False, f"Nothing here can do a {step.kind} step by itself; do it by hand and say so.")
    try:
        return reverter.revert(ticket=number, asset_id=step.asset, item=step.item)
    except Refused as refused:
        return Reverted(False, str(refused))


def _next_automated(seen: RollbackView, *, again: bool = True) -> tickets.StepView | None:
    """Return the first step that is not done, if it runs by itself; one that failed only when it is tried again."""
    first = next((one for one in seen.steps if one.state is not StepState.DONE), None)
    if first is None or first.step.kind is StepKind.MANUAL or (first.state is StepState.FAILED and not again):
        return None
    return first


def _seen(number: str) -> RollbackView:
    seen = tickets.rollback_of(number)
    tickets.was_begun(seen).require()
    if seen is None:
        raise AssertionError("a rollback that was begun is there")
    return seen


def tell_overruns(actor: Actor, clock: Clock) -> int:
    """Tell, once for each, of rollbacks whose time box is over while a step is not done; return how many."""
    told = 0
    for ticket in tickets.tickets(states=(State.OPEN, State.VERIFYING)):
        if ticket.content.rollback_plan is None:
            continue
        seen = tickets.rollback_of(ticket.number)
        if seen is None or seen.overrun_told or seen.is_done or clock.now() <= seen.until:
            continue
        try:
            with act(actor, clock) as current:
                tickets.tell_overrun(current, ticket.number)
            told += 1
        except Refused:
            continue
    return told
