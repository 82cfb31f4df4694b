"""The CUI owner's word on recordings leaving in packages: asked for, given, refused, withdrawn, and how it stands."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import ConsentState
from quarterdeck.entrypoints.web.bulk import MOST
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_acts import Question, ask
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import export_package

ASKERS = (Role.IT_LEAD, Role.ASSESSOR)
_LOOKS = {
    ConsentState.UNDECIDED: ("not_applicable", "Stay here", "Nobody has asked the CUI owner yet."),
    ConsentState.ASKED: ("pending", "Waits for the CUI owner", "Until there is a decision they stay here."),
    ConsentState.GIVEN: ("passed", "May leave", "Packages made from now on hold them."),
    ConsentState.REFUSED: ("rejected", "Refused", "They stay here; packages list them as withheld."),
    ConsentState.WITHDRAWN: ("revoked", "Consent withdrawn", "They stay here; earlier packages keep what they hold."),
}


def card(seen: Visitor, number: str, names: Names) -> dict[str, Any] | None:
    """Return how the consent of a ticket stands and what this visitor can do; None when it is about nothing."""
    found = assessor.consent_of(number)
    if not found.recordings:
        return None
    code, word, say = _LOOKS[found.state]
    owner = seen.has(Role.CUI_OWNER)
    return {
        "number": number,
        "recordings": found.recordings,
        "code": code,
        "word": word,
        "say": say,
        "who": names.person(found.person) if found.person else "",
        "at": found.at,
        "given": found.state is ConsentState.GIVEN,
        "may_decide": owner and found.state is not ConsentState.GIVEN,
        "may_withdraw": owner and found.state is ConsentState.GIVEN,
        "may_ask": seen.has(*ASKERS) and not owner and found.state not in (ConsentState.ASKED, ConsentState.GIVEN),
    }


def waiting(seen: Visitor) -> list[dict[str, Any]]:
    """Return the decisions that packages wait for, when the visitor is the one who gives them."""
    if not seen.has(Role.CUI_OWNER):
        return []
    return [
        {
            "act": f"Decide whether recordings of {number} may leave",
            "about": "A package was asked for; without your consent they stay here",
            "url": reverse("consent", args=[number]), "button": "Decide", "icon": "shield-lock", "due": None,
            "late": False,
        }
        for number in assessor.consents_asked()
    ]  # fmt: skip


class ConsentForm(forms.Form):
    """Give or refuse; a refusal says why."""

    verdict = forms.ChoiceField(
        label="Your decision",
        widget=forms.RadioSelect,
        choices=[
            ("give", "They may leave: an assessor may see what was on the screen"),
            ("refuse", "They stay here: the package lists them as withheld"),
        ],
    )
    reason = forms.CharField(
        label="Reason", required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Wanted when you refuse. It is kept behind a salted hash in the ledger.",
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        """A refusal without a reason goes back to the form."""
        said = super().clean() or {}
        if said.get("verdict") == "refuse" and len(str(said.get("reason", "")).strip()) < 3:
            self.add_error("reason", "Say why they stay here.")
        return said


@page(Role.CUI_OWNER)
def consent(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Decide whether the recordings of a ticket may leave in packages."""
    ticket = ticket_for(seen, number)
    form = ConsentForm(posted(request))

    def act(fresh: Visitor, filled: forms.Form) -> str:
        if filled.cleaned_data["verdict"] == "give":
            export_package.consent(fresh.actor, CLOCK, number)
            return f"Recordings of {number} may leave in packages made from now on."
        export_package.refuse_consent(fresh.actor, CLOCK, number, filled.cleaned_data["reason"])
        return f"Recordings of {number} stay here. Packages list them as withheld."

    count = assessor.consent_of(number).recordings
    lead = (
        f"{count} recording{'' if count == 1 else 's'} of work on assets that handle CUI. Whoever gets the package can "
        "watch them. Watch them first: Sessions, on the ticket's page."
    )
    question = Question(f"May recordings of {number} leave?", lead, "Record the decision")
    return ask(request, seen, ticket, form, question, act, with_code=True)


@page(Role.CUI_OWNER)
@require_POST
def consent_withdraw(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Withdraw the consent."""
    ticket_for(seen, number)
    export_package.withdraw_consent(seen.actor, CLOCK, number)
    messages.success(request, "Withdrawn. Packages made before keep what they hold.")
    return redirect("ticket", number)


@page(*ASKERS)
@require_POST
def consent_ask(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Ask the CUI owner."""
    ticket_for(seen, number)
    export_package.ask_consent(seen.actor, CLOCK, number)
    if request.headers.get("HX-Request"):
        return render(request, "parts/consent.html", {"consent": card(seen, number, Names())})
    messages.success(request, "The CUI owner sees it under My work. Until then the recordings stay here.")
    return redirect("evidence") if request.POST.get("back") == "evidence" else redirect("ticket", number)


@page(*ASKERS)
@require_POST
def consents_ask(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Ask the CUI owner for every named ticket of a set; what is refused stops nothing else and is told."""
    numbers = list(dict.fromkeys(request.POST.getlist("ticket")))[:MOST]
    refusals: list[Refused] = []
    for number in numbers:
        ticket_for(seen, number)
        try:
            export_package.ask_consent(seen.actor, CLOCK, number)
        except Refused as refused:
            refusals.append(refused)
    asked = len(numbers) - len(refusals)
    told = f"Asked for {asked} ticket{'' if asked == 1 else 's'}; the CUI owner sees them under My work."
    if refusals:
        told += f" {len(refusals)} refused: {refusals[0]}"
    if request.headers.get("HX-Request"):
        return render(request, "parts/said.html", {"said": told})
    messages.success(request, told)
    return redirect("evidence")
