"""Forms of tickets: typed times, choices from the registers, and the `Content` that comes out. No rule of its own."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.urls import reverse

from quarterdeck.entrypoints.web import allowing, rollback_fields
from quarterdeck.entrypoints.web.typed_times import NotAMoment, read_moment
from quarterdeck.entrypoints.web.ways import PREFIX as WAY
from quarterdeck.entrypoints.web.ways import initial_ways, place, way_fields
from quarterdeck.entrypoints.web.words import called
from quarterdeck.entrypoints.web.zones import shown
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.api import Action, Content, MaintenanceType, Method, Risk, TicketAsset, TicketView
from quarterdeck.tools import api as tools
from quarterdeck.tools.api import ItemState

_AREA = {"rows": 4}


def options(words: Iterable[Any]) -> list[tuple[str, str]]:
    """Return an enum's members as choices in plain words."""
    return [(word.value, called(word.value)[:1].upper() + called(word.value)[1:]) for word in words]


class MomentField(forms.CharField):
    """A moment as people type it; needs `zone` and `now`, and `base` for lengths such as +4h."""

    zone: ZoneInfo
    now: datetime
    base: datetime | None = None

    def to_python(self, value: object) -> Any:  # noqa: ANN401  Django's field protocol
        """Return the aware UTC moment; ValidationError with the sentence when the text is none."""
        text = super().to_python(value)
        if text in self.empty_values:
            return None
        try:
            return read_moment(str(text), self.zone, self.now, base=self.base)
        except NotAMoment as error:
            raise forms.ValidationError(str(error)) from error


class TimedForm(forms.Form):
    """A form whose moments are read in the person's zone."""

    def __init__(self, *arguments: Any, zone: ZoneInfo, now: datetime, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        for field in self.fields.values():
            if isinstance(field, MomentField):
                field.zone, field.now = zone, now


def _lines(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line.strip() for line in text.splitlines() if line.strip()))


class TicketForm(TimedForm):
    """Everything that a person writes in a ticket."""

    title = forms.CharField(label="What is done, in one line", max_length=160)
    maintenance_type = forms.ChoiceField(label="Why", choices=options(MaintenanceType))
    action = forms.ChoiceField(label="Kind of work", choices=options(Action))
    method = forms.ChoiceField(label="How it is reached", choices=options(Method))
    risk = forms.ChoiceField(label="Risk", choices=options(Risk), initial=Risk.MODERATE.value)
    emergency = forms.BooleanField(
        label="Emergency: it can't wait for both approvals",
        required=False,
        help_text="Impact, second factor and recording stay; the ratification is due within two business days.",
    )
    assets = forms.MultipleChoiceField(label="Assets", widget=forms.CheckboxSelectMultiple)
    window_from = MomentField(
        label="From", widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"})
    )
    window_until = MomentField(
        label="Until", widget=forms.TextInput(attrs={"class": "form-control", "autocomplete": "off"})
    )
    technicians = forms.MultipleChoiceField(
        label="Technicians", required=False, widget=forms.CheckboxSelectMultiple,
        help_text="People who do the work; they can't approve it.",
    )  # fmt: skip
    pool_id = forms.ChoiceField(label="Or the authorised people of a vendor", required=False)
    agreement_id = forms.ChoiceField(label="Vendor agreement", required=False)
    escort = forms.ChoiceField(label="Escort", required=False)
    plan = forms.CharField(label="Plan", required=False, widget=forms.Textarea(attrs={"rows": 7}), max_length=20_000)
    impact = forms.CharField(label="Impact", required=False, widget=forms.Textarea(attrs=_AREA), max_length=20_000)
    rollback = forms.CharField(label="Rollback", required=False, widget=forms.Textarea(attrs=_AREA), max_length=20_000)
    rollback_minutes = rollback_fields.minutes_field()
    rollback_trigger = rollback_fields.trigger_field()
    rollback_steps = rollback_fields.steps_field()
    rollback_boots = rollback_fields.boots_field()
    boot_media = forms.ChoiceField(label="Known-good boot media", required=False)
    items = forms.MultipleChoiceField(
        label="Tools, techniques, mechanisms", required=False, widget=forms.CheckboxSelectMultiple
    )
    expected_paths = forms.CharField(
        label="Paths and packages expected to change", required=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
        help_text="One a line, for example /etc/nginx/nginx.conf or package:openssl. All else needs an explanation.",
    )  # fmt: skip
    conflicts_with = forms.CharField(
        label="Tickets that may overlap", required=False, help_text="Numbers; each must name the other."
    )
    forbidden = allowing.forbidden_field()
    from_target = allowing.leaving_field()
    version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *arguments: Any, zone: ZoneInfo, now: datetime, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, zone=zone, now=now, **named)
        self.places = {one.id: one for one in inventory.assets()}
        self.fields |= way_fields(self.places.values())
        people = [person for person in personnel.people() if person.active]
        doers, escorts = personnel.holders(Role.TECHNICIAN, now), personnel.holders(Role.ESCORT, now)
        none = [("", "None")]
        self._choose("assets", [(one.id, _asset_words(one)) for one in self.places.values()])
        self._choose(
            "technicians", [(p.id, f"{p.name}, {p.organisation}".strip(", ")) for p in people if p.id in doers]
        )
        self._choose("escort", none + [(p.id, p.name) for p in people if p.id in escorts])
        self._choose("pool_id", none + [(pool.id, pool.name) for pool in personnel.pools()])
        terms = [one for one in personnel.agreements() if one.in_date(now)]
        self._choose("agreement_id", none + [(one.id, f"{one.vendor}, {one.number}") for one in terms])
        # Read by the tag `field`: where the first one is made when there is nothing to choose from.
        self.first = {
            "assets": ("Bring in assets", reverse("asset_import")),
            "technicians": ("Give somebody the role technician", reverse("people")),
            "items": ("Register a tool, procedure or script", reverse("register_add")),
        }
        self.needed = dict.fromkeys(("plan", "impact", "rollback", "items"), "before approval")
        listed = [item for item in tools.items() if item.state is ItemState.LISTED]
        self._choose("boot_media", none + [(item.id, f"{item.name} {item.version}") for item in listed])
        self._choose("items", [(item.id, f"{item.name} {item.version} ({item.kind.value})") for item in listed])

    def _choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices

    def clean_rollback_steps(self) -> str:
        """Name the line that is no step."""
        return rollback_fields.checked_steps(self.cleaned_data["rollback_steps"])

    def clean_window_from(self) -> datetime:
        """Keep the start as what a length in the next field counts from."""
        start: datetime = self.cleaned_data["window_from"]
        until = self.fields["window_until"]
        if isinstance(until, MomentField):
            until.base = start
        return start

    def content(self) -> Content:
        """Return what was typed as the content of a ticket."""
        said = self.cleaned_data
        content = Content(
            title=said["title"],
            maintenance_type=MaintenanceType(said["maintenance_type"]),
            action=Action(said["action"]),
            method=Method(said["method"]),
            plan=said["plan"],
            impact=said["impact"],
            rollback=said["rollback"],
            window=Window(said["window_from"], said["window_until"]),
            assets=tuple(place(self.places[asset_id], Method(said["method"]), said) for asset_id in said["assets"]),
            technicians=tuple(said["technicians"]),
            escort=said["escort"],
            pool_id=said["pool_id"],
            agreement_id=said["agreement_id"],
            items=tuple(said["items"]),
            risk=Risk(said["risk"]),
            expected_paths=_lines(said["expected_paths"]),
            conflicts_with=tuple(dict.fromkeys(said["conflicts_with"].replace(",", " ").split())),
            rollback_plan=rollback_fields.plan_of(said),
        )
        return replace(content, allowance=allowing.allowed_by(said, content))

    @property
    def ways(self) -> list[forms.BoundField]:
        """The choices of a way in, for the assets that have several."""
        return [self[name] for name in self.fields if name.startswith(WAY)]


