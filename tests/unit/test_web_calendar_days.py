"""The calendar's days without a database: spans, items over midnight, places in the week, the change to summer time."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from quarterdeck.entrypoints.web.calendar_days import VIEWS, Item, by_day, hours, placed, span
from quarterdeck.kernel.windows import Window

NEW_YORK = ZoneInfo("America/New_York")


def item(start: str, end: str, kind: str = "work") -> Item:
    window = Window(datetime.fromisoformat(start).replace(tzinfo=UTC), datetime.fromisoformat(end).replace(tzinfo=UTC))
    return Item(window, {"title": start}, kind)


@pytest.mark.parametrize(
    ("view", "on", "first", "last"),
    [
        ("month", date(2026, 11, 27), date(2026, 10, 26), date(2026, 12, 6)),
        ("month", date(2027, 2, 1), date(2027, 2, 1), date(2027, 2, 28)),
        ("week", date(2026, 11, 29), date(2026, 11, 23), date(2026, 11, 29)),
        ("list", date(2026, 11, 27), date(2026, 11, 27), date(2027, 1, 25)),
    ],
)
def test_a_span_holds_whole_weeks_of_the_month_the_week_or_sixty_days(view, on, first, last):
    found = span(view, on)
    assert (found.first, found.last) == (first, last)
    assert found.first <= on <= found.last


@pytest.mark.parametrize("view", VIEWS)
def test_going_on_and_back_leads_home(view):
    here = span(view, date(2026, 12, 1))
    assert span(view, here.after).before in (here.first, date(2026, 12, 1))
    assert span(view, span(view, here.before).after).title == here.title


def test_a_window_over_midnight_stands_on_both_days_and_begins_on_one():
    night = item("2026-11-28T03:00:00", "2026-11-28T07:00:00")  # 22:00 to 02:00 in New York
    days = by_day([night], span("week", date(2026, 11, 27)), NEW_YORK)
    friday, saturday = days[4], days[5]
    assert [(one["begins"], one["ends"], one["starts_here"]) for one in friday.items] == [(22 * 60, 24 * 60, True)]
    assert [(one["begins"], one["ends"], one["starts_here"]) for one in saturday.items] == [(0, 120, False)]
    assert friday.items[0]["goes_on"]
    assert not saturday.items[0]["goes_on"]
    assert (len(friday.begin), len(saturday.begin)) == (1, 0)


def test_a_window_until_midnight_does_not_touch_the_next_day():
    days = by_day(
        [item("2026-11-27T20:00:00", "2026-11-28T00:00:00")], span("week", date(2026, 11, 27)), ZoneInfo("UTC")
    )
    assert [len(day.items) for day in days] == [0, 0, 0, 0, 1, 0, 0]


def test_the_week_shows_the_working_day_and_whatever_lies_outside_it():
    week = span("week", date(2026, 11, 27))
    zone = ZoneInfo("UTC")
    assert hours(by_day([], week, zone)) == (8, 18)
    early = by_day([item("2026-11-27T05:30:00", "2026-11-27T06:00:00")], week, zone)
    assert hours(early) == (5, 18)
    placed(early, 5)
    assert (early[4].items[0]["row"], early[4].items[0]["rows"]) == (1, 1)
    late = by_day([item("2026-11-27T17:00:00", "2026-11-27T22:15:00")], week, zone)
    assert hours(late) == (8, 23)
    placed(late, 8)
    assert (late[4].items[0]["row"], late[4].items[0]["rows"]) == (18, 11)


def test_the_day_of_the_change_to_summer_time_keeps_its_windows():
    march = item("2027-03-14T06:30:00", "2027-03-14T08:30:00")  # 01:30 EST to 04:30 EDT
    days = by_day([march], span("week", date(2027, 3, 14)), NEW_YORK)
    assert [(one["begins"], one["ends"]) for one in days[6].items] == [(90, 270)]


def test_a_window_of_several_days_stands_on_each():
    long = item("2026-11-24T12:00:00", "2026-11-26T12:00:00")
    days = by_day([long], span("week", date(2026, 11, 27)), ZoneInfo("UTC"))
    assert [len(day.items) for day in days] == [0, 1, 1, 1, 0, 0, 0]
    assert [len(day.begin) for day in days] == [0, 1, 1, 1, 0, 0, 0]
    assert days[1].day + timedelta(days=1) == days[2].day
