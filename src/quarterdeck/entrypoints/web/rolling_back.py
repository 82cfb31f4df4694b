"""Rolling back on the ticket's page: decide by when, begin, the clock of the time box, the steps and their owners."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_acts import Question, ask
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import RollbackStep, State, StepKind, StepState, TicketView
from quarterdeck.workflows import read_rollback, record_staging, roll_back
from quarterdeck.workflows.read_rollback import RollbackStanding

_KINDS = {StepKind.SNAPSHOT: "reverts a snapshot by itself", StepKind.PLAYBOOK: "runs a playbook by itself"}
_LOOKS = {
    StepState.WAITING: ("waiting", "Waiting"),
    StepState.CLEARING: ("running_job", "Ending sessions"),
    StepState.UNDER_WAY: ("running_job", "Under way"),
    StepState.DONE: ("passed", "Done"),
    StepState.FAILED: ("failed", "Failed"),
}


def context(ticket: TicketView, seen: Visitor, names: Names) -> dict[str, Any]:
    """Return the plan of a ticket and, once it was begun, its clock and what became of the steps."""
    plan = ticket.content.rollback_plan
    if plan is None:
        return {"rollback": None}
    stands, at_work = read_rollback.standing(ticket.number), ticket.state in (State.OPEN, State.VERIFYING)
    begun, waits = (stands.view, stands.waits) if stands else (None, False)
    steps = begun.steps if begun else tuple(tickets.StepView(n, one, StepState.WAITING) for n, one in _numbered(plan))
    leads, live = seen.has(Role.IT_LEAD), begun is not None and at_work and not waits
    works = seen.has(Role.TECHNICIAN, Role.IT_LEAD, Role.REQUESTER)
    lines = [_step(one, names, seen, leads=leads, live=live) | _goes_on(one, stands) for one in steps]
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
            "may_begin": begun is None and at_work and works,
            "may_repeat": stands is not None and stands.may_repeat and works,
            "may_stop": waits and at_work and works,
            "waits": waits,
            "came_back": stands.came_back.value if stands and begun and begun.ended_at else "",
            "differences": stands.differences if stands else 0,
            "steps": lines,
        }
    }


def _numbered(plan: tickets.RollbackPlan) -> enumerate[RollbackStep]:
    return enumerate(plan.steps, 1)


def _goes_on(one: tickets.StepView, stands: RollbackStanding | None) -> dict[str, str]:
    """Return what a step does now or how it went, and the page of the run that plays it."""
    said, run = ("", "") if stands is None else (stands.said.get(one.number, ""), stands.runs.get(one.number, ""))
    return {"said": said, "run": reverse("run", args=[run]) if run else ""}


def _step(one: tickets.StepView, names: Names, seen: Visitor, *, leads: bool, live: bool) -> dict[str, Any]:
    mine = seen.person.id == one.step.owner or leads
    code, word = _LOOKS[one.state]
    return {
        "number": one.number,
        "text": one.step.text,
        "owner": names.person(one.step.owner),
        "kind": _KINDS.get(one.step.kind, ""),
        "asset": names.asset(one.step.asset) if one.step.asset else "",
        "state": code,
        "word": word,
        "by": ("by itself" if one.captured else names.person(one.by)) if one.by else "",
        "at": one.at,
        "may_say": live and mine and one.state not in (StepState.DONE, StepState.UNDER_WAY),
    }


def _itself(plan: tickets.RollbackPlan | None) -> str:
    """Return what beginning sets going by itself, as a sentence."""
    kinds = {one.kind for one in plan.steps} if plan else set()
    said = ""
    if StepKind.SNAPSHOT in kinds:
        said += " Sessions on an asset end before it goes back to its snapshot, and what was written since is gone."
    if StepKind.PLAYBOOK in kinds:
        said += " Its playbook runs for real, in your name, without check mode."
    return said


class BeginForm(forms.Form):
    """Why there is no other way."""

    reason = forms.CharField(label="What went wrong", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))


@page(*STAFF_AT_WORK)
def begin(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Begin the rollback of a ticket."""
    ticket = ticket_for(seen, number)

    def act(fresh: Visitor, form: forms.Form) -> str:
        roll_back.begin(fresh.actor, CLOCK, number, reason=form.cleaned_data["reason"], room=wiring.run_room())
        return "The rollback was begun; the clock of its time box runs."

    plan = ticket.content.rollback_plan
    minutes = plan.minutes if plan else 0
    question = Question(
        f"Roll back {number}",
        f"The time box is {minutes} minutes from now. Afterwards the ticket can only close as rolled back."
        + _itself(plan),
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


@page()
def card(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """The rollback of a ticket, asked for every two seconds; when nothing goes on by itself the page loads anew."""
    ticket = ticket_for(seen, number)
    told = context(ticket, seen, Names())
    if not (told["rollback"] and told["rollback"]["waits"]):
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "tickets/rollback.html", told | {"ticket": ticket})


@page(*STAFF_AT_WORK)
def again(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Run what comes next by itself once more."""
    ticket = ticket_for(seen, number)

    def act(fresh: Visitor, form: forms.Form) -> str:
        roll_back.ask_again(fresh.actor, CLOCK, number, room=wiring.run_room())
        return "Asked for; the page shows how it goes."

    question = Question(
        f"Run the rollback's next step of {number}",
        "Look at the asset first: what an earlier try left half done is not undone by itself. "
        "A snapshot is gone back to whole; a playbook runs for real, in your name.",
        "Run it",
    )
    return ask(request, seen, ticket, forms.Form(posted(request)), question, act, with_code=True)


@page(*STAFF_AT_WORK)
@require_POST
def stop(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Stop what runs by itself."""
    ticket_for(seen, number)
    try:
        roll_back.stop(seen.actor, CLOCK, number, room=wiring.run_room())
        messages.info(request, "A playbook is cut; a revert that is under way is finished. Nothing comes after it.")
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
