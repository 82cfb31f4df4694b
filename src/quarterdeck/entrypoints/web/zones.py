"""Times for people: the person's own zone on the screen, UTC on hover, durations in words.

The zone comes from a cookie that the browser sets on its first page; until then the organisation's zone is used.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from django.http import HttpRequest

from quarterdeck.config.api import load

ZONE_COOKIE = "qd_zone"
STYLES = {
    "moment": "%d %b %Y %H:%M",
    "full": "%d %b %Y %H:%M:%S",
    "date": "%d %b %Y",
    "clock": "%H:%M",
    "second": "%H:%M:%S",
}
_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def zone_of(request: HttpRequest) -> ZoneInfo:
    """Return the zone of the person's browser when its cookie names a real one, else the organisation's."""
    named = request.COOKIES.get(ZONE_COOKIE, "")
    return ZoneInfo(named) if named in available_timezones() else ZoneInfo(load().time_zone)


def shown(moment: datetime, zone: ZoneInfo, style: str = "moment") -> str:
    """Return `moment` in `zone` in one of the five styles of screens."""
    return moment.astimezone(zone).strftime(STYLES[style])


def in_utc(moment: datetime) -> str:
    """Return what stands on hover: the moment in UTC to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def spoken(length: timedelta) -> str:
    """Return a duration as at most two units, `2 h 10 min`; the browser's countdown uses the same words."""
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    said: list[str] = []
    for size, word in _UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            said.append(f"{count} {word}")
        if len(said) == 2:
            break
    return " ".join(said)


def distance(moment: datetime, now: datetime) -> str:
    """Return `in 2 h 10 min` or `3 d 4 h ago`."""
    return f"in {spoken(moment - now)}" if moment >= now else f"{spoken(now - moment)} ago"


_IN_SENTENCE = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d)(?: to (?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d))? UTC", re.ASCII)


def moments_in(text: str) -> list[tuple[str, datetime | None, str]]:
    """Return a sentence of the rules, which speak in UTC, in pieces: plain text, or a moment with its style."""
    pieces: list[tuple[str, datetime | None, str]] = []
    at = 0
    for found in _IN_SENTENCE.finditer(text):
        try:
            start = _utc(found[1], found[2])
            end = _utc(found[3] or found[1], found[4]) if found[4] else None
        except ValueError:
            continue
        pieces += [(text[at : found.start()], None, ""), ("", start, "moment")]
        if end is not None:
            pieces += [(" to ", None, ""), ("", end, "moment" if found[3] else "clock")]
        at = found.end()
    return [*pieces, (text[at:], None, "")]


def _utc(day: str, clock: str) -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}:00+00:00")
