"""attacks.md rows 1, 2, 26 and 28 against people, roles, keys and logins: a hand on the database gives nothing."""

import base64
import pickle
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.contrib.auth.hashers import make_password
from django.core.cache import cache
from django.db import IntegrityError, transaction
from tests.append_only import database_in_hand
from tests.clock import StillClock
from tests.shop import FAST_HASHER, Shop, found_shop, password_of

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel import factor_secrets
from quarterdeck.personnel.api import Role
from quarterdeck.personnel.enrolment import replace_factors
from quarterdeck.personnel.models import (
    Account,
    ApiToken,
    Authorisation,
    EnrolmentCode,
    FactorDigest,
    PendingChange,
    Person,
    PersonKey,
    Pool,
    PoolMember,
    RoleGrant,
    VendorAgreement,
)
from quarterdeck.personnel.one_time_codes import sha256_of, sha256_of_enrolment
from quarterdeck.personnel.sealing import digest_of
from quarterdeck.personnel.terms import FactorKind
from quarterdeck.personnel.totp import code_of, counter_at, new_secret

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(clock: StillClock, settings) -> Shop:
    settings.PASSWORD_HASHERS = FAST_HASHER
    shop = found_shop(clock)
    shop.enrol("iris", "max", "avery", "casey")
    clock.advance(minutes=1)
    return shop


def codes_of(call, *args, **kwargs) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        call(*args, **kwargs)
    return refused.value.decision.codes


def by(shop: Shop, key: str) -> dict:
    return {"actor": shop.actor(key), "clock": shop.clock}


def by_hand(model, **fields):
    """Write a row as somebody with the database file would: no act, no entry."""
    with open_guard():
        return model.objects.create(**fields)


def edit(model, pk: str, **fields) -> None:
    with open_guard():
        assert model.objects.filter(pk=pk).update(**fields) == 1


def fresh_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def active_grant(shop: Shop, person: str, role: Role = Role.APPROVER) -> dict:
    now = shop.clock.now()
    return {"id": "rg_hand", "salt": "00" * 16, "person_id": person, "role": role.value, "state": "active",
            "founding": True, "requested_by": "operator", "requested_at": now, "effective_at": now}


# --- row 1: a shell on the server


VERBS = [
    ("add_person", ("Pat", "pat@example.test"), {}),
    ("deactivate_person", ("pe_1",), {}),
    ("issue_enrolment", ("pe_1",), {}),
    ("grant_role", ("pe_1", Role.APPROVER), {}),
    ("confirm_role", ("rg_1",), {}),
    ("revoke_role", ("rg_1",), {}),
    ("request_factor_reset", ("pe_1",), {}),
    ("confirm_factor_reset", ("ch_1",), {}),
    ("change_email", ("pe_1", "x@example.test"), {}),
    ("confirm_email_change", ("ch_1",), {}),
    ("cancel_change", ("ch_1",), {}),
    ("end_agreement", ("va_1",), {}),
    ("add_pool", ("P", "va_1", ()), {}),
    ("change_pool", ("po_1", ()), {}),
    ("withdraw_authorisation", ("au_1",), {}),
    ("register_key", ("pe_1", fresh_key()), {}),
    ("renew_recovery_codes", (), {}),
]


@pytest.mark.parametrize(("verb", "args", "kwargs"), VERBS, ids=[verb[0] for verb in VERBS])
@pytest.mark.parametrize("actor", [OPERATOR, system("gate")], ids=["operator", "process"])
def test_row_1_operator_and_processes_do_nothing_with_people(
    shop: Shop, verb: str, args: tuple, kwargs: dict, actor: Actor
) -> None:
    found = codes_of(getattr(personnel, verb), *args, **kwargs, actor=actor, clock=shop.clock)
    assert found in (("actor.not_a_person",), ("person.no_account",))


