"""Vendor agreements and pools: under which terms a vendor's people work here (3.7.2[d], 3.7.6)."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.personnel.acting import personnel_act
from quarterdeck.personnel.models import Person, Pool, PoolMember, VendorAgreement
from quarterdeck.personnel.rules import PersonnelAct, well_formed_tokens
from quarterdeck.personnel.sealing import fetch, is_sealed, new_row, save_sealed
from quarterdeck.personnel.terms import AgreedHoursView, AgreementView, PersonKind, PoolView

_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]", re.ASCII)


def add_agreement(
    vendor: str, number: str, *, permitted_actions: Iterable[str], methods: Iterable[str], valid_from: datetime,
    valid_until: datetime, actor: Actor, clock: Clock, hours: Sequence[AgreedHoursView] = (), time_zone: str = "UTC",
    no_cui_offsite: bool = True, nda: bool = False,
) -> AgreementView:
    """Add a vendor's agreement and return it; an agreement is never changed, a renewed one is added."""
    actions, ways = sorted(set(permitted_actions)), sorted(set(methods))
    with personnel_act(PersonnelAct.ADD_AGREEMENT, actor, clock) as act:
        all_of(
            (
                _has_names(vendor, number),
                well_formed_tokens(actions, what="action"),
                well_formed_tokens(ways, what="method"),
                require_that(bool(actions) and bool(ways), "agreement.empty",
                             "An agreement permits an action and a method at least.", "Name them; `any` permits all."),
                require_that(valid_from < valid_until, "agreement.dates", "The agreement ends before it begins.",
                             "Correct the dates."),
                _hours_fit(hours, time_zone),
            )
        ).require()
        row = new_row(
            VendorAgreement, vendor=vendor.strip(), number=number.strip(), permitted_actions=actions, methods=ways,
            hours=[{"days": list(slot.days), "from": slot.from_, "until": slot.until} for slot in hours],
            time_zone=time_zone, no_cui_offsite=no_cui_offsite, nda=nda, valid_from=valid_from,
            valid_until=valid_until, added_by=actor.id, added_at=act.at,
        )
        save_sealed(act, "agreement.added", row, {"nda": nda, "no_cui_offsite": no_cui_offsite})
    return agreement_view(row)


def _has_names(vendor: str, number: str) -> Decision:
    names, known = (vendor.strip(), number.strip()), VendorAgreement.objects.filter(vendor=vendor.strip())
    fits = all(name and name.isprintable() for name in names) and len(names[0]) <= 120 and len(names[1]) <= 60
    return all_of(
        (
            require_that(fits, "agreement.names", "An agreement needs the vendor's name and its own number.",
                         "Write both as they stand on the document."),
            require_that(not known.filter(number=number.strip()).exists(), "agreement.known",
                         "This agreement is in the register already.", "Use it, or add the renewal's number."),
        )
    )


def _hours_fit(hours: Sequence[AgreedHoursView], time_zone: str) -> Decision:
    try:
        ZoneInfo(time_zone)
        known = True
    except (ZoneInfoNotFoundError, ValueError):
        known = False
    formed = all(
        slot.days and set(slot.days) <= set(range(7)) and _TIME.fullmatch(slot.from_) and _TIME.fullmatch(slot.until)
        for slot in hours
    )
    return all_of(
        (
            require_that(known, "agreement.time_zone", f"{time_zone[:40]!r} is no IANA time zone.",
                         "Write for example America/New_York."),
            require_that(formed, "agreement.hours_malformed", "Hours are days 0 to 6 and times like 08:00.",
                         "Correct the hours, or leave them out for any hour."),
        )
    )


def end_agreement(agreement_id: str, *, actor: Actor, clock: Clock) -> AgreementView:
    """End an agreement now; every authorisation under it stops to count."""
    with personnel_act(PersonnelAct.END_AGREEMENT, actor, clock) as act:
        row = fetch(VendorAgreement, agreement_id, locked=True)
        require_that(row.ended_at is None, "agreement.ended", "This agreement was ended already.").require()
        row.ended_by, row.ended_at = actor.id, act.at
        save_sealed(act, "agreement.ended", row)
    return agreement_view(row)


