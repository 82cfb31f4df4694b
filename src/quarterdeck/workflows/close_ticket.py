"""Ending: withdraw access, see the sessions end, measure again, close once every hold point before it holds."""

from collections.abc import Callable
from datetime import timedelta

from quarterdeck.access import api as access
from quarterdeck.baselines.api import Phase
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, Grade, ObjectRef, Outcome, act, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse, require_that
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import SessionKind, SessionState, SessionView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Method, State, TicketView
from quarterdeck.workflows.keep_elevation import withdraw_rules
from quarterdeck.workflows.prepare_ticket import Instruments, Prepared
from quarterdeck.workflows.read_target_logs import read_for_ticket
from quarterdeck.workflows.refusals import refusals_recorded
from quarterdeck.workflows.run_checks import check_after
from quarterdeck.workflows.take_baseline import Progress, take_baseline

VERIFY = "verify"
ROW_RULE, ROW_REPORT = "ticket.row", timedelta(days=1)


class SessionsStillRunning(Exception):
    """The gate has not ended every connection yet; try again in a moment."""


def end_work(actor: Actor, clock: Clock, number: str) -> TicketView:
    """End the work: the state and the withdrawal of every grant in one act, then ask the ticker to verify."""
    with refusals_recorded(actor, clock, "ticket.end_work", number), act(actor, clock) as current:
        tickets.end_work(current, number)
        access.revoke_for(current, ticket=number, reason="work.ended")
    tickets.ask_capture(number, VERIFY, actor=actor, clock=clock)
    return tickets.ticket(number)


def ask_to_verify(actor: Actor, clock: Clock, number: str) -> tickets.JobView:
    """Ask the ticker to measure and check once more."""
    view = tickets.ticket(number)
    tickets.may_move("close", view.state).require()
    tickets.has_role(actor, tickets.WORKING_ROLES, clock.now()).require()
    return tickets.ask_capture(number, VERIFY, actor=actor, clock=clock)


def verify_ticket(
    actor: Actor, clock: Clock, number: str, instruments: Instruments, progress: Progress = lambda text: True
) -> Prepared:
    """Conclude the sessions, measure again, compare and check; raises SessionsStillRunning while one runs."""
    view = tickets.ticket(number)
    require_that(
        view.state is State.VERIFYING, "ticket.not_verifying", f"{number} is not being verified.", "End its work first."
    ).require()
    conclude_sessions(actor, clock, number)
    if view.content.method is not Method.SSH:
        return Prepared(())
    if not progress("Logs of the targets"):
        return Prepared((), cancelled=True)
    remarks = read_for_ticket(actor, clock, number, instruments.channel, instruments.gate.authority)
    remarks += withdraw_rules(actor, clock, number, instruments.elevation)
    if not progress("Baseline after"):
        return Prepared((), cancelled=True)
    remarks += take_baseline(
        number, Phase.AFTER, channel=instruments.channel, actor=actor, clock=clock, progress=progress
    ).failures.values()
    for named in view.assets:
        if not named.connection_id:
            continue
        if not progress(f"Post-checks on {inventory.asset(named.asset_id).hostname}"):
            return Prepared(tuple(remarks), cancelled=True)
        found = check_after(
            actor,
            clock,
            ticket=number,
            asset_id=named.asset_id,
            connection_id=named.connection_id,
            channel=instruments.channel,
        )
        remarks += [check.sentence for check in found.checks if check.outcome is not Outcome.PASSED]
    return Prepared(tuple(remarks))