def test_row_1_an_actor_of_an_invented_person_has_no_roles(shop: Shop) -> None:
    ghost = Actor("pe_ghost", ActorKind.PERSON, "mfa", shop.clock.now())
    assert "role.missing" in codes_of(
        personnel.add_person, "Pat", "pat@example.test", actor=ghost, clock=shop.clock)
    assert codes_of(personnel.register_key, "pe_ghost", fresh_key(), actor=ghost, clock=shop.clock) == (
        "actor.unknown",)


def test_row_1_a_token_written_by_hand_is_nobodys(shop: Shop, clock: StillClock) -> None:
    now = clock.now()
    by_hand(ApiToken, id="to_hand", salt="00" * 16, person_id=shop.ids["avery"], secret_sha256=sha256_of("qd_mine"),
            scopes=["read", "write"], issued_at=now, expires_at=now + timedelta(hours=1), mfa_at=now)
    assert personnel.actor_for_token("qd_mine", clock) is None


@pytest.mark.parametrize("field", ["mfa_at", "expires_at", "person_id", "scopes"])
def test_row_1_a_token_edited_by_hand_is_void(shop: Shop, clock: StillClock, field: str) -> None:
    secret, view = personnel.issue_token(
        "max@example.test", password_of("max"), shop.totp("max"), clock=clock, scopes=("read",))
    later = clock.now() + timedelta(days=1)
    changed = {"mfa_at": later, "expires_at": later, "person_id": shop.ids["avery"], "scopes": ["read", "write"]}
    edit(ApiToken, view.id, **{field: changed[field]})
    assert personnel.actor_for_token(secret, clock) is None


def test_row_1_a_revoked_token_does_not_come_back(shop: Shop, clock: StillClock) -> None:
    secret, view = personnel.issue_token("max@example.test", password_of("max"), shop.totp("max"), clock=clock)
    personnel.revoke_token(secret, clock=clock)
    edit(ApiToken, view.id, revoked_at=None)
    assert personnel.actor_for_token(secret, clock) is None


@pytest.mark.parametrize("field", ["password", "email", "person"])
def test_row_1_an_edited_account_does_not_log_in(shop: Shop, clock: StillClock, field: str) -> None:
    account = Account.objects.get(person_id=shop.ids["avery"])
    changed = {"password": make_password("mine now, all mine"), "email": "mallory@example.test"}
    if field == "person":
        edit(Account, Account.objects.get(person_id=shop.ids["casey"]).pk, person=None)
        edit(Account, account.pk, person=shop.ids["casey"])
    else:
        edit(Account, account.pk, **{field: changed[field]})
    terms = {"email": "avery@example.test", "password": password_of("avery")} | (
        {field: changed[field]} if field == "email" else {})
    if field == "password":
        terms["password"] = "mine now, all mine"
    assert codes_of(
        personnel.issue_token, terms["email"], terms["password"], shop.totp("avery"), clock=clock
    ) == ("login.refused",)


def test_row_1_a_swapped_totp_secret_opens_nothing(shop: Shop, clock: StillClock) -> None:
    mine = new_secret()
    stored = Authenticator.objects.get(user__person_id=shop.ids["avery"], type="totp")
    stored.data["secret"] = factor_secrets.encrypt(mine)
    stored.save()
    code = code_of(mine, counter_at(clock.now()))
    assert codes_of(personnel.issue_token, "avery@example.test", password_of("avery"), code, clock=clock) == (
        "login.refused",)


def test_row_1_not_even_with_the_digest_swapped_too(shop: Shop, clock: StillClock) -> None:
    mine = new_secret()
    stored = Authenticator.objects.get(user__person_id=shop.ids["avery"], type="totp")
    stored.data["secret"] = factor_secrets.encrypt(mine)
    stored.save()
    row = FactorDigest.objects.get(account__person_id=shop.ids["avery"], kind="totp")
    edit(FactorDigest, row.pk, digest=factor_secrets.digest(mine))
    code = code_of(mine, counter_at(clock.now()))
    assert codes_of(personnel.issue_token, "avery@example.test", password_of("avery"), code, clock=clock) == (
        "login.refused",)
    assert not personnel.has_second_factor(shop.ids["avery"])


