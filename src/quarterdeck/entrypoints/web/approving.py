"""Deciding on a ticket: everything that is approved in one view, with the hash of exactly that content."""

import json
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from quarterdeck.controls.api import fact_kind
from quarterdeck.entrypoints.web import passkeys, stepup, zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.overlaps import LIVE, overlaps
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import record_view, ticket_for
from quarterdeck.entrypoints.web.tickets import approvals
from quarterdeck.entrypoints.web.told_changes import in_words
from quarterdeck.entrypoints.web.ways import told
from quarterdeck.entrypoints.web.words import called
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Before, HoldState, State, TicketAsset, TicketView
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
    extra["passkeys"] = passkeys.usable(request, seen)
    status = 200
    if request.method == "POST" and roles and form.is_valid():
        if request.POST.get("content_hash", "") != ticket.content_hash:
            extra, status = extra | {"changed": True}, 409
        elif code is None:
            try:
                return _decided(request, seen, ticket, form)
            except Refused as refused:
                moved = "content.moved" in refused.decision.codes
                extra |= {"changed": True} if moved else {"refused": refused.decision}
                status = 409 if moved else 200
    ticket = ticket_for(seen, number)
    context = shown(request, seen, ticket) | extra
    context["moved"] = bool(roles) and bool(tickets.changes_since_frozen(number))
    if roles and ticket.content_hash:
        # What an approver was shown is evidence, and what the next difference is told from.
        record_view(seen, "artifact", ticket.content_hash, number)
    return render(request, "tickets/approve.html", context, status=status)


def _roles_for(seen: Visitor, number: str) -> list[ApprovalRole]:
    waiting = tickets.waiting_for(number, seen.now)
    return [role for role, people in waiting.items() if seen.person.id in people]


def _decided(request: HttpRequest, seen: Visitor, ticket: TicketView, form: DecisionForm) -> HttpResponse:
    said = form.cleaned_data
    verdict = request.POST.get("verdict", "")
    role, shown_hash, reason = ApprovalRole(said["role"]), request.POST["content_hash"], said["reason"]
    if verdict == "refused":
        after = deciding.refuse(seen.actor, CLOCK, ticket.number, role=role, content_hash=shown_hash, reason=reason)
    else:
        kept = passkeys.signature(request, seen, ticket.number, role, shown_hash)
        after = deciding.approve(
            seen.actor, CLOCK, ticket.number, role=role, content_hash=shown_hash, reason=reason, signature=kept
        )
    word = "refused" if verdict == "refused" else "approved"
    messages.success(request, f"You {word} {ticket.number}. {_then(after, seen)}")
    return redirect("ticket", ticket.number)


def _then(after: TicketView, seen: Visitor) -> str:
    """Say what the ticket is now, or whose decision it still waits for."""
    if after.state is not State.SUBMITTED:
        return f"It is now: {called(after.state.value)}."
    names = Names()
    awaited = [
        f"{called(role.value)} ({' or '.join(names.person(one) for one in people) or 'nobody can yet'})"
        for role, people in tickets.waiting_for(after.number, seen.now).items()
    ]
    return f"It still waits for the decision of the {' and the '.join(awaited)}."


