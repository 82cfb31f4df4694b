"""The register of reimage plans: which image brings which workstations back, who owns it, when it was tried."""

from datetime import datetime

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import ReimagePlan
from quarterdeck.entrypoints.web import lists, zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.ticket_forms import MomentField, TimedForm
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetKind
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import keep_reimage_plans

_CRUMBS = [("Backups & drills", "backups"), ("Reimage plans", "reimage_plans")]


class PlanForm(TimedForm):
    """Image and version, owner, the workstations that get it, when it was tried, the steps."""

    image = forms.CharField(label="Image", max_length=80, help_text="Such as: Windows 11 of the deployment share.")
    version = forms.CharField(label="Version", max_length=40, help_text="Such as: 24H2, build of October.")
    owner = forms.ChoiceField(label="Owner")
    tested_at = MomentField(label="Tried on a machine", help_text="When, for example 3 Nov 2026.")
    review_by = MomentField(label="Next review", help_text="A year at most, for example +26w.")
    assets = forms.MultipleChoiceField(label="Workstations", widget=forms.CheckboxSelectMultiple)
    steps = forms.CharField(
        label="Steps", max_length=20_000, widget=forms.Textarea(attrs={"rows": 6}),
        help_text="Who does what, and where the user's data is meanwhile.",
    )  # fmt: skip


def _state(plan: ReimagePlan, now: datetime) -> tuple[str, str]:
    return ("passed", "Counts") if now < backups.counts_until(plan) else ("failed", "Due for review")


@page()
def reimage_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every plan in force."""
    names = Names()
    listing = lists.Listing[ReimagePlan](
        name="reimage-plans",
        noun="reimage plans",
        columns=[
            lists.Column("image", "Image", lambda row: lists.text(row.image, sub=row.version)),
            lists.Column("state", "State", lambda row: lists.state(*_state(row, seen.now))),
            lists.Column("owner", "Owner", lambda row: lists.text(names.person(row.owner))),
            lists.Column("tested", "Tried", lambda row: lists.moment(row.tested_at), lambda row: row.tested_at),
            lists.Column("until", "Counts until", lambda row: lists.moment(backups.counts_until(row)),
                         backups.counts_until),
            lists.Column("assets", "Workstations", lambda row: lists.text(
                len(row.assets), sub=", ".join(names.asset(one) for one in row.assets[:3])),
                lambda row: len(row.assets)),
        ],
        row_url=lambda row: reverse("reimage_plan", args=[row.id]),
        empty=lists.Empty("No reimage plan yet", "A workstation may be imaged anew instead of restored; the IT lead "
                          "says by which image.", "database", "Back to backups", reverse("backups")),
        filters=[lists.Filter("state", "State", lambda row: _state(row, seen.now)[1], lambda code: code)],
        sort="image",
    )  # fmt: skip
    shown = lists.build(request, listing, backups.reimage_plans())
    if isinstance(shown, HttpResponse):
        return shown
    add = {"url": reverse("reimage_set"), "icon": "plus", "label": "Set a plan", "primary": True}
    lead = "Workstations that are imaged anew instead of restored. A server that holds CUI always needs a backup."
    context = {"list": shown, "title": "Reimage plans", "lead": lead, "crumbs": [("Backups & drills", "backups")],
               "acts": [add] if seen.has(Role.IT_LEAD) else []}  # fmt: skip
    return render(request, "list_page.html", context)


@page()
def reimage_plan(request: HttpRequest, seen: Visitor, plan_id: str) -> HttpResponse:
    """Show one plan."""
    plan, names = backups.reimage_plan(plan_id), Names()
    context = {
        "plan": plan,
        "state": _state(plan, seen.now),
        "until": backups.counts_until(plan),
        "owner": names.person(plan.owner),
        "assets": [(one, names.asset(one)) for one in plan.assets],
        "may_keep": seen.has(Role.IT_LEAD),
    }
    return render(request, "backups/reimage_plan.html", context)


@page(Role.IT_LEAD)
def reimage_set(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Set the plan of an image; a plan of the same image is replaced."""
    form = PlanForm(posted(request), zone=zones.zone_of(request), now=seen.now)
    people = [(one.id, one.name) for one in personnel.people() if one.active]
    machines = [(one.id, one.hostname) for one in inventory.assets() if one.asset_kind is AssetKind.WORKSTATION]
    form.fields["owner"] = forms.ChoiceField(label="Owner", choices=people)
    form.fields["assets"] = forms.MultipleChoiceField(
        label="Workstations", choices=machines, widget=forms.CheckboxSelectMultiple
    )
    form.order_fields(["image", "version", "owner", "tested_at", "review_by", "assets", "steps"])
    context: dict[str, object] = {"form": form, "heading": "Reimage plan", "button": "Set", "crumbs": _CRUMBS}
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        plan = ReimagePlan(
            "", said["image"].strip(), said["version"].strip(), said["owner"], said["tested_at"], said["review_by"], "",
            tuple(said["assets"]),
        )  # fmt: skip
        try:
            made = keep_reimage_plans.set_plan(seen.actor, CLOCK, plan, said["steps"])
        except Refused as refused:
            return render(request, "assets/form.html", context | {"refused": refused.decision})
        messages.success(request, "Set. Preparing a ticket leans on it where no backup source is named.")
        return redirect("reimage_plan", made.id)
    return render(request, "assets/form.html", context)


@require_POST
@page(Role.IT_LEAD)
def reimage_end(request: HttpRequest, seen: Visitor, plan_id: str) -> HttpResponseRedirect:
    """End a plan."""
    keep_reimage_plans.end_plan(seen.actor, CLOCK, plan_id)
    messages.success(request, "Ended. Its workstations now need a backup or another plan.")
    return redirect("reimage_plans")
