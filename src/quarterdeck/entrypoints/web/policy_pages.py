"""The policy: its settings and rows, who changed them when and why, and the forms that change one (IT lead)."""

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse

from quarterdeck.entrypoints.web import policy_words, stepup
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.ticket_forms import ReasonForm, options
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Before, MaintenanceType, Method, PolicyRow, Risk, RowTerms, State, WorkClass
from quarterdeck.workflows import keep_policy

_DECIDED = (State.SUBMITTED, State.APPROVED, State.SCHEDULED)
_BEFORE = {Before.APPROVE: "before approval", Before.OPEN: "before opening", Before.CLOSE: "before closing"}
_UNITS = ((1440, "days"), (60, "hours"), (1, "minutes"))
_MOST_MINUTES, _OLDEST_DAYS = 1440, 366
_MINUTES_WANTED = f"A whole number of minutes is wanted, from 0 to {_MOST_MINUTES:,} (one day)."
_AGE_WANTED = f"A whole number from 1 on is wanted, at most {_OLDEST_DAYS} days; leave it empty for no limit."


def _words_for_number(said: str) -> dict[str, str]:
    return dict.fromkeys(("invalid", "min_value", "max_value"), said)


@page()
def policy(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The policy in force, and every version before it."""
    found, names = tickets.policy(), Names()
    context: dict[str, Any] = {
        "version": found.version,
        "may": seen.has(Role.IT_LEAD),
        "settings": [
            (name, *policy_words.SETTINGS[name], policy_words.setting_value(name, value))
            for name, value in _settings(found).items()
            if name in policy_words.SETTINGS
        ],
        "rows": [
            (row, tickets.HOLD_POINTS[row.hold_point], policy_words.about(row), policy_words.asks(row))
            for row in found.rows
        ],
        "history": [
            (one, names.person(one.by), [policy_words.change_words(change) for change in one.changes])
            for one in tickets.policy_history()
        ],
    }
    return render(request, "setup/policy.html", context)


def _settings(found: tickets.Policy) -> dict[str, object]:
    return {name: found.settings.get(name, usual) for name, usual in tickets.DEFAULT_SETTINGS.items()}


class PolicyForm(ReasonForm):
    """A change of the policy; its reason is looked at with the rest, so that every fault is told in one turn."""

    def clean_reason(self) -> str:
        """Return the reason; the sentence of the rule where it is none."""
        said = str(self.cleaned_data["reason"])
        faults = tickets.usable_reason(said).reasons
        if faults:
            raise forms.ValidationError([f"{one.sentence} {one.next_step}" for one in faults])
        return said


class YesNoForm(PolicyForm):
    """A setting that is yes or no."""

    value = forms.ChoiceField(label="Value", choices=[("yes", "Yes"), ("no", "No")], widget=forms.RadioSelect)
    field_order = ["value", "reason"]

    def value_said(self) -> bool:
        """Return the value."""
        return bool(self.cleaned_data["value"] == "yes")


class MinutesForm(PolicyForm):
    """A setting that is a number of minutes."""

    value = forms.IntegerField(
        label="Minutes", min_value=0, max_value=_MOST_MINUTES, error_messages=_words_for_number(_MINUTES_WANTED)
    )
    field_order = ["value", "reason"]

    def value_said(self) -> int:
        """Return the value."""
        return int(self.cleaned_data["value"])


@page(Role.IT_LEAD)
def policy_setting(request: HttpRequest, seen: Visitor, name: str) -> HttpResponse:
    """Change one setting: the value, the reason, and what it does to work that is approved already."""
    if name not in policy_words.SETTINGS:
        raise Http404
    found = tickets.policy()
    now = _settings(found)[name]
    kind = YesNoForm if isinstance(now, bool) else MinutesForm
    form = kind(posted(request), initial={"value": ("yes" if now else "no") if isinstance(now, bool) else now})
    title, lead = policy_words.SETTINGS[name]
    context = _context(request, seen, form, title, lead)
    if request.method == "POST" and context["code_form"] is None and form.is_valid():
        try:
            version = keep_policy.change_setting(
                seen.actor, CLOCK, name, form.value_said(), reason=form.cleaned_data["reason"], seen=_seen(request)
            )
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            return _adopted(request, version)
    return render(request, "setup/policy_change.html", context)


class RowForm(PolicyForm):
    """A row of the policy: about which work and assets, how old and how graded its facts, what becomes of it."""

    asset_class = forms.ChoiceField(
        label="Assets", choices=[(code, word[:1].upper() + word[1:]) for code, word in policy_words.CLASSES.items()]
    )
    work_classes = forms.MultipleChoiceField(
        label="Work classes", choices=options(WorkClass), required=False, widget=forms.CheckboxSelectMultiple,
        help_text="None ticked means all.",
    )  # fmt: skip
    maintenance_types = forms.MultipleChoiceField(
        label="Maintenance types", choices=options(MaintenanceType), required=False,
        widget=forms.CheckboxSelectMultiple, help_text="None ticked means all.",
    )  # fmt: skip
    methods = forms.MultipleChoiceField(
        label="Methods", choices=options(Method), required=False, widget=forms.CheckboxSelectMultiple,
        help_text="None ticked means all.",
    )  # fmt: skip
    risks = forms.MultipleChoiceField(
        label="Risks", choices=options(Risk), required=False, widget=forms.CheckboxSelectMultiple,
        help_text="None ticked means all.",
    )  # fmt: skip
    age = forms.IntegerField(
        label="Maximum age", min_value=1, max_value=_OLDEST_DAYS * 1440, required=False, help_text="Empty: no limit.",
        error_messages=_words_for_number(_AGE_WANTED),
    )  # fmt: skip
    age_unit = forms.TypedChoiceField(label="Counted in", choices=[(size, word) for size, word in _UNITS], coerce=int)
    minimum_grade = forms.ChoiceField(
        label="Minimum grade",
        choices=[("attached", "Attached by a person is enough"), ("captured", "Captured by the system")],
    )  # fmt: skip
    deferrable = forms.BooleanField(label="The approver may defer it, with a reason", required=False)
    flag_only = forms.BooleanField(label="It shows a flag and stops nothing", required=False)
    field_order = [
        "asset_class", "work_classes", "maintenance_types", "methods", "risks", "age", "age_unit", "minimum_grade",
        "deferrable", "flag_only", "reason",
    ]  # fmt: skip

    def __init__(self, data: QueryDict | None, row: PolicyRow) -> None:
        super().__init__(data, initial=_initial(row))
        self.has_facts = bool(row.fact_kinds)
        if not self.has_facts:
            # A row that asks for no fact has nothing that could be old or graded.
            for name in ("age", "age_unit", "minimum_grade"):
                del self.fields[name]

    def clean(self) -> None:
        """Count the age in the unit that was chosen: so many days may be more than a year."""
        super().clean()
        age, unit = self.cleaned_data.get("age"), self.cleaned_data.get("age_unit")
        if age and unit and age * unit > _OLDEST_DAYS * 1440:
            self.add_error("age", _AGE_WANTED)

    def terms(self) -> RowTerms:
        """Return what the form says of the row."""
        said = self.cleaned_data
        aged = (said["age"] or 0) * said["age_unit"] if self.has_facts else 0
        return RowTerms(
            asset_class=said["asset_class"],
            work_classes=tuple(said["work_classes"]),
            maintenance_types=tuple(said["maintenance_types"]),
            methods=tuple(said["methods"]),
            risks=tuple(said["risks"]),
            maximum_age=timedelta(minutes=aged) if self.has_facts else None,
            minimum_grade=said["minimum_grade"] if self.has_facts else None,
            deferrable=said["deferrable"],
            flag_only=said["flag_only"],
        )


def _initial(row: PolicyRow) -> dict[str, Any]:
    found: dict[str, Any] = {
        "asset_class": row.asset_class, "work_classes": row.work_classes, "maintenance_types": row.maintenance_types,
        "methods": row.methods, "risks": row.risks, "minimum_grade": row.minimum_grade, "deferrable": row.deferrable,
        "flag_only": row.flag_only, "age_unit": 60,
    }  # fmt: skip
    if row.maximum_age is not None:
        minutes = int(row.maximum_age.total_seconds()) // 60
        size = next(size for size, _word in _UNITS if minutes % size == 0)
        found |= {"age": minutes // size, "age_unit": size}
    return found


@page(Role.IT_LEAD)
def policy_row(request: HttpRequest, seen: Visitor, hold_point: str) -> HttpResponse:
    """Change one hold point's row."""
    rows = [row for row in tickets.policy().rows if row.hold_point == hold_point]
    if len(rows) != 1:
        raise Http404
    point = tickets.HOLD_POINTS[hold_point]
    form = RowForm(posted(request), rows[0])
    asked = policy_words.asks(rows[0])
    lead = f"{hold_point}, {_BEFORE[point.before]}, {point.control}.{f' Asks for: {asked}.' if asked else ''}"
    context = _context(request, seen, form, point.label, lead)
    if request.method == "POST" and context["code_form"] is None and form.is_valid():
        try:
            version = keep_policy.change_row(
                seen.actor, CLOCK, hold_point, form.terms(), reason=form.cleaned_data["reason"], seen=_seen(request)
            )
        except Refused as refused:
            context["refused"] = refused.decision
        else:
            return _adopted(request, version)
    return render(request, "setup/policy_change.html", context)


def _context(request: HttpRequest, seen: Visitor, form: forms.Form, title: str, lead: str) -> dict[str, Any]:
    live = tickets.tickets()
    return {
        "form": form,
        "code_form": stepup.code_form(request, seen),
        "title": title,
        "lead": lead,
        "version": tickets.policy().version,
        "decided": [one.number for one in live if one.state in _DECIDED],
        "open": [one.number for one in live if one.state is State.OPEN],
    }


def _seen(request: HttpRequest) -> int:
    said = request.POST.get("version", "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 10 else 0


def _adopted(request: HttpRequest, version: int) -> HttpResponse:
    messages.success(request, f"Adopted: version {version} of the policy is in force.")
    return redirect(f"{reverse('policy')}#history")