def test_row_1_an_enrolment_code_written_by_hand_enrols_nobody(shop: Shop, clock: StillClock) -> None:
    now = clock.now()
    by_hand(EnrolmentCode, id="en_hand", salt="00" * 16, person_id=shop.ids["avery"], issued_by="operator",
            code_sha256=sha256_of_enrolment("MINE"), valid_from=now, expires_at=now + timedelta(days=1), issued_at=now)
    assert codes_of(personnel.enrol, "MINE", password_of("avery"), clock=clock) == ("enrolment.refused",)


def test_row_1_a_used_code_opened_again_by_hand_stays_used(shop: Shop, clock: StillClock) -> None:
    edit(EnrolmentCode, EnrolmentCode.objects.get(person_id=shop.ids["avery"]).pk, closed_at=None)
    assert codes_of(personnel.enrol, shop.codes["avery"], password_of("avery"), clock=clock) == ("enrolment.refused",)


# --- row 2: an invented approver, a reset factor


def test_row_2_one_it_lead_alone_makes_no_approver(shop: Shop, clock: StillClock) -> None:
    grant = personnel.grant_role(shop.add("Puppet"), Role.APPROVER, **by(shop, "iris"))
    for key in ("iris", "puppet", "max"):
        codes_of(personnel.confirm_role, grant.id, **by(shop, key))
    clock.advance(days=30)
    assert shop.ids["puppet"] not in personnel.holders(Role.APPROVER, clock.now())


def test_row_2_a_puppet_it_lead_does_not_help(shop: Shop, clock: StillClock) -> None:
    puppet = shop.add("Puppet")
    lead = personnel.grant_role(puppet, Role.IT_LEAD, **by(shop, "iris"))
    codes_of(personnel.confirm_role, lead.id, **by(shop, "iris"))
    codes_of(personnel.confirm_role, lead.id, **by(shop, "puppet"))
    assert personnel.holders(Role.IT_LEAD, clock.now() + timedelta(days=2)) == (shop.ids["iris"],)


def test_row_2_neither_does_a_deputyship(shop: Shop, clock: StillClock) -> None:
    puppet, now = shop.add("Puppet"), clock.now()
    grant = personnel.name_deputy(
        shop.ids["avery"], puppet, Role.APPROVER, now, now + timedelta(days=30), **by(shop, "iris"))
    codes_of(personnel.confirm_role, grant.id, **by(shop, "iris"))
    assert personnel.roles_of(puppet, now + timedelta(days=2)) == frozenset()


def test_row_2_the_it_lead_can_not_reset_an_approver_alone(shop: Shop, clock: StillClock) -> None:
    change, code = personnel.request_factor_reset(shop.ids["avery"], **by(shop, "iris"))
    assert code is None
    assert codes_of(personnel.confirm_factor_reset, change.id, **by(shop, "iris")) == (
        "two_people.same_person", "two_people.not_entitled")
    assert codes_of(personnel.issue_enrolment, shop.ids["avery"], **by(shop, "iris")) == ("enrolment.guarded",)


def test_row_2_a_code_kept_from_before_the_role_is_void(shop: Shop, clock: StillClock) -> None:
    pat = shop.add("Pat")
    kept = personnel.issue_enrolment(pat, **by(shop, "iris"))
    grant = personnel.grant_role(pat, Role.APPROVER, **by(shop, "iris"))
    personnel.confirm_role(grant.id, **by(shop, "casey"))
    assert codes_of(personnel.enrol, kept.code, password_of("pat"), clock=clock) == ("enrolment.refused",)


def test_row_2_not_in_the_day_before_the_role_counts_either(shop: Shop, clock: StillClock) -> None:
    pat = shop.add("Pat")
    grant = personnel.grant_role(pat, Role.APPROVER, **by(shop, "iris"))
    personnel.confirm_role(grant.id, **by(shop, "casey"))
    change, code = personnel.request_factor_reset(pat, **by(shop, "iris"))
    assert (change.two_people, code) == (True, None)


