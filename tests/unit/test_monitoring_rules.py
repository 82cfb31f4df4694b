"""Pure rules of monitoring: roles of a plan, when it is due, which baselines are compared."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from quarterdeck.access import plan_rules
from quarterdeck.access.terms import PlanState
from quarterdeck.baselines import watch_rules
from quarterdeck.baselines.watch_rules import Attempt, Known, RunOutcome, Worked
from quarterdeck.tickets.terms import ApprovalRole

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
DAY = timedelta(days=1)
APPROVER, OWNER = ApprovalRole.APPROVER, ApprovalRole.CUI_OWNER


@pytest.mark.parametrize(
    ("cui", "given", "wanted"),
    [
        (True, [], (APPROVER, OWNER)),
        (True, [APPROVER], (OWNER,)),
        (True, [OWNER], (APPROVER,)),
        (True, [APPROVER, OWNER], ()),
        (False, [], (APPROVER, OWNER)),
        (False, [APPROVER], (APPROVER, OWNER)),
        (False, [OWNER], (APPROVER,)),
        (False, [APPROVER, APPROVER], ()),
        (False, [APPROVER, OWNER], ()),
        (False, [OWNER, OWNER], (APPROVER,)),
    ],
)
def test_which_decisions_are_still_wanted(cui, given, wanted):
    assert plan_rules.open_roles(cui, given) == wanted


def test_every_way_to_decide_takes_two_people_with_an_approver_among_them():
    """All ways in which up to three people can have given up to three approvals."""
    for cui in (True, False):
        for count in range(4):
            for given in product(product("abc", ApprovalRole), repeat=count):
                complete = plan_rules.is_complete(cui, list(given))
                roles, people = {role for _, role in given}, {person for person, _ in given}
                if complete:
                    assert len(people) == count >= 2
                    assert APPROVER in roles
                    assert not cui or OWNER in roles
                if len(people) < 2 or APPROVER not in roles or (cui and OWNER not in roles):
                    assert not complete


def test_the_table_of_a_plan_ends_where_nothing_leads_on():
    final = {PlanState.REJECTED, PlanState.ENDED, PlanState.EXPIRED, PlanState.VOID}
    for act, moves in plan_rules.PLAN_TRANSITIONS.items():
        assert not final & set(moves), act
        assert plan_rules.may_move(act, PlanState.PROPOSED).allowed
        assert plan_rules.may_move(act, PlanState.ENDED).codes == ("state.wrong",)
    reached = {after for moves in plan_rules.PLAN_TRANSITIONS.values() for after in moves.values()}
    assert reached == set(PlanState) - {PlanState.PROPOSED}


@pytest.mark.parametrize(
    ("hours", "until", "codes"),
    [
        (4, NOW + timedelta(days=365), ()),
        (744, NOW + timedelta(seconds=1), ()),
        (3, NOW + DAY, ("plan.cadence",)),
        (745, NOW + DAY, ("plan.cadence",)),
        (24, NOW, ("plan.past",)),
        (24, NOW + timedelta(days=365, seconds=1), ("plan.too_long",)),
    ],
)
def test_bounds_of_a_plan(hours, until, codes):
    assert plan_rules.well_formed(hours, until, NOW).codes == codes


@pytest.mark.parametrize(
    ("approvers", "owners", "allowed"),
    [("a", "o", True), ("ab", "", True), ("a", "", False), ("", "op", False), ("a", "a", False), ("", "", False)],
)
def test_two_deciders_must_be_there(approvers, owners, allowed):
    assert plan_rules.has_two_deciders(list(approvers), list(owners)).allowed is allowed


def attempt(outcome: RunOutcome, hours_ago: float) -> Attempt:
    began = NOW - timedelta(hours=hours_ago)
    return Attempt(outcome, began, began + timedelta(minutes=1))


def test_when_the_next_measurement_is_due():
    measured, failed = attempt(RunOutcome.MEASURED, 24), attempt(RunOutcome.FAILED, 1)
    assert watch_rules.due_at(NOW, DAY, []) == NOW
    assert watch_rules.due_at(NOW, DAY, [measured]) == measured.started_at + DAY
    assert watch_rules.due_at(NOW, DAY, [failed, measured]) == failed.finished_at + timedelta(minutes=15)
    assert watch_rules.due_at(NOW, DAY, [failed, failed, measured]) == failed.finished_at + timedelta(minutes=30)


def test_waits_grow_and_never_exceed_six_hours_or_a_cadence():
    waits = [watch_rules.retry_wait(count, DAY) for count in range(1, 60)]
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (timedelta(minutes=15), timedelta(hours=6))
    assert watch_rules.retry_wait(50, timedelta(hours=4)) == timedelta(hours=4)


def test_late_is_two_cadences_without_a_measurement():
    assert not watch_rules.is_late(NOW - 2 * DAY, DAY, [], NOW)
    assert watch_rules.is_late(NOW - 2 * DAY, DAY, [], NOW + timedelta(seconds=1))
    failures = [attempt(RunOutcome.FAILED, 1), attempt(RunOutcome.MEASURED, 49)]
    assert watch_rules.is_late(NOW - 90 * DAY, DAY, failures, NOW)
    assert not watch_rules.is_late(NOW - 90 * DAY, DAY, [attempt(RunOutcome.MEASURED, 47)], NOW)


def before(id_: str, ticket: str = "MT-1") -> Known:
    return Known(id_, ticket, is_before=True)


def after(id_: str, ticket: str = "MT-1") -> Known:
    return Known(id_, ticket, is_before=False)


@pytest.mark.parametrize(
    ("later", "measured_before", "pairs"),
    [
        ([], (), [("s", "n")]),
        ([before("b"), after("a")], ("MT-1",), [("s", "b"), ("a", "n")]),
        ([before("b1"), before("b2"), after("a1"), after("a2")], ("MT-1",), [("s", "b2"), ("a2", "n")]),
        ([before("b")], ("MT-1",), [("s", "b"), ("b", "n")]),
        ([after("a")], (), [("s", "a"), ("a", "n")]),
        ([after("a")], ("MT-1",), [("a", "n")]),
        (
            [before("b"), after("a"), before("c", "MT-2"), after("d", "MT-2")],
            ("MT-1", "MT-2"),
            [("s", "b"), ("a", "c"), ("d", "n")],
        ),
    ],
    ids=["nothing", "a ticket", "measured twice", "never worked", "none before", "older before", "two tickets"],
)
def test_every_stretch_that_no_ticket_compares_is_compared(later, measured_before, pairs):
    assert list(watch_rules.gaps("s", later, "n", measured_before)) == pairs


@pytest.mark.parametrize(
    ("began", "ended", "overlaps"),
    [(1, 2, True), (-2, -1, False), (5, 6, False), (-1, 1, True), (3, None, True), (5, None, False), (-2, 0, False)],
)
def test_work_overlaps_only_what_was_done_in_between(began, ended, overlaps):
    over = None if ended is None else NOW + timedelta(hours=ended)
    work = Worked("MT-2026-00001", NOW + timedelta(hours=began), over)
    assert watch_rules.overlaps(work, NOW, NOW + timedelta(hours=4)) is overlaps
