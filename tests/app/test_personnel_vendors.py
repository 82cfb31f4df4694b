"""Agreements, pools, authorisations and keys through the app's verbs, and who may maintain what."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from tests.clock import StillClock
from tests.shop import FAST_HASHER, Shop, found_shop

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import AgreedHoursView, PersonKind, ScopeKind

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(clock: StillClock, settings) -> Shop:
    settings.PASSWORD_HASHERS = FAST_HASHER
    return found_shop(clock)


def codes_of(call, *args, **kwargs) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        call(*args, **kwargs)
    return refused.value.decision.codes


def by(shop: Shop, key: str = "iris") -> dict:
    return {"actor": shop.actor(key), "clock": shop.clock}


def agree(shop: Shop, **changed):
    now = shop.clock.now()
    terms = {"permitted_actions": ["patch", "corrective"], "methods": ["ssh"], "valid_from": now,
             "valid_until": now + timedelta(days=365), "nda": True} | changed
    vendor, number = terms.pop("vendor", "Harbor MSP"), terms.pop("number", "SOW-2026-07")
    return personnel.add_agreement(vendor, number, **terms, **by(shop))


def authorise(shop: Shop, holder: str = "max", **changed):
    now = shop.clock.now()
    terms = {"actions": ["patch"], "valid_from": now, "valid_until": now + timedelta(days=90)} | changed
    return personnel.authorise(shop.ids.get(holder, holder), **terms, **by(shop))


def may(shop: Shop, key: str = "max", **changed):
    terms = {"asset_id": "as_fs01", "action": "patch", "method": "ssh", "at": shop.clock.now()} | changed
    return personnel.may_maintain(shop.ids[key], **terms)


# --- agreements


def test_an_agreement_is_added_read_and_ended(shop: Shop, clock: StillClock) -> None:
    view = agree(shop, hours=[AgreedHoursView((0, 1, 2, 3, 4), "08:00", "18:00")], time_zone="America/New_York")
    assert personnel.agreement(view.id) == view
    assert (view.sealed, view.permitted_actions, view.nda) == (True, ("corrective", "patch"), True)
    assert view.in_date(clock.now())
    ended = personnel.end_agreement(view.id, **by(shop))
    assert not ended.in_date(clock.now())
    assert personnel.agreements() == [ended]
    assert codes_of(personnel.end_agreement, view.id, **by(shop)) == ("agreement.ended",)


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"vendor": " "}, "agreement.names"),
        ({"number": "a\nb"}, "agreement.names"),
        ({"permitted_actions": ["rm -rf /"]}, "word.malformed"),
        ({"methods": []}, "agreement.empty"),
        ({"valid_until": datetime(2020, 1, 1, tzinfo=UTC)}, "agreement.dates"),
        ({"time_zone": "Mars/Olympus"}, "agreement.time_zone"),
        ({"time_zone": "../../etc/passwd"}, "agreement.time_zone"),
        ({"hours": [AgreedHoursView((7,), "08:00", "18:00")]}, "agreement.hours_malformed"),
        ({"hours": [AgreedHoursView((0,), "8", "18:00")]}, "agreement.hours_malformed"),
    ],
)
def test_agreements_that_are_refused(shop: Shop, changed: dict, code: str) -> None:
    assert code in codes_of(agree, shop, **changed)


def test_a_number_is_used_once_per_vendor(shop: Shop) -> None:
    agree(shop)
    assert codes_of(agree, shop) == ("agreement.known",)
    assert agree(shop, vendor="Other MSP")


def test_unknown_agreements_and_pools_are_refusals(shop: Shop) -> None:
    assert codes_of(personnel.agreement, "va_none") == ("agreement.unknown",)
    assert codes_of(personnel.pool, "po_none") == ("pool.unknown",)


def test_an_agreement_covers_a_window(shop: Shop, clock: StillClock) -> None:
    view = agree(shop, hours=[AgreedHoursView((0, 1, 2, 3, 4), "08:00", "18:00")], time_zone="America/New_York")
    monday = datetime(2026, 11, 23, 15, 0, tzinfo=UTC)

    def covers(hours: float, **changed: str):
        terms = {"action": "patch", "method": "ssh"} | changed
        window = Window(monday, monday + timedelta(hours=hours))
        return personnel.agreement_covers(view.id, **terms, window=window).codes

    assert covers(8) == ()
    assert covers(8.01) == ("agreement.hours",)
    assert covers(24 * 365) == ("agreement.out_of_date",)
    assert covers(1, action="reboot") == ("agreement.action",)
    assert covers(1, method="rdp") == ("agreement.method",)
    assert personnel.agreement_covers("va_none", action="patch", method="ssh", window=Window(
        monday, monday + timedelta(hours=1))).codes == ("agreement.unknown",)


# --- pools


def test_a_pool_holds_the_vendors_people(shop: Shop) -> None:
    terms = agree(shop)
    mia = shop.add("Mia", kind=PersonKind.VENDOR, organisation="Harbor MSP")
    pool = personnel.add_pool("Harbor on call", terms.id, [shop.ids["max"]], **by(shop))
    changed = personnel.change_pool(pool.id, [mia, shop.ids["max"]], **by(shop))
    assert changed.members == tuple(sorted([mia, shop.ids["max"]]))
    assert (changed.sealed, changed.agreement_id) == (True, terms.id)
    assert personnel.pool(pool.id) == changed == personnel.pools()[0]


@pytest.mark.parametrize("key", ["avery", "quinn"])
def test_strangers_join_no_pool(shop: Shop, key: str) -> None:
    terms = agree(shop)
    assert codes_of(personnel.add_pool, "Harbor", terms.id, [shop.ids[key]], **by(shop)) == ("pool.stranger",)


def test_a_pools_name_is_used_once(shop: Shop) -> None:
    terms = agree(shop)
    personnel.add_pool("Harbor", terms.id, [], **by(shop))
    assert codes_of(personnel.add_pool, "Harbor", terms.id, [], **by(shop)) == ("pool.known",)
    assert codes_of(personnel.add_pool, " ", terms.id, [], **by(shop)) == ("pool.name",)


# --- authorisations


def test_the_msp_technician_may_patch_under_the_agreement(shop: Shop) -> None:
    shop.enrol("max")
    authorise(shop, agreement_id=agree(shop).id)
    assert may(shop).allowed


def test_own_staff_needs_no_agreement(shop: Shop) -> None:
    shop.enrol("iris")
    authorise(shop, "iris")
    assert may(shop, "iris").allowed


def test_without_login_there_is_no_maintenance(shop: Shop) -> None:
    authorise(shop, agreement_id=agree(shop).id)
    assert may(shop).codes == ("person.no_account", "person.no_mfa")


@pytest.mark.parametrize(
    ("given", "asked", "code"),
    [
        ({}, {"action": "reboot"}, "authorisation.action"),
        ({}, {"method": "rdp"}, "agreement.method"),
        ({"scope_kind": ScopeKind.ASSETS, "scope_ids": ["as_other"]}, {}, "authorisation.scope"),
        ({"scope_kind": ScopeKind.CATEGORIES, "scope_ids": ["specialized"]}, {"category": "cui_asset"},
         "authorisation.scope"),
    ],
)
def test_what_is_not_covered(shop: Shop, given: dict, asked: dict, code: str) -> None:
    shop.enrol("max")
    authorise(shop, agreement_id=agree(shop).id, **given)
    assert code in may(shop, **asked).codes


def test_scopes_by_asset_and_category(shop: Shop) -> None:
    shop.enrol("max")
    terms = agree(shop).id
    authorise(shop, agreement_id=terms, scope_kind=ScopeKind.ASSETS, scope_ids=["as_fs01"])
    authorise(shop, agreement_id=terms, scope_kind=ScopeKind.CATEGORIES, scope_ids=["specialized"])
    assert may(shop).allowed
    assert may(shop, asset_id="as_hvac", category="specialized").allowed
    assert not may(shop, asset_id="as_hvac", category="cui_asset").allowed
    assert not may(shop, asset_id="as_hvac").allowed


@pytest.mark.parametrize(("days", "allowed"), [(0, True), (89, True), (90, False), (400, False)])
def test_dates(shop: Shop, clock: StillClock, days: int, allowed: bool) -> None:
    shop.enrol("max")
    authorise(shop, agreement_id=agree(shop).id)
    clock.advance(days=days)
    assert may(shop).allowed is allowed


def test_an_ended_agreement_ends_its_authorisations(shop: Shop, clock: StillClock) -> None:
    shop.enrol("max")
    terms = agree(shop)
    given = authorise(shop, agreement_id=terms.id)
    assert personnel.authorisation(shop.ids["max"], "as_fs01", clock.now()) == given
    personnel.end_agreement(terms.id, **by(shop))
    assert may(shop).codes == ("agreement.out_of_date",)
    assert personnel.authorisation(shop.ids["max"], "as_fs01", clock.now()) is None


def test_a_withdrawn_authorisation_is_over(shop: Shop) -> None:
    shop.enrol("max")
    given = authorise(shop, agreement_id=agree(shop).id)
    personnel.withdraw_authorisation(given.id, **by(shop))
    assert may(shop).codes == ("authorisation.out_of_date",)
    assert codes_of(personnel.withdraw_authorisation, given.id, **by(shop)) == ("authorisation.withdrawn",)


def test_a_pools_authorisation_is_its_members(shop: Shop) -> None:
    shop.enrol("max")
    pool = personnel.add_pool("Harbor", agree(shop).id, [shop.ids["max"]], **by(shop))
    given = authorise(shop, pool.id, access_authorised=True)
    assert (given.pool_id, given.person_id, given.agreement_id) == (pool.id, "", pool.agreement_id)
    assert may(shop).allowed
    assert personnel.authorisations(shop.ids["max"]) == [given]
    personnel.change_pool(pool.id, [], **by(shop))
    assert may(shop).codes == ("authorisation.none",)


def test_the_authorisation_with_access_is_shown_first(shop: Shop, clock: StillClock) -> None:
    terms = agree(shop).id
    authorise(shop, agreement_id=terms)
    cleared = authorise(shop, agreement_id=terms, access_authorised=True, competence="RHCE")
    assert personnel.authorisation(shop.ids["max"], "as_fs01", clock.now()) == cleared
    assert len(personnel.authorisations()) == 2


@pytest.mark.parametrize(
    ("holder", "changed", "code"),
    [
        ("max", {}, "agreement.none"),
        ("avery", {"actions": []}, "authorisation.no_action"),
        ("avery", {"actions": ["a b"]}, "word.malformed"),
        ("avery", {"scope_ids": ["as_1"]}, "authorisation.scope_malformed"),
        ("avery", {"scope_kind": ScopeKind.ASSETS}, "authorisation.scope_malformed"),
        ("avery", {"valid_until": datetime(2020, 1, 1, tzinfo=UTC)}, "authorisation.dates"),
        ("avery", {"competence": "x" * 401}, "authorisation.competence"),
        ("pe_none", {}, "person.unknown"),
        ("po_none", {}, "pool.unknown"),
        ("avery", {"agreement_id": "va_none"}, "agreement.unknown"),
    ],
)
def test_authorisations_that_are_refused(shop: Shop, holder: str, changed: dict, code: str) -> None:
    assert code in codes_of(authorise, shop, holder, **changed)


def test_an_agreement_binds_its_own_vendors_people_only(shop: Shop) -> None:
    terms = agree(shop, vendor="Other MSP").id
    assert codes_of(authorise, shop, agreement_id=terms) == ("agreement.other_vendor",)


def test_the_deactivated_lose_pool_and_authorisation(shop: Shop, clock: StillClock) -> None:
    shop.enrol("max")
    pool = personnel.add_pool("Harbor", agree(shop).id, [shop.ids["max"]], **by(shop))
    authorise(shop, agreement_id=pool.agreement_id)
    personnel.deactivate_person(shop.ids["max"], **by(shop))
    assert "person.inactive" in may(shop).codes
    assert personnel.pool(pool.id).members == ()
    assert personnel.authorisation(shop.ids["max"], "as_fs01", clock.now()) is None


@pytest.mark.parametrize("key", ["max", "avery", "casey", "quinn", "erin"])
def test_only_the_it_lead_writes_here(shop: Shop, key: str) -> None:
    now = shop.clock.now()
    dates = {"valid_from": now, "valid_until": now + timedelta(days=1)}
    assert codes_of(personnel.add_agreement, "V", "1", permitted_actions=["any"], methods=["any"], **dates,
                    **by(shop, key)) == ("role.missing",)
    assert codes_of(personnel.authorise, shop.ids["erin"], actions=["any"], **dates, **by(shop, key)) == (
        "role.missing",)
    assert codes_of(personnel.add_pool, "P", "va_1", [], **by(shop, key)) == ("role.missing",)


# --- keys


def fresh_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def test_a_person_registers_the_own_key(shop: Shop) -> None:
    line = fresh_key()
    view = personnel.register_key(shop.ids["max"], line + " max@laptop", **by(shop, "max"))
    assert view.public_key == line
    assert personnel.key_of(shop.ids["max"]) == view
    assert personnel.register_key(shop.ids["max"], line, **by(shop, "max")) == view
    assert len(list(evidence.entries(events=["key.registered"]))) == 1


def test_a_new_key_replaces_the_old_for_good(shop: Shop) -> None:
    first, second = fresh_key(), fresh_key()
    personnel.register_key(shop.ids["max"], first, **by(shop, "max"))
    personnel.register_key(shop.ids["max"], second, **by(shop, "max"))
    assert personnel.key_of(shop.ids["max"]).public_key == second
    assert codes_of(personnel.register_key, shop.ids["max"], first, **by(shop, "max")) == ("key.given_up",)


def test_nobody_registers_a_key_for_somebody_else(shop: Shop) -> None:
    assert codes_of(personnel.register_key, shop.ids["max"], fresh_key(), **by(shop, "iris")) == ("role.missing",)


def test_what_is_no_key_is_refused(shop: Shop) -> None:
    assert codes_of(personnel.register_key, shop.ids["max"], "ssh-dss AAAA", **by(shop, "max")) == ("key.unreadable",)


def test_nobody_has_a_key_at_first(shop: Shop) -> None:
    assert personnel.key_of(shop.ids["max"]) is None
