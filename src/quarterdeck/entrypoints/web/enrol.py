"""Enrolment: with the code that the IT lead handed over, a person sets the own password and second factor."""

import base64

from allauth.mfa.adapter import get_adapter
from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from quarterdeck.entrypoints.web.pages import posted, public
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel


class EnrolForm(forms.Form):
    """The code and the own password."""

    code = forms.CharField(
        label="Enrolment code", max_length=80, widget=forms.TextInput(attrs={"autocomplete": "off", "class": "mono"})
    )
    password = forms.CharField(
        label="Your password", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 14 characters; a sentence is fine. Nobody else knows it.",
    )  # fmt: skip
    again = forms.CharField(
        label="Your password again", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, str]:
        """Refuse two passwords that differ."""
        said: dict[str, str] = super().clean() or {}
        if said.get("password") != said.get("again"):
            self.add_error("again", "It differs from the password above.")
        return said


class ConfirmForm(forms.Form):
    """The first code of the authenticator."""

    code = forms.CharField(widget=forms.HiddenInput, max_length=80)
    totp = forms.CharField(
        label="The six digits that the app shows", max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )  # fmt: skip


@public
def enrol(request: HttpRequest) -> HttpResponse:
    """Code and password first, then the authenticator, then the recovery codes."""
    if request.method == "POST" and "totp" in request.POST:
        return _confirm(request)
    form = EnrolForm(posted(request), initial={"code": request.GET.get("code", "")})
    context: dict[str, object] = {"form": form}
    if request.method == "POST" and form.is_valid():
        try:
            given = personnel.enrol(form.cleaned_data["code"], form.cleaned_data["password"], clock=CLOCK)
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            square = base64.b64encode(get_adapter().build_totp_svg(given.uri).encode()).decode()
            confirm = ConfirmForm(initial={"code": form.cleaned_data["code"]})
            return render(request, "enrol/factor.html", {"form": confirm, "given": given, "square": square})
    return render(request, "enrol/start.html", context)


def _confirm(request: HttpRequest) -> HttpResponse:
    form = ConfirmForm(request.POST)
    context: dict[str, object] = {"form": form}
    if form.is_valid():
        try:
            done = personnel.confirm_enrolment(form.cleaned_data["code"], form.cleaned_data["totp"], clock=CLOCK)
            return render(request, "enrol/done.html", {"codes": done.recovery_codes})
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "enrol/factor.html", context)
