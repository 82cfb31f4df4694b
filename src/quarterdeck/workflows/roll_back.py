"""Rolling back: begun by a person from the page or the command line, steps by people and by what reverts for us.

A snapshot is gone back to in the captures' loop, a playbook is played in the runs' loop; both outside any act. Every
step enters the ledger before an asset is touched and when it is over, so that a process that is killed in between
leaves a step that is told as lost, never as done.
"""

from collections.abc import Sequence
from contextlib import suppress

from quarterdeck.access import api as access
from quarterdeck.evidence.api import Act, Outcome, act, record_refusal
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse
from quarterdeck.kernel.ids import new_id
from quarterdeck.runs.api import RunRoom
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import SessionKind, SessionState, SessionView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Method, RollbackView, State, StepKind, StepState, StepView
from quarterdeck.tickets.ports import Reverted
from quarterdeck.workflows.close_ticket import VERIFY, SessionsStillRunning
from quarterdeck.workflows.order_runs import cancel_run, order_for_rollback
from quarterdeck.workflows.prepare_ticket import Instruments, Prepared
from quarterdeck.workflows.read_rollback import ROLL_BACK, is_asked_for, live_jobs, live_runs
from quarterdeck.workflows.refusals import refusals_recorded
from quarterdeck.workflows.run_checks import check_leftovers
from quarterdeck.workflows.take_baseline import Progress

PUT_BACK = "rollback.under_way"
_LOST = "The process that did it died; how far it came nobody saw. Look at the asset first."


def begin(actor: Actor, clock: Clock, number: str, *, reason: str, room: RunRoom) -> RollbackView:
    """Begin the rollback of a ticket; what runs by itself is asked of the ticker, each step in its turn."""
    with refusals_recorded(actor, clock, "rollback.begin", number):
        tickets.readable(reason).require()
        with _Keys(room, number) as keys, act(actor, clock) as current:
            begun = tickets.begin_rollback(current, number, reason)
            for step in _playbooks(begun):
                # Somebody who may begin, and not work on the asset, leaves its playbook to a technician.
                with suppress(Refused):
                    keys.order(current, step)
    go_on(actor, clock, number)
    return begun


def say_step(actor: Actor, clock: Clock, number: str, step: int, *, done: bool, said: str) -> RollbackView:
    """Say what became of a step that a person does; what comes next by itself is asked of the ticker."""
    with refusals_recorded(actor, clock, "rollback.step", number):
        tickets.readable(said).require()
        with act(actor, clock) as current:
            tickets.say_step(current, number, step, done=done, said=said)
    if done:
        go_on(actor, clock, number)
    return _seen(number)


def ask_again(actor: Actor, clock: Clock, number: str, *, room: RunRoom) -> RollbackView:
    """Ask for what comes next by itself once more, after it failed, was stopped, or waits for a technician."""
    with (
        refusals_recorded(actor, clock, "rollback.again", number),
        _Keys(room, number) as keys,
        act(actor, clock) as current,
    ):
        # Read under the ticket's lock: of two who press at once the second finds what the first asked for.
        tickets.lock(current, number)
        begun = tickets.rollback_of(number)
        seen = tickets.repeat_steps(current, number, waits=begun is not None and is_asked_for(begun))
        ordered = {run.rollback_step for run in live_runs(number)}
        for step in _playbooks(seen):
            if step == seen.next_step:
                keys.order(current, step)
            elif step.number not in ordered:
                with suppress(Refused):
                    keys.order(current, step)
    go_on(actor, clock, number)
    return _seen(number)


def stop(actor: Actor, clock: Clock, number: str, *, room: RunRoom) -> RollbackView:
    """Stop what runs by itself: a playbook is cut, a revert that is under way is finished, and nothing comes after."""
    with refusals_recorded(actor, clock, "rollback.stop", number), act(actor, clock) as current:
        tickets.stop_steps(current, number)
    for job in live_jobs(number):
        tickets.cancel_job(job.id)
    for run in live_runs(number):
        with suppress(Refused):
            cancel_run(actor, clock, run.id, room)
    return _seen(number)