def agreement(agreement_id: str) -> AgreementView:
    """Return this agreement; Refused(agreement.unknown), Refused(row.unsealed)."""
    return agreement_view(fetch(VendorAgreement, agreement_id))


def agreements() -> list[AgreementView]:
    """Return every agreement by vendor, ended ones included."""
    return [agreement_view(row) for row in VendorAgreement.objects.all()]


def agreement_view(row: VendorAgreement) -> AgreementView:
    """Return the plain value of this row."""
    return AgreementView(
        row.id, row.vendor, row.number, tuple(row.permitted_actions), tuple(row.methods),
        tuple(AgreedHoursView(tuple(slot["days"]), slot["from"], slot["until"]) for slot in row.hours),
        row.time_zone, row.no_cui_offsite, row.nda, row.valid_from, row.valid_until, row.ended_at, is_sealed(row),
    )


def add_pool(name: str, agreement_id: str, members: Iterable[str], *, actor: Actor, clock: Clock) -> PoolView:
    """Add a pool of a vendor's people under one agreement and return it."""
    with personnel_act(PersonnelAct.CHANGE_POOL, actor, clock) as act:
        terms, chosen = fetch(VendorAgreement, agreement_id), sorted(set(members))
        all_of((_pool_name_fits(name), *(_belongs(person_id, terms) for person_id in chosen))).require()
        row = new_row(Pool, name=name.strip(), agreement=terms, changed_by=actor.id, changed_at=act.at)
        row.save(force_insert=True)
        PoolMember.objects.bulk_create(PoolMember(pool=row, person_id=person_id) for person_id in chosen)
        save_sealed(act, "pool.changed", row, {"agreement": terms.id, "members": len(chosen)})
    return pool_view(row)


def change_pool(pool_id: str, members: Iterable[str], *, actor: Actor, clock: Clock) -> PoolView:
    """Replace the members of a pool and return it."""
    with personnel_act(PersonnelAct.CHANGE_POOL, actor, clock) as act:
        row, chosen = fetch(Pool, pool_id, locked=True), sorted(set(members))
        all_of(_belongs(person_id, row.agreement) for person_id in chosen).require()
        row.memberships.exclude(person_id__in=chosen).delete()
        known = set(row.memberships.values_list("person_id", flat=True))
        PoolMember.objects.bulk_create(
            PoolMember(pool=row, person_id=person_id) for person_id in chosen if person_id not in known
        )
        row.changed_by, row.changed_at = actor.id, act.at
        save_sealed(act, "pool.changed", row, {"agreement": row.agreement_id, "members": len(chosen)})
    return pool_view(row)


def _pool_name_fits(name: str) -> Decision:
    text = name.strip()
    return all_of(
        (
            require_that(0 < len(text) <= 120 and text.isprintable(), "pool.name", "A pool needs a name.",
                         "Write for example Harbor MSP, on call."),
            require_that(not Pool.objects.filter(name=text).exists(), "pool.known", "There is a pool of this name.",
                         "Change that pool or choose another name."),
        )
    )


def _belongs(person_id: str, terms: VendorAgreement) -> Decision:
    """A pool holds the vendor's own people: another firm's technician isn't bound by its agreement."""
    person = Person.objects.filter(pk=person_id, active=True).first()
    ours = person is not None and person.kind == PersonKind.VENDOR and person.organisation == terms.vendor
    name = "This person" if person is None else person.name
    return require_that(ours, "pool.stranger", f"{name} is no active person of {terms.vendor}.",
                        "Add the person with the vendor's name as organisation and the kind vendor.")


def pool(pool_id: str) -> PoolView:
    """Return this pool; Refused(pool.unknown), Refused(row.unsealed)."""
    return pool_view(fetch(Pool, pool_id))


def pools() -> list[PoolView]:
    """Return every pool by name."""
    return [pool_view(row) for row in Pool.objects.all()]


def pool_view(row: Pool) -> PoolView:
    """Return the plain value of this row."""
    members = row.memberships.order_by("person_id").values_list("person_id", flat=True)
    return PoolView(row.id, row.name, row.agreement_id, tuple(members), is_sealed(row))
