"""Step-up: the code from the authenticator, asked in the very form of the act that needs it, never as a dead end.

One mechanism for all pages: `page` calls `take` before the view runs, so that a view only ever sees a visitor whose
code counted or not; the form shows `parts/code.html`, which is there when, and only when, the code is needed. A press
without a form of its own goes through `ask_and_repeat`.
"""

from allauth.account.internal.flows.reauthentication import suspend_request
from django import forms
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse

from quarterdeck.entrypoints.web.people_in import Visitor, forget, visitor_of
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel

NEEDED = "step_up.needed"
CAME_FROM = "stepup_came_from"


class CodeForm(forms.Form):
    """The six digits that the authenticator shows."""

    code = forms.CharField(
        label="Code from your authenticator",
        max_length=40,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


def take(request: HttpRequest, seen: Visitor) -> Visitor:
    """Show the code that came with a form and return the visitor as it is then; a wrong one waits in the form."""
    if request.method != "POST" or seen.stepped_up or "code" not in request.POST:
        return seen
    form = CodeForm(request.POST)
    # The form that is shown again holds what was wrong with the code.
    request.qd_code = form  # type: ignore[attr-defined]
    if not form.is_valid():
        return seen
    try:
        personnel.step_up_session(request, form.cleaned_data["code"])
    except Refused as refused:
        wrong = "login.refused" in refused.decision.codes
        form.add_error("code", personnel.CODE_NOT_ACCEPTED if wrong else str(refused))
        return seen
    forget(request)
    return visitor_of(request) or seen


def code_form(request: HttpRequest, seen: Visitor) -> CodeForm | None:
    """Return the form for the code when the last second factor is older than ten minutes, else None."""
    if seen.stepped_up:
        return None
    taken = getattr(request, "qd_code", None)
    return taken if isinstance(taken, CodeForm) else CodeForm()


def ask_and_repeat(request: HttpRequest) -> HttpResponseRedirect:
    """Put the request aside, ask for the code, and do it when the code was right."""
    request.session[CAME_FROM] = request.headers.get("Referer", "")
    answer: HttpResponseRedirect = suspend_request(request, reverse("mfa_reauthenticate"))
    return answer
