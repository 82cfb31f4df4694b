"""Runbooks: the list, proposing a commit, and the page on which an approver reads and decides."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from quarterdeck import wiring
from quarterdeck.entrypoints.web import lists, stepup
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.ticket_forms import ReasonForm
from quarterdeck.kernel.decision import Refused
from quarterdeck.runs import api as runs
from quarterdeck.runs.api import CommitSignature, RunbookState, RunbookView
from quarterdeck.workflows import keep_runbooks

SIGNED = {
    CommitSignature.LISTED: ("confirmed", "Signed by a listed key"),
    CommitSignature.OTHER: ("unknown", "Signed by a key that is not listed"),
    CommitSignature.BAD: ("failed", "The signature does not fit"),
    CommitSignature.NONE: ("inactive", "Not signed"),
}
_STATES = {
    RunbookState.PROPOSED: ("pending", "Waits for an approver"),
    RunbookState.APPROVED: ("approved", "Approved"),
    RunbookState.REJECTED: ("rejected", "Rejected"),
}


class RunbookForm(forms.Form):
    """Which playbook of which repository at which commit."""

    name = forms.CharField(label="Name", max_length=80)
    repository = forms.CharField(
        label="Git repository", max_length=600, help_text="https://, ssh:// or an absolute path on the server."
    )
    commit = forms.CharField(label="Commit", max_length=64, help_text="The whole hash: git rev-parse HEAD.")
    playbook = forms.CharField(
        label="Playbook", max_length=200,
        help_text="Its path in the repository: patch/web.yml, or dsc/localhost.mof of PowerShell DSC.",
    )  # fmt: skip


def _listing(names: Names) -> lists.Listing[RunbookView]:
    return lists.Listing(
        name="runbooks",
        noun="runbooks",
        columns=[
            lists.Column("name", "Runbook", lambda row: lists.text(row.name, sub=row.playbook)),
            lists.Column("state", "State", lambda row: lists.state(*_STATES[row.state])),
            lists.Column("commit", "Commit", lambda row: lists.mono(row.commit[:12])),
            lists.Column("signature", "Signature", lambda row: lists.state(*SIGNED[row.signature])),
            lists.Column("by", "Proposed by", lambda row: lists.text(names.person(row.proposed_by))),
            lists.Column("repository", "Repository", lambda row: lists.text(row.repository), shown=False),
            lists.Column("sha256", "SHA-256", lambda row: lists.mono(row.sha256[:16]), shown=False),
        ],
        row_url=lambda row: reverse("runbook", args=[row.id]),
        empty=lists.Empty(
            "No runbook yet",
            "A runbook is a playbook of a Git repository at one commit; it runs under a ticket, through the gate.",
            "git-commit",
            "Propose the first one",
            reverse("runbook_propose"),
        ),
        filters=[lists.Filter("state", "State", lambda row: row.state.value)],
        sort="name",
    )


@page()
def runbook_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """All runbooks."""
    shown = lists.build(request, _listing(Names()), runs.runbooks())
    if isinstance(shown, HttpResponse):
        return shown
    acts: list[dict[str, object]] = []
    if seen.has(*keep_runbooks.PROPOSING):
        acts.append({"url": reverse("runbook_propose"), "icon": "plus", "label": "Propose a runbook", "key": "n",
                     "primary": True})  # fmt: skip
    lead = "Playbooks pinned to a commit. What runs is exactly what an approver read; a new commit is a new runbook."
    return render(request, "list_page.html", {"list": shown, "title": "Runbooks", "lead": lead, "acts": acts})


@page(*keep_runbooks.PROPOSING)
def runbook_propose(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Fetch a commit and propose its playbook."""
    form = RunbookForm(posted(request))
    context: dict[str, Any] = {
        "form": form, "heading": "Propose a runbook", "button": "Fetch and propose",
        "lead": "The commit's files are fetched and kept under their hash; an approver decides on exactly those.",
    }  # fmt: skip
    if request.method == "POST" and form.is_valid():
        try:
            made = keep_runbooks.propose(seen.actor, CLOCK, **form.cleaned_data, source=wiring.runbook_source())
            messages.success(request, "Proposed. Another person approves it.")
            return redirect("runbook", made.id)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "registers/form.html", context)


@page()
def runbook_page(request: HttpRequest, seen: Visitor, runbook_id: str) -> HttpResponse:
    """Everything of a runbook, and the decision; files other than those shown are answered with 409."""
    book = runs.runbook(runbook_id)
    decides = (
        book.state is RunbookState.PROPOSED and seen.has(*keep_runbooks.DECIDING) and seen.person.id != book.proposed_by
    )
    form = ReasonForm(posted(request))
    code = stepup.code_form(request, seen) if decides else None
    extra: dict[str, Any] = {"form": form, "code_form": code, "may_decide": decides}
    status = 200
    if request.method == "POST" and decides and form.is_valid() and code is None:
        approve = request.POST.get("verdict") != "rejected"
        try:
            keep_runbooks.decide(
                seen.actor, CLOCK, runbook_id, approve=approve, sha256=request.POST.get("sha256", ""),
                reason=form.cleaned_data["reason"],
            )  # fmt: skip
            messages.success(request, "Approved into the register of mechanisms." if approve else "Rejected.")
            return redirect("runbook", runbook_id)
        except Refused as refused:
            extra["refused"] = refused.decision
            status = 409 if "runbook.other_content" in refused.decision.codes else 200
    return render(request, "runs/book.html", _shown(book) | extra, status=status)


def _shown(book: RunbookView) -> dict[str, Any]:
    names = Names()
    code, word = _STATES[book.state]
    signed, signed_word = SIGNED[book.signature]
    return {
        "book": book, "code": code, "word": word, "signed": signed, "signed_word": signed_word,
        "proposed_by": names.person(book.proposed_by),
        "decided_by": names.person(book.decided_by) if book.decided_by else "",
        "genuine": runs.check_runbook(book.id).allowed,
    }  # fmt: skip
