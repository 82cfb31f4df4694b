"""Step-up: the code from the authenticator, asked in the same form as the decision that needs it."""

from allauth.account.internal.flows.reauthentication import suspend_request
from django import forms
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from quarterdeck.entrypoints.web.pages import posted
from quarterdeck.entrypoints.web.people_in import Visitor, forget, visitor_of
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel

NEEDED = "step_up.needed"


class CodeForm(forms.Form):
    """The six digits that the authenticator shows."""

    code = forms.CharField(
        label="Code from your authenticator",
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


def code_form(request: HttpRequest, seen: Visitor) -> CodeForm | None:
    """Return the form for the code when the last second factor is older than ten minutes, else None."""
    if seen.stepped_up:
        return None
    return CodeForm(posted(request))


def stepped_up(request: HttpRequest, seen: Visitor, form: CodeForm | None) -> Visitor | None:
    """Return the visitor with a fresh second factor; None, with the error in the form, when the code was wrong."""
    if form is None:
        return seen
    if not form.is_valid():
        return None
    try:
        personnel.step_up_session(request, form.cleaned_data["code"])
    except Refused as refused:
        form.add_error("code", str(refused))
        return None
    forget(request)
    return visitor_of(request)


def ask_and_repeat(request: HttpRequest) -> HttpResponseRedirect:
    """Put the request aside, ask for the code, and do it when the code was right."""
    answer: HttpResponseRedirect = suspend_request(request, reverse("mfa_reauthenticate"))
    return answer
