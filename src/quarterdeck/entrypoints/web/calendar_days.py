"""The calendar's days: which span a view shows, what stands on each day, and where in the day it stands. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from quarterdeck.kernel.windows import Window

VIEWS = ("month", "week", "list")
LIST_DAYS = 60
STEP = 30  # minutes of one row of the week
EARLY, LATE = 8, 18
NIGHT = 6 * 60  # a window that ends before six belongs to the evening before


@dataclass(frozen=True, slots=True)
class Span:
    """Days [first, last] that a view shows, its title and its neighbours."""

    view: str
    first: date
    last: date
    title: str
    before: date
    after: date
    month: int = 0

    @property
    def days(self) -> list[date]:
        """Every day of it."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]


def span(view: str, on: date) -> Span:
    """Return the span of `view` around a day: whole weeks of the month, the week from Monday, or sixty days."""
    if view == "month":
        first = on.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
        start = first - timedelta(days=first.weekday())
        end = following - timedelta(days=1)
        end += timedelta(days=6 - end.weekday())
        before = (first - timedelta(days=1)).replace(day=1)
        return Span(view, start, end, f"{first:%B %Y}", before, following, first.month)
    if view == "week":
        start = on - timedelta(days=on.weekday())
        end, week = start + timedelta(days=6), timedelta(days=7)
        return Span(view, start, end, f"{start:%d %b} to {end:%d %b %Y}", start - week, start + week)
    end, step = on + timedelta(days=LIST_DAYS - 1), timedelta(days=LIST_DAYS)
    return Span("list", on, end, f"{on:%d %b} to {end:%d %b %Y}", on - step, on + step)


@dataclass(frozen=True, slots=True)
class Item:
    """Something in the calendar: a window of work, a usual window, or an end; `line` is what the page shows of it."""

    window: Window
    line: dict[str, Any]
    kind: str = "work"


@dataclass(slots=True)
class Day:
    """One day with its items in order of time; `from_row` and `rows` place an item in the week's grid."""

    day: date
    items: list[dict[str, Any]] = field(default_factory=list)

    @property
    def begin(self) -> list[dict[str, Any]]:
        """What begins here, and what of more than a night still runs: a month does not repeat each midnight."""
        return [item for item in self.items if item["starts_here"] or item["ends"] > NIGHT or item["goes_on"]]


def by_day(items: Sequence[Item], shown: Span, zone: ZoneInfo) -> list[Day]:
    """Return the days of the span; a window over midnight stands on each day that it touches."""
    days = {day: Day(day) for day in shown.days}
    for item in sorted(items, key=lambda one: (one.window.from_, one.window.until)):
        start, end = item.window.from_.astimezone(zone), item.window.until.astimezone(zone)
        last = (end - timedelta(microseconds=1)).date()
        for number in range((last - start.date()).days + 1):
            day = start.date() + timedelta(days=number)
            if day in days:
                days[day].items.append(item.line | {"kind": item.kind, **_place(start, end, day)})
    return list(days.values())


def _place(start: datetime, end: datetime, day: date) -> dict[str, Any]:
    begins = start.hour * 60 + start.minute if start.date() == day else 0
    ends = end.hour * 60 + end.minute if end.date() == day else 24 * 60
    return {"begins": begins, "ends": max(ends, begins + 1), "starts_here": start.date() == day,
            "goes_on": end.date() > day and ends == 24 * 60}  # fmt: skip


def hours(days: Sequence[Day]) -> tuple[int, int]:
    """Return the first and the last hour that the week needs: the working day, and whatever lies outside it."""
    timed = [item for day in days for item in day.items if item["kind"] != "end"]
    first = min((item["begins"] // 60 for item in timed), default=EARLY)
    last = max((-(-item["ends"] // 60) for item in timed), default=LATE)
    return min(EARLY, first), max(LATE, last)


def placed(days: Sequence[Day], first: int) -> None:
    """Give each item its place in the week's grid, counted in half hours from the first hour shown."""
    for day in days:
        for item in day.items:
            row = (item["begins"] - first * 60) // STEP
            item["row"], item["rows"] = row, max(1, -(-(item["ends"] - first * 60) // STEP) - row)
