"""The calendar: month, week, list of windows, usual windows and ends, conflicts marked, in a zone of one's choice."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from quarterdeck.config.api import load
from quarterdeck.entrypoints.web import zones
from quarterdeck.entrypoints.web.calendar_days import VIEWS, Item, Span, by_day, hours, placed, span
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.overlaps import Overlap, Touch, overlaps
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, TicketView

_SHOWN = (
    State.DRAFT, State.SUBMITTED, State.APPROVED, State.SCHEDULED, State.OPEN, State.VERIFYING, State.CLOSED,
    State.ROLLED_BACK,
)  # fmt: skip
MOST_USUAL = 70
CHIPS = 4


@page(*STAFF_AT_WORK)
def calendar(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every window of the span that the visitor may know of, by day in the chosen zone."""
    zone, zone_choice = _zone(request)
    asked = request.GET.get("view", "")
    view = asked if asked in VIEWS else "month"
    today = seen.now.astimezone(zone).date()
    shown = span(view, _day(request.GET.get("on", ""), today))
    usual = request.GET.get("usual") == "1"
    days = by_day(_items(seen, shown, zone, usual=usual), shown, zone)
    first, last = hours(days)
    placed(days, first)
    kept = {key: value for key, value in (("tz", zone_choice), ("usual", "1" if usual else "")) if value}
    minutes = seen.now.astimezone(zone).hour * 60 + seen.now.astimezone(zone).minute
    context = {
        "span": shown,
        "days": days,
        "weeks": [days[at : at + 7] for at in range(0, len(days), 7)],
        "listed": [day for day in days if day.items],
        "conflicts": sorted({item["number"] for day in days for item in day.items if item.get("conflict")}),
        "today": today,
        "chips": CHIPS,
        "hours": [{"hour": hour, "row": (hour - first) * 2} for hour in range(first, last)],
        "half_hours": (last - first) * 2,
        "now_row": (minutes - first * 60) // 30 if first * 60 <= minutes < last * 60 else None,
        "views": [(one, one.capitalize(), _link(kept, view=one, on=_anchor(shown, today, one))) for one in VIEWS],
        "back": _link(kept, view=view, on=shown.before),
        "on": _link(kept, view=view, on=shown.after),
        "to_today": _link(kept, view=view),
        "zones": _zone_links(request, zone_choice, shown, usual=usual),
        "usual": usual,
        "usual_link": _link({"tz": zone_choice} if zone_choice else {}, view=view, on=_anchor(shown, today, view),
                            **({} if usual else {"usual": 1})),
        "day_link": _link(kept, view="week"),
        "zone": zone,
        "zone_fixed": "own" if not zone_choice else "chosen",
    }  # fmt: skip
    return render(request, "work/calendar.html", context)


def _day(text: str, today: date) -> date:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return today
    return found if abs((found - today).days) < 366 * 20 else today


def _anchor(shown: Span, today: date, view: str) -> date:
    """Return the day on which another view of the same time is opened."""
    if view == shown.view == "month":
        return shown.first + timedelta(days=7)
    inside = shown.first <= today <= shown.last and (not shown.month or today.month == shown.month)
    if inside:
        return today
    return shown.first + timedelta(days=7) if shown.view == "month" else shown.first


def _zone(request: HttpRequest) -> tuple[ZoneInfo, str]:
    choice = request.GET.get("tz", "")
    if choice == "utc":
        return ZoneInfo("UTC"), choice
    if choice == "org":
        return ZoneInfo(load().time_zone), choice
    return zones.zone_of(request), ""


def _zone_links(request: HttpRequest, choice: str, shown: Span, *, usual: bool) -> list[tuple[str, str, str, bool]]:
    day = shown.first + timedelta(days=7) if shown.view == "month" else shown.first
    kept: dict[str, Any] = {"view": shown.view, "on": day.isoformat()} | ({"usual": 1} if usual else {})
    own = zones.zone_of(request).key
    named = [("", "Yours", own), ("org", "Organisation", load().time_zone), ("utc", "UTC", "UTC")]
    return [
        (label, key, _link(kept, **({"tz": code} if code else {})), code == choice)
        for code, label, key in named
    ]  # fmt: skip


