"""Files of evidence: handed out as downloads in a sandbox, never shown as a page (attacks.md row 22)."""

from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest
from django.http.response import HttpResponseBase

from quarterdeck.entrypoints.web import ticket_tabs
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.reading import record_view, ticket_for
from quarterdeck.evidence import api as evidence


@page()
def ticket_file(request: HttpRequest, seen: Visitor, number: str, sha256: str) -> HttpResponseBase:
    """Download an artifact that an entry of this ticket names."""
    ticket = ticket_for(seen, number)
    named = {one["sha256"]: one for one in ticket_tabs.files(seen, ticket, list(evidence.entries(ticket=number)))}
    if sha256 not in named:
        raise Http404
    if not named[sha256]["url"]:
        raise PermissionDenied
    evidence.require_kept(sha256)
    record_view(seen, "artifact", sha256, number)
    response = FileResponse(
        evidence.open_artifact(sha256),
        as_attachment=True,
        filename=str(named[sha256]["name"]),
        content_type="application/octet-stream",
    )
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response
