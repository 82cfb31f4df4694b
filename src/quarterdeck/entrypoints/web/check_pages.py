"""Checks that are made of assets before and after work: their register, one page to define and one to change."""

from collections.abc import Mapping
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
from quarterdeck.entrypoints.web.words import called
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import CHECK_VALUES, CheckFields, CheckKind, CheckPhase, CheckView
from quarterdeck.kernel.decision import Decision, Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tools import api as tools
from quarterdeck.tools.api import ItemKind
from quarterdeck.workflows import keep_checks

KINDS: Mapping[CheckKind, tuple[str, str]] = {
    CheckKind.SERVICE: ("A service runs", "Asks the system whether a service is active."),
    CheckKind.DISK: ("Disk space", "Asks how much is free on the file system of a folder."),
    CheckKind.TCP: ("A port answers", "Connects from the target, so that a database it needs can be named too."),
    CheckKind.HTTP: ("A page answers", "Fetches one address from the target: status, and words that must be in it."),
    CheckKind.CERTIFICATE: ("A certificate is valid", "Of a server, or in a file on the target."),
    CheckKind.SHARE: ("Permissions of a CUI share", "Owner, group, permissions and access lists give nobody too much."),
    CheckKind.REBOOT: ("No restart is pending", "Neither the distribution's flag nor a kernel newer than its own."),
    CheckKind.CLOCK: ("The clock is synchronised", "A time source keeps the kernel's clock."),
    CheckKind.INTEGRATION: ("Integration test", "Runs a registered mechanism that tests the application."),
    CheckKind.MECHANISM: ("Registered command", "Runs a registered mechanism and wants its result."),
}
_WHEN = {
    CheckPhase.BOTH: "Before and after",
    CheckPhase.BEFORE: "Before work opens",
    CheckPhase.AFTER: "After the work",
}


