"""Deadlines of a gate session on two clocks: warnings, window, grace, a clock that is set back."""

from datetime import UTC, datetime, timedelta

import pytest

from quarterdeck.entrypoints.gate.deadlines import deadline, due_notice, must_end, renewed, seconds_left, window_over

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
BOOT = 5000.0


def at(seconds):
    return {"now": NOON + timedelta(seconds=seconds), "boot": BOOT + seconds}


def limit(seconds=3600.0, grace=0):
    return deadline(NOON + timedelta(seconds=seconds), grace, **at(0))


def test_without_grace_the_windows_end_is_the_hard_end():
    assert not must_end(limit(), **at(3599.9))
    assert must_end(limit(), **at(3600))
    assert limit().hard_end == NOON + timedelta(hours=1)


def test_grace_lies_between_the_windows_end_and_the_hard_end():
    assert window_over(limit(grace=1800), **at(3600))
    assert not must_end(limit(grace=1800), **at(5399))
    assert must_end(limit(grace=1800), **at(5400))


def test_a_clock_that_is_set_back_wins_no_time():
    assert must_end(limit(), now=NOON - timedelta(days=1), boot=BOOT + 3600)


def test_a_machine_that_slept_loses_its_time():
    assert must_end(limit(), now=NOON + timedelta(hours=2), boot=BOOT + 10)
    assert seconds_left(limit(), now=NOON, boot=BOOT + 3000) == 600


def test_the_boot_deadline_moves_only_with_the_window():
    first = limit()
    same = renewed(first, first.until, 0)
    assert same is first
    later = renewed(first, first.until + timedelta(hours=1), 0)
    assert later.until_boot == BOOT + 7200


@pytest.mark.parametrize(
    ("seconds", "mark", "words"),
    [(2690, None, ""), (2700, 15, "in 15 min"), (3000, 15, "in 10 min"), (3300, 5, "in 5 min"), (3590, 5, "in 1 min")],
)
def test_warnings_come_at_fifteen_and_five_minutes(seconds, mark, words):
    notice = due_notice(limit(), frozenset(), **at(seconds))
    assert (notice and notice[0]) == mark
    assert words in (notice[1] if notice else "")


def test_each_warning_comes_once():
    assert due_notice(limit(), frozenset({15}), **at(2800)) is None
    assert due_notice(limit(), frozenset({15}), **at(3400))[0] == 5
    assert due_notice(limit(), frozenset({15, 5}), **at(3500)) is None


def test_the_end_of_the_window_is_told_only_where_a_grace_follows():
    assert due_notice(limit(), frozenset(), **at(3600)) is None
    mark, sentence = due_notice(limit(grace=1800), frozenset({15, 5}), **at(3600))
    assert mark == 0
    assert "within 30 min" in sentence
    assert due_notice(limit(grace=1800), frozenset({15, 5, 0}), **at(3700)) is None
