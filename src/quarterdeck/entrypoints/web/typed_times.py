"""Moments as people type them: `tomorrow 18:00`, `Fri 6pm`, `2026-11-24 18:00`, `18:00 +4h`.

Pure: text, zone and now in, an aware UTC moment out. A local time that daylight saving skips or repeats is refused.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil import parser as dateutil_parser

_RELATIVE = re.compile(r"(?:in|\+)\s*(\d{1,4})\s*(min|minutes?|m|h|hours?|d|days?|w|weeks?)", re.IGNORECASE)
_DAY = re.compile(
    r"(today|tonight|tomorrow|mon|tue|wed|thu|fri|sat|sun)[a-z]*\b,?\s*(?:at\s+)?(.*)", re.IGNORECASE | re.DOTALL
)
_CLOCK = re.compile(r"(\d{1,2})(?:[:.h](\d{2}))?\s*(am|pm)?", re.IGNORECASE)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SIZES = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_YEARS = (2000, 2200)
EXAMPLES = "today 18:00, tomorrow 6pm, Fri 22:00, 24 Nov 18:00, 2026-11-24 18:00 or +4h"


class NotAMoment(ValueError):
    """The text is no moment; the message is a sentence for the form."""


def read_moment(text: str, zone: ZoneInfo, now: datetime, *, base: datetime | None = None) -> datetime:
    """Return the UTC moment that `text` means in `zone`; `+4h` counts from `base` (a window's start) or from now."""
    typed = " ".join(text.split())
    if not typed:
        raise NotAMoment(f"Type a date and a time, for example {EXAMPLES}.")
    if typed.lower() == "now":
        return now.astimezone(UTC)
    try:
        moment = _meant(typed, zone, now, base)
    except OverflowError:
        moment = None
    if moment is None or not _YEARS[0] <= moment.year < _YEARS[1]:
        raise NotAMoment(f"That is too far away. Choose a moment between the years {_YEARS[0]} and {_YEARS[1]}.")
    return moment


def _meant(typed: str, zone: ZoneInfo, now: datetime, base: datetime | None) -> datetime:
    relative = _RELATIVE.fullmatch(typed)
    if relative:
        return (base or now).astimezone(UTC) + int(relative[1]) * _SIZES[relative[2][0].lower()]
    day = _DAY.fullmatch(typed)
    local = _on_day(day[1].lower(), day[2], zone, now) if day else _absolute(typed, zone, base or now)
    return _resolved(local, zone)


def _on_day(word: str, rest: str, zone: ZoneInfo, now: datetime) -> datetime:
    here = now.astimezone(zone)
    hour, minute = _clock(rest)
    if word in ("today", "tonight"):
        ahead = 0
    elif word == "tomorrow":
        ahead = 1
    else:
        ahead = (_WEEKDAYS.index(word) - here.weekday()) % 7
        if ahead == 0 and (hour, minute) <= (here.hour, here.minute):
            ahead = 7
    return (here + timedelta(days=ahead)).replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)


def _clock(text: str) -> tuple[int, int]:
    found = _CLOCK.fullmatch(text.strip())
    if not found:
        raise NotAMoment(f"Say a time of day too, for example {EXAMPLES}.")
    hour, minute, half = int(found[1]), int(found[2] or 0), (found[3] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise NotAMoment(f"{found[1]} {half} is no time of day.")
        hour = hour % 12 + (12 if half == "pm" else 0)
    if hour > 23 or minute > 59:
        raise NotAMoment(f"{text.strip()} is no time of day.")
    return hour, minute


def _absolute(text: str, zone: ZoneInfo, near: datetime) -> datetime:
    clock = _CLOCK.fullmatch(text)
    if clock and (clock[2] or clock[3]):
        hour, minute = _clock(text)
        here = near.astimezone(zone)
        wanted = here.replace(hour=hour, minute=minute, second=0, microsecond=0)
        return (wanted if wanted >= here else wanted + timedelta(days=1)).replace(tzinfo=None)
    midnight = near.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    try:
        read = dateutil_parser.parse(text, default=midnight, dayfirst="." in text, yearfirst=text[:4].isdigit())
    except (ValueError, OverflowError):
        raise NotAMoment(f"“{text[:40]}” is not a date and time. Write for example {EXAMPLES}.") from None
    return read


def _resolved(local: datetime, zone: ZoneInfo) -> datetime:
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    first, second = local.replace(tzinfo=zone, fold=0), local.replace(tzinfo=zone, fold=1)
    moment = first.astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        raise NotAMoment(f"The clocks go forward then: {local:%H:%M} does not exist on that day. Choose another time.")
    if first.utcoffset() != second.utcoffset():
        raise NotAMoment(f"The clocks go back then: {local:%H:%M} happens twice. Add the offset, for example +00:00.")
    return moment
