"""Your own login: password, recovery codes, SSH key, tokens."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.working import KeyForm
from quarterdeck.kernel.actors import STEP_UP_MAX_AGE
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel


class PasswordForm(forms.Form):
    """The old password and the new one."""

    old = forms.CharField(label="Password now", widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))
    new = forms.CharField(
        label="New password", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="At least 14 characters; a sentence is fine.",
    )  # fmt: skip
    again = forms.CharField(
        label="New password again", widget=forms.PasswordInput(attrs={"autocomplete": "new-password"})
    )

    def clean(self) -> dict[str, Any]:
        """Refuse two new passwords that differ."""
        said: dict[str, Any] = super().clean() or {}
        if said.get("new") != said.get("again"):
            self.add_error("again", "It differs from the new password above.")
        return said


@page()
def you(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The page of the own login."""
    return render(request, "people/you.html", _context(request, seen))


def _context(request: HttpRequest, seen: Visitor) -> dict[str, Any]:
    return {
        "code_forms": _code_forms(request, seen),
        "fresh_until": seen.actor.mfa_at + STEP_UP_MAX_AGE if seen.stepped_up and seen.actor.mfa_at else None,
        "key": personnel.key_of(seen.person.id),
        "passkeys": personnel.passkeys_of(seen.person.id),
        "tokens": personnel.tokens_of(seen.person.id, seen.now),
        "password_form": PasswordForm(),
        "key_form": KeyForm(),
    }


def _code_forms(request: HttpRequest, seen: Visitor) -> dict[str, stepup.CodeForm | None]:
    """Return a field for the code for each form of the page; the one that was sent keeps what was wrong with it."""
    sent = request.resolver_match.url_name if request.resolver_match else ""
    return {
        name: stepup.code_form(request, seen)
        if seen.stepped_up or sent == f"you_{name}"
        else stepup.CodeForm(auto_id=f"{name}_%s")
        for name in ("step_up", "key", "password", "codes", "passkey")
    }


@page()
@require_POST
def step_up(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Show the second factor again, so that acts may follow for ten minutes."""
    if not seen.stepped_up:
        return render(request, "people/you.html", _context(request, seen))
    messages.success(request, "Accepted. For ten minutes nothing asks for another code.")
    return redirect("you")


def _again(request: HttpRequest, seen: Visitor, refused: Refused, **more: object) -> HttpResponse:
    return render(request, "people/you.html", _context(request, seen) | {"refused": refused.decision} | more)


@page()
@require_POST
def password(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Change the password; every session and token ends."""
    form = PasswordForm(request.POST)
    if not form.is_valid() or not seen.stepped_up:
        return render(request, "people/you.html", _context(request, seen) | {"password_form": form, "form": form})
    try:
        personnel.change_password(form.cleaned_data["old"], form.cleaned_data["new"], actor=seen.actor, clock=CLOCK)
    except Refused as refused:
        return _again(request, seen, refused)
    messages.success(request, "Your password is changed. Sign in with the new one.")
    return redirect("account_login")


@page()
@require_POST
def key(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Register the own SSH key in place of the one before."""
    form = KeyForm(request.POST, request.FILES)
    if not form.is_valid() or not seen.stepped_up:
        return render(request, "people/you.html", _context(request, seen) | {"key_form": form, "form": form})
    try:
        made = personnel.register_key(seen.person.id, form.cleaned_data["public_key"], actor=seen.actor, clock=CLOCK)
    except Refused as refused:
        return _again(request, seen, refused, key_form=form)
    messages.success(request, f"Registered: {made.fingerprint}")
    return redirect("you")


@page()
@require_POST
def codes(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Make new recovery codes and show them this once."""
    if not seen.stepped_up:
        return render(request, "people/you.html", _context(request, seen))
    made = personnel.renew_recovery_codes(actor=seen.actor, clock=CLOCK)
    return render(request, "people/codes.html", {"codes": made})
