"""Forms about people, vendors and agreements."""

from typing import Any

from django import forms

from quarterdeck.entrypoints.web.ticket_forms import MomentField, TimedForm, options
from quarterdeck.entrypoints.web.words import called
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetCategory
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import PersonKind, PersonView, Role, ScopeKind
from quarterdeck.tickets.api import Action, Method

_ANY = ("any", "Any")


class PersonForm(forms.Form):
    """A human being."""

    name = forms.CharField(label="Name", max_length=120)
    email = forms.EmailField(label="Mail address", max_length=254)
    organisation = forms.CharField(label="Organisation", max_length=120, required=False)
    kind = forms.ChoiceField(
        label="Whose person",
        choices=[
            ("staff", "Own staff"),
            ("vendor", "A vendor's"),
            ("external", "Independent: outside approver or assessor"),
        ],
        initial=PersonKind.STAFF.value,
    )


class RoleForm(TimedForm):
    """A role, for an assessor perhaps with an end."""

    role = forms.ChoiceField(label="Role", choices=options(Role), widget=forms.RadioSelect)
    valid_until = MomentField(
        label="Until", required=False, help_text="For an assessor: when the access ends by itself. For example +30d."
    )


class DeputyForm(TimedForm):
    """Who stands in, in which role, when."""

    deputy = forms.ChoiceField(label="Deputy")
    role = forms.ChoiceField(label="Role")
    valid_from = MomentField(label="From", initial="now")
    valid_until = MomentField(label="Until", help_text="For example 24 Dec 18:00 or +2w.")

    def __init__(self, *arguments: Any, principal: str, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        others = [(p.id, p.name) for p in personnel.people() if p.active and p.id != principal]
        held = personnel.roles_of(principal, named["now"])
        self.fields["deputy"] = forms.ChoiceField(label="Deputy", choices=others)
        self.fields["role"] = forms.ChoiceField(
            label="Role", choices=[(role.value, called(role.value)) for role in sorted(held)]
        )


class AuthoriseForm(TimedForm):
    """A standing right to maintain."""

    actions = forms.MultipleChoiceField(
        label="Actions", choices=[_ANY, *options(Action)], widget=forms.CheckboxSelectMultiple
    )
    scope = forms.ChoiceField(
        label="Which assets",
        choices=[
            ("all", "Every asset"),
            ("categories", "Assets of the categories below"),
            ("assets", "The assets below"),
        ],
        widget=forms.RadioSelect,
        initial="all",
    )
    categories = forms.MultipleChoiceField(
        label="Categories", choices=options(AssetCategory), required=False, widget=forms.CheckboxSelectMultiple
    )
    assets = forms.MultipleChoiceField(label="Assets", required=False, widget=forms.CheckboxSelectMultiple)
    valid_from = MomentField(label="From")
    valid_until = MomentField(label="Until", help_text="For example 31 Dec 2027 or +26w.")
    agreement = forms.ChoiceField(label="Under agreement", required=False)
    competence = forms.CharField(
        label="Competence", max_length=400, required=False, help_text="Training or certificate that shows it."
    )
    access_authorised = forms.BooleanField(
        label="Has the required access authorisation: may work without an escort (3.7.6)", required=False
    )

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        terms = [("", "None"), *((one.id, f"{one.vendor}, {one.number}") for one in personnel.agreements())]
        for name, choices in (("assets", [(a.id, a.hostname) for a in inventory.assets()]), ("agreement", terms)):
            field = self.fields[name]
            if isinstance(field, forms.ChoiceField):
                field.choices = choices

    def scope_ids(self) -> list[str]:
        """Return the ids that the chosen scope names."""
        kind = ScopeKind(self.cleaned_data["scope"])
        if kind is ScopeKind.ALL:
            return []
        return list(self.cleaned_data["assets" if kind is ScopeKind.ASSETS else "categories"])


class AgreementForm(TimedForm):
    """What a vendor may do, how and when."""

    vendor = forms.CharField(label="Vendor", max_length=120)
    number = forms.CharField(label="Number of the agreement", max_length=60)
    permitted_actions = forms.MultipleChoiceField(
        label="Permitted actions", choices=[_ANY, *options(Action)], widget=forms.CheckboxSelectMultiple
    )
    methods = forms.MultipleChoiceField(
        label="Ways of working", choices=[_ANY, *options(Method)], widget=forms.CheckboxSelectMultiple
    )
    valid_from = MomentField(label="From", initial="now")
    valid_until = MomentField(label="Until", help_text="For example 31 Dec 2027.")
    no_cui_offsite = forms.BooleanField(label="No CUI leaves the site", required=False, initial=True)
    nda = forms.BooleanField(label="NDA signed", required=False)


class PoolForm(forms.Form):
    """The authorised people of a vendor."""

    name = forms.CharField(label="Name", max_length=120, help_text="For example: Northwind on-call.")
    agreement = forms.ChoiceField(label="Under agreement")
    members = forms.MultipleChoiceField(label="People", widget=forms.CheckboxSelectMultiple)

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        people: list[PersonView] = [p for p in personnel.people() if p.active and p.kind is PersonKind.VENDOR]
        terms = [(one.id, f"{one.vendor}, {one.number}") for one in personnel.agreements() if one.ended_at is None]
        self.fields["agreement"] = forms.ChoiceField(label="Under agreement", choices=terms)
        self.fields["members"] = forms.MultipleChoiceField(
            label="People",
            choices=[(p.id, f"{p.name}, {p.organisation}") for p in people],
            widget=forms.CheckboxSelectMultiple,
        )
