"""Search and command palette: jump to a ticket, an asset, a person, an act. Only what the visitor may read is found."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse

from quarterdeck.entrypoints.web.findings import READERS
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.tickets import MAY_REQUEST, ticket_url
from quarterdeck.entrypoints.web.words import status
from quarterdeck.inventory import api as inventory
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets

MOST = 6
Found = dict[str, str]


@page()
def palette(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Return what fits the words, grouped."""
    words = request.GET.get("q", "").lower().split()
    found = _acts(seen, words) + _tickets(seen, words)
    if words:
        found += _assets(words) + _people(words)
    return JsonResponse({"found": found})


def _fits(text: str, words: list[str]) -> bool:
    low = text.lower()
    return all(word in low for word in words)


def _acts(seen: Visitor, words: list[str]) -> list[Found]:
    acts: list[tuple[str, str, str, tuple[Role, ...]]] = [
        ("New ticket", "ticket_new", "plus", MAY_REQUEST),
        ("Standard work", "standard", "copy", MAY_REQUEST),
        ("Quick log", "quick_log", "notebook", (Role.TECHNICIAN, Role.IT_LEAD)),
        ("Findings between tickets", "findings", "arrows-diff", READERS),
        ("Import assets", "asset_import", "file-upload", (Role.IT_LEAD,)),
        ("Add a person", "person_add", "user-plus", (Role.IT_LEAD,)),
        ("Make a package", "evidence", "package", (Role.IT_LEAD, Role.ASSESSOR)),
        ("Your login", "you", "key", tuple(Role)),
    ]
    return [
        {"group": "Do", "label": label, "url": reverse(name), "icon": icon, "hint": ""}
        for label, name, icon, roles in acts
        if words and seen.has(*roles) and _fits(label, words)
    ]


def _tickets(seen: Visitor, words: list[str]) -> list[Found]:
    rows = tickets.tickets(person_id=seen.person.id, at=seen.now)
    found = [row for row in rows if _fits(f"{row.number} {row.title}", words)][:MOST]
    return [
        {
            "group": "Tickets",
            "label": f"{row.number} {row.title}",
            "url": ticket_url(row),
            "icon": "ticket",
            "hint": status(row.state.value).word,
        }
        for row in found
    ]


def _assets(words: list[str]) -> list[Found]:
    found = [row for row in inventory.assets() if _fits(f"{row.hostname} {row.title}", words)][:MOST]
    return [
        {
            "group": "Assets",
            "label": row.hostname,
            "url": reverse("asset", args=[row.id]),
            "icon": "server",
            "hint": row.title,
        }
        for row in found
    ]


def _people(words: list[str]) -> list[Found]:
    found = [row for row in personnel.people() if _fits(f"{row.name} {row.email}", words)][:MOST]
    return [
        {
            "group": "People",
            "label": row.name,
            "url": reverse("person", args=[row.id]),
            "icon": "user",
            "hint": row.organisation,
        }
        for row in found
    ]
