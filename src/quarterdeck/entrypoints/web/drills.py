"""Restore drills: the register with due, overdue and results, one plan with its tried restores, and planning them."""

from datetime import datetime, timedelta

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Against, Depth, Product, Register, Source
from quarterdeck.entrypoints.web import lists
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.words import called
from quarterdeck.entrypoints.web.zones import spoken
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import drill_restore, keep_backup_source

_AGAINST = [
    (Against.SOURCE.value, "The source, as it is on this server or was at the moment of the dump"),
    (Against.BASELINE.value, "The asset's newest baseline"),
]
_PRODUCTS = [(one.value, called(one.value).capitalize()) for one in Product if one is not Product.REIMAGE]
_DEPTHS = [
    (Depth.ALL.value, "Everything"),
    (Depth.SAMPLE.value, "A sample"),
    (Depth.STRUCTURE.value, "The structure only: proves nothing"),
]


class DrillForm(forms.Form):
    """How often a restore is tried, where to, and what it is compared with."""

    scratch = forms.CharField(
        label="Scratch place", max_length=260,
        help_text="A folder on the server such as /var/tmp/drills; for PostgreSQL postgresql://drill@scratch01/postgres.",
    )  # fmt: skip
    against = forms.ChoiceField(label="Compared with", choices=_AGAINST)
    every_days = forms.IntegerField(
        label="Every how many days", min_value=1, max_value=366, initial=backups.QUARTERLY.days,
        help_text="91 is once a quarter.",
    )  # fmt: skip


class SourceForm(forms.Form):
    """Where an asset's backups or snapshots are, and how long an offline copy keeps."""

    product = forms.ChoiceField(label="Product", choices=_PRODUCTS)
    repository = forms.CharField(
        label="Where", max_length=600, required=False, help_text="In the product's own form, without a password."
    )
    credential_file = forms.CharField(
        label="Credential file", max_length=260, required=False,
        help_text="Path of a file on the server, mode 0600. The secret itself never comes here.",
    )  # fmt: skip
    host = forms.CharField(label="Name in the product, or account@host", max_length=253, required=False)
    path = forms.CharField(label="Folder", max_length=260, required=False)
    tag = forms.CharField(label="Tag", max_length=64, required=False)
    depth = forms.ChoiceField(label="Read back", choices=_DEPTHS)
    max_age_hours = forms.IntegerField(label="Oldest that counts, in hours", min_value=1, max_value=744, initial=24)
    offline = forms.CharField(
        label="Offline copy", max_length=200, required=False, help_text="Where it lies, such as: tape in the safe."
    )
    offline_days = forms.IntegerField(label="It keeps for days", min_value=0, max_value=36_525, initial=0)
    contract_days = forms.IntegerField(label="The contract asks for days", min_value=0, max_value=36_525, initial=0)

    def source(self, asset: str) -> Source:
        """Return what was typed."""
        said = dict(self.cleaned_data)
        return Source(
            "",
            asset,
            Product(said.pop("product")),
            max_age=timedelta(hours=said.pop("max_age_hours")),
            depth=Depth(said.pop("depth")),
            **said,
        )


def _state(line: Register, now: datetime) -> tuple[str, str]:
    if line.overdue:
        return "failed", "Overdue"
    if line.due_at <= now:
        return "pending", "Due"
    return "passed", "In time"


def _result(line: Register) -> tuple[str, str]:
    if line.newest is None:
        return "unknown", "Never tried"
    return ("passed", "Came back whole") if line.newest.passed else ("failed", "Failed")