def conclude_sessions(actor: Actor, clock: Clock, number: str) -> None:
    """Record what became of every session of the ticket: ended, connection gone, recorded whole or explained.

    Raises Refused when a session's row is not what the ledger says of it, or is gone (attacks.md row 28).
    """
    sessions.check_all(number).require()
    found = sessions.sessions(number)
    if any(one.state is SessionState.RUNNING or _is_still_connected(one) for one in found):
        raise SessionsStillRunning(number)
    gate = [one for one in found if one.kind is SessionKind.GATE]
    with act(actor, clock) as current:
        # At a window's end the grants ran out by themselves; withdrawing them says so, and covers the grace.
        access.revoke_for(current, ticket=number, reason="work.ended")
        entry = current.record(
            "sessions.concluded",
            ObjectRef("ticket", number),
            ticket=number,
            data={"sessions": len(found), "interrupted": sum(_is_open_question(one) for one in found)},
        )
        outcomes: dict[str, Callable[[SessionView], bool]] = {
            "session.ended": lambda one: one.session_terminated,
            "network.terminated": lambda one: one.network_terminated,
            "session.recorded": lambda one: not _is_open_question(one),
        }
        for kind, holds in outcomes.items():
            asked = found if kind == "session.ended" else gate
            current.fact(
                kind,
                entry=entry,
                outcome=Outcome.PASSED if all(holds(one) for one in asked) else Outcome.FAILED,
                grade=Grade.CAPTURED,
                ticket=number,
                detail={"sessions": len(asked)},
            )


def _is_still_connected(one: SessionView) -> bool:
    """A session that ended while its connection stayed, as with a multiplexing client; the gate ends it in a moment."""
    return one.kind is SessionKind.GATE and one.state is SessionState.ENDED and not one.network_terminated


def _is_open_question(one: SessionView) -> bool:
    return (
        one.kind is SessionKind.GATE
        and (one.state is SessionState.INTERRUPTED or not one.recording)
        and (not one.explained)
    )


def explain_session(actor: Actor, clock: Clock, number: str, session_id: str, reason: str) -> None:
    """Explain an interrupted session in a person's words, then conclude the sessions anew."""
    with refusals_recorded(actor, clock, "session.explain", number), act(actor, clock) as current:
        sessions.explain(current, session_id, reason)
    if tickets.ticket(number).state is State.VERIFYING:
        conclude_sessions(actor, clock, number)


def close(actor: Actor, clock: Clock, number: str, *, summary: str, rolled_back: bool = False) -> TicketView:
    """Close the ticket as done, or as rolled back; Refused names every hold point that stands against it."""
    with refusals_recorded(actor, clock, "ticket.close", number):
        tickets.readable(summary).require()
        if len(summary.strip()) < 3:
            raise Refused(
                refuse("summary.missing", "The closing summary is empty.", "Say what was done and how it went.")
            )
        if rolled_back:
            tickets.after_action(summary).require()
        stored = store_artifact(
            summary.strip().encode(),
            media_type="text/plain",
            role="summary",
            name=f"{number}-summary.txt",
            may_contain_cui=any(inventory.asset(named.asset_id).handles_cui for named in tickets.ticket(number).assets),
        )
        with act(actor, clock) as current:
            access.rules_are_over(number, current.at).require()
            tickets.close(current, number, rolled_back=rolled_back, summary=stored)
    return tickets.ticket(number)


def end_windows(actor: Actor, clock: Clock) -> int:
    """Expire tickets that never opened and end the work of those whose window is over; return how many.

    A ticket that refuses (its row was written by hand) is recorded as refused and never holds up the others.
    """
    never, still_open = tickets.due_tickets(clock.now())
    expired = [number for number in never if _moved(actor, clock, number, tickets.expire)]
    ended = [number for number in still_open if _moved(actor, clock, number, tickets.end_work)]
    for number in ended:
        tickets.ask_capture(number, VERIFY, actor=actor, clock=clock)
    return len(expired) + len(ended)


def report_altered_tickets(actor: Actor, clock: Clock) -> list[str]:
    """Record, once a day for each, the open tickets whose row is not what the ledger says, and return their numbers.

    Such a row admits nobody; but its window may have been moved to where `end_windows` does not look (attacks.md 28).
    """
    altered = tickets.altered_tickets()
    for number, decision in altered.items():
        told = evidence.last_entry(["act.refused"], object=ObjectRef("rule", ROW_RULE), ticket=number)
        if told is None or clock.now() - told.at >= ROW_REPORT:
            evidence.record_refusal(actor, clock, decision, rule=ROW_RULE, ticket=number)
    return sorted(altered)


def _moved(actor: Actor, clock: Clock, number: str, verb: Callable[[Act, str], None]) -> bool:
    try:
        with refusals_recorded(actor, clock, "window.end", number), act(actor, clock) as current:
            verb(current, number)
    except Refused:
        return False
    return True
