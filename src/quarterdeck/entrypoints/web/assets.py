"""Assets: the list, the page, adding, changing, retiring, and the ways to reach one."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.entrypoints.web import asset_history, hosts, lists, stepup, target_words, watching, zones
from quarterdeck.entrypoints.web.asset_forms import AssetForm, ConnectionForm
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.tickets import MAY_REQUEST
from quarterdeck.entrypoints.web.words import called
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetView
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import keep_inventory


def _listing(names: Names, acts: Sequence[lists.Act]) -> lists.Listing[AssetView]:
    return lists.Listing(
        name="assets",
        noun="assets",
        columns=[
            lists.Column(
                "hostname",
                "Asset",
                lambda row: lists.text(row.hostname, sub=row.title, marks=["CUI"] if row.handles_cui else []),
            ),
            lists.Column("kind", "Kind", lambda row: lists.text(called(row.asset_kind.value))),
            lists.Column("category", "Category", lambda row: lists.text(called(row.category.value))),
            lists.Column("owner", "Owner", lambda row: lists.text(names.person(row.owner) if row.owner else "")),
            lists.Column("criticality", "Criticality", lambda row: lists.text(row.criticality.value)),
            lists.Column("location", "Location", lambda row: lists.text(row.location)),
            lists.Column("os", "System", lambda row: lists.text(row.operating_system, sub=row.patch_level)),
            lists.Column(
                "reached",
                "Reached at",
                lambda row: lists.mono(
                    ", ".join(f"{one.target_account}@{one.address}:{one.port}" for one in row.connections)
                ),
                shown=False,
            ),
            lists.Column("environment", "Environment", lambda row: lists.text(row.environment.value), shown=False),
            lists.Column(
                "state",
                "State",
                lambda row: lists.state("active" if row.active else "inactive", "" if row.active else "Retired"),
                shown=False,
            ),
        ],
        row_url=lambda row: reverse("asset", args=[row.id]),
        empty=_nothing_yet(),
        filters=[
            lists.Filter("category", "Category", lambda row: row.category.value, called),
            lists.Filter("cui", "CUI", lambda row: "yes" if row.handles_cui else "no", lambda code: code),
            lists.Filter("kind", "Kind", lambda row: row.asset_kind.value, called),
            lists.Filter("environment", "Environment", lambda row: row.environment.value, called),
            lists.Filter("use", "In use", lambda row: "in use" if row.active else "retired", lambda code: code),
        ],
        row_id=lambda row: row.id,
        acts=acts,
        sort="hostname",
    )


def _nothing_yet() -> lists.Empty:
    say = "Drop the list you have: a CSV with one machine a row. What would change is shown before it is written."
    return lists.Empty("No assets yet", say, "server", "Import a CSV", reverse("asset_import"))


def _bulk(seen: Visitor) -> list[lists.Act]:
    acts = []
    if seen.has(*MAY_REQUEST):
        acts.append(lists.Act("One ticket for these", reverse("assets_ticket"), "ticket"))
    if seen.has(Role.IT_LEAD):
        acts.append(lists.Act("Retire", reverse("assets_retire"), "archive"))
    return acts


@page()
def asset_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The inventory."""
    rows = inventory.assets(include_retired="use" in request.GET)
    shown = lists.build(request, _listing(Names(), _bulk(seen)), rows, offers=seen.has(Role.IT_LEAD))
    if isinstance(shown, HttpResponse):
        return shown
    acts = []
    if seen.has(Role.IT_LEAD):
        acts = [
            {"url": reverse("asset_import"), "icon": "file-upload", "label": "Import CSV", "key": "i"},
            {"url": reverse("asset_add"), "icon": "plus", "label": "Add asset", "key": "n", "primary": True},
        ]
    if seen.has(*watching.SETTLERS, Role.ASSESSOR):
        acts.insert(0, {"url": reverse("findings"), "icon": "arrows-diff", "label": "Findings", "key": ""})
        acts.insert(1, {"url": reverse("logins_found"), "icon": "login", "label": "Logins", "key": ""})
    lead = "What may be maintained: each machine with its owner, category and way in."
    return render(request, "list_page.html", {"list": shown, "title": "Assets", "lead": lead, "acts": acts})


def _asset(asset_id: str) -> AssetView:
    found = inventory.asset(asset_id)
    if found is None:
        raise Http404
    return found