def _link(kept: dict[str, Any], **more: object) -> str:
    return f"?{urlencode({**kept, **{key: str(value) for key, value in more.items()}})}"


def _items(seen: Visitor, shown: Span, zone: ZoneInfo, *, usual: bool) -> list[Item]:
    names = Names()
    begin = datetime.combine(shown.first, time(), zone).astimezone(UTC)
    end = datetime.combine(shown.last + timedelta(days=1), time(), zone).astimezone(UTC)
    whole = Window(begin, end)
    every = tickets.tickets()
    readable = {one.number for one in tickets.tickets(person_id=seen.person.id, at=seen.now)}
    found = []
    for one in every:
        if one.number in readable and one.state in _SHOWN and one.window.overlaps(whole):
            touched = overlaps(one, every, names.assets)
            found.append(Item(one.window, line(one, names, seen) | _touched(touched, readable)))
    found += _ends(whole, names)
    return found + (_usual(whole, names) if usual else [])


def _touched(touched: Sequence[Overlap], readable: set[str]) -> dict[str, Any]:
    said = [
        {
            "text": one.sentence if one.number in readable else one.sentence.replace(one.number, "Another ticket"),
            "clash": one.how is Touch.SAME,
        }
        for one in touched
    ]
    return {
        "conflict": any(one.how is Touch.SAME for one in touched),
        "touches": any(one.how is Touch.DEPENDS for one in touched),
        "overlaps": said,
    }


def _ends(whole: Window, names: Names) -> list[Item]:
    """Return what runs out in the span: agreements and authorisations in force."""
    found = []
    for terms in personnel.agreements():
        if terms.ended_at is None and whole.contains(terms.valid_until):
            text = f"Agreement {terms.number} of {terms.vendor} ends"
            found.append(_end(terms.valid_until, text, reverse("vendors")))
    for right in personnel.authorisations():
        if right.withdrawn_at is None and whole.contains(right.valid_until):
            text = f"Authorisation of {names.person(right.person_id)} ends"
            found.append(_end(right.valid_until, text, reverse("person", args=[right.person_id])))
    return found


def _end(at: datetime, text: str, url: str) -> Item:
    line_ = {"title": text, "url": url, "from_": at, "until": at, "number": "", "assets": "", "who": "", "state": ""}
    return Item(Window(at - timedelta(seconds=1), at), line_, "end")


def _usual(whole: Window, names: Names) -> list[Item]:
    """Return the recurring windows of the assets, those of several assets at the same time as one."""
    found: dict[Window, list[str]] = {}
    for asset in names.assets.values():
        if asset.active and asset.maintenance_window is not None:
            for one in asset.maintenance_window.next_windows(whole.from_, MOST_USUAL):
                if one.overlaps(whole):
                    found.setdefault(one, []).append(asset.hostname)
    return [
        Item(window, {"title": "Usual window", "url": reverse("assets"), "from_": window.from_, "number": "",
                      "until": window.until, "assets": ", ".join(sorted(hosts)), "who": "", "state": ""}, "usual")
        for window, hosts in found.items()
    ]  # fmt: skip


def line(ticket: TicketView, names: Names, seen: Visitor) -> dict[str, Any]:
    """Return one window as lists show it."""
    return {
        "url": reverse("ticket", args=[ticket.number]),
        "number": ticket.number,
        "title": ticket.title,
        "assets": names.hosts(ticket),
        "cui": names.is_cui(ticket),
        "who": names.workers(ticket),
        "state": ticket.state.value,
        "from_": ticket.window.from_,
        "until": ticket.window.until,
        "now": ticket.window.contains(seen.now),
    }
