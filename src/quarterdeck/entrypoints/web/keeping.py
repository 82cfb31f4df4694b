"""Retention: what is kept how long, what is due, legal holds, and the end of files that two people decide."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web import lists, stepup
from quarterdeck.entrypoints.web.bulk import Bulk, Line, Said, serve
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.tags import bytes_words
from quarterdeck.entrypoints.web.ticket_forms import ReasonForm
from quarterdeck.kernel.decision import Refused
from quarterdeck.retention import api as retention
from quarterdeck.retention.api import CLASS_LABELS, EndKind, HoldScope, Kept, KeptClass, Proposal, Rule, Standing
from quarterdeck.workflows import keep_evidence

_STANDINGS = {
    Standing.KEPT: ("kept", "Kept"),
    Standing.ENDLESS: ("kept", "No end yet"),
    Standing.HELD: ("held", "Legal hold"),
    Standing.PROPOSED: ("waiting", "Second person"),
    Standing.DUE: ("due", "Due"),
    Standing.REDACTED: ("given_up", "Redacted"),
    Standing.DISPOSED: ("given_up", "Disposed of"),
}
BECAUSE = {
    "organisation": "belongs to the ledger", "ticket": "a ticket is not over", "assessment": "no CMMC status date yet",
    "closing": "closing of the ticket", "status_date": "CMMC status date", "policy": "the policy's days",
    "contract": "a contract", "arrival": "arrival",
}  # fmt: skip
_CRUMBS = (("Evidence", "evidence"),)
_BELOW = (("Evidence", "evidence"), ("Retention", "retention"))


@page(*retention.READERS)
def kept_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every stored file: how long it is kept, why, and what is due."""
    found = retention.kept_files(seen.now)
    may_propose = seen.has(*retention.KEEPERS)
    shown = lists.build(request, _listing(acts=may_propose), found)
    if isinstance(shown, HttpResponse):
        return shown
    waiting = [one for one in retention.proposals(seen.now) if one.state is retention.ProposalState.WAITING]
    context: dict[str, Any] = {
        "list": shown,
        "title": "Retention",
        "lead": "Until when each file is kept: the latest date wins, it only ever moves later, and a hold outranks it.",
        "crumbs": _CRUMBS,
        "acts": [
            {"url": reverse("holds"), "icon": "hand-stop", "label": "Legal holds"},
            {"url": reverse("disposals"), "icon": "trash", "label": "Proposals"},
            {"url": reverse("assessments"), "icon": "file-check", "label": "Assessments"},
        ],
        "counts": [(label, sum(1 for one in found if kept in one.classes)) for kept, label in CLASS_LABELS.items()],
        "due": sum(1 for one in found if one.standing is Standing.DUE),
        "held": sum(1 for one in found if one.standing is Standing.HELD),
        "cui": sum(1 for one in found if one.may_contain_cui and one.standing not in _GONE),
        "waiting": len(waiting),
        "rules": [(CLASS_LABELS[rule.kept], rule) for rule in retention.rules_now()],
    }
    return render(request, "evidence/retention.html", context)


_GONE = (Standing.REDACTED, Standing.DISPOSED)


def _listing(*, acts: bool) -> lists.Listing[Kept]:
    return lists.Listing[Kept](
        name="retention",
        noun="files",
        columns=[
            lists.Column("name", "File", lambda row: lists.mono(row.name)),
            lists.Column("standing", "State", lambda row: lists.state(*_STANDINGS[row.standing])),
            lists.Column("until", "Kept until", lambda row: lists.moment(row.until, "date"), lambda row: row.until),
            lists.Column("because", "Because of", lambda row: lists.text(BECAUSE.get(row.because, row.because))),
            lists.Column("class", "Class", lambda row: lists.text(", ".join(CLASS_LABELS[one] for one in row.classes))),
            lists.Column("tickets", "Tickets", lambda row: lists.whole(
                row.tickets[0] if row.tickets else "", sub=_more(row.tickets),
                marks=("CUI",) if row.may_contain_cui else ())),
            lists.Column("arrived", "Arrived", lambda row: lists.moment(row.arrived), lambda row: row.arrived),
            lists.Column("size", "Size", lambda row: lists.whole(bytes_words(row.size)), lambda row: row.size),
            lists.Column("sha256", "SHA-256", lambda row: lists.mono(row.sha256), shown=False),
        ],
        row_url=lambda row: reverse("kept_file", args=[row.sha256]),
        row_id=lambda row: row.sha256,
        acts=[lists.Act("Propose disposal", reverse("disposal_propose"), "trash")] if acts else [],
        empty=lists.Empty("Nothing is kept yet", "Recordings, baselines and attached files stand here with the date "
                          "until which they are kept.", "archive"),
        filters=[
            lists.Filter("standing", "State", lambda row: row.standing.value, _standing_word),
            lists.Filter("class", "Class", lambda row: [one.value for one in row.classes], _class_word),
            lists.Filter("cui", "CUI", lambda row: "may" if row.may_contain_cui else "no",
                         lambda code: "May contain CUI" if code == "may" else "No CUI"),
        ],
        sort="until",
    )  # fmt: skip


