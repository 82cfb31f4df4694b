"""When a checkpoint is due and to whom it goes (evidence.md 3.4)."""

from datetime import timedelta
from pathlib import Path

import pytest
from tests.clock import START

from quarterdeck.workflows.cadence import (
    NEWS_COUNT,
    REASON_OF_EVENT,
    Reach,
    heartbeat_due,
    is_wanted,
    may_try,
    retry_at,
    seal_reason,
)


@pytest.mark.parametrize(
    ("events", "age", "reason"),
    [
        ([], None, None),
        (["asset.added"], timedelta(minutes=14, seconds=59), None),
        (["asset.added"], timedelta(minutes=15), "news"),
        (["asset.added"] * NEWS_COUNT, timedelta(0), "news"),
        (["ticket.approved"], timedelta(0), "approval"),
        (["ticket.opened"], timedelta(0), "open"),
        (["session.ended", "ticket.closed", "ticket.opened"], timedelta(0), "close"),
        (["package.exported"], timedelta(0), "export"),
        (["roster.founded"], timedelta(0), "key"),
        (["ledger.heartbeat"], timedelta(0), "heartbeat"),
    ],
)
def test_reason_of_a_checkpoint(events, age, reason):
    oldest = None if age is None else START - age
    assert seal_reason(events, oldest, START) == reason


def test_every_event_that_asks_for_a_checkpoint_is_one_that_the_program_records():
    text = "".join(path.read_text() for path in Path("src/quarterdeck").rglob("*.py") if path.name != "cadence.py")
    assert [event for event in REASON_OF_EVENT if f'"{event}"' not in text] == []


def test_the_heart_beats_once_a_day():
    assert not heartbeat_due(None, START)
    assert not heartbeat_due(START - timedelta(hours=23, minutes=59), START)
    assert heartbeat_due(START - timedelta(hours=24), START)


def test_syslog_gets_every_checkpoint():
    assert is_wanted(Reach.EVERY, ["news"], START, START)
    assert not is_wanted(Reach.EVERY, [], None, START)
    assert is_wanted(Reach.NEWEST, ["news"], START, START)


@pytest.mark.parametrize(
    ("reason", "mailed", "stamped"),
    [
        ("approval", True, False),
        ("open", True, False),
        ("close", True, True),
        ("export", True, True),
        ("key", True, False),
        ("heartbeat", True, True),
        ("news", False, False),
    ],
)
def test_mail_is_for_milestones_and_stamps_are_for_what_a_package_rests_on(reason, mailed, stamped):
    assert is_wanted(Reach.MILESTONES, ["news", reason], START, START) is mailed
    assert is_wanted(Reach.STAMPS, ["news", reason], START, START) is stamped


@pytest.mark.parametrize("reach", [Reach.MILESTONES, Reach.STAMPS])
def test_days_without_a_milestone_go_out_as_a_digest(reach):
    assert not is_wanted(reach, ["news"], START - timedelta(hours=23, minutes=59), START)
    assert is_wanted(reach, ["news"], START - timedelta(hours=24), START)
    assert not is_wanted(reach, [], None, START)


def test_a_back_off_ends_and_one_written_by_a_wrong_clock_does_not_count():
    assert may_try(None, START)
    assert not may_try(START + timedelta(seconds=1), START)
    assert may_try(START, START)
    assert may_try(START + timedelta(days=400), START)


def test_retries_grow_to_a_quarter_of_an_hour():
    waits = [(retry_at(failures, START) - START).total_seconds() for failures in range(1, 9)]
    assert waits == [15, 30, 60, 120, 240, 480, 900, 900]
    assert retry_at(10_000, START) - START == timedelta(minutes=15)
