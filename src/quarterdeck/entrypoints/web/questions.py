"""Questions of the assessor to the organisation: asked here, answered here, each an entry of the ledger."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import QuestionView
from quarterdeck.controls.api import MA_OBJECTIVES, OBJECTIVES
from quarterdeck.entrypoints.web import lists
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import attend_assessor

READERS = (Role.ASSESSOR, Role.IT_LEAD)
_TOKENS = {one.token: one.id for one in OBJECTIVES}


class AskForm(forms.Form):
    """A question, perhaps about one ticket or one objective."""

    text = forms.CharField(label="Question", max_length=4000, widget=forms.Textarea(attrs={"rows": 3}))
    objective = forms.ChoiceField(label="About an objective", required=False)
    ticket = forms.CharField(label="About a ticket", required=False, max_length=16, help_text="Such as MT-2026-00014.")

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        first = [(one.token, f"{one.id} {one.label}") for one in MA_OBJECTIVES]
        mine = {one.token for one in MA_OBJECTIVES}
        rest = [(one.token, f"{one.id} {one.label}") for one in OBJECTIVES if one.token not in mine]
        self.fields["objective"] = forms.ChoiceField(
            label="About an objective", required=False, choices=[("", "None in particular"), *first, *rest]
        )


class AnswerForm(forms.Form):
    """What the organisation says."""

    text = forms.CharField(label="Answer", max_length=4000, widget=forms.Textarea(attrs={"rows": 4}))


def line(one: QuestionView, names: Names) -> dict[str, Any]:
    """Return a question as lists show it."""
    return {
        "id": one.id,
        "text": one.text,
        "open": one.is_open,
        "about": one.ticket or _TOKENS.get(one.objective, ""),
        "who": names.person(one.asked_by),
        "at": one.asked_at,
    }


def waiting(seen: Visitor) -> list[dict[str, Any]]:
    """Return the questions that wait for an answer, when the visitor is the one who gives it."""
    if not seen.has(Role.IT_LEAD):
        return []
    return [
        {
            "act": "Answer the assessor's question", "about": one.text[:120],
            "url": reverse("question", args=[one.id]), "button": "Answer", "icon": "message-question", "due": None,
            "late": False,
        }
        for one in assessor.questions()
        if one.is_open
    ]  # fmt: skip


@page(*READERS)
def question_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every question, and the form for the next one."""
    initial = {"objective": request.GET.get("objective", ""), "ticket": request.GET.get("ticket", "")}
    return _list(request, seen, AskForm(initial=initial))


def _list(request: HttpRequest, seen: Visitor, form: AskForm, **more: object) -> HttpResponse:
    names = Names()
    listing = lists.Listing[QuestionView](
        name="questions",
        noun="questions",
        columns=[
            lists.Column("text", "Question", lambda row: lists.text(row.text)),
            lists.Column("state", "State", lambda row: lists.state("asked" if row.is_open else "answered")),
            lists.Column("about", "About", lambda row: lists.mono(row.ticket or _TOKENS.get(row.objective, ""))),
            lists.Column("by", "Asked by", lambda row: lists.text(names.person(row.asked_by))),
            lists.Column("at", "Asked", lambda row: lists.moment(row.asked_at), lambda row: row.asked_at),
            lists.Column("answer", "Answer", lambda row: lists.text(row.answers[-1].text if row.answers else "")),
        ],
        row_url=lambda row: reverse("question", args=[row.id]),
        empty=lists.Empty(
            "No question yet",
            "The assessor asks, the IT lead answers; both are entries of the ledger, the words are kept beside it.",
            "message-question",
        ),
        filters=[lists.Filter("state", "State", lambda row: "asked" if row.is_open else "answered")],
        sort="-at",
    )
    shown = lists.build(request, listing, assessor.questions())
    if isinstance(shown, HttpResponse):
        return shown
    context = {"list": shown, "title": "Questions", "form": form, "may_ask": seen.has(Role.ASSESSOR), "acts": [],
               "lead": "What the assessor wants to know of the organisation, and what it answered."}  # fmt: skip
    return render(request, "questions/list.html", context | more)


@page(Role.ASSESSOR)
@require_POST
def ask(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Ask the organisation."""
    form = AskForm(request.POST)
    if form.is_valid():
        try:
            made = attend_assessor.ask_question(seen.actor, CLOCK, **form.cleaned_data)
            messages.success(request, "Asked. The IT lead sees it under My work.")
            return redirect("question", made.id)
        except Refused as refused:
            return _list(request, seen, form, refused=refused.decision)
    return _list(request, seen, form)


@page(*READERS)
def question_page(request: HttpRequest, seen: Visitor, question_id: str) -> HttpResponse:
    """One question with its answers, and the form for the answer."""
    one = assessor.question(question_id)
    names = Names()
    may_answer = seen.has(Role.IT_LEAD)
    form = AnswerForm(posted(request))
    context: dict[str, Any] = {"refused": None}
    if request.method == "POST" and may_answer and form.is_valid():
        try:
            attend_assessor.answer_question(seen.actor, CLOCK, question_id, form.cleaned_data["text"])
            messages.success(request, "Answered, and recorded with your name.")
            return redirect("question", question_id)
        except Refused as refused:
            context["refused"] = refused.decision
    context |= {
        "one": one,
        "who": names.person(one.asked_by),
        "objective": _TOKENS.get(one.objective, ""),
        "may_read_ticket": bool(one.ticket) and tickets.exists(one.ticket),
        "answers": [{"who": names.person(answer.by), "at": answer.at, "text": answer.text} for answer in one.answers],
        "may_answer": may_answer,
        "form": form,
    }
    return render(request, "questions/page.html", context)
