"""Attaching evidence: a file, a pasted picture or a link; what was attached, and looking at it safely."""

from typing import Any

from django import forms
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse

from quarterdeck.attachments import api as attachments
from quarterdeck.attachments.api import IMAGE_TYPES, KINDS, TEXT_TYPES, Attached, Told, Way
from quarterdeck.controls.api import fact_kind
from quarterdeck.entrypoints.web import lists
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import reads, record_view, ticket_for
from quarterdeck.entrypoints.web.tags import bytes_words
from quarterdeck.entrypoints.web.ticket_acts import Question, ask
from quarterdeck.entrypoints.web.ticket_forms import ReasonForm
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.api import Reading, TicketView
from quarterdeck.workflows import attach_evidence, mark_cui

SUPPORTS = ("staging.tested", "rollback.tested", "recovery.prepared", "media.scanned", "summary.written")
MOST_SHOWN = 256 * 1024
_SANDBOX = "sandbox; default-src 'none'"


class AttachForm(ReasonForm):
    """What it is, of which fact it is evidence, about which asset, the file or where it lies, what it shows."""

    kind = forms.ChoiceField(label="What it is", choices=[(kind.code, kind.label) for kind in KINDS.values()])
    supports = forms.ChoiceField(
        label="It is evidence of",
        required=False,
        choices=[("", "What happened in general"), *((one, fact_kind(one).label) for one in SUPPORTS)],
    )
    asset = forms.ChoiceField(label="About", required=False)
    file = forms.FileField(label="File", required=False, help_text="Or paste a screenshot anywhere on this page.")
    target = forms.CharField(
        label="Or where it lies",
        required=False,
        max_length=1000,
        help_text="https://…, \\\\server\\share\\file or a path. Kept with time and your name.",
    )
    may_contain_cui = forms.BooleanField(
        label="It may contain CUI", required=False, help_text="Always so where the asset handles CUI."
    )
    field_order = ["kind", "supports", "asset", "file", "target", "reason", "may_contain_cui"]

    def clean(self) -> dict[str, Any]:
        """One of file and target is wanted."""
        said: dict[str, Any] = super().clean() or {}
        if bool(said.get("file")) == bool(said.get("target")) and not self.errors:
            self.add_error("file", "Choose a file, or write where it lies; one of both.")
        return said

    def told(self) -> Told:
        """Return what was said as the rules know it."""
        said = self.cleaned_data
        cui = True if said["may_contain_cui"] else None
        return Told(said["kind"], said["reason"], said["asset"], said["supports"], cui)


def form_for(request: HttpRequest, ticket: TicketView, *, with_file: bool = True) -> AttachForm:
    """Return the form with the assets of this ticket; without a file where one arrives in chunks."""
    names = Names()
    form = AttachForm(posted(request), (request.FILES or None) if with_file else None)
    about = [("", "The ticket as a whole"), *((named.asset_id, names.asset(named.asset_id)) for named in ticket.assets)]
    form.fields["asset"] = forms.ChoiceField(label="About", required=False, choices=about)
    form.order_fields(AttachForm.field_order)
    form.fields["reason"].label = "What it shows"
    return form