def test_row_2_a_change_confirmed_by_hand_is_not_carried_out(shop: Shop, clock: StillClock) -> None:
    change = personnel.change_email(shop.ids["avery"], "mine@example.test", **by(shop, "iris"))
    edit(PendingChange, change.id, state="confirmed", confirmed_by=shop.ids["casey"], confirmed_at=clock.now(),
         effective_at=clock.now())
    clock.advance(days=2)
    assert personnel.apply_due_changes(actor=system("ticker"), clock=clock) == []
    assert personnel.person(shop.ids["avery"]).email == "avery@example.test"


def test_row_2_a_request_whose_asker_was_edited_is_not_confirmed(shop: Shop, clock: StillClock) -> None:
    grant = personnel.grant_role(shop.add("Pat"), Role.APPROVER, **by(shop, "iris"))
    edit(RoleGrant, grant.id, requested_by=shop.ids["casey"])
    assert codes_of(personnel.confirm_role, grant.id, **by(shop, "avery")) == ("row.unsealed",)


def test_row_2_the_database_refuses_a_guarded_role_with_one_grantor(shop: Shop, clock: StillClock) -> None:
    now = clock.now()
    for one, two in (("pe_a", "pe_a"), ("pe_a", ""), (shop.ids["max"], "pe_a"), ("pe_a", shop.ids["max"])):
        with pytest.raises(IntegrityError), transaction.atomic():
            by_hand(RoleGrant, **(active_grant(shop, shop.ids["max"]) | {
                "founding": False, "requested_by": one, "confirmed_by": two, "confirmed_at": now if two else None}))


def test_row_2_a_totp_secret_on_two_accounts_is_refused(shop: Shop, clock: StillClock) -> None:
    account = Account.objects.get(person_id=shop.ids["max"])
    with pytest.raises(Refused) as refused, evidence.act(shop.actor("max"), clock) as act:
        replace_factors(act, account, {FactorKind.TOTP: shop.secrets["avery"]})
    assert refused.value.decision.codes == ("factor.shared",)


def test_row_2_a_mail_address_on_two_people_is_refused(shop: Shop) -> None:
    assert codes_of(personnel.add_person, "X", " Avery@EXAMPLE.test", **by(shop, "iris")) == ("person.email_taken",)
    assert "person.email_taken" in codes_of(
        personnel.change_email, shop.ids["max"], "AVERY@example.test", **by(shop, "iris"))


def test_row_2_the_database_refuses_upper_case_twins_of_an_address(shop: Shop) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        edit(Person, shop.ids["max"], email="AVERY@example.test")


# --- row 26: one login for a whole vendor


def test_row_26_a_key_is_one_persons_for_good(shop: Shop) -> None:
    line = fresh_key()
    personnel.register_key(shop.ids["max"], line, **by(shop, "max"))
    shop.add("Mia", kind=personnel.PersonKind.VENDOR, organisation="Harbor MSP")
    assert codes_of(personnel.register_key, shop.ids["mia"], line + " other comment", **by(shop, "mia")) == (
        "key.shared",)
    personnel.register_key(shop.ids["max"], fresh_key(), **by(shop, "max"))
    assert codes_of(personnel.register_key, shop.ids["mia"], line, **by(shop, "mia")) == ("key.shared",)
    personnel.deactivate_person(shop.ids["max"], **by(shop, "iris"))
    assert codes_of(personnel.register_key, shop.ids["mia"], line, **by(shop, "mia")) == ("key.shared",)


def test_row_26_a_key_moved_by_hand_counts_for_nobody(shop: Shop) -> None:
    view = personnel.register_key(shop.ids["max"], fresh_key(), **by(shop, "max"))
    edit(PersonKey, view.id, person_id=shop.ids["erin"])
    assert personnel.key_of(shop.ids["erin"]) is None
    assert personnel.key_of(shop.ids["max"]) is None


# --- row 28: rows written by hand


