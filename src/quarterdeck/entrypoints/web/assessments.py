"""Assessments: which packages and tickets they used, and the CMMC status date that begins six years of keeping."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import AssessmentKind, AssessmentView, OrderState
from quarterdeck.entrypoints.web import lists
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.retention import api as retention
from quarterdeck.workflows import keep_evidence

KIND_LABELS = {
    AssessmentKind.SELF: "Self-assessment", AssessmentKind.C3PAO: "C3PAO", AssessmentKind.DIBCAC: "DIBCAC",
}  # fmt: skip
_DAY = {"type": "date"}


class AssessmentForm(forms.Form):
    """Who assessed, with which packages, and since when the status holds."""

    kind = forms.ChoiceField(label="Kind", choices=[(kind.value, label) for kind, label in KIND_LABELS.items()])
    packages = forms.MultipleChoiceField(
        label="Packages that the assessor got", required=False, widget=forms.CheckboxSelectMultiple
    )
    tickets = forms.CharField(label="Further tickets", required=False, help_text="Numbers, separated by spaces.")
    status_at = forms.DateField(
        label="CMMC status date",
        required=False,
        widget=forms.DateInput(attrs=_DAY),
        help_text="Empty while there is none: its evidence is kept without an end until then.",
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        made = [(one.id, one.base) for one in assessor.orders() if one.state is OrderState.DONE]
        self.fields["packages"] = forms.MultipleChoiceField(
            label="Packages that the assessor got", required=False, choices=made, widget=forms.CheckboxSelectMultiple
        )


class StatusForm(forms.Form):
    """The CMMC status date."""

    status_at = forms.DateField(label="CMMC status date", widget=forms.DateInput(attrs=_DAY))


@page(*retention.READERS)
def assessment_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every assessment; the IT lead records one."""
    names, may = Names(), seen.has(Role.IT_LEAD)
    form = AssessmentForm(posted(request))
    refused_for = None
    if request.method == "POST" and may and form.is_valid():
        said = form.cleaned_data
        try:
            keep_evidence.record_assessment(
                seen.actor,
                CLOCK,
                AssessmentKind(said["kind"]),
                packages=said["packages"],
                numbers=said["tickets"].split(),
                status_at=said["status_at"],
            )
        except Refused as refused:
            refused_for = refused.decision
        else:
            messages.success(request, "Recorded. What it used is kept six years from its CMMC status date.")
            return redirect("assessments")
    listing = lists.Listing[AssessmentView](
        name="assessments",
        noun="assessments",
        columns=[
            lists.Column("kind", "Kind", lambda row: lists.text(KIND_LABELS[row.kind])),
            lists.Column("status", "CMMC status date", lambda row: lists.moment(row.status_at, "date"),
                         lambda row: row.status_at),
            lists.Column("packages", "Packages", lambda row: lists.text(len(row.packages))),
            lists.Column("tickets", "Tickets", lambda row: lists.text(len(row.tickets))),
            lists.Column("by", "Recorded by", lambda row: lists.text(names.person(row.by))),
            lists.Column("at", "Recorded", lambda row: lists.moment(row.at), lambda row: row.at),
        ],
        row_url=lambda row: reverse("assessment", args=[row.id]),
        empty=lists.Empty("No assessment yet", "Record each assessment with the packages that it used: its evidence is "
                          "kept six years from its CMMC status date.", "file-check"),
        sort="-at",
    )  # fmt: skip
    shown = lists.build(request, listing, assessor.assessments())
    if isinstance(shown, HttpResponse):
        return shown
    lead = "The evidence of an assessment is kept six years from its CMMC status date (32 CFR 170.16, 170.17)."
    crumbs = (("Evidence", "evidence"), ("Retention", "retention"))
    context = {"list": shown, "title": "Assessments", "lead": lead, "crumbs": crumbs, "form": form, "may": may}
    return render(request, "evidence/assessments.html", context | {"refused": refused_for})


@page(*retention.READERS)
def assessment(request: HttpRequest, seen: Visitor, assessment_id: str) -> HttpResponse:
    """One assessment; the IT lead tells its status date."""
    found, form = assessor.assessment(assessment_id), StatusForm(posted(request))
    context: dict[str, Any] = {
        "one": found, "kind": KIND_LABELS[found.kind], "by": Names().person(found.by), "form": form,
        "may": seen.has(Role.IT_LEAD),
    }  # fmt: skip
    if request.method == "POST" and form.is_valid():
        try:
            keep_evidence.date_assessment(seen.actor, CLOCK, assessment_id, form.cleaned_data["status_at"])
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            messages.success(request, "Recorded. An earlier date still counts where it keeps longer.")
            return redirect("assessment", assessment_id)
    return render(request, "evidence/assessment.html", context)
