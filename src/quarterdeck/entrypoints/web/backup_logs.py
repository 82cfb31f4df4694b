"""Backups of a ticket: what was found out about each, with how it is kept, and job logs that people hand in."""

from datetime import datetime

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from quarterdeck import wiring
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import LogTold, Maker, Proof
from quarterdeck.entrypoints.web import lists, zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.ticket_forms import MomentField, TimedForm
from quarterdeck.entrypoints.web.words import called
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Fact, Outcome
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.api import Reading, TicketView
from quarterdeck.workflows.prove_backup import MOST_LOG_BYTES, prove_by_log

KEPT = {"backup.encrypted": "Encrypted", "backup.offline": "Offline copy", "backup.locked": "Bucket locked"}
_MAKERS = [
    (Maker.VEEAM.value, "Veeam"),
    (Maker.WINDOWS_SERVER_BACKUP.value, "Windows Server Backup"),
    (Maker.VSS.value, "Volume Shadow Copy Service (a point to go back to, no backup)"),
    (Maker.OTHER.value, "Another product, as JSON"),
]


class LogForm(TimedForm):
    """Which asset, which product, when the job ended, and its log."""

    asset = forms.ChoiceField(label="Asset")
    maker = forms.ChoiceField(label="Product", choices=_MAKERS)
    ended_at = MomentField(
        label="The job ended", help_text="As the log says, within a quarter of an hour; for example today 02:10."
    )
    file = forms.FileField(label="Log of the job", help_text="The job's own log or its JSON, at most 8 MB.")


def kept_words(facts: list[Fact]) -> dict[str, tuple[str, str]]:
    """Return for each way of keeping the status code and word that the newest facts give; not told where none does."""
    newest = {fact.kind: fact for fact in facts}
    return {kind: _word(newest.get(kind)) for kind in KEPT}


def _word(fact: Fact | None) -> tuple[str, str]:
    if fact is None:
        return "unknown", "Not told"
    return ("passed", "Yes") if fact.outcome is Outcome.PASSED else ("failed", "No")


@page()
def ticket_backups(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Every proof of the ticket, newest first, good or bad."""
    ticket = ticket_for(seen, number, Reading.BASELINE)
    names = Names()
    kept = {
        one.asset_id: kept_words(evidence.facts(ticket=number, asset=one.asset_id, kinds=list(KEPT)))
        for one in ticket.assets
    }
    listing = lists.Listing[Proof](
        name=f"backups-{number}",
        noun="proofs",
        columns=[
            lists.Column("asset", "Asset", lambda row: lists.mono(names.asset(row.asset))),
            lists.Column("product", "Product", lambda row: lists.text(
                called(row.product.value).capitalize(), sub="handed in" if row.attached else "")),
            lists.Column("state", "Result", lambda row: lists.state(*_state(row, seen.now))),
            lists.Column("why", "Why", lambda row: lists.text(row.sentence)),
            lists.Column("taken", "Backup of", lambda row: lists.moment(row.taken_at), lambda row: row.taken_at),
            lists.Column("until", "Counts until", lambda row: lists.moment(row.valid_until),
                         lambda row: row.valid_until),
            *(_kept_column(kind, label, kept) for kind, label in KEPT.items()),
            lists.Column("grade", "Grade", lambda row: lists.text("attached" if row.attached else "captured")),
        ],
        row_url=lambda row: f"{reverse('asset', args=[row.asset])}#backup",
        empty=lists.Empty("No proof yet", "Preparing the ticket asks each backup product, or a job log is handed in.",
                          "database", "Back to the ticket", reverse("ticket", args=[number])),
        filters=[
            lists.Filter("state", "Result", lambda row: _state(row, seen.now)[1], lambda code: code),
            lists.Filter("grade", "Grade", lambda row: "attached" if row.attached else "captured", lambda code: code),
        ],
        sort="-taken",
    )  # fmt: skip
    shown = lists.build(request, listing, backups.proofs(ticket=number))
    if isinstance(shown, HttpResponse):
        return shown
    may = not ticket.is_final and not seen.roles <= {Role.ASSESSOR}
    add = {"url": reverse("backup_log", args=[number]), "icon": "file-upload", "label": "Hand in a job log"}
    lead = "Freshness and verification decide, not existence."
    return render(
        request, "list_page.html",
        {"list": shown, "title": f"Backups of {number}", "lead": lead, "acts": [add] if may else []},
    )  # fmt: skip


def _kept_column(kind: str, label: str, kept: dict[str, dict[str, tuple[str, str]]]) -> lists.Column[Proof]:
    return lists.Column(kind.replace(".", "_"), label, lambda row: lists.state(*kept[row.asset][kind]))


def _state(proof: Proof, now: datetime) -> tuple[str, str]:
    if not proof.verified:
        return "failed", "Does not count"
    return ("passed", "Fresh and verified") if now <= proof.valid_until else ("pending", "Out of date")


@page(*STAFF_AT_WORK)
def backup_log(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Hand in the log of a backup job; the log's own words decide."""
    ticket: TicketView = ticket_for(seen, number, Reading.BASELINE)
    names = Names()
    form = LogForm(posted(request), request.FILES or None, zone=zones.zone_of(request), now=seen.now)
    form.fields["asset"] = forms.ChoiceField(
        label="Asset", choices=[(one.asset_id, names.asset(one.asset_id)) for one in ticket.assets]
    )
    form.order_fields(["asset", "maker", "ended_at", "file"])
    context: dict[str, object] = {"form": form, "ticket": ticket}
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            proof = prove_by_log(
                number, said["asset"], log=said["file"].read(MOST_LOG_BYTES + 1), read=wiring.job_log,
                told=LogTold(Maker(said["maker"]), said["ended_at"]), actor=seen.actor, clock=CLOCK,
            )  # fmt: skip
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            messages.success(request, _told(proof))
            return redirect("ticket_backups", number)
    return render(request, "backups/log.html", context)


def _told(proof: Proof | None) -> str:
    if proof is None:
        return "Kept as a point to go back to. It lies beside its disk, so it proves no backup."
    return "It counts." if proof.verified else f"Kept, but it does not count. {proof.sentence}"
