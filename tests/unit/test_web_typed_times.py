"""Moments as people type them, in zones with daylight saving."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from quarterdeck.entrypoints.web.typed_times import NotAMoment, read_moment

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)  # Monday, 09:00 in New York


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("now", datetime(2026, 11, 23, 14, 0, tzinfo=UTC)),
        ("today 18:00", datetime(2026, 11, 23, 23, 0, tzinfo=UTC)),
        ("tomorrow 6pm", datetime(2026, 11, 24, 23, 0, tzinfo=UTC)),
        ("Tomorrow at 6 pm", datetime(2026, 11, 24, 23, 0, tzinfo=UTC)),
        ("Fri 22:00", datetime(2026, 11, 28, 3, 0, tzinfo=UTC)),
        ("monday 08:00", datetime(2026, 11, 30, 13, 0, tzinfo=UTC)),
        ("mon 10:00", datetime(2026, 11, 23, 15, 0, tzinfo=UTC)),
        ("18:30", datetime(2026, 11, 23, 23, 30, tzinfo=UTC)),
        ("08:30", datetime(2026, 11, 24, 13, 30, tzinfo=UTC)),
        ("2026-11-24 18:00", datetime(2026, 11, 24, 23, 0, tzinfo=UTC)),
        ("24 Nov 18:00", datetime(2026, 11, 24, 23, 0, tzinfo=UTC)),
        ("24.11.2026 18:00", datetime(2026, 11, 24, 23, 0, tzinfo=UTC)),
        ("2026-11-24T18:00:00Z", datetime(2026, 11, 24, 18, 0, tzinfo=UTC)),
        ("12am tomorrow", None),
        ("tomorrow 12am", datetime(2026, 11, 24, 5, 0, tzinfo=UTC)),
        ("+90 min", datetime(2026, 11, 23, 15, 30, tzinfo=UTC)),
        ("in 2 days", datetime(2026, 11, 25, 14, 0, tzinfo=UTC)),
    ],
)
def test_what_people_type(typed, meant):
    if meant is None:
        with pytest.raises(NotAMoment):
            read_moment(typed, NEW_YORK, NOW)
    else:
        assert read_moment(typed, NEW_YORK, NOW) == meant


def test_a_length_counts_from_the_start_of_the_window():
    start = datetime(2026, 12, 1, 23, 0, tzinfo=UTC)
    assert read_moment("+4h", NEW_YORK, NOW, base=start) == start + timedelta(hours=4)
    assert read_moment("22:00", NEW_YORK, NOW, base=start) == datetime(2026, 12, 2, 3, 0, tzinfo=UTC)


@pytest.mark.parametrize("typed", ["", "   ", "someday", "25:00", "today", "fri 13pm", "31 Feb 10:00", "x" * 5000])
def test_what_is_no_moment_is_said_in_a_sentence(typed):
    with pytest.raises(NotAMoment) as raised:
        read_moment(typed, NEW_YORK, NOW)
    assert str(raised.value).endswith(".")


def test_an_hour_that_the_clocks_skip_or_repeat_is_refused():
    with pytest.raises(NotAMoment, match="does not exist"):
        read_moment("2027-03-14 02:30", NEW_YORK, NOW)
    with pytest.raises(NotAMoment, match="twice"):
        read_moment("2026-11-01 01:30", NEW_YORK, datetime(2026, 10, 1, tzinfo=UTC))
    assert read_moment("2026-11-01 01:30 -05:00", NEW_YORK, NOW) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)