def test_row_28_a_role_written_by_hand_grants_nothing(shop: Shop, clock: StillClock) -> None:
    by_hand(RoleGrant, **active_grant(shop, shop.ids["max"]))
    assert Role.APPROVER not in personnel.roles_of(shop.ids["max"], clock.now())
    assert shop.ids["max"] not in personnel.holders(Role.APPROVER, clock.now())
    assert not next(grant for grant in personnel.role_grants(shop.ids["max"]) if grant.id == "rg_hand").sealed


@pytest.mark.parametrize("field", ["role", "person_id", "effective_at", "requested_by", "salt"])
def test_row_28_an_edited_founding_role_is_void(shop: Shop, clock: StillClock, field: str) -> None:
    grant = RoleGrant.objects.get(person_id=shop.ids["erin"])
    changed = {"role": "approver", "person_id": shop.ids["max"], "effective_at": clock.now(), "requested_by": "x",
               "salt": "11" * 16}
    edit(RoleGrant, grant.id, **{field: changed[field]})
    assert personnel.roles_of(shop.ids["erin"], clock.now()) == frozenset()
    assert Role.ESCORT not in personnel.roles_of(shop.ids["max"], clock.now())


def test_row_28_a_confirmation_by_hand_grants_nothing(shop: Shop, clock: StillClock) -> None:
    pat = shop.add("Pat")
    grant = personnel.grant_role(pat, Role.APPROVER, **by(shop, "iris"))
    edit(RoleGrant, grant.id, state="active", confirmed_by=shop.ids["casey"], confirmed_at=clock.now(),
         effective_at=clock.now())
    assert personnel.roles_of(pat, clock.now()) == frozenset()


def test_row_28_a_shortened_cool_down_grants_nothing(shop: Shop, clock: StillClock) -> None:
    pat = shop.add("Pat")
    grant = personnel.grant_role(pat, Role.APPROVER, **by(shop, "iris"))
    personnel.confirm_role(grant.id, **by(shop, "casey"))
    edit(RoleGrant, grant.id, effective_at=clock.now())
    assert personnel.roles_of(pat, clock.now()) == frozenset()


def test_row_28_a_revoked_role_does_not_come_back(shop: Shop, clock: StillClock) -> None:
    grant = RoleGrant.objects.get(person_id=shop.ids["avery"])
    personnel.revoke_role(grant.id, **by(shop, "iris"))
    edit(RoleGrant, grant.id, state="active", revoked_by="", revoked_at=None)
    assert personnel.roles_of(shop.ids["avery"], clock.now()) == frozenset()


def test_row_28_a_deactivated_person_does_not_come_back(shop: Shop, clock: StillClock) -> None:
    personnel.deactivate_person(shop.ids["avery"], **by(shop, "iris"))
    edit(Person, shop.ids["avery"], active=True, deactivated_by="", deactivated_at=None)
    assert not personnel.is_standing(shop.ids["avery"])
    assert personnel.roles_of(shop.ids["avery"], clock.now()) == frozenset()


def authorised(shop: Shop) -> tuple[str, str, str]:
    """An agreement, a pool with Max, and an authorisation of the pool for one asset."""
    now = shop.clock.now()
    dates = {"valid_from": now, "valid_until": now + timedelta(days=30)}
    terms = personnel.add_agreement(
        "Harbor MSP", "S-1", permitted_actions=["patch"], methods=["ssh"], **dates, **by(shop, "iris"))
    pool = personnel.add_pool("Harbor", terms.id, [shop.ids["max"]], **by(shop, "iris"))
    given = personnel.authorise(
        pool.id, actions=["patch"], scope_kind=personnel.ScopeKind.ASSETS, scope_ids=["as_1"], **dates,
        **by(shop, "iris"))
    return terms.id, pool.id, given.id


def may(shop: Shop, asset_id: str = "as_1", action: str = "patch") -> bool:
    return personnel.may_maintain(
        shop.ids["max"], asset_id=asset_id, action=action, method="ssh", at=shop.clock.now()).allowed


