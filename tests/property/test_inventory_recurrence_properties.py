"""For every rule that is accepted: windows come, ordered, never overlapping, whatever the zone and the season."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.inventory.recurrence import Recurrence, check_recurrence

ZONES = ["UTC", "America/Chicago", "Europe/Berlin", "Australia/Lord_Howe", "America/St_Johns", "Pacific/Apia"]
DAYS = ["MO", "TU", "WE", "TH", "FR", "SA", "SU"]
some_days = st.lists(st.sampled_from(DAYS), min_size=1, max_size=7, unique=True).map(",".join)
hour = st.integers(0, 23)
minute = st.integers(0, 59)


def joined(*parts):
    return ";".join(part for part in parts if part)


rules = st.one_of(
    st.builds(lambda i, h, m: f"FREQ=DAILY;INTERVAL={i};BYHOUR={h};BYMINUTE={m}", st.integers(1, 366), hour, minute),
    st.builds(lambda i, d, h: f"FREQ=WEEKLY;INTERVAL={i};BYDAY={d};BYHOUR={h}", st.integers(1, 52), some_days, hour),
    st.builds(
        lambda n, d, h: f"FREQ=MONTHLY;BYDAY={n}{d};BYHOUR={h}",
        st.sampled_from([-4, -3, -2, -1, 1, 2, 3, 4]),
        st.sampled_from(DAYS),
        hour,
    ),
    st.builds(
        lambda i, d, h: f"FREQ=MONTHLY;INTERVAL={i};BYMONTHDAY={d};BYHOUR={h}",
        st.integers(1, 12),
        st.sampled_from([-28, -1, 1, 15, 28]),
        hour,
    ),
    st.builds(
        lambda months, d, p, h: joined(
            "FREQ=MONTHLY", f"BYMONTH={','.join(map(str, months))}", f"BYDAY={d}", f"BYSETPOS={p}", f"BYHOUR={h}"
        ),
        st.lists(st.integers(1, 12), min_size=1, max_size=4, unique=True),
        some_days,
        st.sampled_from([-1, 1, 4]),
        hour,
    ),
)
recurrences = st.builds(Recurrence, rules, st.integers(1, 7 * 24 * 60), st.sampled_from(ZONES))
moments = st.integers(0, 8 * 366 * 24 * 60).map(lambda n: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=n))


@settings(max_examples=300, deadline=None)
@given(recurrences, moments)
def test_windows_come_ordered_and_never_overlap(recurrence, after):
    assert check_recurrence(recurrence).allowed
    windows = recurrence.next_windows(after, 6)
    assert len(windows) == 6
    assert all(w.is_ordered and w.until > after for w in windows)
    assert all(a.until <= b.from_ for a, b in pairwise(windows))


@settings(max_examples=150, deadline=None)
@given(recurrences, moments)
def test_the_next_windows_do_not_depend_on_where_the_search_begins(recurrence, after):
    windows = recurrence.next_windows(after, 8)
    assert recurrence.next_windows(windows[3].from_, 4)[-3:] == windows[4:7] or windows[2].until > windows[3].from_


@settings(max_examples=150, deadline=None)
@given(st.builds(Recurrence, rules, st.just(30), st.sampled_from(ZONES)), moments)
def test_the_local_clock_shows_the_hour_of_the_rule_but_for_skipped_starts(recurrence, after):
    zone = ZoneInfo(recurrence.zone)
    wanted = int(recurrence.rrule.split("BYHOUR=")[1].split(";")[0])
    for window in recurrence.next_windows(after, 4):
        local = window.from_.astimezone(zone)
        naive_back = local.replace(tzinfo=None)
        assert naive_back.hour == wanted or _is_after_gap(local, wanted)


def _is_after_gap(local, wanted):
    """The hour of the rule does not exist on that day: its round trip through UTC does not come back."""
    asked = local.replace(hour=wanted)
    return asked.astimezone(UTC).astimezone(local.tzinfo).hour != wanted
