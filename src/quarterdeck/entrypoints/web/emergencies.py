"""Emergencies: the word of the authoriser before the work, the ratification after it."""

from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse

from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_acts import Question, ask
from quarterdeck.entrypoints.web.ticket_forms import ReasonForm
from quarterdeck.entrypoints.web.words import called
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.api import ApprovalRole, EmergencyBasis
from quarterdeck.workflows import approve as deciding

_BASIS_WORDS = {
    EmergencyBasis.IN_PERSON: "In person: I am the authoriser",
    EmergencyBasis.CALL_BACK: "By a call back to a known number",
    EmergencyBasis.STANDING_AUTHORITY: "By a standing written authority",
}


class EmergencyForm(ReasonForm):
    """Who gave the word, how, and why it can't wait."""

    basis = forms.ChoiceField(
        label="How the word was given",
        choices=[(basis.value, said) for basis, said in _BASIS_WORDS.items()],
        widget=forms.RadioSelect,
    )
    authoriser = forms.ChoiceField(label="Authoriser")
    field_order = ["basis", "authoriser", "reason"]

    def __init__(self, *arguments: Any, people: list[tuple[str, str]], **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        self.fields["authoriser"] = forms.ChoiceField(label="Authoriser", choices=people)
        self.fields["reason"].label = "Why it can't wait, and the circumstances of the word"


@page(Role.APPROVER, Role.REQUESTER, Role.TECHNICIAN, Role.IT_LEAD)
def emergency(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Record the authoriser's word and schedule the emergency."""
    ticket = ticket_for(seen, number)
    names = Names()
    people = [(who, names.person(who)) for who in personnel.holders(Role.APPROVER, seen.now)]
    form = EmergencyForm(posted(request), people=people, initial={"authoriser": seen.person.id})

    def act(fresh: Visitor, filled: forms.Form) -> str:
        said = filled.cleaned_data
        deciding.authorise_emergency(
            fresh.actor,
            CLOCK,
            number,
            authoriser=said["authoriser"],
            basis=EmergencyBasis(said["basis"]),
            content_hash=ticket.content_hash,
            reason=said["reason"],
        )
        return f"The word is recorded; {number} is scheduled. It is to be ratified within two business days of opening."

    question = Question(
        f"Emergency {number}",
        "One named person takes the responsibility now. Impact, second factor and recording stay as always.",
        "Record the word",
    )
    return ask(request, seen, ticket, form, question, act, with_code=True)


class RatifyForm(ReasonForm):
    """Ratify or refuse, in one role."""

    verdict = forms.ChoiceField(
        label="Your decision",
        choices=[("approved", "Ratify: it was right"), ("refused", "Refuse: access ends, it closes with a finding")],
        widget=forms.RadioSelect,
    )
    role = forms.ChoiceField(label="You decide as")
    field_order = ["verdict", "role", "reason"]

    def __init__(self, *arguments: Any, roles: list[ApprovalRole], **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        self.fields["role"] = forms.ChoiceField(
            label="You decide as", choices=[(role.value, called(role.value)) for role in roles]
        )


@page(Role.APPROVER, Role.CUI_OWNER)
def ratify(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Ratify an emergency afterwards, or refuse to."""
    ticket = ticket_for(seen, number)
    roles = [role for role in ApprovalRole if seen.has(Role(role.value))]
    form = RatifyForm(posted(request), roles=roles)

    def act(fresh: Visitor, filled: forms.Form) -> str:
        said = filled.cleaned_data
        approve_it = said["verdict"] == "approved"
        deciding.ratify(
            fresh.actor, CLOCK, number, role=ApprovalRole(said["role"]), approve_it=approve_it, reason=said["reason"]
        )
        return f"{number} is ratified." if approve_it else f"{number} is not ratified; its access is withdrawn."

    lead = "Read the ticket first: what was done, by whom, and what changed. A refusal withdraws every access at once."
    return ask(
        request, seen, ticket, form, Question(f"Ratify {number}", lead, "Record the decision"), act, with_code=True
    )
