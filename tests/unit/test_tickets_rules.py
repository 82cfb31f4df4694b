"""The transition table, windows, deadlines and texts of tickets, without a database."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.hold_points import HOLD_POINTS, spoken
from quarterdeck.tickets.policy import DEFAULT_ROWS, PolicyRow
from quarterdeck.tickets.rules import (
    TRANSITIONS,
    after,
    diagram,
    lead_time,
    may_log_quick,
    may_move,
    may_write,
    ratification_due,
    readable,
    usable_title,
    well_formed_window,
)
from quarterdeck.tickets.terms import FINAL_STATES, Before, MaintenanceType, Method, State

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


def test_every_state_but_the_draft_is_reached_and_every_state_that_is_not_final_is_left() -> None:
    reached = {to for moves in TRANSITIONS.values() for to in moves.values()}
    left = {state for moves in TRANSITIONS.values() for state in moves}
    assert reached == set(State)  # an edit of a draft leads to a draft
    assert left == set(State) - FINAL_STATES


def test_opening_is_reached_only_through_approval() -> None:
    ways = {(before, to) for moves in TRANSITIONS.values() for before, to in moves.items()}
    assert {before for before, to in ways if to is State.OPEN} == {State.SCHEDULED, State.VERIFYING}
    assert {before for before, to in ways if to is State.SCHEDULED} == {State.APPROVED}
    assert {before for before, to in ways if to is State.APPROVED} == {State.SUBMITTED}
    assert {before for before, to in ways if to is State.VERIFYING} == {State.OPEN}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("act", sorted(TRANSITIONS))
def test_moves_are_those_of_the_table(act: str, state: State) -> None:
    if state in TRANSITIONS[act]:
        assert after(act, state) is TRANSITIONS[act][state]
        return
    decision = may_move(act, state)
    assert decision.codes == ("state.wrong",)
    assert decision.reasons[0].next_step
    with pytest.raises(Refused):
        after(act, state)


@pytest.mark.parametrize("state", State)
def test_what_is_over_takes_nothing(state: State) -> None:
    assert may_write(state).allowed is (state not in FINAL_STATES)


def test_the_diagram_has_every_move() -> None:
    drawn = diagram().splitlines()
    assert len(drawn) == 2 + sum(len(moves) for moves in TRANSITIONS.values()) + len(FINAL_STATES)


@pytest.mark.parametrize(
    ("start", "hours", "vendor", "expected"),
    [
        (0, 1, False, ()),
        (1, 12, True, ()),
        (1, 12.01, True, ("window.vendor_cap",)),
        (1, 14 * 24, False, ()),
        (1, 14 * 24 + 1, False, ("window.too_long",)),
        (1, 0, False, ("window.backwards",)),
        (1, -1, False, ("window.backwards",)),
        (-2, 2, False, ("window.past",)),
        (-2, 2.01, False, ()),
        (-30, 20, True, ("window.past", "window.vendor_cap")),
    ],
)
def test_shapes_of_windows(start: float, hours: float, vendor: bool, expected: tuple[str, ...]) -> None:
    begin = NOW + timedelta(hours=start)
    window = Window(begin, begin + timedelta(hours=hours))
    assert well_formed_window(window, vendor=vendor, now=NOW).codes == expected


@given(st.datetimes(min_value=datetime(2024, 1, 1), max_value=datetime(2030, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_ratification_is_due_on_a_business_day_two_to_four_days_later(opened: datetime) -> None:
    due = ratification_due(opened)
    assert due.weekday() < 5
    assert timedelta(days=2) <= due - opened <= timedelta(days=4)
    assert ratification_due(opened + timedelta(hours=1)) >= due


def test_planned_work_is_told_a_day_before() -> None:
    assert lead_time(MaintenanceType.PREVENTIVE, emergency=False) == timedelta(hours=24)
    assert lead_time(MaintenanceType.CORRECTIVE, emergency=False) == timedelta(0)
    assert lead_time(MaintenanceType.PREVENTIVE, emergency=True) == timedelta(0)


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("cui", [True, False])
@pytest.mark.parametrize("changed", [True, False])
def test_what_is_written_down_afterwards(method: Method, cui: bool, changed: bool) -> None:
    decision = may_log_quick(method=method, handles_cui=cui, changed_configuration=changed)
    assert ("quick_log.nonlocal" in decision.codes) is (method is not Method.ON_SITE)
    assert ("quick_log.cui_configuration" in decision.codes) is (cui and changed)


@pytest.mark.parametrize("text", ["\0", "a\ud800", "\udfffb"])
def test_unreadable_texts(text: str) -> None:
    assert readable("fine", text).codes == ("text.unreadable",)


@given(st.text())
def test_readable_texts_can_be_encoded(text: str) -> None:
    if readable(text).allowed:
        assert "\0" not in text
        text.encode()


@pytest.mark.parametrize("title", ["", " ", "a\nb", "x" * 161, "tab\tbed", "zero\u200bwidth", "left\u202eright"])
def test_titles_that_are_none(title: str) -> None:
    assert usable_title(title).codes == ("title.missing",)


def test_titles_in_any_script() -> None:
    assert usable_title("Dateiserver prüfen: 修理").allowed


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(hours=2, minutes=10), "2 h 10 min"),
        (timedelta(days=1), "1 d"),
        (timedelta(seconds=30), "less than a minute"),
        (timedelta(seconds=-30), "less than a minute"),
    ],
)
def test_spans_as_people_say_them(span: timedelta, words: str) -> None:
    assert spoken(span) == words


def test_hold_points_are_named_and_placed() -> None:
    assert all(name == point.id and name.startswith("HP-") for name, point in HOLD_POINTS.items())
    assert {point.before for point in HOLD_POINTS.values()} == set(Before)
    assert all(row.next_step for row in DEFAULT_ROWS if row.fact_kinds)
    assert all(set(row.fact_kinds) == set(row.wording) for row in DEFAULT_ROWS if row.fact_kinds)


def test_an_empty_list_in_a_policy_row_means_all() -> None:
    assert PolicyRow("HP-TOOLS").applies_to("ticket", "corrective", "ssh", "low")
    high = PolicyRow("HP-TOOLS", risks=("high",), methods=("ssh",))
    assert not high.applies_to("ticket", "corrective", "ssh", "low")
    assert high.applies_to("ticket", "corrective", "ssh", "high")