class CheckForm(forms.Form):
    """A check of one kind: its name, when, where, and the values of the kind."""

    name = forms.CharField(label="Name", max_length=120)
    phase = forms.ChoiceField(label="When", choices=[(one.value, words) for one, words in _WHEN.items()])

    def __init__(self, kind: CheckKind, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        self.kind = kind
        for name, (_, usual, words) in CHECK_VALUES[kind].items():
            if name == "sha256":
                continue
            label = name.replace("_", " ").capitalize().replace("mb", "MB")
            if name == "item":
                self.fields[name] = forms.ChoiceField(label="Mechanism", choices=_mechanisms())
            else:
                self.fields[name] = forms.CharField(
                    label=label, required=usual is None, initial=usual, help_text=words, max_length=300
                )
        self.fields["assets"] = forms.MultipleChoiceField(
            label="Made of", required=False, widget=forms.CheckboxSelectMultiple,
            choices=[(one.id, one.hostname) for one in inventory.assets()],
        )  # fmt: skip

    def values(self) -> dict[str, str]:
        """Return the values of the kind as typed."""
        return {name: self.cleaned_data[name] for name in CHECK_VALUES[self.kind] if name in self.fields}


def _mechanisms() -> list[tuple[str, str]]:
    return [
        (one.id, f"{one.name} {one.version}") for one in tools.items() if one.kind is ItemKind.MECHANISM and one.sha256
    ]


def _listing(names: Names, seen: Visitor) -> lists.Listing[CheckView]:
    def said(row: CheckView) -> str:
        return ", ".join(
            f"{key} {value}" for key, value in row.values.items() if value and key not in ("sha256", "item")
        )

    return lists.Listing(
        name="checks",
        noun="checks",
        columns=[
            lists.Column("name", "Check", lambda row: lists.text(row.name, sub=KINDS[row.kind][0])),
            lists.Column("when", "When", lambda row: lists.text(_WHEN[row.phase])),
            lists.Column("what", "What", lambda row: lists.mono(said(row))),
            lists.Column("assets", "Made of", lambda row: lists.mono(", ".join(names.asset(a) for a in row.assets))),
        ],
        row_url=lambda row: reverse("check", args=[row.id]) if seen.has(Role.IT_LEAD) else "",
        empty=lists.Empty(
            "No check is defined yet",
            "Reachable, disk, clock and dependencies are looked at for every target. What else must be well goes here.",
            "checklist",
            "Define the first",
            reverse("check_kinds"),
        ),
        filters=[
            lists.Filter("kind", "Kind", lambda row: row.kind.value, called),
            lists.Filter("when", "When", lambda row: row.phase.value, called),
        ],
        sort="name",
    )


@page()
def check_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """The checks that are defined."""
    shown = lists.build(request, _listing(Names(), seen), inventory.checks(), offers=seen.has(Role.IT_LEAD))
    if isinstance(shown, HttpResponse):
        return shown
    acts = []
    if seen.has(Role.IT_LEAD):
        acts.append({"url": reverse("check_kinds"), "icon": "plus", "label": "Define a check", "key": "n",
                     "primary": True})  # fmt: skip
    lead = "What must be well before work opens and before a ticket closes. Each is part of what is approved."
    context = {"list": shown, "title": "Checks", "lead": lead, "acts": acts, "crumbs": (("Registers", "registers"),)}
    return render(request, "list_page.html", context)


@page(Role.IT_LEAD)
def check_kinds(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Choose what the new check looks at."""
    kinds = [{"code": kind.value, "label": label, "said": said} for kind, (label, said) in KINDS.items()]
    return render(request, "registers/check_kinds.html", {"kinds": kinds})


@page(Role.IT_LEAD)
def check_define(request: HttpRequest, seen: Visitor, kind: str) -> HttpResponse:
    """Define a check of one kind."""
    if kind not in set(CheckKind):
        return redirect("check_kinds")
    chosen = CheckKind(kind)
    form, refused = CheckForm(chosen, posted(request)), None
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        fields = CheckFields(chosen, said["name"], said["phase"], form.values(), tuple(said["assets"]))
        try:
            keep_checks.define(seen.actor, CLOCK, fields)
            messages.success(request, "Defined. Tickets for these assets are approved with it from now on.")
            return redirect("checks")
        except Refused as error:
            refused = error.decision
    return _form(request, form, KINDS[chosen][0], KINDS[chosen][1], "Define", refused)


@page(Role.IT_LEAD)
def check_change(request: HttpRequest, seen: Visitor, check_id: str) -> HttpResponse:
    """Change a check, or take it out of use."""
    before = inventory.check(check_id)
    now: dict[str, Any] = {**before.values, "name": before.name, "phase": before.phase, "assets": list(before.assets)}
    form, refused = CheckForm(before.kind, posted(request), initial=now), None
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        changes = {"name": said["name"], "phase": said["phase"], "values": form.values(), "assets": said["assets"]}
        try:
            keep_checks.change(seen.actor, CLOCK, check_id, changes)
            messages.success(request, "Changed. Tickets that were approved with it are approved anew.")
            return redirect("checks")
        except Refused as error:
            refused = error.decision
    more = {"withdraw_url": reverse("check_withdraw", args=[check_id])} if before.active else {}
    return _form(request, form, before.name, KINDS[before.kind][1], "Change", refused, more)


@page(Role.IT_LEAD)
@require_POST
def check_withdraw(request: HttpRequest, seen: Visitor, check_id: str) -> HttpResponse:
    """Take a check out of use."""
    try:
        keep_checks.withdraw(seen.actor, CLOCK, check_id)
        messages.success(request, "It is out of use.")
    except Refused as error:
        messages.error(request, str(error))
    return redirect("checks")


def _form(
    request: HttpRequest,
    form: CheckForm,
    heading: str,
    lead: str,
    button: str,
    refused: Decision | None,
    more: Mapping[str, str] | None = None,
) -> HttpResponse:
    context = {"form": form, "heading": heading, "lead": lead, "button": button, "refused": refused, **(more or {})}
    return render(request, "registers/check_form.html", context)
