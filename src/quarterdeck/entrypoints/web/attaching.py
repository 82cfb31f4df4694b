"""Attaching a file as evidence of what only a person can bring: graded attached, never captured."""

from django import forms
from django.http import HttpRequest, HttpResponse

from quarterdeck.controls.api import fact_kind
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_acts import Question, ask
from quarterdeck.entrypoints.web.ticket_forms import ReasonForm
from quarterdeck.tickets.api import TicketView
from quarterdeck.workflows.attach_evidence import Attachment, attach

KINDS = ("staging.tested", "rollback.tested", "recovery.prepared", "media.scanned", "summary.written")


class AttachForm(ReasonForm):
    """Which fact, which asset, which file, what it shows."""

    kind = forms.ChoiceField(label="It is evidence of", choices=[(kind, fact_kind(kind).label) for kind in KINDS])
    asset = forms.ChoiceField(label="About", required=False)
    file = forms.FileField(label="File")
    field_order = ["kind", "asset", "file", "reason"]


@page(*STAFF_AT_WORK)
def attach_file(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Attach a file."""
    ticket: TicketView = ticket_for(seen, number)
    names = Names()
    form = AttachForm(posted(request), request.FILES or None)
    about = [("", "The ticket as a whole"), *((named.asset_id, names.asset(named.asset_id)) for named in ticket.assets)]
    form.fields["asset"] = forms.ChoiceField(label="About", required=False, choices=about)
    form.order_fields(AttachForm.field_order)
    form.fields["reason"].label = "What it shows"

    def act(fresh: Visitor, filled: forms.Form) -> str:
        said = filled.cleaned_data
        given = Attachment(str(said["file"].name), said["file"].read())
        attach(fresh.actor, CLOCK, number, kind=said["kind"], file=given, reason=said["reason"], asset_id=said["asset"])
        return "Attached, with its SHA-256 in the ledger."

    question = Question(
        f"Attach evidence to {number}", "It is kept with its hash and graded attached: a person says it.", "Attach"
    )
    return ask(request, seen, ticket, form, question, act)
