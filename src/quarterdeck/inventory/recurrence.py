"""A maintenance window that comes back: an RRULE in the site's own zone and a length in minutes.

Only rules that surely come back are accepted (daily, weekly, monthly; see `check_recurrence`): a rule that never
matches would make the calendar search to the year 9999.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

from dateutil.rrule import rrulestr

from quarterdeck.kernel.decision import Decision, Reason
from quarterdeck.kernel.windows import Window

FIRST_MONDAY = date(2000, 1, 3)
MAX_MINUTES = 7 * 24 * 60
MAX_WINDOWS = 500
_MAX_INTERVAL = {"DAILY": 366, "WEEKLY": 52, "MONTHLY": 12}
_PARTS = {
    "FREQ": re.compile(r"DAILY|WEEKLY|MONTHLY"),
    "INTERVAL": re.compile(r"[1-9]\d{0,2}", re.ASCII),
    "BYDAY": re.compile(r"-?[1-4]?(?:MO|TU|WE|TH|FR|SA|SU)(?:,-?[1-4]?(?:MO|TU|WE|TH|FR|SA|SU)){0,6}"),
    "BYMONTHDAY": re.compile(r"-?(?:[1-9]|1\d|2[0-8])(?:,-?(?:[1-9]|1\d|2[0-8])){0,30}", re.ASCII),
    "BYMONTH": re.compile(r"(?:[1-9]|1[0-2])(?:,(?:[1-9]|1[0-2])){0,11}"),
    "BYSETPOS": re.compile(r"-?[1-4]"),
    "BYHOUR": re.compile(r"\d|1\d|2[0-3]", re.ASCII),
    "BYMINUTE": re.compile(r"[0-5]?\d", re.ASCII),
}
_EXAMPLE = "Write for example FREQ=WEEKLY;BYDAY=SA;BYHOUR=22 or FREQ=MONTHLY;BYDAY=2TU;BYHOUR=18;BYMINUTE=30."


@dataclass(frozen=True, slots=True)
class Recurrence:
    """`rrule` (RFC 5545, local time), `minutes` of length, IANA `zone`; `starts_on` gives an INTERVAL its phase."""

    rrule: str
    minutes: int
    zone: str
    starts_on: date = FIRST_MONDAY

    def next_windows(self, after: datetime, count: int) -> list[Window]:
        """Return the next `count` windows in UTC that end after `after`; the first may be open already.

        Windows are ordered and never overlap: one that would run into the next ends where that begins. A start
        that the change to summer time skips moves forward by the skipped hour; one that happens twice is the first.
        ValueError for a rule that `check_recurrence` refuses or a count above 500.
        """
        refused = check_recurrence(self)
        if refused.reasons or not 0 <= count <= MAX_WINDOWS or after.tzinfo is None:
            raise ValueError("; ".join(r.sentence for r in refused.reasons) or "ask for 0 to 500 windows, aware time")
        found: list[Window] = []
        for start, following in pairwise(self._starts(after)):
            if len(found) == count:
                break
            until = min(start + timedelta(minutes=self.minutes), following)
            if until > after:
                found.append(Window(start, until))
        return found

    def as_dict(self) -> dict[str, str | int]:
        """Return the four parts as JSON-ready values."""
        return {
            "rrule": self.rrule,
            "minutes": self.minutes,
            "zone": self.zone,
            "starts_on": self.starts_on.isoformat(),
        }

    def _starts(self, after: datetime) -> Iterator[datetime]:
        """Yield starts in UTC from before any window that can still be open at `after`."""
        zone = ZoneInfo(self.zone)
        begin = after.astimezone(zone).replace(tzinfo=None) - timedelta(minutes=self.minutes, days=2)
        first = datetime.combine(self.starts_on, time.min)
        parts = _parts_of(self.rrule) or {}
        if parts.get("INTERVAL", "1") == "1":  # no phase to keep, so the search need not begin at the first day
            first = max(first, datetime.combine(begin.date(), time.min))
        rule = rrulestr(_with_minute(self.rrule, parts), dtstart=first)
        last: datetime | None = None
        for local in rule.xafter(begin, inc=True):
            start = local.replace(tzinfo=zone).astimezone(UTC)
            if last is None or start > last:
                yield start
            last = start


def _with_minute(text: str, parts: Mapping[str, str]) -> str:
    return text + ("" if "BYMINUTE" in parts else ";BYMINUTE=0") + ";BYSECOND=0"


def _parts_of(text: str) -> dict[str, str] | None:
    """Return the parts of a rule that obeys the grammar, None otherwise."""
    parts: dict[str, str] = {}
    for piece in text.split(";"):
        name, _, value = piece.partition("=")
        pattern = _PARTS.get(name)
        if pattern is None or name in parts or not pattern.fullmatch(value):
            return None
        parts[name] = value
    return parts


def check_recurrence(recurrence: Recurrence) -> Decision:
    """Decide whether this window surely comes back, has a known zone and a sensible length."""
    reasons = []
    if recurrence.zone not in _zones():
        reasons.append(
            Reason(
                "maintenance_window.zone",
                f"{recurrence.zone[:60]!r} is not a time zone.",
                "Write an IANA name such as America/Chicago or Europe/Berlin.",
            )
        )
    if not 1 <= recurrence.minutes <= MAX_MINUTES:
        reasons.append(
            Reason(
                "maintenance_window.minutes",
                f"A maintenance window lasts 1 to {MAX_MINUTES} minutes, not {recurrence.minutes}.",
                "Write the length in minutes, for example 240 for four hours.",
            )
        )
    problem = _rule_problem(recurrence.rrule)
    if problem:
        reasons.append(Reason("maintenance_window.rule", problem, _EXAMPLE))
    return Decision(tuple(reasons))


def _rule_problem(text: str) -> str:
    parts = _parts_of(text) if len(text) <= 200 else None
    if parts is None:
        return "The rule of the maintenance window has a part that Quarterdeck does not read."
    frequency = parts.get("FREQ", "")
    if not frequency or "BYHOUR" not in parts:
        return "The rule of the maintenance window needs FREQ and BYHOUR."
    interval = int(parts.get("INTERVAL", "1"))
    if interval > _MAX_INTERVAL[frequency]:
        return f"The rule of the maintenance window comes back less than once a year (INTERVAL={interval})."
    if interval > 1 and ("BYMONTH" in parts or (frequency == "DAILY" and "BYDAY" in parts)):
        return "The rule of the maintenance window may never come back: INTERVAL can miss those days."
    return _day_problem(frequency, parts)


def _day_problem(frequency: str, parts: Mapping[str, str]) -> str:
    days = parts.get("BYDAY", "")
    if frequency == "WEEKLY" and not days:
        return "A weekly maintenance window needs BYDAY."
    if frequency == "MONTHLY" and not days and "BYMONTHDAY" not in parts:
        return "A monthly maintenance window needs BYDAY or BYMONTHDAY."
    if "BYMONTHDAY" in parts and (days or frequency != "MONTHLY"):
        return "BYMONTHDAY goes with FREQ=MONTHLY and without BYDAY."
    if "BYSETPOS" in parts and (frequency != "MONTHLY" or not days or any(c.isdigit() for c in days)):
        return "BYSETPOS goes with FREQ=MONTHLY and plain days in BYDAY."
    if frequency != "MONTHLY" and any(c.isdigit() or c == "-" for c in days):
        return "Numbered days such as 2TU go with FREQ=MONTHLY."
    if any(day.startswith("-") and not day[1:2].isdigit() for day in days.split(",")):
        return "A day counted from the end needs its number, such as -1SA."
    return ""


def _zones() -> frozenset[str]:
    return _ZONES


_ZONES = frozenset(name for name in available_timezones() if name == "UTC" or "/" in name)