class _Keys:
    """The keys of the runs that are ordered in one act; those of an act that fails are forgotten."""

    def __init__(self, room: RunRoom, number: str) -> None:
        self._room, self._number, self._made = room, number, list[str]()

    def __enter__(self) -> "_Keys":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for run in self._made if kind is not None else ():
            self._room.forget(run)

    def order(self, current: Act, step: StepView) -> None:
        run = new_id("ru")
        key = self._room.make_key(run)
        try:
            order_for_rollback(current, tickets.lock(current, self._number), step, run, key)
        except BaseException:
            self._room.forget(run)
            raise
        self._made.append(run)


def _playbooks(seen: RollbackView) -> list[StepView]:
    return [one for one in seen.steps if one.step.kind is StepKind.PLAYBOOK and one.state is not StepState.DONE]


def go_on(actor: Actor, clock: Clock, number: str) -> None:
    """Ask the ticker for what comes next by itself; once all is done while verifying, for measuring anew."""
    seen = tickets.rollback_of(number)
    if seen is None:
        return
    step, ticket = seen.next_step, tickets.ticket(number)
    if step is not None and step.step.kind is StepKind.SNAPSHOT and step.state is StepState.WAITING:
        tickets.ask_capture(number, ROLL_BACK, actor=actor, clock=clock)
    if step is None and ticket.state is State.VERIFYING and ticket.content.method is Method.SSH:
        tickets.ask_capture(number, VERIFY, actor=actor, clock=clock)


def run_steps(
    actor: Actor, clock: Clock, number: str, instruments: Instruments, progress: Progress = lambda text: True
) -> Prepared:
    """Do the steps that come next by themselves here, until one fails or another's turn comes.

    Raises SessionsStillRunning while the gate has not ended every session on the asset that is to be taken back.
    """
    remarks: list[str] = []
    lost = tickets.rollback_of(number)
    if lost is not None and lost.next_step is not None and _is_lost(lost.next_step):
        found = Reverted(False, _LOST, codes=("rollback.step_lost",))
        return Prepared((_told(actor, clock, number, lost.next_step, found),))
    while (step := _next_here(number)) is not None:
        if not progress(f"Rollback, step {step.number}: {_DOING[step.state]}"):
            return Prepared(tuple(remarks), cancelled=True)
        found = _done(actor, clock, number, step, instruments, progress)
        remarks.append(_told(actor, clock, number, step, found))
        if not found.done:
            return Prepared(tuple(remarks))
    go_on(actor, clock, number)
    return Prepared(tuple(remarks))


_DOING = {StepState.WAITING: "looking at the snapshot", StepState.CLEARING: "waiting for sessions to end"}


def _is_lost(step: StepView) -> bool:
    """A step that this loop alone does, and that is under way although the loop has only just come to it."""
    return step.step.kind is StepKind.SNAPSHOT and step.state is StepState.UNDER_WAY


def _next_here(number: str) -> StepView | None:
    """Return the next step if it is done in this loop now: a snapshot, not failed, while the ticket is at work."""
    seen = tickets.rollback_of(number)
    step = None if seen is None else seen.next_step
    at_work = tickets.at_work(tickets.ticket(number).state).allowed
    wanted = step is not None and step.step.kind is StepKind.SNAPSHOT and step.state in _DOING
    return step if at_work and wanted else None


def _told(actor: Actor, clock: Clock, number: str, step: StepView, found: Reverted) -> str:
    """Record how a step went, with all that belongs to it in one act, and return it as a remark."""
    with act(actor, clock) as current:
        tickets.say_step(
            current,
            number,
            step.number,
            done=found.done,
            said=found.sentence,
            artifact=found.artifact,
            codes=found.codes,
        )
        found.records(current)
    return f"Step {step.number}: {found.sentence}"


