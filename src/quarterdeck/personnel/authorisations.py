"""Standing rights to maintain: who, what, which assets, until when, under which agreement (3.7.2[d], 3.7.6)."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Q

from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, all_of, refuse, require_that
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel.acting import personnel_act
from quarterdeck.personnel.models import Authorisation, Person, Pool, VendorAgreement
from quarterdeck.personnel.reading import has_account, has_second_factor, is_standing
from quarterdeck.personnel.rules import (
    AgreedHours,
    AgreementTerms,
    AuthorisationTerms,
    Maintainer,
    PersonnelAct,
    agreement_permits,
    well_formed_tokens,
)
from quarterdeck.personnel.rules import may_maintain as _may_maintain
from quarterdeck.personnel.sealing import fetch, is_sealed, new_row, save_sealed
from quarterdeck.personnel.terms import AgreementView, AuthorisationView, PersonKind, ScopeKind
from quarterdeck.personnel.vendors import agreement_view


def authorise(
    holder_id: str, *, actions: Iterable[str], valid_from: datetime, valid_until: datetime, actor: Actor,
    clock: Clock, scope_kind: ScopeKind = ScopeKind.ALL, scope_ids: Iterable[str] = (), agreement_id: str = "",
    competence: str = "", access_authorised: bool = False,
) -> AuthorisationView:
    """Authorise a person (`pe_...`) or a pool (`po_...`) to maintain and return the authorisation.

    `access_authorised` is the required access authorisation of 3.7.6; without it the work needs an escort.
    """
    chosen, scope = sorted(set(actions)), sorted(set(scope_ids))
    with personnel_act(PersonnelAct.AUTHORISE, actor, clock) as act:
        holder = fetch(Pool, holder_id) if holder_id.startswith("po_") else fetch(Person, holder_id)
        under = _agreement_of(holder, agreement_id)
        terms = fetch(VendorAgreement, under) if under else None
        all_of(
            (
                _holder_fits(holder, terms),
                well_formed_tokens(chosen, what="action"),
                require_that(bool(chosen), "authorisation.no_action", "An authorisation names at least one action.",
                             "Name the actions; `any` permits all."),
                require_that(
                    (scope_kind is ScopeKind.ALL) == (not scope) and all(name.isidentifier() for name in scope),
                    "authorisation.scope_malformed", "A scope names assets or categories, or is all.",
                    "Choose one of the three.",
                ),
                require_that(act.at < valid_until and valid_from < valid_until, "authorisation.dates",
                             "An authorisation ends after it begins and in the future.", "Correct the dates."),
                require_that(len(competence) <= 400 and competence.isprintable(), "authorisation.competence",
                             "The competence is one line of at most 400 characters.", "Shorten it."),
            )
        ).require()
        row = new_row(
            Authorisation, person=holder if isinstance(holder, Person) else None,
            pool=holder if isinstance(holder, Pool) else None, actions=chosen, scope_kind=scope_kind.value,
            scope_ids=scope, valid_from=valid_from, valid_until=valid_until, agreement=terms,
            competence=competence.strip(), access_authorised=access_authorised, granted_by=actor.id,
            granted_at=act.at,
        )
        save_sealed(act, "authorisation.granted", row, {"holder": holder_id, "access_authorised": access_authorised})
    return authorisation_view(row)


def _agreement_of(holder: Person | Pool, agreement_id: str) -> str:
    """A pool works under its own agreement; a person under the one that is named, own staff under none."""
    return holder.agreement_id if isinstance(holder, Pool) else agreement_id


def _holder_fits(holder: Person | Pool, terms: VendorAgreement | None) -> Decision:
    if isinstance(holder, Pool):
        return require_that(terms is not None, "agreement.none", "The pool has no agreement.", "Add one.")
    if not holder.active:
        return refuse("person.inactive", f"{holder.name} is deactivated.", "Choose somebody else.")
    vendor = holder.kind == PersonKind.VENDOR
    return all_of(
        (
            require_that(not vendor or terms is not None, "agreement.none", f"{holder.name} is of a vendor.",
                         "Name the vendor's agreement."),
            require_that(terms is None or terms.vendor == holder.organisation, "agreement.other_vendor",
                         f"{holder.name} doesn't belong to the vendor of this agreement.",
                         "Name the agreement of the person's own organisation."),
        )
    )


def withdraw_authorisation(authorisation_id: str, *, actor: Actor, clock: Clock) -> AuthorisationView:
    """Withdraw a standing authorisation now."""
    with personnel_act(PersonnelAct.WITHDRAW_AUTHORISATION, actor, clock) as act:
        row = fetch(Authorisation, authorisation_id, locked=True)
        require_that(row.withdrawn_at is None, "authorisation.withdrawn", "It was withdrawn already.").require()
        row.withdrawn_by, row.withdrawn_at = actor.id, act.at
        save_sealed(act, "authorisation.withdrawn", row, {"holder": row.person_id or row.pool_id})
    return authorisation_view(row)


def authorisation_view(row: Authorisation) -> AuthorisationView:
    """Return the plain value of this row."""
    return AuthorisationView(
        row.id, row.person_id or "", row.pool_id or "", tuple(row.actions), ScopeKind(row.scope_kind),
        tuple(row.scope_ids), row.valid_from, row.valid_until, row.agreement_id or "", row.competence,
        row.access_authorised, row.withdrawn_at, is_sealed(row),
    )


def authorisations(person_id: str | None = None) -> list[AuthorisationView]:
    """Return authorisations in the order they were granted, of one person (through pools too) or of all."""
    rows = Authorisation.objects.all() if person_id is None else _of_person(person_id)
    return [authorisation_view(row) for row in rows]


def _of_person(person_id: str) -> list[Authorisation]:
    """Authorisations of the person and of pools that the ledger vouches for as holding the person."""
    mine = Pool.objects.filter(memberships__person_id=person_id)
    sealed = [row.pk for row in mine if is_sealed(row)]
    rows = Authorisation.objects.filter(Q(person_id=person_id) | Q(pool_id__in=sealed))
    return list(rows.select_related("agreement"))


def authorisation(
    person_id: str, asset_id: str, at: datetime, *, category: str = ""
) -> AuthorisationView | None:
    """Return the person's authorisation for this asset at `at`, one with access authorisation first, or None."""
    views = [authorisation_view(row) for row in _of_person(person_id) if _is_in_force(row, at)]
    fitting = [view for view in views if view.reaches(asset_id, category)]
    fitting.sort(key=lambda view: (not view.access_authorised, -view.valid_until.timestamp()))
    return fitting[0] if fitting else None


