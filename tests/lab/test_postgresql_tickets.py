"""The life of a ticket on PostgreSQL, from request to close, and what several people may do to it at once."""

from functools import partial

import pytest
from tests.clock import StillClock
from tests.lab.together import together
from tests.package_shop import AFTER_WORK, BEFORE_OPEN, ENDED
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Grade, ObjectRef, Outcome
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.totp import code_of, counter_at
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, HoldState, State
from quarterdeck.workflows import approve, close_ticket, open_window, request


@pytest.fixture
def yard(settings, on_postgresql: str, clock: StillClock) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    return build_yard(clock)


def say(yard: Yard, number: str, kinds: tuple[str, ...]) -> None:
    asset = tickets.ticket(number).assets[0].asset_id
    with evidence.act(system("ticker"), yard.clock) as act:
        entry = act.record("checks.ran", ObjectRef("ticket", number), ticket=number)
        for kind in kinds:
            place = None if kind in {*ENDED, "recorder.healthy"} else asset
            act.fact(kind, entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=number, asset=place)


def opened(yard: Yard) -> str:
    number = yard.scheduled().number
    yard.clock.advance(minutes=6)
    say(yard, number, (*BEFORE_OPEN, "recorder.healthy"))
    return open_window.open_ticket(yard.actor("max"), yard.clock, number).number


def test_a_ticket_from_request_to_close(yard: Yard) -> None:
    number = opened(yard)
    yard.clock.advance(minutes=20)
    assert close_ticket.end_work(yard.actor("max"), yard.clock, number).state is State.VERIFYING
    (job,) = tickets.jobs(number)
    assert (job.kind, job.state) == ("verify", "waiting")
    say(yard, number, AFTER_WORK)
    say(yard, number, ENDED)
    closed = close_ticket.close(yard.actor("iris"), yard.clock, number, summary="The fix is in.")
    assert closed.state is State.CLOSED
    told = evidence.last_entry(["ticket.closed"], ticket=number)
    assert told is not None
    assert told.data["count"] == (told.ticket_seq or 0) - 1
    assert evidence.verify_ledger().problems == []
    holds = tickets.hold_points(number, yard.clock.now())
    assert {hold.state for hold in holds if hold.id == "HP-APPROVED"} == {HoldState.PASSED}


def test_a_refusal_is_recorded_and_nothing_else(yard: Yard) -> None:
    number = yard.scheduled().number
    with pytest.raises(Refused):
        open_window.open_ticket(yard.actor("max"), yard.clock, number)
    assert tickets.ticket(number).state is State.SCHEDULED
    assert [entry.ticket for entry in evidence.entries(events=["act.refused"])] == [number]


def test_numbers_stay_contiguous_when_many_ask_at_once(yard: Yard) -> None:
    ask = [partial(request.request, yard.actor("iris"), yard.clock, yard.content(title=f"Work {n}")) for n in range(8)]
    broken = partial(request.request, yard.actor("erin"), yard.clock, yard.content())
    raised = together([*ask[:4], broken, *ask[4:]])
    assert [type(error) for error in raised if error is not None] == [Refused]
    assert sorted(view.number for view in tickets.tickets()) == [f"MT-2026-{n:05}" for n in range(1, 9)]
    assert evidence.verify_ledger().problems == []


def test_of_two_who_edit_at_once_one_is_told(yard: Yard) -> None:
    view = yard.submitted()
    edits = [
        partial(request.edit, yard.actor(who), yard.clock, view.number, yard.content(title=who), version=view.version)
        for who in ("iris", "max")
    ]
    raised = together(edits)
    (refused,) = [error for error in raised if error is not None]
    assert isinstance(refused, Refused)
    assert refused.decision.codes == ("ticket.edited_meanwhile",)
    assert tickets.ticket(view.number).title == ("max" if raised[0] else "iris")


def test_both_approvals_at_once_schedule_once(yard: Yard) -> None:
    view = yard.submitted()
    approvals = [
        partial(
            approve.approve, yard.actor(who), yard.clock, view.number, role=role, content_hash=view.content_hash,
            reason="Sound.",
        )
        for who, role in (("avery", ApprovalRole.APPROVER), ("casey", ApprovalRole.CUI_OWNER))
    ]  # fmt: skip
    assert together([*approvals, *approvals]).count(None) == 2
    now = tickets.ticket(view.number)
    assert now.state is State.SCHEDULED
    assert len([one for one in now.approvals if one.void_at is None]) == 2
    assert len(list(evidence.entries(events=["ticket.scheduled"]))) == 1


def test_an_approval_races_with_the_edit_of_what_it_approves(yard: Yard) -> None:
    for turn in range(4):
        view = yard.submitted(title=f"Work {turn}", conflicts_with=tuple(t.number for t in tickets.tickets()))
        together(
            [
                partial(
                    approve.approve, yard.actor("avery"), yard.clock, view.number, role=ApprovalRole.APPROVER,
                    content_hash=view.content_hash, reason="Sound.",
                ),
                partial(
                    request.edit, yard.actor("iris"), yard.clock, view.number,
                    yard.content(title=f"Work {turn}", plan="Something else."), version=view.version,
                ),
            ]
        )  # fmt: skip
        now = tickets.ticket(view.number)
        standing = [one for one in now.approvals if one.void_at is None]
        assert all(one.content_hash == now.content_hash for one in standing)


def test_a_capture_asked_for_by_many_is_one_job_and_one_worker_gets_it(yard: Yard) -> None:
    number = yard.scheduled().number
    ask = partial(tickets.ask_capture, number, "prepare", actor=yard.actor("max"), clock=yard.clock)
    assert together([ask] * 6) == [None] * 6
    taken: list[object] = []
    assert together([lambda: taken.append(tickets.take_job(yard.clock))] * 4) == [None] * 4
    assert len([one for one in taken if one is not None]) == 1
    assert len(tickets.jobs(number)) == 1


def test_a_code_shown_by_several_at_once_opens_once(yard: Yard) -> None:
    yard.clock.advance(minutes=2)
    code = code_of(yard.shop.secrets["avery"], counter_at(yard.clock.now()))
    login = partial(personnel.issue_token, "avery@example.test", "avery walks the quarterdeck", code, clock=yard.clock)
    raised = together([login] * 4)
    assert raised.count(None) == 1
    assert all(error is None or isinstance(error, Refused) for error in raised)
