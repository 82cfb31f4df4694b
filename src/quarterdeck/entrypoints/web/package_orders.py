"""Ordering a package: of a ticket, a period or an assessment; to whom recordings of CUI assets are encrypted."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import Envelope, Recipient, Scope
from quarterdeck.controls.api import MA_PRACTICES, PRACTICES
from quarterdeck.entrypoints.web import zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.package_contents import PACKAGERS, PeriodForm, contents_shown
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_forms import MomentField, TimedForm
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import export_package

_FAMILIES = {"ma": MA_PRACTICES, "all": PRACTICES}


class AssessmentForm(TimedForm):
    """Which practices, and the time that the evidence is of."""

    family = forms.ChoiceField(
        label="Evidence for",
        choices=[("ma", "Maintenance, 3.7.1 to 3.7.6"), ("all", "Every practice that maintenance speaks to")],
    )
    since = MomentField(label="From", required=False, help_text="Empty: from the first entry.")
    until = MomentField(label="Until", required=False, help_text="Empty: up to now.")

    def scope(self) -> Scope:
        """Return what was filled in."""
        said = self.cleaned_data
        practices = tuple(one.id for one in _FAMILIES[said["family"]])
        return Scope((), said.get("since"), said.get("until"), practices)


class RecipientForm(forms.Form):
    """To whom recordings of CUI assets are encrypted."""

    to = forms.ChoiceField(
        label="Recordings of CUI assets",
        required=False,
        choices=[
            ("", "Stay here"),
            ("passphrase", "Encrypt; a passphrase is shown once"),
            ("certificate", "Encrypt to a certificate or age recipient"),
        ],
    )
    recipient = forms.CharField(
        label="Certificate (PEM) or age recipient", required=False, max_length=20_000, widget=forms.Textarea,
        help_text="Of the assessor. Wanted only for the third choice.",
    )  # fmt: skip

    def asked(self) -> str:
        """Return the wish as `export_package.address` takes it."""
        return asked_of(self.cleaned_data)

    def anybody(self) -> Recipient:
        """Return one that stands for whoever it is going to be: which files stay depends only on there being one."""
        return Recipient(Envelope.CERTIFICATE if self.cleaned_data.get("to") else Envelope.NONE)


def asked_of(said: Mapping[str, Any]) -> str:
    """Return the wish of a filled form as `export_package.address` takes it."""
    to = str(said.get("to", ""))
    return str(said["recipient"]).strip() or "no recipient" if to == "certificate" else to


def scope_of(request: HttpRequest, seen: Visitor, given: Any) -> Scope | list[str]:  # noqa: ANN401  a QueryDict
    """Return what the form names, or what is wrong with it; PermissionDenied for a ticket that they may not read."""
    numbers = [number for number in given.getlist("ticket") if number]
    if numbers:
        for number in numbers:
            ticket_for(seen, number)
        return Scope(tuple(numbers))
    if given.get("family"):
        assessment = AssessmentForm(given, zone=zones.zone_of(request), now=seen.now)
        return assessment.scope() if assessment.is_valid() else _wrong(assessment)
    period = PeriodForm(given, zone=zones.zone_of(request), now=seen.now)
    if not period.is_valid():
        return _wrong(period)
    return Scope((), period.cleaned_data["since"], period.cleaned_data["until"])


def _wrong(form: forms.Form) -> list[str]:
    return [str(field[0]) for field in form.errors.values()]


@page(*PACKAGERS)
@require_POST
def order_package(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Ask for a package; it is made in the background. A new passphrase is on the answer and nowhere else."""
    scope = scope_of(request, seen, request.POST)
    to = RecipientForm(request.POST)
    if not isinstance(scope, Scope) or not to.is_valid():
        for sentence in scope if isinstance(scope, list) else _wrong(to):
            messages.error(request, sentence)
        return redirect("evidence")
    recipient, passphrase = export_package.address(wiring.locksmith(), to.asked())
    order = export_package.order_package(
        seen.actor,
        CLOCK,
        numbers=scope.tickets,
        since=scope.since,
        until=scope.until,
        practices=scope.practices,
        recipient=recipient,
    )
    if passphrase:
        return render(request, "evidence/passphrase.html", {"order": order, "passphrase": passphrase})
    messages.success(request, "The package is being made. It goes on when you leave this page.")
    return redirect("evidence")


@page(*PACKAGERS)
def package_contents(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The contents of what the form next to it names, asked for while it is filled."""
    context: dict[str, Any] = {}
    to = RecipientForm(request.GET)
    try:
        scope = scope_of(request, seen, request.GET)
        if not isinstance(scope, Scope) or not to.is_valid():
            return HttpResponse("")
        context["contents"] = contents_shown(assessor.contents(scope, to.anybody(), seen.now), seen, Names())
    except Refused as refused:
        context["refused"] = refused.decision
    return render(request, "evidence/contents.html", context)


def kind_words(scope: Scope) -> str:
    """Say what a package is of; many tickets are counted."""
    span = f"{scope.since:%d %b %Y} to {scope.until:%d %b %Y}" if scope.since and scope.until else ""
    if scope.kind is assessor.ScopeKind.ASSESSMENT:
        return f"Evidence for {len(scope.practices)} practices" + (f", {span}" if span else "")
    if span:
        return span
    shown = ", ".join(scope.tickets[:3])
    return shown if len(scope.tickets) <= 3 else f"{shown} and {len(scope.tickets) - 3} more"
