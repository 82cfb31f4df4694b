"""Logins through the app's verbs: enrolment, tokens, step-up, resets, mail changes, recovery codes, passwords."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from tests.clock import StillClock
from tests.shop import FAST_HASHER, Shop, found_shop, password_of

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import ChangeState, Role
from quarterdeck.personnel.totp import code_of, counter_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(clock: StillClock, settings) -> Shop:
    settings.PASSWORD_HASHERS = FAST_HASHER
    shop = found_shop(clock)
    shop.enrol("iris", "avery", "casey")
    clock.advance(minutes=1)
    return shop


def codes_of(call, *args, **kwargs) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        call(*args, **kwargs)
    return refused.value.decision.codes


def by(shop: Shop, key: str) -> dict:
    return {"actor": shop.actor(key), "clock": shop.clock}


def log_in(shop: Shop, key: str, **changed: str):
    terms = {"email": f"{key}@example.test", "password": password_of(key), "totp_code": shop.totp(key)} | changed
    return personnel.issue_token(terms["email"], terms["password"], terms["totp_code"], clock=shop.clock)


# --- enrolment


def test_a_person_sets_the_own_password_and_second_factor(shop: Shop) -> None:
    assert personnel.person(shop.ids["iris"]).mfa_enrolled
    assert personnel.has_account(shop.ids["iris"])
    assert not personnel.person(shop.ids["max"]).mfa_enrolled
    assert len(shop.recovery["iris"]) == 10


def test_secrets_are_nowhere_in_clear(shop: Shop) -> None:
    stored = Authenticator.objects.get(user__person_id=shop.ids["iris"], type="totp")
    assert shop.secrets["iris"] not in str(stored.data)
    assert all(shop.secrets["iris"] not in entry.body.decode() for entry in evidence.entries())


def test_a_code_works_once(shop: Shop, clock: StillClock) -> None:
    assert codes_of(personnel.enrol, shop.codes["iris"], password_of("iris"), clock=clock) == ("enrolment.refused",)


def test_a_code_expires(shop: Shop, clock: StillClock) -> None:
    clock.advance(hours=72)
    assert codes_of(personnel.enrol, shop.codes["max"], password_of("max"), clock=clock) == ("enrolment.refused",)


@pytest.mark.parametrize("code", ["", "AAAA-AAAA-AAAA-AAAA-AAAA", "x" * 1000, "\x00"])
def test_an_invented_code_does_not_work(shop: Shop, clock: StillClock, code: str) -> None:
    assert codes_of(personnel.enrol, code, password_of("max"), clock=clock) == ("enrolment.refused",)


@pytest.mark.parametrize("password", ["short", "12345678901234567", "passwordpassword"[:8], "x" * 1025])
def test_weak_passwords_are_refused(shop: Shop, clock: StillClock, password: str) -> None:
    assert "password.weak" in codes_of(personnel.enrol, shop.codes["max"], password, clock=clock)


def test_the_confirmation_needs_the_shown_secret(shop: Shop, clock: StillClock) -> None:
    assert codes_of(personnel.confirm_enrolment, shop.codes["max"], "123456", clock=clock) == ("enrolment.not_begun",)
    secret = personnel.enrol(shop.codes["max"], password_of("max"), clock=clock).secret
    wrong = code_of(secret, counter_at(clock.now()) + 50)
    assert codes_of(personnel.confirm_enrolment, shop.codes["max"], wrong, clock=clock) == ("enrolment.wrong_code",)
    assert not personnel.has_account(shop.ids["max"])
    again = personnel.enrol(shop.codes["max"], password_of("max"), clock=clock).secret
    assert again != secret
    personnel.confirm_enrolment(shop.codes["max"], code_of(again, counter_at(clock.now())), clock=clock)
    assert personnel.has_account(shop.ids["max"])


def test_later_people_get_a_code_from_the_it_lead(shop: Shop) -> None:
    pat = shop.add("Pat")
    first = personnel.issue_enrolment(pat, **by(shop, "iris"))
    second = personnel.issue_enrolment(pat, **by(shop, "iris"))
    assert codes_of(personnel.enrol, first.code, password_of("pat"), clock=shop.clock) == ("enrolment.refused",)
    shop.codes["pat"] = second.code
    shop.enrol("pat")
    assert codes_of(personnel.issue_enrolment, pat, **by(shop, "iris")) == ("enrolment.has_login",)


def test_the_it_lead_alone_gets_no_code_for_somebody_who_decides(shop: Shop) -> None:
    pat = shop.add("Pat")
    personnel.grant_role(pat, Role.APPROVER, **by(shop, "iris"))
    assert codes_of(personnel.issue_enrolment, pat, **by(shop, "iris")) == ("enrolment.guarded",)


# --- tokens


def test_a_login_gives_a_token_of_the_person_with_a_fresh_second_factor(shop: Shop, clock: StillClock) -> None:
    secret, view = log_in(shop, "iris")
    actor = personnel.actor_for_token(secret, clock)
    assert (actor.id, actor.auth, actor.mfa_at) == (shop.ids["iris"], "token", clock.now())
    assert (view.person_id, view.expires_at) == (shop.ids["iris"], clock.now() + timedelta(hours=12))
    assert personnel.tokens_of(shop.ids["iris"], clock.now()) == [view]


@pytest.mark.parametrize(
    "changed",
    [{"email": "nobody@example.test"}, {"email": ""}, {"password": "wrong"}, {"password": ""},
     {"totp_code": "000000"}, {"totp_code": ""}, {"email": "max@example.test"}],
)
def test_every_failed_login_says_the_same(shop: Shop, changed: dict) -> None:
    with pytest.raises(Refused) as refused:
        log_in(shop, "iris", **changed)
    assert refused.value.decision.codes == ("login.refused",)
    assert str(refused.value).startswith("Mail address, password or code is wrong")


def test_failed_logins_are_recorded_without_address(shop: Shop) -> None:
    codes_of(log_in, shop, "iris", password="wrong")
    entry = evidence.last_entry(["act.refused"])
    assert (entry.actor_id, entry.object.id) == ("login", "personnel.login")
    assert "iris" not in entry.body.decode()


def test_a_totp_code_works_once(shop: Shop) -> None:
    code = shop.totp("iris")
    log_in(shop, "iris", totp_code=code)
    assert codes_of(log_in, shop, "iris", totp_code=code) == ("login.refused",)


def test_an_older_code_does_not_work_after_a_newer_one(shop: Shop, clock: StillClock) -> None:
    step = counter_at(clock.now())
    log_in(shop, "iris", totp_code=code_of(shop.secrets["iris"], step + 1))
    assert codes_of(log_in, shop, "iris", totp_code=code_of(shop.secrets["iris"], step)) == ("login.refused",)


def test_the_code_of_the_enrolment_is_used_up(shop: Shop, clock: StillClock) -> None:
    secret = personnel.enrol(shop.codes["max"], password_of("max"), clock=clock).secret
    code = code_of(secret, counter_at(clock.now()))
    personnel.confirm_enrolment(shop.codes["max"], code, clock=clock)
    assert codes_of(personnel.issue_token, "max@example.test", password_of("max"), code, clock=clock) == (
        "login.refused",)


def test_a_wrong_password_does_not_use_the_code_up(shop: Shop) -> None:
    code = shop.totp("iris")
    codes_of(log_in, shop, "iris", totp_code=code, password="wrong")
    assert log_in(shop, "iris", totp_code=code)


def test_five_failures_lock_the_address_for_five_minutes(shop: Shop, clock: StillClock) -> None:
    for _ in range(5):
        assert codes_of(log_in, shop, "iris", password="wrong") == ("login.refused",)
    assert codes_of(log_in, shop, "iris") == ("login.too_many",)
    assert log_in(shop, "avery")
    clock.advance(minutes=5)
    assert log_in(shop, "iris")


def test_a_success_gives_its_slot_back(shop: Shop, clock: StillClock) -> None:
    for _ in range(8):
        clock.advance(seconds=30)
        assert log_in(shop, "iris")


def test_a_client_that_tries_many_addresses_is_stopped(shop: Shop, clock: StillClock) -> None:
    for number in range(20):
        codes_of(personnel.issue_token, f"{number}@example.test", "x", "000000", clock=clock, client="192.0.2.7")
    assert codes_of(personnel.issue_token, "iris@example.test", password_of("iris"), shop.totp("iris"), clock=clock,
                    client="192.0.2.7") == ("login.too_many",)
    assert log_in(shop, "iris")


@pytest.mark.parametrize("scopes", [(), ("admin",), ("read", "admin")])
def test_scopes_are_read_and_write(shop: Shop, clock: StillClock, scopes: tuple[str, ...]) -> None:
    assert codes_of(personnel.issue_token, "iris@example.test", password_of("iris"), shop.totp("iris"), clock=clock,
                    scopes=scopes) == ("token.scope",)


def test_a_token_ends_by_time_and_by_logging_out(shop: Shop, clock: StillClock) -> None:
    secret, _ = log_in(shop, "iris")
    personnel.revoke_token(secret, clock=clock)
    personnel.revoke_token(secret, clock=clock)
    assert personnel.actor_for_token(secret, clock) is None
    secret, _ = log_in(shop, "iris")
    clock.advance(hours=12)
    assert personnel.actor_for_token(secret, clock) is None
    assert personnel.actor_for_token("qd_invented", clock) is None


def test_step_up_renews_the_second_factor(shop: Shop, clock: StillClock) -> None:
    secret, _ = log_in(shop, "iris")
    clock.advance(minutes=11)
    actor = personnel.actor_for_token(secret, clock)
    assert codes_of(personnel.add_person, "Pat", "pat@example.test", actor=actor, clock=clock) == ("step_up.needed",)
    assert codes_of(personnel.step_up, secret, "000000", clock=clock) == ("login.refused",)
    assert personnel.step_up(secret, shop.totp("iris"), clock=clock).mfa_at == clock.now()
    personnel.add_person("Pat", "pat@example.test", actor=personnel.actor_for_token(secret, clock), clock=clock)


def test_step_up_uses_codes_up_and_counts_failures(shop: Shop, clock: StillClock) -> None:
    secret, _ = log_in(shop, "iris")
    code = shop.totp("iris")
    personnel.step_up(secret, code, clock=clock)
    for _ in range(5):
        assert codes_of(personnel.step_up, secret, code, clock=clock) == ("login.refused",)
    assert codes_of(personnel.step_up, secret, shop.totp("iris"), clock=clock) == ("login.too_many",)
    assert codes_of(personnel.step_up, "qd_invented", code, clock=clock) == ("token.unknown",)


def test_a_deactivated_persons_token_is_dead(shop: Shop, clock: StillClock) -> None:
    secret, _ = log_in(shop, "avery")
    personnel.deactivate_person(shop.ids["avery"], **by(shop, "iris"))
    assert personnel.actor_for_token(secret, clock) is None
    assert codes_of(log_in, shop, "avery") == ("login.refused",)


# --- passwords and recovery codes


def test_a_password_is_changed_by_its_owner_and_ends_every_token(shop: Shop, clock: StillClock) -> None:
    secret, _ = log_in(shop, "iris")
    actor = personnel.actor_for_token(secret, clock)
    assert codes_of(personnel.change_password, "wrong", "a much better secret", actor=actor, clock=clock) == (
        "login.refused",)
    assert "password.weak" in codes_of(
        personnel.change_password, password_of("iris"), "short", actor=actor, clock=clock)
    personnel.change_password(password_of("iris"), "a much better secret", actor=actor, clock=clock)
    assert personnel.actor_for_token(secret, clock) is None
    assert codes_of(log_in, shop, "iris") == ("login.refused",)
    assert log_in(shop, "iris", password="a much better secret")


def test_recovery_codes_are_renewed_by_their_owner(shop: Shop) -> None:
    fresh = personnel.renew_recovery_codes(**by(shop, "iris"))
    assert len(fresh) == 10
    assert not set(fresh) & set(shop.recovery["iris"])
    assert codes_of(personnel.renew_recovery_codes, **by(shop, "max")) == ("person.no_account",)


# --- resetting a second factor


def test_the_reset_of_a_technician_takes_one_it_lead(shop: Shop, clock: StillClock) -> None:
    shop.enrol("max")
    change, code = personnel.request_factor_reset(shop.ids["max"], **by(shop, "iris"))
    assert not change.two_people
    old = shop.secrets["max"]
    shop.codes["max"] = code.code
    shop.enrol("max")
    assert shop.secrets["max"] != old
    clock.advance(minutes=1)
    assert log_in(shop, "max")
    stale = code_of(old, counter_at(clock.now()) + 1)
    assert codes_of(log_in, shop, "max", totp_code=stale) == ("login.refused",)


def test_the_reset_of_an_approver_takes_two_people_and_a_day(shop: Shop, clock: StillClock) -> None:
    secret, _ = log_in(shop, "avery")
    change, code = personnel.request_factor_reset(shop.ids["avery"], **by(shop, "iris"))
    assert (change.two_people, code) == (True, None)
    confirmed, code = personnel.confirm_factor_reset(change.id, **by(shop, "casey"))
    assert confirmed.effective_at == clock.now() + timedelta(hours=24)
    shop.codes["avery"] = code.code
    assert codes_of(personnel.enrol, code.code, password_of("avery"), clock=clock) == ("enrolment.refused",)
    assert log_in(shop, "avery"), "until then the old factor works, and its owner can object"
    clock.advance(hours=24)
    shop.enrol("avery")
    assert personnel.actor_for_token(secret, clock) is None
    entry = evidence.last_entry(["factor.reset"])
    assert (entry.object.id, entry.data["person"]) == (change.id, shop.ids["avery"])


@pytest.mark.parametrize("key", ["iris", "avery", "max"])
def test_who_may_not_confirm_a_reset(shop: Shop, key: str) -> None:
    change, _ = personnel.request_factor_reset(shop.ids["avery"], **by(shop, "iris"))
    assert {"two_people.same_person", "two_people.own_benefit", "role.missing"} & set(
        codes_of(personnel.confirm_factor_reset, change.id, **by(shop, key)))


def test_nobody_asks_for_the_own_reset(shop: Shop) -> None:
    assert "two_people.own_benefit" in codes_of(
        personnel.request_factor_reset, shop.ids["iris"], **by(shop, "iris"))


def test_the_it_leads_reset_is_asked_for_by_a_decider(shop: Shop) -> None:
    change, _ = personnel.request_factor_reset(shop.ids["iris"], **by(shop, "avery"))
    personnel.confirm_factor_reset(change.id, **by(shop, "casey"))


def test_the_person_concerned_stops_the_reset(shop: Shop, clock: StillClock) -> None:
    change, _ = personnel.request_factor_reset(shop.ids["avery"], **by(shop, "iris"))
    _, code = personnel.confirm_factor_reset(change.id, **by(shop, "casey"))
    assert any("reset" in notice.subject for notice in personnel.notices_for(shop.ids["avery"]))
    assert personnel.cancel_change(change.id, **by(shop, "avery")).state is ChangeState.CANCELLED
    clock.advance(hours=25)
    assert codes_of(personnel.enrol, code.code, password_of("avery"), clock=clock) == ("enrolment.refused",)
    assert codes_of(personnel.cancel_change, change.id, **by(shop, "avery")) == ("change.over",)


def test_one_reset_at_a_time(shop: Shop) -> None:
    personnel.request_factor_reset(shop.ids["avery"], **by(shop, "iris"))
    assert "change.open" in codes_of(personnel.request_factor_reset, shop.ids["avery"], **by(shop, "iris"))


# --- mail addresses


def test_the_mail_of_a_technician_changes_at_once_and_the_old_address_is_told(shop: Shop) -> None:
    shop.enrol("max")
    shop.clock.advance(minutes=1)
    change = personnel.change_email(shop.ids["max"], "Max.New@example.test", **by(shop, "iris"))
    assert change.state is ChangeState.DONE
    assert personnel.person(shop.ids["max"]).email == "max.new@example.test"
    addresses = {notice.address for notice in personnel.notices_for(shop.ids["max"])}
    assert {"max@example.test", "max.new@example.test"} <= addresses
    assert log_in(shop, "max", email="max.new@example.test")


def test_the_mail_of_a_cui_owner_takes_two_people_and_a_day(shop: Shop, clock: StillClock) -> None:
    change = personnel.change_email(shop.ids["casey"], "c2@example.test", **by(shop, "iris"))
    assert change.state is ChangeState.PENDING
    assert codes_of(personnel.confirm_email_change, change.id, **by(shop, "iris")) == (
        "two_people.same_person", "two_people.not_entitled")
    personnel.confirm_email_change(change.id, **by(shop, "avery"))
    ticker = shop.actor("iris")
    assert personnel.apply_due_changes(actor=ticker, clock=clock) == []
    clock.advance(hours=24)
    done = personnel.apply_due_changes(actor=shop.actor("iris"), clock=clock)
    assert [view.state for view in done] == [ChangeState.DONE]
    assert personnel.person(shop.ids["casey"]).email == "c2@example.test"
    assert personnel.roles_of(shop.ids["casey"], clock.now()) == {Role.CUI_OWNER}
    assert personnel.has_account(shop.ids["casey"])


def test_an_address_taken_meanwhile_cancels_the_change(shop: Shop, clock: StillClock) -> None:
    change = personnel.change_email(shop.ids["casey"], "pat@example.test", **by(shop, "iris"))
    personnel.confirm_email_change(change.id, **by(shop, "avery"))
    shop.add("Pat")
    clock.advance(hours=24)
    done = personnel.apply_due_changes(actor=shop.actor("iris"), clock=clock)
    assert [view.state for view in done] == [ChangeState.CANCELLED]
    assert personnel.person(shop.ids["casey"]).email == "casey@example.test"


@pytest.mark.parametrize(("address", "code"), [("avery@example.test", "person.email_taken"),
                                               ("nothing", "person.email_malformed")])
def test_addresses_that_are_refused(shop: Shop, address: str, code: str) -> None:
    assert codes_of(personnel.change_email, shop.ids["max"], address, **by(shop, "iris")) == (code,)


def test_a_reset_is_not_confirmed_as_a_mail_change(shop: Shop) -> None:
    change, _ = personnel.request_factor_reset(shop.ids["avery"], **by(shop, "iris"))
    assert codes_of(personnel.confirm_email_change, change.id, **by(shop, "casey")) == ("change.not_pending",)


def test_the_ledger_verifies_after_all_this(shop: Shop) -> None:
    log_in(shop, "iris")
    personnel.change_email(shop.ids["max"], "m2@example.test", **by(shop, "iris"))
    personnel.request_factor_reset(shop.ids["avery"], **by(shop, "iris"))
    assert evidence.verify_ledger().problems == []
