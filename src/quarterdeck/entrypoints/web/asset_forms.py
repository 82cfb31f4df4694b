"""Forms of the inventory: an asset, a way to reach it, a way in that is not ours."""

from typing import Any

from django import forms

from quarterdeck.entrypoints.web.ticket_forms import options
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import (
    AssetCategory,
    AssetFields,
    AssetKind,
    ConnectionFields,
    Criticality,
    Elevation,
    Environment,
    Platform,
    Recurrence,
)
from quarterdeck.personnel import api as personnel

_CATEGORY_HELP = {
    AssetCategory.CUI_ASSET: "CUI asset: processes, stores or transmits CUI",
    AssetCategory.SECURITY_PROTECTION: "Security protection asset: protects the others",
    AssetCategory.CONTRACTOR_RISK_MANAGED: "Contractor risk managed: could, but policy keeps CUI away",
    AssetCategory.SPECIALIZED: "Specialized: OT, IoT, test equipment, government property",
    AssetCategory.OUT_OF_SCOPE: "Out of scope: physically or logically apart",
}


class AssetForm(forms.Form):
    """All that a person says of an asset."""

    hostname = forms.CharField(label="Host name", max_length=253, help_text="Lower case, as in DNS.")
    title = forms.CharField(label="What it is for", max_length=160, required=False)
    asset_kind = forms.ChoiceField(label="Kind", choices=options(AssetKind))
    category = forms.ChoiceField(
        label="Category (32 CFR 170.19)", choices=[(one.value, said) for one, said in _CATEGORY_HELP.items()]
    )
    category_reason = forms.CharField(label="Why this category", max_length=300, required=False)
    handles_cui = forms.BooleanField(label="Handles CUI", required=False)
    owner = forms.ChoiceField(label="Owner", required=False)
    location = forms.CharField(label="Location", max_length=120, required=False)
    criticality = forms.ChoiceField(label="Criticality", choices=options(Criticality), initial="moderate")
    environment = forms.ChoiceField(label="Environment", choices=options(Environment))
    operating_system = forms.CharField(label="Operating system", max_length=120, required=False)
    firmware = forms.CharField(label="Firmware", max_length=120, required=False)
    patch_level = forms.CharField(label="Patch level", max_length=120, required=False)
    depends_on = forms.MultipleChoiceField(label="Depends on", required=False, widget=forms.CheckboxSelectMultiple)
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *arguments: Any, but_not: str = "", **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        people = [("", "Nobody yet"), *((p.id, p.name) for p in personnel.people() if p.active)]
        others = [(one.id, one.hostname) for one in inventory.assets() if one.id != but_not]
        for name, choices in (("owner", people), ("depends_on", others)):
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = choices

    def asset(self, window: Recurrence | None = None) -> AssetFields:
        """Return what was typed; the recurring window stays as it was."""
        said = {name: value for name, value in self.cleaned_data.items() if name not in {"version", "depends_on"}}
        return AssetFields(**said, depends_on=tuple(self.cleaned_data["depends_on"]), maintenance_window=window)


class ConnectionForm(forms.Form):
    """How an asset is reached; part of what is approved."""

    address = forms.CharField(label="Address", max_length=253)
    port = forms.IntegerField(label="Port", min_value=1, max_value=65535, initial=22)
    target_account = forms.CharField(label="Account on the target", max_length=32)
    elevation = forms.ChoiceField(label="Elevation", choices=options(Elevation))
    platform = forms.ChoiceField(
        label="Platform", choices=options(Platform), initial=Platform.UNIX, required=False,
        help_text="What answers there. It decides how the place is measured before and after the work. Windows is "
        "tested on transcripts, devices on transcripts and a simulated device.",
    )  # fmt: skip
    host_identity = forms.CharField(
        label="Host key", max_length=1400, required=False, widget=forms.Textarea(attrs={"rows": 2, "class": "mono"}),
        help_text="One line such as ecdsa-sha2-nistp256 AAAA… from the target's console. Without it nothing opens.",
    )  # fmt: skip
    watched_roots = forms.CharField(
        label="Watched folders", required=False, widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
        help_text="One a line; they are measured before and after the work.",
    )  # fmt: skip

    def connection(self) -> ConnectionFields:
        """Return what was typed."""
        said = dict(self.cleaned_data)
        roots = tuple(dict.fromkeys(line.strip() for line in said.pop("watched_roots").splitlines() if line.strip()))
        said["platform"] = said["platform"] or Platform.UNIX
        return ConnectionFields(**said, watched_roots=roots)
