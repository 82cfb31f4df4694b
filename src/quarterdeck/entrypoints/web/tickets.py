"""The list of tickets and the ticket's page."""

from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from quarterdeck.entrypoints.web import (
    access_given,
    consents,
    lists,
    next_act,
    rolling_back,
    ticket_tabs,
    ticket_words,
    ways,
    words,
    zones,
)
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.told_changes import in_words
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalKind, HoldState, State, TicketAsset, TicketView, Verdict
from quarterdeck.workflows.read_rollback import ROLL_BACK

MAY_REQUEST = (Role.REQUESTER, Role.TECHNICIAN, Role.IT_LEAD)


def ticket_url(ticket: TicketView) -> str:
    """Return the address of the ticket's page."""
    return reverse("ticket", args=[ticket.number])


def listing(names: Names, acts: Sequence[lists.Act] = ()) -> lists.Listing[TicketView]:
    """Return the list of tickets, used on several pages."""

    def kind(row: TicketView) -> list[str]:
        return (["emergency"] if row.emergency else []) + [row.work_class.value]

    return lists.Listing(
        name="tickets",
        noun="tickets",
        columns=[
            lists.Column("number", "Ticket", lambda row: lists.text(row.number, sub=row.title), lambda row: row.number),
            lists.Column("state", "State", lambda row: lists.state(row.state.value), lambda row: row.state.value),
            lists.Column(
                "assets", "Assets", lambda row: lists.text(names.hosts(row), marks=["CUI"] if names.is_cui(row) else [])
            ),
            lists.Column(
                "from", "Window from", lambda row: lists.moment(row.window.from_), lambda row: row.window.from_
            ),
            lists.Column(
                "until", "Until", lambda row: lists.moment(row.window.until), lambda row: row.window.until, shown=False
            ),
            lists.Column("workers", "Work", lambda row: lists.text(names.workers(row))),
            lists.Column("requester", "Requested by", lambda row: lists.text(names.person(row.requester))),
            lists.Column("kind", "Kind", lambda row: lists.text(", ".join(map(words.called, kind(row))))),
            lists.Column("type", "Type", lambda row: lists.text(row.content.maintenance_type.value), shown=False),
            lists.Column("risk", "Risk", lambda row: lists.text(row.content.risk.value), shown=False),
            lists.Column(
                "created", "Created", lambda row: lists.moment(row.created_at), lambda row: row.created_at, shown=False
            ),
        ],
        row_url=ticket_url,
        empty=lists.Empty(
            "No tickets yet",
            "A ticket names the machines, the people, the window and the plan. Nobody gets in without one.",
            "ticket",
            "Request the first ticket",
            reverse("ticket_new"),
        ),
        filters=[
            lists.Filter("state", "State", lambda row: row.state.value),
            lists.Filter("kind", "Kind", kind, words.called),
            lists.Filter("cui", "CUI", lambda row: "yes" if names.is_cui(row) else "no", lambda code: code),
            lists.Filter(
                "asset", "Asset", lambda row: [names.asset(a.asset_id) for a in row.assets], lambda code: code
            ),
        ],
        row_id=lambda row: row.number,
        acts=acts,
        sort="-number",
    )


def _bulk(seen: Visitor) -> list[lists.Act]:
    acts = []
    if seen.has(Role.IT_LEAD, Role.ASSESSOR):
        acts.append(lists.Act("Make a package", reverse("tickets_package"), "package"))
    if seen.has(*MAY_REQUEST):
        acts.append(lists.Act("Withdraw", reverse("tickets_withdraw"), "trash"))
    return acts


