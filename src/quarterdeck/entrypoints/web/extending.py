"""More time: the form of who works, the page of who decides, and what stands on the ticket's pages about it."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from quarterdeck.entrypoints.web import stepup, zones
from quarterdeck.entrypoints.web.approving import DecisionForm
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.words import called
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, ExtensionState, ExtensionView, State, TicketView, Verdict
from quarterdeck.workflows import extend_window

CHOICES = (15, 30, 60, 120, 240)


class ExtendForm(forms.Form):
    """How many minutes more, and why."""

    minutes = forms.TypedChoiceField(
        label="How much more time",
        coerce=int,
        choices=[(n, f"{n} minutes" if n < 60 else f"{n // 60} hour{'s' if n > 60 else ''}") for n in CHOICES],
        initial=30,
    )
    reason = forms.CharField(label="Reason", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))


@page(*STAFF_AT_WORK)
def extend(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Ask for more time; what is within policy holds at once."""
    ticket = ticket_for(seen, number)
    form, code = ExtendForm(posted(request)), stepup.code_form(request, seen)
    context: dict[str, Any] = {
        "ticket": ticket,
        "form": form,
        "code_form": code,
        "heading": f"More time for {number}",
        "lead": _lead(ticket, seen, request),
        "button": "Ask for more time",
    }
    if request.method == "POST" and form.is_valid() and code is None:
        said = form.cleaned_data
        try:
            asked = extend_window.extend(seen.actor, CLOCK, number, minutes=said["minutes"], reason=said["reason"])
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            messages.success(request, _said(asked, seen, request))
            return redirect("ticket_start" if seen.person.id in ticket.technicians else "ticket", number)
    return render(request, "tickets/reason.html", context)


def _lead(ticket: TicketView, seen: Visitor, request: HttpRequest) -> str:
    until = zones.shown(ticket.window.until, zones.zone_of(request))
    alone = max(
        (n for n in CHOICES if tickets.may_ask_alone(ticket.number, seen.person.id, n, seen.now).allowed), default=0
    )
    if ticket.state is not State.OPEN:
        return "Only open work gets more time."
    if alone:
        decide = tickets.who_decides(ticket.number)
        return f"The window ends {until}. Up to {alone} minutes hold at once, one time. {decide} on more."
    waiting = waiting_words(ticket, seen, request)
    if waiting:
        return f"The window ends {until}. {waiting} Asking again replaces it."
    return f"The window ends {until}. {tickets.who_decides(ticket.number)}; until then nothing changes."


def _said(asked: ExtensionView, seen: Visitor, request: HttpRequest) -> str:
    if asked.state is ExtensionState.GRANTED:
        until = zones.shown(asked.until, zones.zone_of(request))
        return f"The window ends {until} now. Running sessions stay; a new connection takes a new certificate."
    return f"Asked for. It waits for the {_deciders(asked.ticket, seen)}."


def _deciders(number: str, seen: Visitor) -> str:
    """Return the roles that have not decided on what waits, with who can."""
    names = Names()
    return "; ".join(
        f"{called(role.value)}: {' or '.join(names.person(one) for one in people) or 'nobody can'}"
        for role, people in tickets.extension_waits_for(number, seen.now).items()
    )


def waiting_words(ticket: TicketView, seen: Visitor, request: HttpRequest) -> str:
    """Say what was asked for and is not decided, empty where nothing waits."""
    asked = waiting_extension(ticket)
    if asked is None:
        return ""
    until = zones.shown(asked.until, zones.zone_of(request))
    return f"More time until {until} was asked for. It waits for the {_deciders(ticket.number, seen)}."


def waiting_extension(ticket: TicketView) -> ExtensionView | None:
    """Return the extension of this ticket that waits for a decision."""
    if ticket.state is not State.OPEN:
        return None
    return next((one for one in tickets.extensions(ticket.number) if one.state is ExtensionState.WAITING), None)


def roles_for(seen: Visitor, number: str) -> list[ApprovalRole]:
    """Return the roles in which this person can decide on what waits."""
    waiting = tickets.extension_waits_for(number, seen.now)
    return [role for role, people in waiting.items() if seen.person.id in people]


def to_decide(ticket: TicketView, seen: Visitor) -> dict[str, Any] | None:
    """Return what `My work` shows of an extension that this person can decide."""
    asked = waiting_extension(ticket) if seen.has(Role.APPROVER, Role.CUI_OWNER) else None
    if asked is None or not roles_for(seen, ticket.number):
        return None
    return {
        "act": f"Decide on {spoken_minutes(asked)} more",
        "about": f"{ticket.number} · {ticket.title}",
        "url": reverse("ticket_extension", args=[ticket.number]),
        "button": "Decide",
        "icon": "clock",
        "due": ticket.window.until,
        "late": ticket.window.until <= seen.now,
        "due_word": "its window ends in ",
        "due_done": "its window is over",
    }


def spoken_minutes(asked: ExtensionView) -> str:
    """Return how much more time it is, in words."""
    return zones.spoken(asked.until - asked.until_before) if asked.minutes else "a moment"


@page(Role.APPROVER, Role.CUI_OWNER)
def decide(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Show who asks for how much more time and why, and take the decision; made for a minute on a phone."""
    ticket = ticket_for(seen, number)
    asked = waiting_extension(ticket)
    roles = roles_for(seen, number) if asked else []
    form, code = DecisionForm(posted(request), roles=roles), stepup.code_form(request, seen)
    extra: dict[str, Any] = {}
    if request.method == "POST" and asked and roles and form.is_valid() and code is None:
        verdict = Verdict.REFUSED if request.POST.get("verdict") == "refused" else Verdict.APPROVED
        said = form.cleaned_data
        try:
            extend_window.decide(
                seen.actor,
                CLOCK,
                number,
                request.POST.get("extension", ""),
                role=ApprovalRole(said["role"]),
                verdict=verdict,
                reason=said["reason"],
            )
        except Refused as refused:
            extra["refused"] = refused.decision
        else:
            word = "refused" if verdict is Verdict.REFUSED else "granted"
            left = waiting_words(ticket_for(seen, number), seen, request)
            messages.success(request, f"You {word} {spoken_minutes(asked)} more for {number}. {left}".strip())
            return redirect("ticket", number)
        asked = waiting_extension(ticket_for(seen, number))
    return render(request, "tickets/extension.html", _shown(seen, ticket, asked) | extra | {
        "form": form, "code_form": code, "may_decide": bool(roles and asked),
    })  # fmt: skip


def _shown(seen: Visitor, ticket: TicketView, asked: ExtensionView | None) -> dict[str, Any]:
    names = Names()
    return {
        "ticket": ticket,
        "asked": asked,
        "who": names.person(asked.person) if asked else "",
        "length": spoken_minutes(asked) if asked else "",
        "hosts": names.hosts(ticket),
        "given": [
            {"name": names.person(one.person), "role": called(one.role.value), "reason": one.reason}
            for one in (asked.decisions if asked else ())
        ],
        "earlier": history(ticket, names),
        "left": ticket.window.until - seen.now > timedelta(0),
    }


def history(ticket: TicketView, names: Names) -> list[dict[str, Any]]:
    """Return what was asked for under the ticket before, for its pages."""
    return [
        {
            "who": names.person(one.person),
            "length": spoken_minutes(one),
            "until": one.until,
            "state": one.state.value,
            "by_self": one.by_self,
            "reason": one.reason,
        }
        for one in tickets.extensions(ticket.number)
    ]
