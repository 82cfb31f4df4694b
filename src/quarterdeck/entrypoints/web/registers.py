"""Registers: tools, techniques and mechanisms of 3.7.2[a] to [c], and the other ways in."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web import lists
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.register_forms import EntryPointForm, InspectionForm, ItemForm
from quarterdeck.entrypoints.web.words import called
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import EntryPointView
from quarterdeck.kernel.decision import Decision, Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tools import api as tools
from quarterdeck.tools.api import InspectionOutcome, ItemState, ItemView
from quarterdeck.workflows import keep_inventory, keep_tools


def _items(names: Names, seen: Visitor) -> lists.Listing[ItemView]:
    return lists.Listing(
        name="register",
        noun="items",
        columns=[
            lists.Column("name", "Item", lambda row: lists.text(f"{row.name} {row.version}", sub=row.source)),
            lists.Column("kind", "Kind", lambda row: lists.text(row.kind.value)),
            lists.Column("state", "State", lambda row: lists.state(*_state(row, seen))),
            lists.Column("sha256", "SHA-256", lambda row: lists.mono(row.sha256[:16] if row.sha256 else "")),
            lists.Column("owner", "Owner", lambda row: lists.text(names.person(row.owner) if row.owner else "")),
            lists.Column(
                "review", "Review due", lambda row: lists.text(row.review_due.isoformat() if row.review_due else "")
            ),
            lists.Column(
                "inside",
                "Inside the boundary",
                lambda row: lists.text("yes" if row.inside_boundary else "no"),
                shown=False,
            ),
            lists.Column("licence", "Licence", lambda row: lists.text(row.licence), shown=False),
        ],
        row_url=lambda row: reverse("register_item", args=[row.id]),
        empty=lists.Empty(
            "Nothing registered yet",
            "List what is used for maintenance: programs and devices, written procedures, scripts and scheduled jobs.",
            "tools",
            "Register the first item",
            reverse("register_add"),
        ),
        filters=[
            lists.Filter("kind", "Kind", lambda row: row.kind.value, called),
            lists.Filter("state", "State", lambda row: row.state.value),
        ],
        row_id=lambda row: row.id,
        acts=[lists.Act("Withdraw", reverse("items_withdraw"), "archive")] if seen.has(Role.IT_LEAD) else (),
        sort="name",
    )


@page()
def item_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Tools, techniques, mechanisms."""
    listing = _items(Names(), seen)
    shown = lists.build(request, listing, tools.items(), offers=seen.has(Role.IT_LEAD))
    if isinstance(shown, HttpResponse):
        return shown
    acts: list[dict[str, object]] = [
        {"url": reverse("entry_points"), "icon": "plug-connected", "label": "Other ways in", "key": "v"},
        {"url": reverse("checks"), "icon": "checklist", "label": "Checks", "key": "k"},
        {"url": reverse("drift_rules"), "icon": "arrows-diff", "label": "Rules of drift", "key": "d"},
        {"url": reverse("runbooks"), "icon": "git-commit", "label": "Runbooks", "key": "b"},
    ]
    if seen.has(Role.IT_LEAD):
        acts.append(
            {"url": reverse("register_add"), "icon": "plus", "label": "Register an item", "key": "n", "primary": True}
        )
    lead = "Tools, techniques and mechanisms that may be used; tickets name them, and their hashes are approved."
    return render(request, "list_page.html", {"list": shown, "title": "Registers", "lead": lead, "acts": acts})


def _state(item: ItemView, seen: Visitor) -> tuple[str, str]:
    if item.state is ItemState.WITHDRAWN:
        return "revoked", ""
    usable: Decision = tools.usable(item.id, seen.now)
    return ("listed", "") if usable.allowed else ("failed", "Not to be used")


@page()
def item_page(request: HttpRequest, seen: Visitor, item_id: str) -> HttpResponse:
    """One item with its inspections."""
    item = tools.item(item_id)
    names = Names()
    code, word = _state(item, seen)
    context = {
        "item": item,
        "owner": names.person(item.owner) if item.owner else "",
        "listed_by": names.person(item.listed_by),
        "state": code,
        "word": word,
        "why": tools.usable(item_id, seen.now).reasons if item.state is ItemState.LISTED else (),
        "inspections": [
            {"by": names.person(one.by), "at": one.at, "outcome": one.outcome.value, "artifact": one.artifact}
            for one in tools.inspections(item_id)
        ],
        "is_lead": seen.has(Role.IT_LEAD),
    }
    return render(request, "registers/item.html", context)


def _ask(
    request: HttpRequest, form: forms.Form, heading: str, lead: str, button: str, refused: Decision | None
) -> HttpResponse:
    context: dict[str, Any] = {"form": form, "heading": heading, "lead": lead, "button": button, "refused": refused}
    return render(request, "registers/form.html", context)


