"""The calendar as a list: windows by day, now and next."""

from datetime import timedelta
from itertools import groupby
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from quarterdeck.entrypoints.web import zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, TicketView

AHEAD = timedelta(days=60)
_SHOWN = (State.SUBMITTED, State.APPROVED, State.SCHEDULED, State.OPEN, State.VERIFYING)


@page(*STAFF_AT_WORK)
def calendar(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every window of the next sixty days that the visitor may know of, by day in the person's zone."""
    names, zone = Names(), zones.zone_of(request)
    rows = [
        ticket
        for ticket in tickets.tickets(person_id=seen.person.id, at=seen.now, states=_SHOWN)
        if ticket.window.until > seen.now - timedelta(days=1) and ticket.window.from_ < seen.now + AHEAD
    ]
    rows.sort(key=lambda ticket: ticket.window.from_)
    days = [
        {"day": day, "windows": [line(ticket, names, seen) for ticket in group]}
        for day, group in groupby(rows, key=lambda ticket: ticket.window.from_.astimezone(zone).date())
    ]
    return render(request, "work/calendar.html", {"days": days, "today": seen.now.astimezone(zone).date()})


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
