"""The buttons of a ticket: each parses its small form and calls one workflow; refusals come back as sentences."""

from collections.abc import Callable
from dataclasses import dataclass

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web import next_act, stepup
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_forms import ReasonForm
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView
from quarterdeck.workflows import approve as deciding
from quarterdeck.workflows import close_ticket as closing
from quarterdeck.workflows import open_window as opening
from quarterdeck.workflows import prepare_ticket as preparing
from quarterdeck.workflows import request as requesting

Act = Callable[[Actor, str], object]


def _button(act: Act, said: str, *roles: Role) -> Callable[..., HttpResponseBase]:
    """Return a view that does `act` at a press and says `said`; a missing step-up asks for the code and repeats it."""

    @page(*(roles or STAFF_AT_WORK))
    @require_POST
    def pressed(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
        ticket_for(seen, number)
        act(seen.actor, number)
        messages.success(request, said.format(number=number))
        return redirect("ticket", number)

    pressed.__module__ = __name__
    return pressed


refreeze = _button(
    lambda actor, number: requesting.freeze_again(actor, CLOCK, number),
    "{number} is frozen as it is now; ask for approval.",
)
prepare = _button(
    lambda actor, number: preparing.ask_to_prepare(actor, CLOCK, number), "Preparing {number}. This page follows it."
)
open_window = _button(lambda actor, number: opening.open_ticket(actor, CLOCK, number), "{number} is open.")
reopen = _button(lambda actor, number: opening.reopen(actor, CLOCK, number), "{number} is open again.")
done = _button(
    lambda actor, number: closing.end_work(actor, CLOCK, number),
    "Work ended: access is withdrawn, connections are being closed and files measured.",
)
verify = _button(lambda actor, number: closing.ask_to_verify(actor, CLOCK, number), "Verifying {number} once more.")
escort = _button(
    lambda actor, number: deciding.confirm_escort(actor, CLOCK, number), "Your presence as escort is recorded."
)


@page(*STAFF_AT_WORK)
@require_POST
def submit(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Submit a draft for approval."""
    ticket_for(seen, number)
    requesting.submit(seen.actor, CLOCK, number)
    say_submitted(request, seen, number)
    return redirect("ticket", number)


def say_submitted(request: HttpRequest, seen: Visitor, number: str) -> None:
    """Say that a ticket is submitted, or that nobody can approve it before something more is done."""
    lacking = next_act.lacks(tickets.hold_points(number, seen.now))
    if not lacking:
        messages.success(request, f"{number} is submitted. The approvers see it in their work.")
        return
    what = "1 thing is" if len(lacking) == 1 else f"{len(lacking)} things are"
    said = f"{number} is submitted, but nobody can approve it yet: {what} still to be done, see below."
    messages.warning(request, said)


@page(*STAFF_AT_WORK)
@require_POST
def comment(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Add a remark."""
    ticket_for(seen, number)
    requesting.comment(seen.actor, CLOCK, number, request.POST.get("text", ""))
    response = redirect("ticket", number)
    response["Location"] += "?tab=comments#tabs"
    return response


@page(*STAFF_AT_WORK)
@require_POST
def cancel_job(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Ask the running capture of the ticket to stop at its next step."""
    ticket_for(seen, number)
    for job in tickets.jobs(number):
        if job.state in ("waiting", "running"):
            tickets.cancel_job(job.id)
    messages.info(
        request, "It stops soon. Of a baseline that is not finished nothing is kept; what was captured before stays."
    )
    return redirect("ticket", number)


@dataclass(frozen=True, slots=True)
class Question:
    """A page that asks one thing before an act."""

    heading: str
    lead: str
    button: str
    danger: bool = False


def ask(
    request: HttpRequest,
    seen: Visitor,
    ticket: TicketView,
    form: forms.Form,
    question: Question,
    act: Callable[[Visitor, forms.Form], str],
    *,
    with_code: bool = False,
) -> HttpResponse:
    """Show the question, or do the act and say what it returned; what was typed stays after a refusal."""
    code = stepup.code_form(request, seen) if with_code else None
    context = {
        "ticket": ticket,
        "form": form,
        "code_form": code,
        "heading": question.heading,
        "lead": question.lead,
        "button": question.button,
        "button_css": "btn-refuse" if question.danger else "btn-primary",
    }
    if request.method == "POST" and form.is_valid() and code is None:
        try:
            messages.success(request, act(seen, form))
            return redirect("ticket", ticket.number)
        except Refused as refused:
            if stepup.NEEDED in refused.decision.codes:
                context["code_form"] = stepup.code_form(request, seen)
            context["refused"] = refused.decision
    return render(request, "tickets/reason.html", context)


@page(*STAFF_AT_WORK)
def withdraw(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Withdraw a ticket that never opened."""
    ticket = ticket_for(seen, number)

    def act(fresh: Visitor, form: forms.Form) -> str:
        requesting.withdraw(fresh.actor, CLOCK, number, form.cleaned_data["reason"])
        return f"{number} is withdrawn."

    question = Question(
        f"Withdraw {number}", "It stays in the history and can't be taken up again.", "Withdraw", danger=True
    )
    return ask(request, seen, ticket, ReasonForm(posted(request)), question, act)


class WaiveForm(ReasonForm):
    """Why a hold point may pass this once."""


@page(Role.APPROVER)
def waive(request: HttpRequest, seen: Visitor, number: str, hold_point: str) -> HttpResponse:
    """Let a deferrable hold point pass for this content."""
    ticket = ticket_for(seen, number)
    known = tickets.HOLD_POINTS.get(hold_point)

    def act(fresh: Visitor, form: forms.Form) -> str:
        deciding.waive(fresh.actor, CLOCK, number, hold_point=hold_point, reason=form.cleaned_data["reason"])
        return f"{hold_point} is waived for this content."

    question = Question(
        f"Waive {known.label if known else hold_point}",
        "It passes for this exact content only, and shows as waived in the package.",
        "Waive",
    )
    return ask(request, seen, ticket, WaiveForm(posted(request)), question, act, with_code=True)


class CloseForm(forms.Form):
    """How it went."""

    summary = forms.CharField(
        label="What was done and how it went", max_length=4000, widget=forms.Textarea(attrs={"rows": 4})
    )
    rolled_back = forms.BooleanField(label="It was rolled back", required=False)


@page(*STAFF_AT_WORK)
def close(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Close the ticket, as done or as rolled back."""
    ticket = ticket_for(seen, number)

    def act(fresh: Visitor, form: forms.Form) -> str:
        said = form.cleaned_data
        closing.close(fresh.actor, CLOCK, number, summary=said["summary"], rolled_back=said["rolled_back"])
        return f"{number} is closed and sealed: nothing is written to it any more."

    question = Question(
        f"Close {number}",
        "Afterwards nothing can be added; the ledger seals how many entries it has.",
        "Close the ticket",
    )
    return ask(request, seen, ticket, CloseForm(posted(request)), question, act)