def _more(tickets: tuple[str, ...]) -> str:
    return f"and {len(tickets) - 1} more" if len(tickets) > 1 else ""


def _standing_word(code: str) -> str:
    return _STANDINGS[Standing(code)][1] if code in set(Standing) else code


def _class_word(code: str) -> str:
    return CLASS_LABELS[KeptClass(code)] if code in set(KeptClass) else code


class RedactForm(ReasonForm):
    """The file without what has to go, and why it has to."""

    file = forms.FileField(label="The copy that stays")
    field_order = ["file", "reason"]


@page(*retention.READERS)
def kept_file(request: HttpRequest, seen: Visitor, sha256: str) -> HttpResponse:
    """One file: how long, why, holds; hold it or propose a redacted copy in its place."""
    found = retention.kept_file(sha256, seen.now)
    may = seen.has(*retention.KEEPERS) and found.standing not in _GONE
    form = RedactForm(posted(request), request.FILES or None)
    context: dict[str, Any] = {
        "one": found,
        "state": _STANDINGS[found.standing],
        "because": BECAUSE.get(found.because, found.because),
        "classes": [CLASS_LABELS[one] for one in found.classes],
        "holds": [one for one in retention.holds() if one.id in found.holds],
        "left": keep_evidence.what_is_left([sha256], seen.now) if found.standing in _GONE else "",
        "may": may,
        "form": form,
    }
    if request.method == "POST" and may and form.is_valid():
        given = form.cleaned_data["file"]
        try:
            made = keep_evidence.propose_redaction(
                seen.actor, CLOCK, sha256, given.file, name=given.name, reason=form.cleaned_data["reason"]
            )
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            messages.success(request, "Proposed. Another person confirms it before anything goes.")
            return redirect("disposal", made.id)
    return render(request, "evidence/kept_file.html", context)


