"""What the frame around every page shows: navigation by task, what waits, running sessions, oldest unanchored."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from quarterdeck.config.api import load
from quarterdeck.entrypoints.web import zones
from quarterdeck.entrypoints.web.pages import EVERYONE, STAFF_AT_WORK
from quarterdeck.entrypoints.web.people_in import CLOCK, Visitor, visitor_of
from quarterdeck.evidence import api as evidence
from quarterdeck.personnel.api import Role
from quarterdeck.sessions import api as sessions

WAITING = "waiting_count"
DENSITIES = ("roomy", "compact")


@dataclass(frozen=True, slots=True)
class Place:
    """One line of the navigation."""

    name: str
    url_name: str
    icon: str
    key: str
    roles: frozenset[Role]
    on_phone: bool = False
    area: str = ""


PLACES = (
    Place("My work", "my_work", "inbox", "w", STAFF_AT_WORK, on_phone=True),
    Place("Tickets", "tickets", "ticket", "t", EVERYONE, on_phone=True),
    Place("Calendar", "calendar", "calendar", "c", STAFF_AT_WORK, on_phone=True),
    Place("Sessions", "sessions", "terminal-2", "s", EVERYONE),
    Place("Assets", "assets", "server", "a", EVERYONE),
    Place("People & vendors", "people", "users", "p", EVERYONE),
    Place("Registers", "registers", "tools", "r", EVERYONE),
    Place("Evidence", "evidence", "shield-check", "e", EVERYONE),
    Place("Objectives", "objectives", "target", "o", EVERYONE),
    Place("Assessor's desk", "desk", "scale", "d", frozenset({Role.ASSESSOR}), on_phone=True),
    Place("First run", "first_run", "rocket", "f", frozenset({Role.IT_LEAD})),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor: everything that the base template needs."""
    now = CLOCK.now()
    density = request.COOKIES.get("qd_density", "")
    context: dict[str, Any] = {
        "now": now,
        "zone": zones.zone_of(request),
        "organisation": load().organisation,
        "density": density if density in DENSITIES else DENSITIES[0],
    }
    found = visitor_of(request) if hasattr(request, "user") else None
    if found is not None:
        context |= {"visitor": found, "places": _places(request, found), "roles": found.roles}
        context |= {"unanchored": evidence.oldest_unanchored(), "waiting_count": request.session.get(WAITING, 0)}
        context |= {"running_sessions": len(sessions.running())}
    return context


def _places(request: HttpRequest, found: Visitor) -> list[dict[str, Any]]:
    here = request.path
    shown: list[dict[str, Any]] = []
    for place in PLACES:
        if not found.roles & place.roles:
            continue
        try:
            url = reverse(place.url_name)
        except NoReverseMatch:
            continue
        at = here == url or (url != "/" and here.startswith(url))
        shown.append({"place": place, "url": url, "here": at})
    return shown
