"""What the frame around every page shows: navigation by task, what waits, running sessions, oldest unanchored."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse

from quarterdeck.config.api import load
from quarterdeck.entrypoints.web import zones
from quarterdeck.entrypoints.web.pages import EVERYONE, STAFF_AT_WORK
from quarterdeck.entrypoints.web.people_in import CLOCK, Visitor, visitor_of
from quarterdeck.entrypoints.web.viewing import is_watched
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.sessions import api as sessions
from quarterdeck.workflows.change_key import unacknowledged
from quarterdeck.workflows.watch_sealer import shown_troubles

WAITING = "waiting_count"
_WAITING_COOKIE = "qd_waiting"
JUDGING = (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.ASSESSOR)
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
    Place("Backups & drills", "backups", "database", "b", EVERYONE),
    Place("Evidence", "evidence", "shield-check", "e", EVERYONE),
    Place("Objectives", "objectives", "target", "o", frozenset(JUDGING)),
    Place("Assessor's desk", "desk", "scale", "d", frozenset({Role.ASSESSOR}), on_phone=True),
    Place("Questions", "questions", "message-question", "q", frozenset({Role.ASSESSOR, Role.IT_LEAD})),
    Place("Policy", "policy", "adjustments-horizontal", "y", frozenset(JUDGING)),
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
        context |= {"unanchored": evidence.oldest_unanchored(), WAITING: _waiting(request, found)}
        running = sessions.running()
        context |= {"running_sessions": len(running), "escort_needed": _needs_escort(running, now)}
        context |= {"watched": is_watched(found)}
        context |= {"sealing_troubles": shown_troubles(CLOCK), "key_change": unacknowledged()}
    return context


def remember_waiting(answer: HttpResponse, seen: Visitor, count: int) -> HttpResponse:
    """Keep in the browser how much waits for this person, and return the answer.

    Not in the session: every open page asks for this every few seconds, and a session is saved whole, so such a look
    takes back what another request wrote meanwhile (a certificate just given).
    """
    answer.set_signed_cookie(
        _WAITING_COOKIE,
        str(count),
        salt=seen.person.id,
        httponly=True,
        samesite="Lax",
        secure=bool(settings.SESSION_COOKIE_SECURE),
    )
    return answer


def _waiting(request: HttpRequest, seen: Visitor) -> int:
    """Return the count last kept for this person, 0 for anybody else's or a bent one."""
    kept = request.get_signed_cookie(_WAITING_COOKIE, default="", salt=seen.person.id)
    return int(kept) if kept else 0


def _needs_escort(running: Sequence[sessions.SessionView], now: datetime) -> int:
    """Return how many running sessions are of people who may work only with an escort beside them (3.7.6[a])."""
    count = 0
    for one in running:
        asset = inventory.asset(one.asset)
        right = personnel.authorisation(one.person, one.asset, now, category=asset.category.value if asset else "")
        count += right is None or not right.access_authorised
    return count


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