def _done(
    actor: Actor,
    clock: Clock,
    number: str,
    step: StepView,
    instruments: Instruments,
    progress: Progress,
) -> Reverted:
    asset_id, reverter = step.step.asset, instruments.reverters.get(step.step.kind)
    if reverter is None:
        return Reverted(False, f"Nothing here can do a {step.step.kind} step by itself; do it by hand and say so.")
    ready = _nobody_else(number, asset_id)
    if step.state is StepState.WAITING and ready.allowed:
        ready = reverter.may_revert(ticket=number, asset_id=asset_id)
    if not ready.allowed:
        record_refusal(actor, clock, ready, rule="rollback.revert", ticket=number)
        return Reverted(False, " ".join(one.sentence for one in ready.reasons), codes=tuple(ready.codes))
    if step.state is StepState.WAITING:
        _clear(actor, clock, number, step)
    _is_clear(number, asset_id)
    left = _left_behind(actor, clock, number, asset_id, instruments)
    if left:
        return Reverted(False, left, codes=("rollback.left_behind",))
    with act(actor, clock) as current:
        tickets.enter_step(current, number, step.number, StepState.UNDER_WAY)
        _is_clear(number, asset_id)
    progress(f"Rollback, step {step.number}: going back")
    return reverter.revert(ticket=number, asset_id=asset_id)


def _clear(actor: Actor, clock: Clock, number: str, step: StepView) -> None:
    """Let nobody in to the asset any more, and take the access to it away; the gate ends the sessions at once.

    Who went on typing would write into what is thrown away. What the rollback's own playbooks will need stays.
    """
    kept = {place.grant for run in live_runs(number) for place in run.places}
    with act(actor, clock) as current:
        tickets.enter_step(current, number, step.number, StepState.CLEARING)
        for grant in access.grants(ticket=number, state=access.GrantState.ACTIVE):
            if grant.asset == step.step.asset and grant.person and grant.id not in kept:
                access.revoke(current, grant.id, PUT_BACK)


def _is_clear(number: str, asset_id: str) -> None:
    if any(one.asset == asset_id and _is_there(one) for one in sessions.sessions(number)):
        raise SessionsStillRunning(number)


def _left_behind(actor: Actor, clock: Clock, number: str, asset_id: str, instruments: Instruments) -> str:
    """Return a sentence when processes of ended sessions go on there: they would write into what was put back.

    A target that does not answer holds up nothing: going back is what may mend it.
    """
    ticket = tickets.ticket(number)
    way = next((one.connection_id for one in ticket.assets if one.asset_id == asset_id), "")
    worked = any(one.asset == asset_id and one.kind is SessionKind.GATE for one in sessions.sessions(number))
    if not way or not worked or ticket.content.method is not Method.SSH:
        return ""
    found = check_leftovers(
        actor, clock, ticket=number, asset_id=asset_id, connection_id=way, channel=instruments.channel
    )
    return found.sentence if found.outcome is Outcome.FAILED else ""


def _is_there(one: SessionView) -> bool:
    if one.kind is not SessionKind.GATE:
        return False
    return one.state is SessionState.RUNNING or (one.state is SessionState.ENDED and not one.network_terminated)


def _nobody_else(number: str, asset_id: str) -> Decision:
    """Decide whether nobody is on the asset whom this ticket can't send away: another ticket's, or outside the gate."""
    there: Sequence[SessionView] = [one for one in sessions.running() if one.asset == asset_id]
    others = sorted({one.ticket for one in there if one.ticket != number})
    outside = any(one.kind is not SessionKind.GATE for one in there)
    return all_of(
        [
            *(
                refuse(
                    "rollback.session_of_other",
                    f"Somebody works on the asset under {other}.",
                    "Have that work ended, then run it again.",
                )
                for other in others
            ),
            *(
                [
                    refuse(
                        "rollback.session_outside",
                        "A session outside the gate is noted on the asset and not ended.",
                        "Have it ended and written down, then run it again.",
                    )
                ]
                if outside
                else []
            ),
        ]
    )


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