@page(*STAFF_AT_WORK)
def attach_file(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Attach a file or a link; with the script, a file goes in chunks through `uploading` instead."""
    ticket: TicketView = ticket_for(seen, number)
    form = form_for(request, ticket)
    context: dict[str, Any] = {
        "ticket": ticket,
        "form": form,
        "kinds": KINDS.values(),
        "about_cui": attach_evidence.cui_of(number, Told("other", "")),
        "uploads": attachments.uploads(seen.person.id, number),
    }
    if request.method == "POST" and form.is_valid():
        said, told = form.cleaned_data, form.told()
        try:
            if said["target"]:
                attach_evidence.attach_link(seen.actor, CLOCK, number, told, target=said["target"])
            else:
                name, file = str(said["file"].name), said["file"].file
                attach_evidence.attach_file(seen.actor, CLOCK, number, told, name=name, file=file)
            return redirect("ticket_attached", number)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "tickets/attach.html", context)


@page()
def attached_list(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """What was attached to a ticket, as a list."""
    ticket = ticket_for(seen, number)
    names = Names()
    shown = lists.build(request, _listing(seen, number, names), attachments.attached(number))
    if isinstance(shown, HttpResponse):
        return shown
    may = not ticket.is_final and not seen.roles <= {Role.ASSESSOR}
    acts = [{"url": reverse("ticket_attach", args=[number]), "icon": "file-upload", "label": "Attach", "primary": True}]
    context = {
        "list": shown,
        "ticket": ticket,
        "title": f"Attached to {number}",
        "lead": "What people handed in: kept with its hash, graded attached: no machine of ours saw it happen.",
        "acts": acts if may else [],
    }
    return render(request, "tickets/attached.html", context)


def _listing(seen: Visitor, number: str, names: Names) -> lists.Listing[Attached]:
    opens = reads(seen, number, Reading.RECORDING)
    return lists.Listing[Attached](
        name=f"attached-{number}",
        noun="things",
        columns=[
            lists.Column("kind", "What", lambda row: lists.text(
                KINDS[row.kind].label, sub=row.reason[:120], marks=("CUI",) if row.may_contain_cui else ())),
            lists.Column("name", "Name", lambda row: lists.mono(row.target or row.name)),
            lists.Column("state", "State", _state),
            lists.Column("asset", "About", lambda row: lists.text(names.asset(row.asset) if row.asset else "ticket")),
            lists.Column("supports", "Evidence of", lambda row: lists.text(
                fact_kind(row.supports).label if row.supports else "")),
            lists.Column("by", "By", lambda row: lists.text(names.person(row.by))),
            lists.Column("at", "Attached", lambda row: lists.moment(row.at), lambda row: row.at),
            lists.Column("size", "Size", lambda row: lists.text(bytes_words(row.size)), lambda row: row.size),
            lists.Column("sha256", "SHA-256", lambda row: lists.mono(row.sha256), shown=False),
            lists.Column("type", "Type", lambda row: lists.text(row.media_type), shown=False),
        ],
        row_url=lambda row: reverse("ticket_look", args=[number, row.sha256]) if opens else "",
        empty=lists.Empty("Nothing attached yet", "Recordings of remote products, screenshots, job logs and mails go "
                          "here when no machine of ours captured them.", "file-upload"),
        filters=[
            lists.Filter("kind", "What", lambda row: row.kind, _kind_word),
            lists.Filter("way", "Way", lambda row: row.way.value, lambda code: {"file": "File", "link": "Link"}.get(
                code, code)),
            lists.Filter("cui", "CUI", lambda row: "may" if row.may_contain_cui else "no",
                         lambda code: "May contain CUI" if code == "may" else "No CUI"),
        ],
        sort="-at",
        single="thing",
    )  # fmt: skip


def _kind_word(code: str) -> str:
    """Return the words of a kind as it stands in an address; somebody may write anything there."""
    return KINDS[code].label if code in KINDS else code


def _state(row: Attached) -> lists.Cell:
    if row.given_up:
        return lists.state("given_up", row.given_up.capitalize())
    return lists.state("attached", "Link" if row.way is Way.LINK else "Attached")


@page()
def look(request: HttpRequest, seen: Visitor, number: str, sha256: str) -> HttpResponse:
    """Look at an attached file: text escaped, pictures of three known forms, everything else as a download only."""
    ticket, found = _found(seen, number, sha256)
    record_view(seen, "artifact", sha256, number)
    context: dict[str, Any] = {
        "ticket": ticket,
        "one": found,
        "kind": KINDS[found.kind],
        "by": Names().person(found.by),
        "picture": _picture_type(found) if not found.given_up else "",
        "may_mark": not found.given_up and not seen.roles <= {Role.ASSESSOR},
    }
    if not found.given_up and found.way is Way.FILE and found.media_type in TEXT_TYPES:
        with evidence.open_artifact(sha256) as file:
            beginning = file.read(MOST_SHOWN)
        context |= {"text": _readable(beginning), "cut": found.size > MOST_SHOWN}
    return render(request, "tickets/look.html", context)


def _readable(beginning: bytes) -> str:
    """Return text whose control and direction signs show as escapes: what a terminal or an eye would obey."""
    coding = "utf-16" if beginning[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8"
    text = beginning.decode(coding, "replace")
    return "".join(
        sign if sign in "\n\t" or sign.isprintable() else f"\\u{ord(sign):04x}" for sign in text.replace("\r\n", "\n")
    )


@page()
def picture(request: HttpRequest, seen: Visitor, number: str, sha256: str) -> HttpResponseBase:
    """Serve an attached PNG, JPEG or WebP as exactly that; anything else is not there."""
    _ticket, found = _found(seen, number, sha256)
    kind = _picture_type(found)
    if not kind or found.given_up:
        raise Http404
    record_view(seen, "artifact", sha256, number)
    response = FileResponse(evidence.open_artifact(sha256), content_type=kind)
    response["Content-Security-Policy"] = _SANDBOX
    return response


def _picture_type(found: Attached) -> str:
    """Return the media type of a picture by its own bytes, whatever the row says; empty for anything else."""
    if found.way is Way.LINK or found.media_type not in IMAGE_TYPES or found.given_up:
        return ""
    with evidence.open_artifact(found.sha256) as file:
        for name in ("png", "jpeg", "webp"):
            file.seek(0)
            if not attachments.FORMS[name].why_not(file, found.size):
                return attachments.FORMS[name].media_type
    return ""


def _found(seen: Visitor, number: str, sha256: str) -> tuple[TicketView, Attached]:
    ticket = ticket_for(seen, number)
    found = next((one for one in attachments.attached(number) if one.sha256 == sha256), None)
    if found is None:
        raise Http404
    if not reads(seen, number, Reading.RECORDING):
        raise PermissionDenied
    return ticket, found


@page(*STAFF_AT_WORK)
def mark(request: HttpRequest, seen: Visitor, number: str, sha256: str) -> HttpResponse:
    """Say that a file may contain CUI, or (the CUI owner alone) that it does not."""
    ticket, found = _found(seen, number, sha256)
    on = not found.may_contain_cui

    def act(fresh: Visitor, form: forms.Form) -> str:
        mark_cui.mark(fresh.actor, CLOCK, sha256, may_contain_cui=on, reason=form.cleaned_data["reason"], of=number)
        return "It is marked: it may contain CUI." if on else "The mark is taken off, with your reason in the ledger."

    question = Question(
        "It may contain CUI" if on else "It contains no CUI",
        mark_cui.WARNING if on else "Only the CUI owner takes the mark off; reason and name stay in the ledger.",
        "Mark it" if on else "Take the mark off",
    )
    return ask(request, seen, ticket, ReasonForm(posted(request)), question, act, with_code=not on)
