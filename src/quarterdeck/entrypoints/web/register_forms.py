"""Forms of the registers."""

import hashlib
from typing import Any, ClassVar

from django import forms

from quarterdeck.entrypoints.web.ticket_forms import options
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import EntryPointFields, EntryPointKind, SecondFactor
from quarterdeck.personnel import api as personnel
from quarterdeck.tools.api import InspectionOutcome, ItemFields, ItemKind

_KIND_WORDS = {
    ItemKind.TOOL: "Tool: a program or a device",
    ItemKind.TECHNIQUE: "Technique: a written procedure",
    ItemKind.MECHANISM: "Mechanism: a script, playbook or scheduled job",
}


def _people() -> list[tuple[str, str]]:
    return [("", "Choose"), *((p.id, p.name) for p in personnel.people() if p.active)]


class ItemForm(forms.Form):
    """A tool, technique or mechanism."""

    kind = forms.ChoiceField(
        label="Kind", choices=[(k.value, w) for k, w in _KIND_WORDS.items()], widget=forms.RadioSelect
    )
    name = forms.CharField(label="Name", max_length=120)
    version = forms.CharField(label="Version", max_length=60)
    file = forms.FileField(
        label="Its file", required=False, help_text="Only its SHA-256 is taken; the file is not kept."
    )
    sha256 = forms.RegexField(
        label="Or its SHA-256", regex=r"^[0-9a-f]{64}$", required=False, help_text="64 hex digits."
    )
    source = forms.CharField(label="Source", max_length=300, required=False)
    licence = forms.CharField(label="Licence", max_length=120, required=False)
    owner = forms.ChoiceField(label="Owner")
    review_due = forms.DateField(label="Review due", widget=forms.DateInput(attrs={"type": "date"}))
    inside_boundary = forms.BooleanField(label="Runs inside the boundary", required=False, initial=True)
    needed: ClassVar = dict.fromkeys(("file", "sha256"), "one of the two; a tool may go without")

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        self.fields["owner"] = forms.ChoiceField(label="Owner", choices=_people())

    def clean(self) -> dict[str, Any]:
        """A technique or mechanism needs its file or the hash of it; a tool may be a device without either."""
        said: dict[str, Any] = super().clean() or {}
        given = said.get("file") or said.get("sha256") or "sha256" in self.errors
        if said.get("kind") not in (None, ItemKind.TOOL.value) and not given:
            self.add_error("file", "Give the file, or its SHA-256 below.")
        return said

    def item(self) -> ItemFields:
        """Return what was typed, the hash of the file where one was given."""
        said = {name: value for name, value in self.cleaned_data.items() if name != "file"}
        given = self.cleaned_data["file"]
        if given:
            digest = hashlib.sha256()
            for chunk in given.chunks():
                digest.update(chunk)
            said["sha256"] = digest.hexdigest()
        return ItemFields(**said)


class InspectionForm(forms.Form):
    """What an inspection found."""

    outcome = forms.ChoiceField(label="Outcome", choices=options(InspectionOutcome), widget=forms.RadioSelect)
    record = forms.FileField(label="Record of it", required=False)


class EntryPointForm(forms.Form):
    """A way in that is not the gate."""

    kind = forms.ChoiceField(label="Kind", choices=options(EntryPointKind))
    name = forms.CharField(label="Name", max_length=120)
    mfa = forms.ChoiceField(label="Second factor", choices=options(SecondFactor))
    termination = forms.CharField(label="How a session ends", max_length=300, required=False)
    log_source = forms.CharField(label="Where it is logged", max_length=300, required=False)
    owner = forms.ChoiceField(label="Owner", required=False)
    review_due = forms.DateField(label="Review due", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    assets = forms.MultipleChoiceField(label="Leads to", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        for name, choices in (("owner", _people()), ("assets", [(a.id, a.hostname) for a in inventory.assets()])):
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = choices

    def entry_point(self) -> EntryPointFields:
        """Return what was typed."""
        said = dict(self.cleaned_data)
        return EntryPointFields(**(said | {"assets": tuple(said["assets"])}))
