"""Every page that an assessor opens is an event (design section 6): recorded after the page was shown, folded for ten
minutes, and said on every page. Others' views are recorded where they open evidence.
"""

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from quarterdeck.entrypoints.web.people_in import CLOCK, Visitor
from quarterdeck.evidence.api import ObjectRef
from quarterdeck.kernel.ids import is_ticket_number
from quarterdeck.personnel.api import Role
from quarterdeck.workflows.record_view import record_view

# The named part of an address, and the type of the object that it names.
_OBJECTS = {
    "number": "ticket", "session_id": "session", "asset_id": "asset", "person_id": "person", "item_id": "item",
    "token": "objective", "question_id": "question",
}  # fmt: skip
PAGE = "page"


def is_watched(seen: Visitor) -> bool:
    """True when everything that this visitor opens is recorded."""
    return seen.roles == {Role.ASSESSOR}


def note_view(request: HttpRequest, seen: Visitor, response: HttpResponseBase) -> None:
    """Record that the assessor was shown this page; parts of pages, downloads and refusals are told elsewhere."""
    match = request.resolver_match
    shown = response.status_code == 200 and response.headers.get("Content-Type", "").startswith("text/html")
    if match is None or request.method != "GET" or request.headers.get("HX-Request") or not shown:
        return
    if not is_watched(seen):
        return
    named = [(kind, str(match.kwargs[name])) for name, kind in _OBJECTS.items() if name in match.kwargs]
    kind, name = named[0] if named else (PAGE, str(match.url_name))
    of = name if kind == "ticket" and is_ticket_number(name) else ""
    record_view(seen.actor, CLOCK, ObjectRef(kind, name), of=of)
