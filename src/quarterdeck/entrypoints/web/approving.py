"""Deciding on a ticket: everything that is approved in one view, with the hash of exactly that content."""

import json
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from quarterdeck.controls.api import fact_kind
from quarterdeck.entrypoints.web import stepup, zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import ticket_for
from quarterdeck.entrypoints.web.tickets import approvals
from quarterdeck.entrypoints.web.words import called
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Before, TicketView
from quarterdeck.tools import api as tools
from quarterdeck.workflows import approve as deciding

DECIDERS = (Role.APPROVER, Role.CUI_OWNER)
_BACKUP_FACTS = ("backup.verified", "backup.encrypted", "restore.drilled")
_HOLDS_ABOUT_TIME = frozenset({"HP-CONFLICT"})


class DecisionForm(forms.Form):
    """A decision in one role with a reason."""

    role = forms.ChoiceField(label="You decide as", widget=forms.RadioSelect)
    reason = forms.CharField(label="Reason", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *arguments: Any, roles: list[ApprovalRole], **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        choices = [(role.value, called(role.value)) for role in roles]
        self.fields["role"] = (
            forms.ChoiceField(label="You decide as", choices=choices, widget=forms.RadioSelect, initial=choices[0][0])
            if len(choices) > 1
            else forms.ChoiceField(choices=choices, widget=forms.HiddenInput, initial=choices[0][0] if choices else "")
        )


@page(*DECIDERS)
def approve(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Show what is approved and take the decision; a content other than the one shown is answered with 409."""
    ticket = ticket_for(seen, number)
    roles = _roles_for(seen, number)
    form = DecisionForm(posted(request), roles=roles)
    code = stepup.code_form(request, seen)
    extra: dict[str, Any] = {"form": form, "code_form": code, "may_decide": bool(roles), "roles_open": roles}
    status = 200
    if request.method == "POST" and roles and form.is_valid():
        if request.POST.get("content_hash", "") != ticket.content_hash:
            extra, status = extra | {"changed": True}, 409
        else:
            fresh = stepup.stepped_up(request, seen, code)
            if fresh is not None:
                try:
                    return _decided(request, fresh, ticket, form)
                except Refused as refused:
                    moved = "content.moved" in refused.decision.codes
                    extra |= {"changed": True} if moved else {"refused": refused.decision}
                    status = 409 if moved else 200
    ticket = ticket_for(seen, number)
    return render(request, "tickets/approve.html", shown(request, seen, ticket) | extra, status=status)


def _roles_for(seen: Visitor, number: str) -> list[ApprovalRole]:
    waiting = tickets.waiting_for(number, seen.now)
    return [role for role, people in waiting.items() if seen.person.id in people]


def _decided(request: HttpRequest, seen: Visitor, ticket: TicketView, form: DecisionForm) -> HttpResponse:
    said = form.cleaned_data
    verdict = request.POST.get("verdict", "")
    act = deciding.refuse if verdict == "refused" else deciding.approve
    after = act(
        seen.actor,
        CLOCK,
        ticket.number,
        role=ApprovalRole(said["role"]),
        content_hash=request.POST["content_hash"],
        reason=said["reason"],
    )
    word = "refused" if verdict == "refused" else "approved"
    messages.success(request, f"You {word} {ticket.number}. It is now: {called(after.state.value)}.")
    return redirect("ticket", ticket.number)


def shown(request: HttpRequest, seen: Visitor, ticket: TicketView) -> dict[str, Any]:
    """Return everything that an approver reads, in reading order; also used by the ratification."""
    names = Names()
    number = ticket.number
    holds = tickets.hold_points(number, seen.now)
    changes, since = _changes(ticket, seen, names)
    content = ticket.content
    return {
        "ticket": ticket,
        "assets": [_asset(named.asset_id, named.connection_id, names) for named in ticket.assets],
        "doers": [_doer(person_id, ticket, seen) for person_id in ticket.technicians],
        "pool": personnel.pool(content.pool_id).name if content.pool_id else "",
        "agreement": _agreement(content.agreement_id, zones.zone_of(request)),
        "escort": names.person(ticket.escort) if ticket.escort else "",
        "length": zones.spoken(ticket.window.length),
        "holds": [hold for hold in holds if hold.before is Before.APPROVE],
        "holds_when": [hold for hold in holds if hold.id in _HOLDS_ABOUT_TIME],
        "items": [tools.item(item) for item in content.items],
        "backups": _backups(ticket, names),
        "approvals": [one for one in approvals(ticket, names) if not one["void"]],
        "void": sorted({one["name"] for one in approvals(ticket, names) if one["void"]}),
        "diff": changes,
        "diff_since": since,
        "snapshot_text": json.dumps(tickets.frozen_snapshot(number), indent=2, ensure_ascii=False, sort_keys=True),
        "duty": _duty(seen, ticket, names),
        "approve_label": "Approve",
    }


def _changes(ticket: TicketView, seen: Visitor, names: Names) -> tuple[list[dict[str, str]], str]:
    """Return what has moved under the frozen names, else what an edit changed since the last decision, and since when.

    The visitor's own decision comes first: it is what this person was shown.
    """
    moved = tickets.changes_since_frozen(ticket.number)
    gone = sorted(
        (one for one in ticket.approvals if one.void_at is not None),
        key=lambda one: (one.person == seen.person.id, one.at),
    )
    if moved or not gone:
        return moved, "it was frozen"
    last = gone[-1]
    who = "you" if last.person == seen.person.id else names.person(last.person)
    return tickets.changes_since_decided(ticket.number, last.content_hash), f"{who} {last.verdict.value} it"


def _asset(asset_id: str, connection_id: str, names: Names) -> dict[str, Any]:
    asset = names.assets[asset_id]
    link = next((one for one in asset.connections if one.id == connection_id), None)
    facts = [
        ("Owner", names.person(asset.owner) if asset.owner else "nobody"),
        ("Depended on by", ", ".join(one.hostname for one in inventory.dependants(asset_id)) or "nothing"),
    ]
    if link is not None:
        facts += [
            ("Reached at", f"{link.target_account}@{link.address}, port {link.port}"),
            ("Elevation", called(link.elevation.value)),
            ("Host identity", link.host_identity or "not pinned: nothing will open"),
            ("Watched", ", ".join(link.watched_roots) or "nothing"),
        ]
    return {
        "url": reverse("asset", args=[asset_id]),
        "hostname": asset.hostname,
        "title": asset.title,
        "handles_cui": asset.handles_cui,
        "category": asset.category.value,
        "criticality": asset.criticality.value,
        "environment": asset.environment.value,
        "facts": facts,
    }


def _doer(person_id: str, ticket: TicketView, seen: Visitor) -> dict[str, Any]:
    person = personnel.person(person_id)
    said = []
    for named in ticket.assets:
        asset = inventory.asset(named.asset_id)
        right = personnel.authorisation(
            person_id, named.asset_id, seen.now, category=str(asset.category) if asset else ""
        )
        host = asset.hostname if asset else named.asset_id
        said.append(
            f"{host}: authorised until {right.valid_until:%d %b %Y}"
            + ("" if right.access_authorised else ", only with an escort")
            if right
            else f"{host}: not authorised"
        )
    return {
        "name": person.name,
        "organisation": person.organisation,
        "mfa": person.mfa_enrolled,
        "authority": "; ".join(dict.fromkeys(said)),
    }


def _agreement(agreement_id: str, zone: Any) -> str:  # noqa: ANN401  a ZoneInfo
    if not agreement_id:
        return ""
    terms = personnel.agreement(agreement_id)
    nda = "with NDA" if terms.nda else "without NDA"
    until = zones.shown(terms.valid_until, zone, "date")
    return f"Agreement {terms.number} of {terms.vendor}, {nda}, valid until {until}."


def _backups(ticket: TicketView, names: Names) -> list[dict[str, Any]]:
    ids = {named.asset_id for named in ticket.assets}
    newest: dict[tuple[str, str], evidence.Fact] = {}
    for fact in evidence.facts(kinds=_BACKUP_FACTS):
        if fact.asset in ids:
            newest[fact.kind, fact.asset or ""] = fact
    return [
        {
            "label": fact_kind(fact.kind).label,
            "about": names.asset(fact.asset or ""),
            "outcome": fact.outcome.value,
            "outcome_word": fact.outcome.value.capitalize(),
            "at": fact.at,
            "grade": fact.grade.value,
        }
        for fact in newest.values()
    ]


def _duty(seen: Visitor, ticket: TicketView, names: Names) -> dict[str, Any]:
    """State the separation of duties in the person's own terms."""
    me, part = seen.person.id, []
    if me == ticket.requester:
        part.append("requested it")
    if me in ticket.technicians:
        part.append("do the work")
    if me == ticket.escort:
        part.append("are its escort")
    if part:
        return {"tone": "bad", "icon": "ban", "sentences": [f"You can't decide: you {' and '.join(part)} (3.1.4)."]}
    decided = [one for one in ticket.approvals if one.person == me and one.void_at is None]
    if decided:
        return {"tone": "good", "icon": "circle-check", "sentences": ["You decided on this ticket already."]}
    waiting = tickets.waiting_for(ticket.number, seen.now)
    sentences = ["You are not the requester, not a technician and not the escort of this ticket."]
    if not any(me in people for people in waiting.values()):
        who = ", ".join(names.person(person) for people in waiting.values() for person in people)
        sentences.append(f"It waits for: {who}." if who else "It does not wait for a decision.")
        return {"tone": "idle", "icon": "info-circle", "sentences": sentences}
    return {"tone": "good", "icon": "user-check", "sentences": sentences}