@page(*retention.KEEPERS)
@require_POST
def disposal_propose(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Propose that chosen files are disposed of; each is looked at first."""
    known = {one.sha256: one for one in retention.kept_files(seen.now)}

    def look(sha256: str) -> Line | None:
        one = known.get(sha256)
        if one is None:
            return None
        decision = retention.may_end(one, EndKind.DISPOSAL, seen.now)
        return Line(sha256, one.name, ", ".join(one.tickets[:3]), "Will be proposed", decision)

    def act(who: Visitor, ids: Any, said: Said) -> str:  # noqa: ANN401  the bulk act's own type
        keep_evidence.propose_disposal(who.actor, CLOCK, ids, str(said["reason"]))
        return f"{len(ids)} proposed. Another person confirms it before anything goes."

    lead = "Only what is due and not held can go. A second person confirms; the entries and hashes stay."
    bulk = Bulk("Propose disposal", lead, "Propose", "retention", look, act, form=ReasonForm, danger=True)
    return serve(request, seen, bulk)


@page(*retention.READERS)
def disposal_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every proposal with who made and who decided it."""
    names = Names()
    listing = lists.Listing[Proposal](
        name="disposals",
        noun="proposals",
        columns=[
            lists.Column("kind", "What", lambda row: lists.text(
                "Redaction" if row.kind is EndKind.REDACTION else "Disposal", sub=row.reason[:120])),
            lists.Column("state", "State", lambda row: lists.state(row.state.value, row.state.value.capitalize())),
            lists.Column("files", "Files", lambda row: lists.text(len(row.files)), lambda row: len(row.files)),
            lists.Column("by", "Proposed by", lambda row: lists.text(names.person(row.by))),
            lists.Column("at", "Proposed", lambda row: lists.moment(row.at), lambda row: row.at),
            lists.Column("decided", "Decided by", lambda row: lists.text(
                names.person(row.decided_by) if row.decided_by else "")),
        ],
        row_url=lambda row: reverse("disposal", args=[row.id]),
        empty=lists.Empty("No proposal yet", "Choose files that are due under Retention and propose them.", "trash"),
        filters=[lists.Filter("state", "State", lambda row: row.state.value, lambda code: code.capitalize())],
        sort="-at",
    )  # fmt: skip
    shown = lists.build(request, listing, retention.proposals(seen.now))
    if isinstance(shown, HttpResponse):
        return shown
    lead = "One person proposes the end of files, another one confirms it. Each ended file keeps its entry and hash."
    context = {"list": shown, "title": "Disposal and redaction", "lead": lead, "crumbs": _BELOW}
    return render(request, "list_page.html", context)


@page(*retention.READERS)
def disposal(request: HttpRequest, seen: Visitor, proposal_id: str) -> HttpResponse:
    """One proposal: its files, and the decision of a second person with a fresh second factor."""
    found = retention.proposal(proposal_id, seen.now)
    waits = found.state is retention.ProposalState.WAITING and seen.has(*retention.KEEPERS)
    names, form, code = Names(), ReasonForm(posted(request)), stepup.code_form(request, seen)
    context: dict[str, Any] = {
        "one": found,
        "files": [retention.kept_file(sha256, seen.now) for sha256 in found.files],
        "left": keep_evidence.what_is_left(found.files, seen.now),
        "by": names.person(found.by),
        "decided_by": names.person(found.decided_by) if found.decided_by else "",
        "may": waits and found.by != seen.person.id,
        "own": waits and found.by == seen.person.id,
        "form": form,
        "code_form": code,
    }
    refusing = request.POST.get("verdict") == "refused"
    if request.method == "POST" and waits and (code is None or refusing) and (not refusing or form.is_valid()):
        try:
            if refusing:
                keep_evidence.refuse_end(seen.actor, CLOCK, proposal_id, form.cleaned_data["reason"])
            else:
                keep_evidence.confirm_end(seen.actor, CLOCK, proposal_id)
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            messages.success(request, "Refused; the files stay." if refusing else _ended(found.files, seen.now))
            return redirect("disposal", proposal_id)
    return render(request, "evidence/disposal.html", context)


def _ended(files: Sequence[str], now: datetime) -> str:
    return keep_evidence.what_is_left(files, now) or "Done: the files are gone for good."


def waiting(seen: Visitor, names: Names) -> list[dict[str, Any]]:
    """Return the proposals that wait for a second person, when the visitor can be the one."""
    if not seen.has(*retention.KEEPERS):
        return []
    return [
        {
            "act": f"Decide on the {one.kind.value} of {len(one.files)} file{'' if len(one.files) == 1 else 's'}",
            "about": f"Proposed by {names.person(one.by)}",
            "url": reverse("disposal", args=[one.id]),
            "button": "Decide",
            "icon": "trash",
            "due": one.at + retention.PROPOSAL_LASTS,
            "late": False,
            "due_word": "lapses in ",
            "due_done": "lapses now",
        }
        for one in retention.proposals(seen.now)
        if one.state is retention.ProposalState.WAITING and one.by != seen.person.id
    ]


class RuleForm(forms.Form):
    """How long one class is kept."""

    days = forms.IntegerField(label="Days from arrival", min_value=0, max_value=36_525)
    closing_years = forms.IntegerField(label="Years from closing", min_value=6, max_value=100)
    contract_until = forms.DateField(
        label="Contracts want it until", required=False, widget=forms.DateInput(attrs={"type": "date"})
    )


@page(*retention.KEEPERS)
def policy(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Adopt how long each class is kept; a shorter policy shortens nothing that is kept already."""
    rows = [
        (CLASS_LABELS[rule.kept], rule.kept, RuleForm(
            posted(request), prefix=rule.kept.value,
            initial={"days": rule.days, "closing_years": rule.closing_years, "contract_until": rule.contract_until},
        ))
        for rule in retention.rules_now()
    ]  # fmt: skip
    code = stepup.code_form(request, seen)
    context: dict[str, Any] = {"rows": rows, "code_form": code}
    if request.method == "POST" and code is None and all(form.is_valid() for _label, _kept, form in rows):
        try:
            keep_evidence.adopt_policy(
                seen.actor, CLOCK, [Rule(kept, **form.cleaned_data) for _label, kept, form in rows]
            )
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            messages.success(request, "Adopted. What was kept longer before stays so.")
            return redirect("retention")
    return render(request, "evidence/policy.html", context)


class HoldForm(ReasonForm):
    """What is held, and why."""

    of = forms.CharField(
        label="Ticket or SHA-256 of a file", required=False, max_length=64, help_text="Empty holds everything."
    )
    field_order = ["of", "reason"]


def _scope(of: str) -> HoldScope:
    return HoldScope.EVERYTHING if not of else HoldScope.TICKET if of.startswith("MT-") else HoldScope.FILE


@page(*retention.READERS)
def hold_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every legal hold, and the form that places one."""
    names, may = Names(), seen.has(*retention.KEEPERS)
    form = HoldForm(posted(request), initial={"of": request.GET.get("of", "")})
    refused_for = None
    if request.method == "POST" and may and form.is_valid():
        of = form.cleaned_data["of"].strip()
        try:
            keep_evidence.place_hold(seen.actor, CLOCK, _scope(of), of, form.cleaned_data["reason"])
        except Refused as refused:
            refused_for = refused.decision
        else:
            messages.success(request, "Held until somebody else releases it.")
            return redirect("holds")
    listing = lists.Listing[retention.Hold](
        name="holds",
        noun="holds",
        columns=[
            lists.Column("of", "Holds", lambda row: lists.text(row.of or "Everything", sub=row.reason[:120])),
            lists.Column("state", "State", lambda row: lists.state(
                "held" if row.stands else "given_up", "Stands" if row.stands else "Released")),
            lists.Column("by", "Placed by", lambda row: lists.text(names.person(row.placed_by))),
            lists.Column("at", "Placed", lambda row: lists.moment(row.placed_at), lambda row: row.placed_at),
            lists.Column("released", "Released by", lambda row: lists.text(
                names.person(row.released_by) if row.released_by else "", sub=row.released_because[:120])),
        ],
        row_url=lambda row: reverse("hold_release", args=[row.id]) if may and row.stands else "",
        empty=lists.Empty("No legal hold", "A hold keeps a ticket's files, one file or everything, whatever the dates "
                          "say.", "hand-stop"),
        filters=[lists.Filter("state", "State", lambda row: "stands" if row.stands else "released",
                              lambda code: code.capitalize())],
        sort="-at",
    )  # fmt: skip
    shown = lists.build(request, listing, retention.holds())
    if isinstance(shown, HttpResponse):
        return shown
    lead = "A hold outranks every date. It is placed and released with a reason, by two different people."
    context = {"list": shown, "title": "Legal holds", "lead": lead, "crumbs": _BELOW, "form": form, "may": may}
    return render(request, "evidence/holds.html", context | {"refused": refused_for})


@page(*retention.KEEPERS)
def hold_release(request: HttpRequest, seen: Visitor, hold_id: str) -> HttpResponse:
    """Release a legal hold, with a reason."""
    found, form, code = retention.hold(hold_id), ReasonForm(posted(request)), stepup.code_form(request, seen)
    context: dict[str, Any] = {
        "one": found, "by": Names().person(found.placed_by), "form": form, "code_form": code
    }  # fmt: skip
    if request.method == "POST" and code is None and form.is_valid():
        try:
            keep_evidence.release_hold(seen.actor, CLOCK, hold_id, form.cleaned_data["reason"])
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            messages.success(request, "Released, with your reason in the ledger.")
            return redirect("holds")
    return render(request, "evidence/hold_release.html", context)
