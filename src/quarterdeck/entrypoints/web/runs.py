"""Runs of a ticket: the order with its second factor, the page of one run live and afterwards, the cancel button."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from quarterdeck import wiring
from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import reads, ticket_for
from quarterdeck.kernel.decision import Refused
from quarterdeck.runs import api as runs
from quarterdeck.runs.api import Mode, RunbookState, RunState, RunView
from quarterdeck.tickets.api import Reading, State, TicketView
from quarterdeck.workflows import order_runs, read_run

SHOWN = 2_000
LOOKS = {
    RunState.WAITING: ("pending", "Waits"),
    RunState.RUNNING: ("running_job", "Running"),
    RunState.PASSED: ("passed", "Passed"),
    RunState.FAILED: ("failed", "Failed"),
    RunState.REFUSED: ("refused", "Refused"),
    RunState.CANCELLED: ("inactive", "Cancelled"),
    RunState.INTERRUPTED: ("interrupted", "Interrupted"),
}
MODES = {Mode.CHECK: "Check mode", Mode.REAL: "Real run"}
_LINE_LOOKS = {
    "ok": ("passed", "Unchanged"), "changed": ("sensitive", "Changed"), "failed": ("failed", "Failed"),
    "ignored": ("waived", "Failed, ignored"), "unreachable": ("failed", "Not reached"),
    "skipped": ("not_applicable", "Skipped"), "no_hosts": ("failed", "No such host"),
}  # fmt: skip
_HOW = (
    ("check", "Check mode: shows what would differ, changes nothing"),
    ("real", "For real: a check of the same files has passed in this window"),
    ("unattended", "Unattended: when the window opens, check mode and then for real"),
)


class RunForm(forms.Form):
    """What is run, how, and on which of the ticket's assets."""

    runbook = forms.ChoiceField(label="Runbook")
    how = forms.ChoiceField(label="How", choices=_HOW, widget=forms.RadioSelect, initial="check")
    assets = forms.MultipleChoiceField(label="On", widget=forms.CheckboxSelectMultiple)

    def __init__(self, *arguments: Any, ticket: TicketView, names: Names, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        books = [(one.id, f"{one.name} at {one.commit[:12]}") for one in usable_books(ticket)]
        assets = [(one.asset_id, names.asset(one.asset_id)) for one in ticket.assets if one.connection_id]
        self.fields["runbook"] = forms.ChoiceField(label="Runbook", choices=books)
        self.fields["assets"] = forms.MultipleChoiceField(
            label="On", choices=assets, widget=forms.CheckboxSelectMultiple, initial=[asset for asset, _ in assets]
        )
        if ticket.state is not State.OPEN:
            self.fields["how"] = forms.ChoiceField(
                label="How", choices=_HOW[2:], widget=forms.RadioSelect, initial="unattended"
            )


def usable_books(ticket: TicketView) -> list[runs.RunbookView]:
    """Return the approved runbooks that the ticket names."""
    named = frozenset(ticket.content.items)
    return [one for one in runs.runbooks(items=named) if one.state is RunbookState.APPROVED]


def tab(seen: Visitor, ticket: TicketView, names: Names, found: Sequence[RunView]) -> dict[str, Any]:
    """Return what the ticket's tab shows: its runs, newest first, and whether one can be ordered."""
    books = usable_books(ticket)
    return {
        "runs": [_row(one, names) for one in found],
        "names_runbooks": bool(books),
        "may_order": bool(books)
        and ticket.state in (State.SCHEDULED, State.OPEN)
        and seen.person.id in ticket.technicians,
    }


@page(*STAFF_AT_WORK)
def run_order(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Order a run; refusals stand in the form."""
    ticket = ticket_for(seen, number)
    form = RunForm(posted(request), ticket=ticket, names=Names())
    code = stepup.code_form(request, seen)
    context: dict[str, Any] = {
        "form": form, "ticket": ticket, "heading": "Run a runbook", "button": "Order the run", "code_form": code,
        "lead": "It runs through the gate in your name, recorded; the files are those that were approved.",
    }  # fmt: skip
    if request.method == "POST" and form.is_valid() and code is None:
        said = form.cleaned_data
        how = said["how"]
        wanted = order_runs.Wanted(
            said["runbook"],
            Mode.REAL if how == "real" else Mode.CHECK,
            how == "unattended",
            tuple(said["assets"]),
        )
        try:
            made = order_runs.order_runs(seen.actor, CLOCK, number, wanted, wiring.run_room())
            messages.success(request, "Ordered. It goes on when you leave the page.")
            return redirect("run", made[-1].id)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "tickets/reason.html", context)


@page()
@require_GET
def run_page(request: HttpRequest, seen: Visitor, run_id: str) -> HttpResponse:
    """One run: how it came out by host, then every task; while it runs the newest tasks, again every two seconds."""
    run = _run_for(seen, run_id)
    names, book = Names(), runs.runbook(run.runbook)
    code, word = LOOKS[run.state]
    ticket = ticket_for(seen, run.ticket)
    context: dict[str, Any] = {
        "run": run, "book": book, "code": code, "word": word, "mode": MODES[run.mode],
        "by": names.person(run.ordered_by), "hosts": [_host(host, one) for host, one in run.tallies.items()],
        "assets": [names.asset(asset) for asset in sorted(run.assets)],
        "after": runs.run(run.after) if run.after else None,
        "genuine": runs.check_run(run_id).allowed,
        "may_cancel": not run.is_over and bool(seen.roles & STAFF_AT_WORK) and _works(seen, ticket),
    }  # fmt: skip
    return render(request, "runs/page.html", context | _told(seen, run))


@page()
@require_GET
def run_lines(request: HttpRequest, seen: Visitor, run_id: str) -> HttpResponse:
    """The part of the page that is fetched again while the run goes on; 286 ends the fetching when it is over."""
    run = _run_for(seen, run_id)
    if run.is_over:
        response = HttpResponse(status=286)
        response["HX-Refresh"] = "true"
        return response
    return render(request, "runs/lines.html", {"run": run} | _told(seen, run))


@page(*STAFF_AT_WORK)
@require_POST
def run_cancel(request: HttpRequest, seen: Visitor, run_id: str) -> HttpResponse:
    """Ask the run to stop."""
    run = _run_for(seen, run_id)
    try:
        order_runs.cancel_run(seen.actor, CLOCK, run.id, wiring.run_room())
        messages.success(request, "Asked to stop: every connection of the run is cut.")
    except Refused as refused:
        messages.error(request, str(refused))
    return redirect("run", run_id)


def _run_for(seen: Visitor, run_id: str) -> RunView:
    try:
        run = runs.run(run_id)
    except Refused as refused:
        raise Http404 from refused
    ticket_for(seen, run.ticket)
    return run


def _works(seen: Visitor, ticket: TicketView) -> bool:
    return seen.person.id in (*ticket.technicians, ticket.requester)


def _told(seen: Visitor, run: RunView) -> dict[str, Any]:
    """Return the tasks as the visitor may see them: the sealed report's, or the newest while it runs."""
    if not reads(seen, run.ticket, Reading.RECORDING):
        return {"withheld": True}
    now = runs.progress(run.id)
    shown: dict[str, Any] = {"progress": now, "events": now.events}
    if not run.report:
        return shown | {"lines": _lines(asdict(line) for line in reversed(now.lines))}
    try:
        report = read_run.read_report(seen.actor, CLOCK, run.id)
    except Refused as refused:
        return shown | {"refused": refused.decision}
    lines = _lines(report["lines"])
    files = {"events_file": run.events, "output_file": run.output, "report_file": run.report}
    return shown | files | {
        "lines": lines[:SHOWN], "more": max(0, len(lines) - SHOWN), "cut": report["cut"],
        "versions": sorted(report["versions"].items()), "events": report["events"],
    }  # fmt: skip


def _lines(found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**one, "look": _LINE_LOOKS.get(one["status"], ("unknown", "")), "parts": _parts(one["diff"])} for one in found
    ]


def _parts(diff: str) -> list[dict[str, str]]:
    kinds = {"+": "come", "-": "gone"}
    return [
        {"kind": "" if line.startswith(("+++", "---")) else kinds.get(line[:1], ""), "text": line}
        for line in diff.splitlines()
    ]


def _host(host: str, one: runs.Tally) -> dict[str, Any]:
    good = one.went_well
    return {
        "name": host, "tally": one, "code": "passed" if good else "failed",
        "word": "Went well" if good else "Not reached" if one.unreachable else "Failed",
    }  # fmt: skip


def _row(one: RunView, names: Names) -> dict[str, Any]:
    code, word = LOOKS[one.state]
    now = runs.progress(one.id)
    return {
        "url": reverse("run", args=[one.id]), "mode": MODES[one.mode], "book": runs.runbook(one.runbook).name,
        "by": names.person(one.ordered_by), "at": one.started_at or one.not_before, "code": code, "word": word,
        "said": one.message or now.message, "ignored": one.ignored, "unattended": one.unattended,
    }  # fmt: skip
