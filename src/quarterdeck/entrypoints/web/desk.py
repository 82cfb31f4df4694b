"""The assessor's desk: read-only, expiring; objectives, samples drawn in the open, packages, questions, own views."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import OrderState, Population, SampleView
from quarterdeck.entrypoints.web import questions, viewed
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.objectives import POAM, freshness, graded
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import record_view
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import GrantState, Role
from quarterdeck.sessions import api as sessions
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import attend_assessor

_WORDS = {
    Population.CLOSED_CUI: "Closed tickets of assets that handle CUI",
    Population.CLOSED: "Every closed ticket",
    Population.EMERGENCY: "Closed emergencies",
}
SHOWN = 5


class SampleForm(forms.Form):
    """What to draw from, how many, and a seed of one's own."""

    population = forms.ChoiceField(label="Draw from")
    size = forms.IntegerField(label="How many", min_value=1, max_value=assessor.MOST_SAMPLED, initial=5)
    seed = forms.CharField(
        label="Your seed", required=False, max_length=64,
        help_text="Such as thrown dice. Left empty, a random one is taken and told.",
    )  # fmt: skip

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        choices = [(one.value, f"{said} ({len(assessor.population_of(one))})") for one, said in _WORDS.items()]
        self.fields["population"] = forms.ChoiceField(label="Draw from", choices=choices)


@page(Role.ASSESSOR)
def desk(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The assessor's first page."""
    return render(request, "work/desk.html", _context(seen, SampleForm()))


def _context(seen: Visitor, form: SampleForm) -> dict[str, Any]:
    names = Names()
    mine, _ = assessor.maintenance_first(assessor.objective_status(seen.now))
    grants = [one for one in personnel.role_grants(seen.person.id) if one.role is Role.ASSESSOR]
    until = next((one.valid_until for one in grants if one.state is GrantState.ACTIVE), None)
    drawn = assessor.samples()
    return {
        "until": until,
        "objectives": [
            {"row": row, "freshness": freshness(row, seen), "graded": graded(row), "poam": POAM[row.poam]}
            for row in mine
        ],
        "packages": [one for one in assessor.orders() if one.state is OrderState.DONE][:SHOWN],
        "form": form,
        "samples": [_sample(one, names) for one in drawn[:SHOWN]],
        "questions": [questions.line(one, names) for one in assessor.questions()[:SHOWN]],
        "looked": viewed.views_of(seen, names, 12),
    }


def _sample(one: SampleView, names: Names) -> dict[str, Any]:
    return {"view": one, "words": _WORDS[one.population].lower().replace("cui", "CUI"), "who": names.person(one.by)}


@page(Role.ASSESSOR)
@require_POST
def draw(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Draw tickets at random, and record which out of how many, by which seed."""
    form = SampleForm(posted(request))
    if not form.is_valid():
        return render(request, "work/desk.html", _context(seen, form))
    said = form.cleaned_data
    try:
        made = attend_assessor.draw_sample(
            seen.actor, CLOCK, Population(said["population"]), size=said["size"], seed=said["seed"]
        )
    except Refused as refused:
        form.add_error(None, str(refused))
        return render(request, "work/desk.html", _context(seen, form))
    messages.success(request, f"{len(made.tickets)} of {made.of} drawn; the draw is entry #{made.seq} of the ledger.")
    return redirect("sample", made.seq)


@page(Role.ASSESSOR, Role.IT_LEAD)
def sample_page(request: HttpRequest, seen: Visitor, seq: int) -> HttpResponse:
    """One sample: its tickets with what speaks for them, and how anybody draws it again."""
    names = Names()
    one = assessor.sample(seq)
    context = _sample(one, names) | {
        "tickets": [_ticket(number, seen, names) for number in one.tickets],
        "repeats": assessor.repeat(one).allowed,
    }
    return render(request, "work/sample.html", context)


def _ticket(number: str, seen: Visitor, names: Names) -> dict[str, Any]:
    found = tickets.ticket(number)
    meter = tickets.evidence_meter(number, seen.now)
    missing = sum(row.state != "present" for row in meter)
    recorded = [one for one in sessions.sessions(number) if one.recording]
    return {
        "number": number, "title": found.title, "state": found.state.value, "assets": names.hosts(found),
        "cui": names.is_cui(found), "who": names.workers(found), "closed_at": found.closed_at,
        "evidence": f"{len(meter) - missing} of {len(meter)} facts", "missing": missing,
        "session": recorded[0].id if recorded else "", "sessions": len(recorded),
    }  # fmt: skip


@page(Role.ASSESSOR, Role.IT_LEAD)
def sample_list(request: HttpRequest, seen: Visitor, seq: int) -> HttpResponse:
    """The list that was drawn from, as it was kept."""
    one = assessor.sample(seq)
    record_view(seen, "artifact", one.list_sha256, "")
    headers = {"Content-Disposition": f'attachment; filename="population-{seq}.txt"'}
    body = evidence.read_artifact(one.list_sha256)
    return HttpResponse(body, content_type="text/plain; charset=utf-8", headers=headers)
