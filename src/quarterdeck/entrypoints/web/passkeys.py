"""Passkeys in the browser: registering one under the own login, and the statement that one signs to approve."""

import json
from typing import Any
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.config.api import load
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.evidence.api import ArtifactRef
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.api import ApprovalRole, TicketView
from quarterdeck.workflows import sign_approval
from quarterdeck.workflows.sign_approval import Site

_STATE, _STATEMENT = "passkey_state", "approval_statement"


def site_of(request: HttpRequest) -> Site:
    """Return the address that the browser shows: the public one, or the machine's own name where one tries it out."""
    host = request.get_host()
    name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
    public = urlsplit(load().base_url)
    origins = [f"https://{host}"]
    if public.netloc == host:
        origins.append(f"{public.scheme}://{public.netloc}")
    if name == "localhost":
        origins.append(f"http://{host}")
    return Site(name, tuple(origins))


@page()
@require_POST
def begin(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Return what the browser asks the authenticator for, to register a passkey."""
    known = personnel.passkeys_of(seen.person.id)
    options, state = wiring.passkeys().begin(site_of(request), seen.person.id, seen.person.email, known)
    request.session[_STATE] = state
    return JsonResponse(options["publicKey"])


@page()
@require_POST
def register(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Take what the authenticator answered and register the passkey."""
    state = request.session.pop(_STATE, None)
    sign_approval.register_passkey(
        seen.actor, CLOCK, state, _answer(request), site=site_of(request), passkeys=wiring.passkeys()
    )
    messages.success(request, "Registered. From now on you can sign approvals with it.")
    return redirect("you")


@page()
@require_POST
def remove(request: HttpRequest, seen: Visitor, passkey: str) -> HttpResponse:
    """Remove an own passkey."""
    sign_approval.remove_passkey(seen.actor, CLOCK, passkey)
    messages.success(request, "Removed. What it signed stays signed.")
    return redirect("you")


@page(Role.APPROVER, Role.CUI_OWNER)
@require_POST
def statement(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Return the statement that this decision signs, and which passkeys may sign it."""
    ticket: TicketView = ticket_for(seen, number)
    content = request.POST.get("content_hash", "")
    role = request.POST.get("role", "")
    if role not in set(ApprovalRole) or content != ticket.content_hash:
        return JsonResponse({"changed": True}, status=409)
    text = sign_approval.statement(seen.actor, CLOCK, number, ApprovalRole(role), content)
    request.session[_STATEMENT] = text
    known = [one for one in personnel.passkeys_of(seen.person.id) if one.rp_id == site_of(request).rp_id]
    return JsonResponse({
        "challenge": sign_approval.challenge_of(text).hex(),
        "rpId": site_of(request).rp_id,
        "credentials": personnel.credentials(known),
    })  # fmt: skip


def signature(
    request: HttpRequest, seen: Visitor, number: str, role: ApprovalRole, content_hash: str
) -> ArtifactRef | None:
    """Return the kept signature that came with the decision, None when it came without one; Refused(signature.*)."""
    if not request.POST.get("assertion"):
        return None
    text = str(request.session.pop(_STATEMENT, ""))
    sign_approval.fits(text, number, role, content_hash)
    return sign_approval.sign_with_passkey(
        seen.actor, CLOCK, text, _answer(request), site=site_of(request), passkeys=wiring.passkeys()
    )


def _answer(request: HttpRequest) -> dict[str, Any]:
    try:
        told = json.loads(request.POST.get("assertion", ""))
    except ValueError:
        told = None
    return told if isinstance(told, dict) else {}


def usable(request: HttpRequest, seen: Visitor) -> int:
    """Return how many passkeys of this person can sign at this address."""
    return sum(1 for one in personnel.passkeys_of(seen.person.id) if one.rp_id == site_of(request).rp_id)
