"""Access in force and taking it away: what stands, what a revocation would end, the button for everything."""

from typing import Any
from urllib.parse import quote

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from quarterdeck.access import api as access
from quarterdeck.access.api import GrantState, Scope
from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.ticket_forms import ReasonForm
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.sessions import api as sessions
from quarterdeck.workflows import revoke_access
from quarterdeck.workflows.revoke_access import Reach

REVOKING = access.REVOKING_ROLES


@page(*REVOKING, Role.ASSESSOR)
def access_page(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Who can reach what now, and what is revoked."""
    names = Names()
    live = {one.grant for one in sessions.running()}
    given = [
        {
            "who": names.person(one.person),
            "asset": names.asset(one.asset),
            "ticket": one.ticket,
            "serial": one.serial,
            "until": one.valid_until,
            "running": one.id in live,
            "url": reverse("revoke", args=[Scope.GRANT.value]) + f"?of={one.id}",
        }
        for one in access.grants(state=GrantState.ACTIVE)
        if one.purpose in access.ENTERING and seen.now < one.valid_until
    ]
    standing = [
        {
            "what": _called(one.scope, one.target, names),
            "by": names.person(one.by),
            "at": one.at,
            "reason": one.reason,
            "url": reverse("revocation_lift", args=[one.scope.value]) + f"?of={quote(one.target)}",
        }
        for one in access.revocations()
    ]
    may_all = access.may_revoke(seen.actor, Scope.EVERYTHING, seen.now).allowed
    return render(
        request,
        "work/access.html",
        {"given": given, "standing": standing, "may_revoke": seen.has(*REVOKING), "may_all": may_all},
    )


@page(*REVOKING)
def revoke(request: HttpRequest, seen: Visitor, scope: str) -> HttpResponse:
    """Show what a revocation ends, and do it."""
    what, target = _meant(request, scope)
    names = Names()
    try:
        reach = revoke_access.preview(what, target)
    except Refused as refused:
        raise Http404 from refused
    form, code = ReasonForm(posted(request)), stepup.code_form(request, seen)
    context: dict[str, Any] = {"form": form, "code_form": code}
    if request.method == "POST" and form.is_valid() and code is None:
        try:
            done = revoke_access.revoke(seen.actor, CLOCK, what, target, form.cleaned_data["reason"])
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            messages.success(request, f"Revoked. {_ends(done)} Running sessions end within two seconds.")
            return redirect("access")
    standing = what in access.STANDING
    return render(request, "work/revoke.html", context | {
        "heading": f"Revoke {_called(what, target, names)}",
        "lead": "No new access until it is lifted." if standing else "For good; other access is taken anew.",
        "button": "Revoke now",
        "danger": True,
        "reach": [_line(one, names) for one in reach.sessions],
        "ends": _ends(reach),
        "ends_work": reach.ends_work,
    })  # fmt: skip


@page(Role.IT_LEAD, Role.APPROVER)
def lift(request: HttpRequest, seen: Visitor, scope: str) -> HttpResponse:
    """Lift a revocation that stands."""
    what, target = _meant(request, scope)
    form, code = ReasonForm(posted(request)), stepup.code_form(request, seen)
    context: dict[str, Any] = {"form": form, "code_form": code}
    if request.method == "POST" and form.is_valid() and code is None:
        try:
            revoke_access.lift(seen.actor, CLOCK, what, target, form.cleaned_data["reason"])
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            messages.success(request, "Lifted. Access is taken anew where a ticket is open.")
            return redirect("access")
    return render(request, "work/revoke.html", context | {
        "heading": f"Lift the revocation of {_called(what, target, Names())}",
        "lead": "Nothing that was revoked comes back; who works takes access anew.",
        "button": "Lift it",
    })  # fmt: skip


def _meant(request: HttpRequest, scope: str) -> tuple[Scope, str]:
    try:
        return Scope(scope), request.GET.get("of", "")
    except ValueError as error:
        raise Http404 from error


def _called(scope: Scope, target: str, names: Names) -> str:
    if scope is Scope.EVERYTHING:
        return "all access of everybody"
    if scope is Scope.PERSON:
        return f"all access of {names.person(target)}"
    words = {Scope.VENDOR: "all access of", Scope.TICKET: "all access of", Scope.GRANT: "access", Scope.CERTIFICATE:
             "the certificate"}  # fmt: skip
    return f"{words[scope]} {target}"


def _ends(reach: Reach) -> str:
    grants, live = len(reach.grants), len(reach.sessions)
    return f"{grants} access grant{'' if grants == 1 else 's'}, {live} running session{'' if live == 1 else 's'}."


def _line(one: sessions.SessionView, names: Names) -> str:
    return f"{names.person(one.person)} on {names.asset(one.asset)}, {one.ticket}"