@page(Role.IT_LEAD)
def item_add(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Register an item; the hash is taken from the file, which itself is not kept."""
    form = ItemForm(posted(request), request.FILES or None)
    refused = None
    if request.method == "POST" and form.is_valid():
        try:
            made = keep_tools.list_item(seen.actor, CLOCK, form.item())
            messages.success(request, f"{made.name} {made.version} is registered.")
            return redirect("register_item", made.id)
        except Refused as error:
            refused = error.decision
    lead = "One version is one item. A changed file is a new version, and needs a new approval."
    return _ask(request, form, "Register an item", lead, "Register", refused)


@page(Role.IT_LEAD)
@require_POST
def item_withdraw(request: HttpRequest, seen: Visitor, item_id: str) -> HttpResponse:
    """Withdraw an item."""
    keep_tools.withdraw_item(seen.actor, CLOCK, item_id)
    messages.success(request, "Withdrawn. Tickets that name it do not open any more.")
    return redirect("register_item", item_id)


@page(Role.IT_LEAD)
def item_inspect(request: HttpRequest, seen: Visitor, item_id: str) -> HttpResponse:
    """Record an inspection."""
    item = tools.item(item_id)
    form = InspectionForm(posted(request), request.FILES or None)
    refused = None
    if request.method == "POST" and form.is_valid():
        record = form.cleaned_data["record"]
        outcome = InspectionOutcome(form.cleaned_data["outcome"])
        try:
            keep_tools.record_inspection(seen.actor, CLOCK, item_id, outcome, record.read() if record else b"")
            messages.success(request, "The inspection is recorded.")
            return redirect("register_item", item_id)
        except Refused as error:
            refused = error.decision
    lead = "A failed inspection stops its use until another one passes."
    return _ask(request, form, f"Inspect {item.name} {item.version}", lead, "Record", refused)


def _ways_in(names: Names, seen: Visitor) -> lists.Listing[EntryPointView]:
    gaps = inventory.entry_point_gaps(seen.now)

    def lacks(row: EntryPointView) -> str:
        return " ".join(f"{one.sentence} {one.next_step}" for one in gaps.get(row.id, Decision()).reasons)

    return lists.Listing(
        name="ways-in",
        noun="ways in",
        single="way in",
        columns=[
            lists.Column("name", "Way in", lambda row: lists.text(row.name, sub=called(row.kind.value))),
            lists.Column(
                "state",
                "Evidence",
                lambda row: lists.state("failed", "Lacks evidence") if lacks(row) else lists.state("passed", "Covered"),
            ),
            lists.Column("lacks", "What it lacks", lambda row: lists.text(lacks(row))),
            lists.Column("mfa", "Second factor", lambda row: lists.text(called(row.mfa.value))),
            lists.Column("end", "Ends", lambda row: lists.text(row.termination)),
            lists.Column("log", "Logged", lambda row: lists.text(row.log_source)),
            lists.Column("owner", "Owner", lambda row: lists.text(names.person(row.owner) if row.owner else "")),
            lists.Column("assets", "Leads to", lambda row: lists.mono(", ".join(names.asset(a) for a in row.assets))),
        ],
        row_url=lambda row: "",
        empty=lists.Empty(
            "No other way in is registered",
            "RMM, hypervisor console, firewall page, cloud admin, physical panel: if one exists, it belongs here.",
            "plug-connected",
            "Add a way in",
            reverse("entry_point_add"),
        ),
        filters=[
            lists.Filter("kind", "Kind", lambda row: row.kind.value, called),
            lists.Filter("mfa", "Second factor", lambda row: row.mfa.value, called),
            lists.Filter(
                "evidence", "Evidence", lambda row: "lacks evidence" if lacks(row) else "covered", lambda code: code
            ),
        ],
        sort="name",
    )


@page()
def entry_points(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The ways in that are not ours, and what each of them lacks."""
    listing = _ways_in(Names(), seen)
    shown = lists.build(request, listing, inventory.entry_points(), offers=seen.has(Role.IT_LEAD))
    if isinstance(shown, HttpResponse):
        return shown
    acts = []
    if seen.has(Role.IT_LEAD):
        acts.append({"url": reverse("entry_point_add"), "icon": "plus", "label": "Add a way in", "key": "n",
                     "primary": True})  # fmt: skip
    lead = (
        "Whoever maintains through one of these is not filmed by the gate. Each needs a second factor, an end, a log "
        "and an owner; while one lacks evidence, no objective is free of gaps."
    )
    context = {"list": shown, "title": "Other ways in", "lead": lead, "acts": acts,
               "crumbs": (("Registers", "registers"),)}  # fmt: skip
    return render(request, "list_page.html", context)


@page(Role.IT_LEAD)
def entry_point_add(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Add a way in."""
    form = EntryPointForm(posted(request))
    refused = None
    if request.method == "POST" and form.is_valid():
        try:
            keep_inventory.add_entry_point(seen.actor, CLOCK, form.entry_point())
            messages.success(
                request, "Added. While it lacks evidence, no objective about personnel is proposed as met."
            )
            return redirect("entry_points")
        except Refused as error:
            refused = error.decision
    lead = "RMM, hypervisor console, firewall page, cloud admin, panel: every way in that somebody maintains through."
    return _ask(request, form, "Add a way in", lead, "Add", refused)