def shown(request: HttpRequest, seen: Visitor, ticket: TicketView) -> dict[str, Any]:
    """Return everything that an approver reads, in reading order; also used by the ratification."""
    names = Names()
    number = ticket.number
    holds = tickets.hold_points(number, seen.now)
    zone = zones.zone_of(request)
    changes, since = _changes(ticket, seen, names, zone)
    content = ticket.content
    return {
        "ticket": ticket,
        "assets": [_asset(named, names) for named in ticket.assets],
        "doers": [_doer(person_id, ticket, seen, zone) for person_id in ticket.technicians],
        "pool": personnel.pool(content.pool_id).name if content.pool_id else "",
        "agreement": _agreement(content.agreement_id, zone),
        "escort": names.person(ticket.escort) if ticket.escort else "",
        "length": zones.spoken(ticket.window.length),
        "holds": [hold for hold in holds if hold.before is Before.APPROVE],
        "held": [hold for hold in holds if hold.before is Before.APPROVE and hold.state is HoldState.FAILED],
        "holds_when": [hold for hold in holds if hold.id in _HOLDS_ABOUT_TIME],
        "items": [tools.item(item) for item in content.items],
        "backups": _backups(ticket, names),
        "undrilled": _undrilled(ticket, names),
        "overlaps": overlaps(ticket, tickets.tickets(states=tuple(LIVE)), names.assets),
        "approvals": [one for one in approvals(ticket, names) if not one["void"]],
        "void": sorted({one["name"] for one in approvals(ticket, names) if one["void"]}),
        "diff": in_words(changes, names, zone),
        "diff_since": since,
        "snapshot_text": json.dumps(tickets.frozen_snapshot(number), indent=2, ensure_ascii=False, sort_keys=True),
        "duty": _duty(seen, ticket, names),
        "approve_label": "Approve",
        "let_out": tickets.against_agreement(content),
    }


def _changes(ticket: TicketView, seen: Visitor, names: Names, zone: ZoneInfo) -> tuple[list[dict[str, str]], str]:
    """Return what has moved under the frozen names, else what an edit changed, and since when that is told.

    It is told from what this person was shown last, else from the last decision that the edit voided.
    """
    moved = tickets.changes_since_frozen(ticket.number)
    before = None if moved else _shown_before(ticket, seen)
    if before is not None:
        since = f"it was shown to you {zones.shown(before.at, zone)}"
        return tickets.changes_since_decided(ticket.number, before.object.id), since
    gone = sorted(
        (one for one in ticket.approvals if one.void_at is not None),
        key=lambda one: (one.person == seen.person.id, one.at),
    )
    if moved or not gone:
        return moved, "it was frozen"
    last = gone[-1]
    who = "you" if last.person == seen.person.id else names.person(last.person)
    return tickets.changes_since_decided(ticket.number, last.content_hash), f"{who} {last.verdict.value} it"


def _shown_before(ticket: TicketView, seen: Visitor) -> evidence.Entry | None:
    """Return the newest entry that says that this person was shown another content of the ticket."""
    frozen = {
        str(item["sha256"])
        for entry in evidence.entries(ticket=ticket.number)
        for item in entry.artifacts
        if item["role"] == "snapshot"
    }
    looks = [
        look
        for sha256 in frozen - {ticket.content_hash}
        for look in evidence.entries(events=["evidence.viewed"], object=evidence.ObjectRef("artifact", sha256))
        if look.actor_id == seen.person.id
    ]
    return max(looks, key=lambda look: look.seq, default=None)


def _asset(named: TicketAsset, names: Names) -> dict[str, Any]:
    asset_id = named.asset_id
    asset = names.assets[asset_id]
    link = next((one for one in asset.connections if one.id == named.connection_id), None)
    facts = [
        ("Owner", names.person(asset.owner) if asset.owner else "nobody"),
        ("Depended on by", ", ".join(one.hostname for one in inventory.dependants(asset_id)) or "nothing"),
    ]
    if link is not None:
        facts += [
            ("Reached at", told(named, asset)),
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


def _doer(person_id: str, ticket: TicketView, seen: Visitor, zone: ZoneInfo) -> dict[str, Any]:
    person = personnel.person(person_id)
    said = []
    for named in ticket.assets:
        asset = inventory.asset(named.asset_id)
        right = personnel.authorisation(
            person_id, named.asset_id, seen.now, category=str(asset.category) if asset else ""
        )
        host = asset.hostname if asset else named.asset_id
        said.append(
            f"{host}: authorised until {zones.shown(right.valid_until, zone, 'date')}"
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


def _agreement(agreement_id: str, zone: ZoneInfo) -> str:
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


def _undrilled(ticket: TicketView, names: Names) -> list[str]:
    """Return the assets of which no restore was ever tried."""
    drilled = {fact.asset for fact in evidence.facts(kinds=["restore.drilled"])}
    return [names.asset(named.asset_id) for named in ticket.assets if named.asset_id not in drilled]


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