@page()
def asset_page(request: HttpRequest, seen: Visitor, asset_id: str) -> HttpResponse:
    """One asset: facts with source and age, who may maintain it, its tickets, its ways in."""
    asset = _asset(asset_id)
    names = Names()
    history = list(evidence.entries(events=("asset.added", "asset.changed", "asset.retired")))
    known = [entry for entry in history if entry.object.id == asset_id]
    readable = {ticket.number for ticket in tickets.tickets(person_id=seen.person.id, at=seen.now)}
    named = tickets.tickets_of_asset(asset_id)
    zone = zones.zone_of(request)
    context = {
        "asset": asset,
        "owner": names.person(asset.owner) if asset.owner else "",
        "needs": [names.assets[one] for one in asset.depends_on if one in names.assets],
        "needed_by": inventory.dependants(asset_id),
        "windows": asset.maintenance_window.next_windows(seen.now, 3) if asset.maintenance_window else [],
        "last_change": known[-1] if known else None,
        "changed_by": names.person(known[-1].actor_id) if known else "",
        "seal": inventory.check_row(asset_id).allowed,
        "tickets": [
            {
                "url": reverse("ticket", args=[one.number]),
                "number": one.number,
                "title": one.title,
                "state": one.state.value,
                "from_": one.window.from_,
            }
            for one in named[:20]
            if one.number in readable
        ],
        "maintainers": _maintainers(asset, seen, names),
        "more_tickets": max(0, len(named) - 20),
        "source": _source(known[-1]) if known else "",
        "ways": [one for one in inventory.entry_points() if asset_id in one.assets],
        "may_change": seen.has(Role.IT_LEAD) and asset.active,
        "may_request": seen.has(*MAY_REQUEST) and asset.active,
    }
    context |= watching.of_asset(asset, seen, names) | target_words.of_asset(asset, seen, names)
    context |= hosts.of_asset(asset, seen, names)
    context |= asset_history.context(asset_id, named, readable, seen.now, zone)
    return render(request, "assets/page.html", context)


def _source(last: evidence.Entry) -> str:
    """Say where the facts as they stand came from: a CSV import is an entry of the same act."""
    imported = evidence.entries(events=["inventory.imported"], from_seq=last.seq)
    same_act = any(entry.at == last.at and entry.actor_id == last.actor_id for entry in imported)
    return "from a CSV" if same_act else "by hand"


def _maintainers(asset: AssetView, seen: Visitor, names: Names) -> list[dict[str, Any]]:
    found = []
    for person in names.people.values():
        right = (
            personnel.authorisation(person.id, asset.id, seen.now, category=asset.category.value)
            if person.active
            else None
        )
        if right is not None:
            found.append({
                "name": person.name, "organisation": person.organisation, "url": reverse("person", args=[person.id]),
                "actions": ", ".join(right.actions), "until": right.valid_until, "escort": not right.access_authorised,
                "mfa": person.mfa_enrolled,
            })  # fmt: skip
    return found


@page(Role.IT_LEAD)
def asset_add(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Add an asset by hand."""
    form = AssetForm(posted(request))
    context: dict[str, Any] = {"form": form, "heading": "Add an asset", "button": "Add"}
    if request.method == "POST" and form.is_valid():
        try:
            made = keep_inventory.add_asset(seen.actor, CLOCK, form.asset())
            messages.success(request, f"{made.hostname} is in the inventory. Add how it is reached.")
            return redirect("asset", made.id)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "assets/form.html", context)


@page(Role.IT_LEAD)
def asset_change(request: HttpRequest, seen: Visitor, asset_id: str) -> HttpResponse:
    """Change an asset; a change that somebody else made meanwhile is not overwritten."""
    asset = _asset(asset_id)
    fields = asset.fields
    initial = {name: getattr(fields, name) for name in AssetForm.base_fields if hasattr(fields, name)}
    initial |= {"depends_on": list(fields.depends_on), "version": asset.version}
    form = AssetForm(posted(request), initial=initial, but_not=asset_id)
    context: dict[str, Any] = {"form": form, "asset": asset, "heading": f"Change {asset.hostname}", "button": "Save"}
    if request.method == "POST" and form.is_valid():
        said = form.asset(asset.maintenance_window)
        changes = {name: getattr(said, name) for name in AssetForm.base_fields if hasattr(said, name)}
        try:
            keep_inventory.change_asset(seen.actor, CLOCK, asset_id, changes, version=form.cleaned_data["version"])
            messages.success(request, "Saved. Tickets that froze the old values must be approved again.")
            return redirect("asset", asset_id)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "assets/form.html", context)


@page(Role.IT_LEAD)
@require_POST
def asset_retire(request: HttpRequest, seen: Visitor, asset_id: str) -> HttpResponse:
    """Take an asset out of use."""
    retired = keep_inventory.retire_asset(seen.actor, CLOCK, asset_id)
    messages.success(request, f"{retired.hostname} is retired. Its history stays.")
    return redirect("asset", asset_id)


@page(Role.IT_LEAD)
def connection_set(request: HttpRequest, seen: Visitor, asset_id: str, connection_id: str = "") -> HttpResponse:
    """Add a way to reach the asset, or change one."""
    asset = _asset(asset_id)
    old = next((one for one in asset.connections if one.id == connection_id), None)
    initial = {}
    if old is not None:
        initial = {name: getattr(old, name) for name in ConnectionForm.base_fields} | {
            "watched_roots": "\n".join(old.watched_roots)
        }
    form = ConnectionForm(posted(request), initial=initial)
    context: dict[str, Any] = {
        "form": form,
        "asset": asset,
        "heading": f"How {asset.hostname} is reached",
        "button": "Save",
        "code_form": stepup.code_form(request, seen),
    }
    if request.method == "POST" and form.is_valid() and seen.stepped_up:
        try:
            keep_inventory.set_connection(
                seen.actor, CLOCK, asset_id, form.connection(), connection_id=connection_id or None
            )
            messages.success(
                request, "Saved. It is part of what is approved: tickets that froze the old one need a new approval."
            )
            return redirect("asset", asset_id)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "assets/form.html", context)