def _asset_words(asset: inventory.AssetView) -> str:
    marks = [asset.title, "CUI" if asset.handles_cui else "", asset.location]
    return f"{asset.hostname}  {' · '.join(mark for mark in marks if mark)}".strip()


def initial_of(ticket: TicketView, zone: ZoneInfo) -> dict[str, Any]:
    """Return the form's values for a ticket that is changed."""
    content = ticket.content
    same = {
        name: getattr(content, name)
        for name in ("title", "plan", "impact", "rollback", "pool_id", "agreement_id", "escort")
    }
    return (
        same
        | initial_ways(content.assets)
        | allowing.initial_of(ticket)
        | rollback_fields.initial_of(content.rollback_plan)
        | {
            "maintenance_type": content.maintenance_type.value,
            "action": content.action.value,
            "method": content.method.value,
            "risk": content.risk.value,
            "emergency": ticket.emergency,
            "assets": [named.asset_id for named in content.assets],
            "technicians": list(content.technicians),
            "items": list(content.items),
            "expected_paths": "\n".join(content.expected_paths),
            "conflicts_with": " ".join(content.conflicts_with),
            "window_from": shown(content.window.from_, zone),
            "window_until": shown(content.window.until, zone),
            "version": ticket.version,
        }
    )


class QuickLogForm(TimedForm):
    """A small on-site chore, written down afterwards."""

    title = forms.CharField(label="What you did", max_length=160)
    asset = forms.ChoiceField(label="On which machine")
    maintenance_type = forms.ChoiceField(label="Why", choices=options(MaintenanceType))
    action = forms.ChoiceField(label="Kind of work", choices=options(Action))
    began = MomentField(label="Began", help_text="For example today 14:00, or 14:00.")
    ended = MomentField(label="Ended", help_text="For example now, or 14:20.", initial="now")
    changed_configuration = forms.BooleanField(label="It changed the configuration", required=False)
    plan = forms.CharField(label="More, if needed", required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        field = self.fields["asset"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("", "Choose"), *((one.id, _asset_words(one)) for one in inventory.assets())]

    def content(self, person: str) -> Content:
        """Return the chore as a ticket's content."""
        said = self.cleaned_data
        return Content(
            title=said["title"],
            maintenance_type=MaintenanceType(said["maintenance_type"]),
            action=Action(said["action"]),
            method=Method.ON_SITE,
            plan=said["plan"] or said["title"],
            impact="",
            rollback="",
            window=Window(said["began"], said["ended"]),
            assets=(TicketAsset(said["asset"], ""),),
            technicians=(person,),
            risk=Risk.LOW,
        )


class StandardForm(TimedForm):
    """Standard work: a template and when it starts."""

    template = forms.ChoiceField(label="Work", widget=forms.RadioSelect)
    window_from = MomentField(label="Starts", help_text="As you would say it: now, today 18:00, Fri 6pm.")


class ReasonForm(forms.Form):
    """A reason, which the ledger seals."""

    reason = forms.CharField(label="Reason", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))
