"""The ticker's loop: each duty at its own pace, and one that fails stops no other."""

import logging

from quarterdeck.entrypoints.ticker.loop import Duty, Ticker
from quarterdeck.kernel.decision import Refused, refuse


def test_duties_run_at_their_own_pace(clock):
    ticker = Ticker([Duty("quick", 1, lambda: None), Duty("slow", 5, lambda: None)], clock)
    ran = []
    for _ in range(6):
        ran.append(ticker.beat())
        clock.advance(seconds=1)
    assert ran == [["quick", "slow"], ["quick"], ["quick"], ["quick"], ["quick"], ["quick", "slow"]]


def test_a_wall_clock_set_back_stops_nothing(clock):
    ticker = Ticker([Duty("quick", 1, lambda: None)], clock)
    ticker.beat()
    clock.set_wall(clock.now().replace(year=2020))
    clock.since_boot += 1
    assert ticker.beat() == ["quick"]


def test_a_failing_duty_is_said_once_and_the_others_go_on(clock, caplog):
    def broken():
        raise Refused(refuse("sealer.unreachable", "The sealer does not answer.", "Start it."))

    ticker = Ticker([Duty("seal", 1, broken), Duty("other", 1, lambda: None)], clock)
    with caplog.at_level(logging.WARNING, "quarterdeck.ticker"):
        for _ in range(10):
            assert ticker.beat() == ["seal", "other"]
            clock.advance(seconds=1)
    assert len([record for record in caplog.records if "does not answer" in record.message]) == 1


def test_a_defect_in_a_duty_is_survived(clock, caplog):
    ticker = Ticker([Duty("broken", 1, lambda: 1 // 0)], clock)
    with caplog.at_level(logging.WARNING, "quarterdeck.ticker"):
        assert ticker.beat() == ["broken"]
    assert "ZeroDivisionError" in caplog.text
