"""Pure rules of time at the gate: whose command a line is, idleness on the boot clock, a window that moves."""

from datetime import UTC, datetime, timedelta

import pytest

from quarterdeck.entrypoints.gate.deadlines import deadline, moved_words, must_end, renewed, seconds_left
from quarterdeck.entrypoints.gate.idleness import Idleness, ended_words, warning_words
from quarterdeck.entrypoints.gate.own_commands import MoreTime, own_command
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.extension_rules import may_extend, may_extend_alone
from quarterdeck.tickets.terms import State

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "command",
    [None, b"", b"  ", b"ls", b"quarterdecks extend 30 x", b"/usr/bin/quarterdeck extend 30 x", b"'quarterdeck' extend",
     b"QUARTERDECK extend 30 x", b"quarterdeck-subsystem-sftp", b"sh -c 'quarterdeck extend 30 x'",
     b"echo;quarterdeck extend 30 x", b"\\quarterdeck extend 30 x"],
)  # fmt: skip
def test_commands_of_the_target(command):
    assert own_command(command) is None


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        (b"quarterdeck extend 30 the index isn't ready", MoreTime(30, "the index isn't ready")),
        (b" \tquarterdeck   extend 005 'x y' ", MoreTime(5, "x y")),
        (b"quarterdeck extend 720 \xff", MoreTime(720, "\ufffd")),
        *(
            (b"quarterdeck" + rest, MoreTime(0, ""))
            for rest in (b"", b" extend", b" extend 30", b" extend 0 x", b" extend 721 x", b" extend -5 x",
                         b" extend 30; x", b" extend 1e2 x", b" extend \xd9\xa3 x", b" extend 99999999 x",
                         b" stop", b" ; sh")
        ),
    ],
)  # fmt: skip
def test_commands_of_the_gate_whatever_follows(command, asked):
    assert own_command(command) == asked


def test_idleness_warns_once_a_minute_before_and_starts_anew_at_a_key():
    idle = Idleness(900, 1000.0)
    assert not idle.must_warn(1839.0)
    assert idle.wait(1839.0, 10.0) == 1.0
    assert idle.must_warn(1840.0)
    assert not idle.must_warn(1841.0)
    assert not idle.over(1899.9)
    idle.heard(1899.9)
    assert not idle.over(1900.0)
    assert idle.must_warn(2739.9)
    assert idle.over(2799.9)


def test_a_machine_that_slept_finds_its_terminals_idle():
    idle = Idleness(900, 1000.0)
    assert idle.over(1000.0 + 8 * 3600)


def test_a_short_limit_warns_at_its_last_quarter_and_none_never_ends():
    short = Idleness(4, 0.0)
    assert not short.must_warn(2.9)
    assert short.must_warn(3.0)
    never = Idleness(0, 0.0)
    assert not never.over(1e9)
    assert not never.must_warn(1e9)
    assert never.wait(1e9, 10.0) == 10.0
    assert "15 min" in ended_words(900)
    assert "60 s" in warning_words(900)


def test_more_time_moves_both_clocks_by_as_much_whatever_the_wall_says():
    old = deadline(NOON + HOUR, 0, now=NOON, boot=5000.0)
    new = renewed(old, NOON + HOUR + timedelta(minutes=30), 0)
    assert new.until_boot == 5000.0 + 5400
    set_back = NOON - timedelta(hours=9)
    assert not must_end(new, now=set_back, boot=5000.0 + 5399)
    assert must_end(new, now=set_back, boot=5000.0 + 5400)
    assert must_end(new, now=NOON + timedelta(hours=2), boot=5000.0 + 60)
    assert seconds_left(new, now=NOON, boot=5000.0 + 60) == 5340


def test_what_a_session_is_told_when_its_window_moves():
    old = deadline(NOON + HOUR, 0, now=NOON, boot=0.0)
    assert moved_words(old, renewed(old, NOON + HOUR, 60), now=NOON, boot=0.0) == ""
    longer = renewed(old, NOON + HOUR + timedelta(minutes=30), 0)
    assert "longer now: it ends in 90 min" in moved_words(old, longer, now=NOON, boot=0.0)
    assert "shorter now: it ends in 60 min" in moved_words(longer, old, now=NOON, boot=0.0)


@pytest.mark.parametrize(
    ("state", "until", "at", "vendor", "codes"),
    [
        (State.OPEN, 2.5, 1.5, False, ()),
        (State.OPEN, 2.5, 2.4, False, ()),
        (State.OPEN, 2.0, 1.5, False, ("extension.not_later",)),
        (State.OPEN, 2.4, 2.45, False, ("extension.not_later", "window.past")),
        (State.OPEN, 3.0, 2.5, False, ("extension.too_late",)),
        (State.OPEN, 14.1, 1.0, False, ("extension.too_long",)),
        (State.OPEN, 12.5, 1.0, True, ("window.vendor_cap",)),
        (State.VERIFYING, 2.5, 1.5, False, ("extension.not_open",)),
    ],
)
def test_what_a_window_may_become(state, until, at, vendor, codes):
    window = Window(NOON, NOON + 2 * HOUR)
    decision = may_extend(
        state, window, NOON + until * HOUR, hard_end=NOON + 2.5 * HOUR, vendor=vendor, at=NOON + at * HOUR
    )
    assert decision.codes == codes


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({}, ()),
        ({"does_the_work": False}, ("extension.not_a_worker",)),
        ({"vendor": True}, ("extension.supervised",)),
        ({"supervised": True}, ("extension.supervised",)),
        ({"used": True}, ("extension.used",)),
    ],
)
def test_who_takes_more_time_alone(change, code):
    plain = {"does_the_work": True, "vendor": False, "supervised": False, "used": False}
    assert may_extend_alone(timedelta(minutes=30), 30, **(plain | change)).codes == code


def test_nobody_takes_more_than_policy_alone():
    plain = {"does_the_work": True, "vendor": False, "supervised": False, "used": False}
    assert may_extend_alone(timedelta(minutes=31), 30, **plain).codes == ("extension.long",)
    assert may_extend_alone(timedelta(minutes=1), 0, **plain).codes == ("extension.long",)