def test_row_28_an_edited_authorisation_agreement_or_pool_permits_nothing(shop: Shop) -> None:
    terms, pool, given = authorised(shop)
    assert may(shop)
    assert not may(shop, "as_2")
    edit(Authorisation, given, scope_ids=["as_1", "as_2"])
    assert not may(shop, "as_2")
    edit(Authorisation, given, scope_ids=["as_1"])
    assert may(shop)
    edit(VendorAgreement, terms, valid_until=shop.clock.now() + timedelta(days=99))
    assert not may(shop)
    edit(VendorAgreement, terms, valid_until=shop.clock.now() + timedelta(days=30))
    edit(Pool, pool, name="Other")
    assert not may(shop)


def test_row_28_a_member_slipped_into_a_pool_voids_the_pool(shop: Shop) -> None:
    _, pool, _ = authorised(shop)
    by_hand(PoolMember, pool_id=pool, person_id=shop.ids["quinn"])
    assert not may(shop)
    assert not personnel.pools()[0].sealed
    assert codes_of(personnel.pool, pool) == ("row.unsealed",)


def test_row_28_an_edit_is_not_laundered_when_a_colleague_leaves(shop: Shop) -> None:
    _, pool, _ = authorised(shop)
    mia = shop.add("Mia", kind=personnel.PersonKind.VENDOR, organisation="Harbor MSP")
    personnel.change_pool(pool, [mia, shop.ids["max"]], **by(shop, "iris"))
    by_hand(PoolMember, pool_id=pool, person_id=shop.ids["quinn"])
    personnel.deactivate_person(mia, **by(shop, "iris"))
    assert not personnel.pools()[0].sealed
    assert not may(shop)


def test_row_28_an_authorisation_written_by_hand_permits_nothing(shop: Shop) -> None:
    now = shop.clock.now()
    by_hand(Authorisation, id="au_hand", salt="00" * 16, person_id=shop.ids["iris"], actions=["any"], scope_ids=[],
            scope_kind="all", valid_from=now, valid_until=now + timedelta(days=1), granted_by=shop.ids["iris"],
            granted_at=now)
    assert not personnel.may_maintain(
        shop.ids["iris"], asset_id="as_1", action="patch", method="ssh", at=now).allowed
    assert personnel.authorisation(shop.ids["iris"], "as_1", now) is None


def test_row_28_a_second_founding_entry_changes_nothing(shop: Shop, clock: StillClock) -> None:
    """Somebody who can run our code appends a second roster: the first entry counts."""
    row = by_hand(RoleGrant, **active_grant(shop, shop.ids["max"]))
    with evidence.act(OPERATOR, clock) as act:
        act.record("roster.founded", evidence.ObjectRef("roster", "founding"), data={
            "rows": {"role_grant": {"rg_hand": digest_of(row)}}})
    assert Role.APPROVER not in personnel.roles_of(shop.ids["max"], clock.now())


def test_writing_outside_an_act_raises(shop: Shop) -> None:
    with pytest.raises(evidence.UnrecordedWrite):
        RoleGrant.objects.filter(person_id=shop.ids["max"]).update(role="approver")
    with pytest.raises(evidence.UnrecordedWrite):
        Account.objects.filter(person_id=shop.ids["max"]).update(is_active=False)


class _Payload:
    """What an attacker pickles: a call that happens when it is read."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (self.path, "w"))


def test_what_somebody_wrote_into_the_table_of_login_counters_is_never_run(tmp_path, settings) -> None:
    """Django's own database cache unpickles it in the web process."""
    trace = tmp_path / "ran"
    cache.set("counter", [1, 2.5, "a"], 60)
    assert cache.get("counter") == [1, 2.5, "a"]
    with database_in_hand() as cursor:
        payload = base64.b64encode(pickle.dumps(_Payload(str(trace)))).decode()
        cursor.execute("UPDATE web_cache SET value = %s", [payload])
        assert cursor.rowcount >= 1
    assert cache.get("counter") is None
    assert not trace.exists()
    with database_in_hand() as cursor:
        cursor.execute("UPDATE web_cache SET value = 'no pickle at all'")
    assert cache.get_many(["counter", "other"]) == {}