@page()
def drill_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The register of restore drills: every plan with when it is due and what came of the last."""
    names = Names()
    listing = lists.Listing[Register](
        name="drills",
        noun="drill plans",
        columns=[
            lists.Column("asset", "Asset", lambda line: lists.text(names.asset(line.plan.asset))),
            lists.Column("state", "Due", lambda line: lists.state(*_state(line, seen.now))),
            lists.Column("due", "Next", lambda line: lists.moment(line.due_at), lambda line: line.due_at),
            lists.Column("every", "Every", lambda line: lists.text(spoken(line.plan.every))),
            lists.Column("result", "Last result", lambda line: lists.state(*_result(line))),
            lists.Column("tried", "Tried", lambda line: lists.moment(line.newest.finished_at if line.newest else None),
                         lambda line: line.newest.finished_at if line.newest else None),
            lists.Column("why", "Why", lambda line: lists.text(line.newest.sentence if line.newest else "")),
        ],
        row_url=lambda line: reverse("drill_plan", args=[line.plan.id]),
        empty=lists.Empty("No restore is drilled yet", "The IT lead plans drills on an asset's page.",
                          "database", "Go to assets", reverse("assets")),
        filters=[
            lists.Filter("state", "Due", lambda line: _state(line, seen.now)[1], lambda code: code),
            lists.Filter("result", "Result", lambda line: _result(line)[1], lambda code: code),
        ],
        sort="due",
    )  # fmt: skip
    shown = lists.build(request, listing, backups.register(seen.now))
    if isinstance(shown, HttpResponse):
        return shown
    lead = "A backup that was never restored is a hope: what is due, what is overdue, and what came back."
    return render(
        request, "list_page.html",
        {"list": shown, "title": "Restore drills", "lead": lead, "crumbs": [("Backups & drills", "backups")]},
    )  # fmt: skip


@page()
def drill_plan(request: HttpRequest, seen: Visitor, plan_id: str) -> HttpResponse:
    """Show a plan with its tried restores."""
    plan = backups.plan(plan_id)
    line = next(one for one in backups.register(seen.now, asset=plan.asset) if one.plan.id == plan_id)
    return render(
        request,
        "backups/drill_plan.html",
        {
            "plan": plan,
            "line": line,
            "asset": inventory.asset(plan.asset),
            "state": _state(line, seen.now),
            "every": spoken(plan.every),
            "against": dict(_AGAINST)[plan.against.value],
            "drills": backups.drills(asset=plan.asset),
            "may_keep": seen.has(Role.IT_LEAD),
        },
    )


@page(Role.IT_LEAD)
def drill_set(request: HttpRequest, seen: Visitor, asset_id: str) -> HttpResponse:
    """Plan restore drills of an asset."""
    asset = inventory.asset(asset_id)
    form = DrillForm(posted(request))
    context = {"form": form, "asset": asset, "heading": f"Restore drills of {asset.hostname}", "button": "Plan"}
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            made = drill_restore.set_plan(
                seen.actor, CLOCK, asset=asset_id, scratch=said["scratch"], against=Against(said["against"]),
                every=timedelta(days=said["every_days"]),
            )  # fmt: skip
        except Refused as refused:
            return render(request, "assets/form.html", context | {"refused": refused.decision})
        messages.success(request, "Planned. The first drill is due now.")
        return redirect("drill_plan", made.id)
    return render(request, "assets/form.html", context)


@page(Role.IT_LEAD)
def source_set(request: HttpRequest, seen: Visitor, asset_id: str) -> HttpResponse:
    """Say where an asset's backups or snapshots are."""
    asset = inventory.asset(asset_id)
    form = SourceForm(posted(request))
    context = {"form": form, "asset": asset, "heading": f"Backups of {asset.hostname}", "button": "Save"}
    if request.method == "POST" and form.is_valid():
        try:
            keep_backup_source.keep(seen.actor, CLOCK, form.source(asset_id))
        except Refused as refused:
            return render(request, "assets/form.html", context | {"refused": refused.decision})
        messages.success(request, "Saved. Preparing a ticket asks it for its newest backup.")
        return redirect(f"{reverse('asset', args=[asset_id])}#backup")
    return render(request, "assets/form.html", context)


@require_POST
@page(Role.IT_LEAD)
def drill_ask(request: HttpRequest, seen: Visitor, plan_id: str) -> HttpResponseRedirect:
    """Ask for a drill now."""
    drill_restore.ask_drill(seen.actor, CLOCK, plan_id)
    messages.success(request, "Asked for. The server tries it within a minute or so.")
    return redirect("drill_plan", plan_id)


@require_POST
@page(Role.IT_LEAD)
def drill_end(request: HttpRequest, seen: Visitor, plan_id: str) -> HttpResponseRedirect:
    """End a plan."""
    drill_restore.end_plan(seen.actor, CLOCK, plan_id)
    messages.success(request, "Ended. The asset has no drills planned now.")
    return redirect("drills")
