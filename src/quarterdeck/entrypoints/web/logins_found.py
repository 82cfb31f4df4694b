"""Logins that match no ticket: the list, one with its line of the log, the explanation. Forms of sealed accounts."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.activity import api as activity
from quarterdeck.activity.api import LoginView
from quarterdeck.entrypoints.web import lists, zones
from quarterdeck.entrypoints.web.findings import READERS
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.target_words import HOWS, VERDICTS, login_shown
from quarterdeck.entrypoints.web.ticket_forms import MomentField, TimedForm
from quarterdeck.entrypoints.web.watching import SETTLERS
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import explain_logins, keep_break_glass


def _listing(names: Names) -> lists.Listing[LoginView]:
    return lists.Listing(
        name="logins",
        noun="logins",
        columns=[
            lists.Column("asset", "Asset", lambda row: lists.text(names.asset(row.asset))),
            lists.Column("state", "State", lambda row: lists.state("unexplained" if row.is_open else "explained")),
            lists.Column("what", "What", lambda row: lists.text(VERDICTS[row.verdict])),
            lists.Column("how", "How", lambda row: lists.text(HOWS[row.how])),
            lists.Column("account", "Account", lambda row: lists.mono(row.account)),
            lists.Column("from", "From", lambda row: lists.mono(row.source)),
            lists.Column("at", "At", lambda row: lists.moment(row.at), sort=lambda row: row.at),
        ],
        row_url=lambda row: reverse("login_found", args=[row.id]),
        empty=lists.Empty(
            "No login without a ticket was found",
            "The targets' own logs are read when work ends and under monitoring plans; what matches no ticket is here."
            " Where a log has a gap, the asset's page says so.",
            "login",
            "See the assets",
            reverse("assets"),
        ),
        filters=[
            lists.Filter("open", "State", lambda row: "unexplained" if row.is_open else "explained", lambda code: code),
            lists.Filter("asset", "Asset", lambda row: names.asset(row.asset), lambda code: code),
        ],
        sort="-at",
    )


@page(*READERS)
def login_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """All logins that match no ticket, explained or not."""
    shown = lists.build(request, _listing(Names()), activity.logins())
    if isinstance(shown, HttpResponse):
        return shown
    lead = "What the targets' own logs show and no ticket explains, until somebody says who it was and why."
    return render(request, "list_page.html", {"list": shown, "title": "Logins without a ticket", "lead": lead})


@page(*READERS)
def login_page(request: HttpRequest, seen: Visitor, login_id: str) -> HttpResponse:
    """One login with the line of the log that tells of it."""
    login = activity.login(login_id)
    names = Names()
    between = explain_logins.tickets_at(login.asset, login.at)
    readable = {one for one in between if tickets.reading_of(one, seen.person.id, seen.now).allowed}
    context = {
        "login": login,
        "shown": login_shown(login, names),
        "between": [{"number": one, "readable": one in readable} for one in between],
        "made_ticket": activity.break_glass(login.break_glass).ticket if login.break_glass else "",
        "explained_by": names.person(login.explained_by) if login.explained_by else "",
        "genuine": activity.check_login(login).allowed,
        "may_explain": login.is_open and seen.has(*SETTLERS),
    }
    return render(request, "monitoring/login.html", context)


@page(*SETTLERS)
@require_POST
def login_explain(request: HttpRequest, seen: Visitor, login_id: str) -> HttpResponse:
    """Explain a login."""
    ticket = request.POST.get("ticket", "").strip().upper()
    try:
        explain_logins.explain_login(seen.actor, CLOCK, login_id, reason=request.POST.get("reason", ""), ticket=ticket)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Explained. It stays in the list with your words.")
    return redirect("login_found", login_id)


class PlaceForm(TimedForm):
    """Where a sealed credential lies, and when it is changed at the latest; never the credential."""

    place = forms.CharField(
        label="Where the envelope lies", max_length=300, help_text="Such as safe in room 12. Never write the secret."
    )
    due_at = MomentField(label="Changed at the latest", help_text="A year at most, for example +26w or 31 May 2027.")


class SealForm(PlaceForm):
    """The account that is sealed."""

    account = forms.CharField(label="Account", max_length=32, help_text="A local account, used for nothing else.")
    field_order = ("account",)


class RotateForm(PlaceForm):
    """That the credential was changed and sealed anew."""

    how = forms.CharField(
        label="How it was changed, and who saw it", max_length=2000, widget=forms.Textarea(attrs={"rows": 3})
    )


@page(Role.IT_LEAD)
def break_glass_seal(request: HttpRequest, seen: Visitor, asset_id: str) -> HttpResponse:
    """Register the sealed account of an asset."""
    asset = inventory.asset(asset_id)
    form = SealForm(posted(request), zone=zones.zone_of(request), now=seen.now, initial=_in_half_a_year(seen))
    context: dict[str, Any] = {
        "form": form, "asset": asset, "heading": f"Break glass on {asset.hostname}", "button": "Register",
    }  # fmt: skip
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            keep_break_glass.seal(
                seen.actor, CLOCK, asset=asset_id, account=said["account"], place=said["place"], due_at=said["due_at"]
            )
            messages.success(request, "Registered. Its use is found when the target's log is read.")
            return redirect("asset", asset_id)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "assets/form.html", context)


@page(*SETTLERS)
def break_glass_rotate(request: HttpRequest, seen: Visitor, asset_id: str, seal_id: str) -> HttpResponse:
    """Record that the credential was changed and sealed anew."""
    asset, seal = inventory.asset(asset_id), activity.break_glass(seal_id)
    initial = _in_half_a_year(seen) | {"place": seal.place}
    form = RotateForm(posted(request), zone=zones.zone_of(request), now=seen.now, initial=initial)
    context: dict[str, Any] = {
        "form": form, "asset": asset, "heading": f"{seal.account} on {asset.hostname}: changed and sealed anew",
        "button": "Record it",
    }  # fmt: skip
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            keep_break_glass.rotate(
                seen.actor, CLOCK, seal_id, place=said["place"], due_at=said["due_at"], how=said["how"]
            )
            messages.success(request, "Recorded as your word. The next reading of the target looks whether it shows.")
            return redirect("asset", asset_id)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "assets/form.html", context)


@page(Role.IT_LEAD)
@require_POST
def break_glass_retire(request: HttpRequest, seen: Visitor, asset_id: str, seal_id: str) -> HttpResponse:
    """Retire a sealed account."""
    try:
        keep_break_glass.retire(seen.actor, CLOCK, seal_id)
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, "Retired. Lock or remove the account on the target.")
    return redirect("asset", asset_id)


def _in_half_a_year(seen: Visitor) -> dict[str, str]:
    return {"due_at": (seen.now + timedelta(days=180)).strftime("%d %b %Y")}
