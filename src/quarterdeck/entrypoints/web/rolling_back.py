"""Rolling back on the ticket's page: decide by when, begin, the clock of the time box, the steps and their owners."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_acts import Question, ask
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import RollbackStep, State, StepKind, StepState, TicketView
from quarterdeck.workflows import record_staging, roll_back

_KINDS = {StepKind.SNAPSHOT: "reverts a snapshot by itself", StepKind.PLAYBOOK: "runs a playbook by itself"}
_WORDS = {StepState.WAITING: "Waiting", StepState.DONE: "Done", StepState.FAILED: "Failed"}


def context(ticket: TicketView, seen: Visitor, names: Names) -> dict[str, Any]:
    """Return the plan of a ticket and, once it was begun, its clock and what became of the steps."""
    plan = ticket.content.rollback_plan
    if plan is None:
        return {"rollback": None}
    begun, at_work = tickets.rollback_of(ticket.number), ticket.state in (State.OPEN, State.VERIFYING)
    steps = begun.steps if begun else tuple(tickets.StepView(n, one, StepState.WAITING) for n, one in _numbered(plan))
    leads = seen.has(Role.IT_LEAD)
    return {
        "rollback": {
            "minutes": plan.minutes,
            "trigger": plan.trigger,
            "boots": plan.boots,
            "boot_media": plan.boot_media,
            "decide_by": ticket.window.until - plan.time_box,
            "begun": begun,
            "by": names.person(begun.begun_by) if begun else "",
            "overrun": begun is not None and begun.left(seen.now).total_seconds() < 0,
            "at_work": at_work,
            "may_begin": begun is None and at_work and seen.has(Role.TECHNICIAN, Role.IT_LEAD, Role.REQUESTER),
            "may_repeat": at_work and any(_failed_by_itself(one) for one in steps),
            "steps": [_step(one, names, seen, leads=leads, live=begun is not None and at_work) for one in steps],
        }
    }


def _numbered(plan: tickets.RollbackPlan) -> enumerate[RollbackStep]:
    return enumerate(plan.steps, 1)


def _failed_by_itself(one: tickets.StepView) -> bool:
    return one.state is StepState.FAILED and one.step.kind is not StepKind.MANUAL


def _step(one: tickets.StepView, names: Names, seen: Visitor, *, leads: bool, live: bool) -> dict[str, Any]:
    mine = seen.person.id == one.step.owner or leads
    return {
        "number": one.number,
        "text": one.step.text,
        "owner": names.person(one.step.owner),
        "kind": _KINDS.get(one.step.kind, ""),
        "asset": names.asset(one.step.asset) if one.step.asset else "",
        "state": {"waiting": "waiting", "done": "passed", "failed": "failed"}[one.state],
        "word": _WORDS[one.state],
        "by": ("by itself" if one.captured else names.person(one.by)) if one.by else "",
        "at": one.at,
        "may_say": live and mine and one.state is not StepState.DONE,
    }


class BeginForm(forms.Form):
    """Why there is no other way."""

    reason = forms.CharField(label="What went wrong", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))


@page(*STAFF_AT_WORK)
def begin(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Begin the rollback of a ticket."""
    ticket = ticket_for(seen, number)

    def act(fresh: Visitor, form: forms.Form) -> str:
        roll_back.begin(fresh.actor, CLOCK, number, reason=form.cleaned_data["reason"])
        return "The rollback was begun; the clock of its time box runs."

    plan = ticket.content.rollback_plan
    minutes = plan.minutes if plan else 0
    question = Question(
        f"Roll back {number}",
        f"The time box is {minutes} minutes from now. Afterwards the ticket can only close as rolled back.",
        "Begin the rollback",
    )
    return ask(request, seen, ticket, BeginForm(posted(request)), question, act, with_code=True)


@page(*STAFF_AT_WORK)
@require_POST
def say_step(request: HttpRequest, seen: Visitor, number: str, step: int) -> HttpResponse:
    """Say what became of a step."""
    ticket_for(seen, number)
    done = request.POST.get("became") == "done"
    try:
        roll_back.say_step(seen.actor, CLOCK, number, step, done=done, said=request.POST.get("said", ""))
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("ticket", number)


@page(*STAFF_AT_WORK)
@require_POST
def again(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Run the steps that run by themselves once more."""
    ticket_for(seen, number)
    try:
        roll_back.ask_again(seen.actor, CLOCK, number)
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("ticket", number)


class StagingForm(forms.Form):
    """The ticket under which it was tried."""

    ticket = forms.CharField(label="Ticket of the staging systems", max_length=16)


@page(*STAFF_AT_WORK)
def staging(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Name the ticket under which work or rollback was tried in staging."""
    ticket = ticket_for(seen, number)

    def act(fresh: Visitor, form: forms.Form) -> str:
        tried = ticket_for(fresh, form.cleaned_data["ticket"].strip().upper())
        record_staging.record(fresh.actor, CLOCK, number, staging=tried.number)
        return f"What was tried under {tried.number} counts for {number}."

    question = Question(
        f"Tried in staging for {number}",
        "A ticket that closed as done brings the work, one that was rolled back by the same steps the rollback.",
        "Record it",
    )
    return ask(request, seen, ticket, StagingForm(posted(request)), question, act)