def _is_in_force(row: Authorisation, at: datetime) -> bool:
    if not authorisation_view(row).in_date(at) or not is_sealed(row):
        return False
    return row.agreement is None or (is_sealed(row.agreement) and agreement_view(row.agreement).in_date(at))


def may_maintain(
    person_id: str, *, asset_id: str, action: str, method: str, at: datetime, category: str = ""
) -> Decision:
    """Return whether the person may do this action by this method on this asset at `at` (3.7.2[d], 3.5.3)."""
    person = Person.objects.filter(pk=person_id).first()
    if person is None:
        return refuse("person.unknown", "There is no person with this id.", "Name somebody of People & vendors.")
    maintainer = Maintainer(
        person.name, is_standing(person_id), has_account(person_id), has_second_factor(person_id),
        person.kind == PersonKind.VENDOR,
    )
    terms = [_terms(row, asset_id, category, at) for row in _of_person(person_id) if is_sealed(row)]
    return _may_maintain(maintainer, terms, action=action, method=method)


def _terms(row: Authorisation, asset_id: str, category: str, at: datetime) -> AuthorisationTerms:
    view = authorisation_view(row)
    agreed = None if row.agreement is None else _agreement_terms(agreement_view(row.agreement), at)
    return AuthorisationTerms(
        view.reaches(asset_id, category), frozenset(view.actions), view.in_date(at), agreed
    )


def _agreement_terms(view: AgreementView, at: datetime) -> AgreementTerms:
    hours = tuple(AgreedHours(frozenset(slot.days), _minute(slot.from_), _minute(slot.until)) for slot in view.hours)
    return AgreementTerms(
        frozenset(view.permitted_actions), frozenset(view.methods), hours, at.astimezone(ZoneInfo(view.time_zone)),
        view.sealed and view.in_date(at),
    )


def agreement_covers(agreement_id: str, *, action: str, method: str, window: Window) -> Decision:
    """Return whether an agreement permits this action and method from the first to the last moment of a window."""
    row = VendorAgreement.objects.filter(pk=agreement_id).first()
    if row is None:
        return refuse("agreement.unknown", "There is no such agreement.", "Name one of People & vendors.")
    view = agreement_view(row)
    moments = (window.from_, window.until - timedelta(microseconds=1))
    found = [agreement_permits(_agreement_terms(view, at), action=action, method=method) for at in moments]
    return Decision(tuple(dict.fromkeys(reason for decision in found for reason in decision.reasons)))


def _minute(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)