@page()
def ticket_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every ticket that the visitor may read."""
    rows = tickets.tickets(person_id=seen.person.id, at=seen.now)
    shown = lists.build(request, listing(Names(), _bulk(seen)), rows, offers=seen.has(*MAY_REQUEST))
    if isinstance(shown, HttpResponse):
        return shown
    acts = []
    if seen.has(*MAY_REQUEST):
        acts = [
            {"url": reverse("quick_log"), "icon": "notebook", "label": "Quick log", "key": "q"},
            {"url": reverse("standard"), "icon": "copy", "label": "Standard work", "key": "s"},
            {"url": reverse("ticket_new"), "icon": "plus", "label": "New ticket", "key": "n", "primary": True},
        ]
    context = {
        "list": shown,
        "title": "Tickets",
        "lead": "Every authorised piece of work on the machines.",
        "acts": acts,
    }
    return render(request, "list_page.html", context)


@page()
def ticket_page(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """One ticket: state, hold points, evidence, and its parts below."""
    ticket = ticket_for(seen, number)
    names = Names()
    entries = list(evidence.entries(ticket=number))
    holds = tickets.hold_points(number, seen.now)
    changes = [] if ticket.is_final else _changes(number)
    jobs = _captures(number)
    job = next((one for one in jobs if one.state in ("waiting", "running")), None)
    context = _head(ticket, names) | {
        "steps": ticket_words.steps(ticket, entries),
        "hold_groups": ticket_words.hold_groups(holds, ticket.state),
        "holds_summary": _summary(holds),
        "meter": ticket_words.meter(tickets.evidence_meter(number, seen.now), names.all),
        "may_waive": seen.has(Role.APPROVER),
        "job": job,
        "job_words": JOB_WORDS.get(job.kind, job.kind) if job else "",
        "failed_job": next(iter(jobs), None) if jobs and jobs[0].state == "failed" and not ticket.is_final else None,
        "changes": in_words(changes, names, zones.zone_of(request)),
        # Work that is over was done under its approvals; before that each session asks for them anew.
        "approvals": approvals(ticket, names, () if ticket.state is State.VERIFYING else changes),
        "consent": consents.card(seen, number, names),
    }
    context |= next_act.context(ticket, seen, names, holds, busy=job is not None)
    context |= access_given.context(seen, ticket, names)
    context |= rolling_back.context(ticket, seen, names)
    context |= ticket_tabs.context(request, seen, ticket, names, entries)
    return render(request, "tickets/page.html", context)


JOB_WORDS = {
    "prepare": "Preparing: checks, backup, only way in, baseline before",
    "verify": "Verifying: connections gone, baseline after, checks",
}


def _captures(number: str) -> list[tickets.JobView]:
    """Return the ticket's captures, newest first; those of its rollback show on the rollback's own card."""
    return [one for one in tickets.jobs(number) if one.kind != ROLL_BACK]


@page()
def ticket_job(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """The progress of a capture, asked for every two seconds; when it is over the page loads anew."""
    ticket = ticket_for(seen, number)
    job = next((one for one in _captures(number) if one.state in ("waiting", "running")), None)
    if job is None:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(
        request, "tickets/job.html", {"ticket": ticket, "job": job, "job_words": JOB_WORDS.get(job.kind, job.kind)}
    )


def _changes(number: str) -> list[dict[str, str]]:
    try:
        return tickets.changes_since_frozen(number)
    except Refused:
        return []


def _summary(holds: list[tickets.HoldPointView]) -> str:
    counted = [hold for hold in holds if hold.state is not HoldState.NOT_APPLICABLE]
    passed = sum(hold.state is not HoldState.FAILED for hold in counted)
    return f"{passed} of {len(counted)} passed"


def _head(ticket: TicketView, names: Names) -> dict[str, Any]:
    ratified = any(
        one.kind is ApprovalKind.RATIFICATION and one.verdict is Verdict.APPROVED and one.void_at is None
        for one in ticket.approvals
    )
    return {
        "ticket": ticket,
        "ratified": ratified,
        "same_day": ticket.window.from_.date() == ticket.window.until.date(),
        "assets": [
            {
                "url": reverse("asset", args=[named.asset_id]),
                "name": names.asset(named.asset_id),
                "cui": named.asset_id in names.assets and names.assets[named.asset_id].handles_cui,
                "way": _way(named, names),
            }
            for named in ticket.assets
        ],
        "doers": [
            {"url": reverse("person", args=[who]), "name": names.person(who), "note": _organisation(names, who)}
            for who in ticket.technicians
        ],
        "pool": personnel.pool(ticket.content.pool_id).name if ticket.content.pool_id else "",
        "requester": names.person(ticket.requester),
        "escort": names.person(ticket.escort) if ticket.escort else "",
        "approvals": approvals(ticket, names),
    }


def _way(named: TicketAsset, names: Names) -> str:
    """Say through which way in, where the asset has several."""
    asset = names.assets.get(named.asset_id)
    return ways.told(named, asset) if asset is not None and len(asset.connections) > 1 else ""


def _organisation(names: Names, person_id: str) -> str:
    found = names.people.get(person_id)
    return found.organisation if found else ""


def approvals(ticket: TicketView, names: Names, changes: Sequence[dict[str, str]] = ()) -> list[dict[str, Any]]:
    """Return the decisions on a ticket with names; marked are void ones, and those whose ground `changes` took away."""
    policy = any(change["field"] == "policy" for change in changes)
    why = f"given before {'the policy' if policy else 'what it names'} was changed"
    return [
        {
            "name": names.person(one.person),
            "role": one.role.value,
            "kind": one.kind.value,
            "verdict": one.verdict.value,
            "at": one.at,
            "void": one.void_at is not None,
            "void_at": one.void_at,
            "outdated": why if changes and one.void_at is None and one.verdict is Verdict.APPROVED else "",
            "reason": one.reason,
            "content_hash": one.content_hash,
        }
        for one in ticket.approvals
    ]
