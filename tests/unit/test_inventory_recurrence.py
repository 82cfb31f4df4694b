"""Maintenance windows that come back: grammar, daylight saving, order."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from quarterdeck.inventory.recurrence import Recurrence, check_recurrence

SATURDAY_NIGHT = Recurrence("FREQ=WEEKLY;BYDAY=SA;BYHOUR=22", 240, "America/Chicago")
NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)


def local_starts(recurrence, after, count):
    zone = ZoneInfo(recurrence.zone)
    return [w.from_.astimezone(zone).strftime("%Y-%m-%d %H:%M") for w in recurrence.next_windows(after, count)]


def test_windows_are_in_utc_and_keep_the_local_hour():
    first = SATURDAY_NIGHT.next_windows(NOW, 1)[0]
    assert first.from_ == datetime(2026, 11, 29, 4, tzinfo=UTC)
    assert first.until == datetime(2026, 11, 29, 8, tzinfo=UTC)
    assert first.from_.tzinfo is UTC


def test_the_local_hour_stays_across_the_end_of_summer_time():
    around = Recurrence("FREQ=WEEKLY;BYDAY=SA;BYHOUR=22", 60, "America/Chicago")
    windows = around.next_windows(datetime(2026, 10, 30, tzinfo=UTC), 2)
    assert [w.from_.hour for w in windows] == [3, 4]
    assert local_starts(around, datetime(2026, 10, 30, tzinfo=UTC), 2) == ["2026-10-31 22:00", "2026-11-07 22:00"]


def test_a_start_that_summer_time_skips_moves_forward_by_the_skipped_hour():
    at_half_past_two = Recurrence("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", 60, "America/Chicago")
    window = at_half_past_two.next_windows(datetime(2026, 3, 8, 6, tzinfo=UTC), 1)[0]
    assert window.from_ == datetime(2026, 3, 8, 8, 30, tzinfo=UTC)
    assert window.from_.astimezone(ZoneInfo("America/Chicago")).hour == 3


def test_a_start_that_happens_twice_is_the_first_and_comes_once():
    at_half_past_one = Recurrence("FREQ=DAILY;BYHOUR=1;BYMINUTE=30", 30, "America/Chicago")
    windows = at_half_past_one.next_windows(datetime(2026, 10, 31, 12, tzinfo=UTC), 2)
    assert windows[0].from_ == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
    assert windows[1].from_ == datetime(2026, 11, 2, 7, 30, tzinfo=UTC)


def test_a_window_keeps_its_real_length_across_a_change():
    overnight = Recurrence("FREQ=WEEKLY;BYDAY=SA;BYHOUR=22", 480, "America/Chicago")
    window = overnight.next_windows(datetime(2026, 10, 31, tzinfo=UTC), 1)[0]
    assert window.length == timedelta(hours=8)


def test_whole_days_never_overlap_on_the_day_of_23_hours():
    always = Recurrence("FREQ=DAILY;BYHOUR=0", 24 * 60, "Europe/Berlin")
    windows = always.next_windows(datetime(2026, 3, 27, tzinfo=UTC), 5)
    assert all(a.until <= b.from_ for a, b in pairwise(windows))
    assert min(w.length for w in windows) == timedelta(hours=23)


def test_a_window_that_is_open_now_comes_first():
    inside = datetime(2026, 11, 29, 5, tzinfo=UTC)
    assert SATURDAY_NIGHT.next_windows(inside, 1)[0].contains(inside)


def test_a_window_that_ends_now_is_over():
    end = datetime(2026, 11, 29, 8, tzinfo=UTC)
    assert SATURDAY_NIGHT.next_windows(end, 1)[0].from_ > end


def test_second_tuesday_of_the_month():
    patching = Recurrence("FREQ=MONTHLY;BYDAY=2TU;BYHOUR=18;BYMINUTE=30", 120, "Europe/Berlin")
    assert local_starts(patching, NOW, 3) == ["2026-12-08 18:30", "2027-01-12 18:30", "2027-02-09 18:30"]


def test_last_weekday_by_position():
    last = Recurrence("FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1;BYHOUR=20", 60, "UTC")
    assert local_starts(last, NOW, 2) == ["2026-11-30 20:00", "2026-12-31 20:00"]


def test_every_second_week_keeps_its_phase_wherever_the_search_begins():
    fortnight = Recurrence("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO;BYHOUR=6", 60, "UTC", date(2026, 11, 2))
    from_start = fortnight.next_windows(datetime(2026, 11, 1, tzinfo=UTC), 30)
    later = fortnight.next_windows(from_start[20].from_, 5)
    assert later == from_start[20:25]
    assert from_start[0].from_.date() == date(2026, 11, 2)


def test_quarterly_by_month():
    quarterly = Recurrence("FREQ=MONTHLY;BYMONTH=1,4,7,10;BYDAY=1SA;BYHOUR=8", 60, "UTC")
    assert local_starts(quarterly, NOW, 2) == ["2027-01-02 08:00", "2027-04-03 08:00"]


def test_nothing_before_the_day_it_starts_on():
    later = Recurrence("FREQ=DAILY;BYHOUR=3", 60, "UTC", date(2030, 5, 1))
    assert later.next_windows(NOW, 1)[0].from_ == datetime(2030, 5, 1, 3, tzinfo=UTC)


def test_no_windows_asked_none_given():
    assert SATURDAY_NIGHT.next_windows(NOW, 0) == []


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("", "maintenance_window.rule"),
        ("FREQ=SECONDLY;BYHOUR=1", "maintenance_window.rule"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;BYHOUR=1", "maintenance_window.rule"),
        ("FREQ=MONTHLY;BYMONTHDAY=31;BYHOUR=1", "maintenance_window.rule"),
        ("FREQ=WEEKLY;BYHOUR=22", "maintenance_window.rule"),
        ("FREQ=WEEKLY;BYDAY=SA", "maintenance_window.rule"),
        ("FREQ=WEEKLY;BYDAY=2SA;BYHOUR=1", "maintenance_window.rule"),
        ("FREQ=WEEKLY;BYDAY=-SA;BYHOUR=1", "maintenance_window.rule"),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=TU;BYHOUR=1", "maintenance_window.rule"),
        ("FREQ=MONTHLY;INTERVAL=2;BYMONTH=2;BYDAY=1MO;BYHOUR=1", "maintenance_window.rule"),
        ("FREQ=WEEKLY;INTERVAL=53;BYDAY=MO;BYHOUR=1", "maintenance_window.rule"),
        ("FREQ=DAILY;BYHOUR=24", "maintenance_window.rule"),
        ("FREQ=DAILY;BYHOUR=1;COUNT=3", "maintenance_window.rule"),
        ("FREQ=DAILY;BYHOUR=1;UNTIL=20270101", "maintenance_window.rule"),
        ("FREQ=DAILY;FREQ=WEEKLY;BYHOUR=1", "maintenance_window.rule"),
        ("FREQ=DAILY;BYHOUR=1\nDTSTART:20200101", "maintenance_window.rule"),
        ("FREQ=MONTHLY;BYDAY=2TU;BYSETPOS=1;BYHOUR=1", "maintenance_window.rule"),
    ],
)
def test_a_rule_that_may_never_come_back_or_is_not_read_is_refused(rule, code):
    decision = check_recurrence(Recurrence(rule, 60, "UTC"))
    assert decision.codes == (code,)
    assert decision.reasons[0].next_step


@pytest.mark.parametrize("zone", ["", "CET+1", "Mars/Olympus", "../../etc/passwd", "EST5EDT"])
def test_a_zone_has_its_iana_name(zone):
    assert check_recurrence(Recurrence("FREQ=DAILY;BYHOUR=1", 60, zone)).codes == ("maintenance_window.zone",)


@pytest.mark.parametrize("minutes", [0, -5, 7 * 24 * 60 + 1])
def test_a_length_is_a_minute_to_a_week(minutes):
    assert check_recurrence(Recurrence("FREQ=DAILY;BYHOUR=1", minutes, "UTC")).codes == ("maintenance_window.minutes",)


def test_a_refused_rule_yields_no_windows():
    with pytest.raises(ValueError, match="rule of the maintenance window"):
        Recurrence("FREQ=DAILY", 60, "UTC").next_windows(NOW, 1)
    with pytest.raises(ValueError, match="500"):
        SATURDAY_NIGHT.next_windows(NOW, 501)
