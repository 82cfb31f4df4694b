"""Logging in over HTTP: uniform failures, statuses, limits, replay, step-up, scopes, enrolment."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.test import Client
from tests.cast import AVERY, CASEY, IRIS, QUINN
from tests.clock import StillClock
from tests.shop import FAST_HASHER, Shop, found_shop, password_of

from quarterdeck import wiring
from quarterdeck.entrypoints.api.app import api
from quarterdeck.evidence import api as evidence
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.totp import code_of, counter_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(clock: StillClock, settings, monkeypatch) -> Shop:
    settings.PASSWORD_HASHERS = FAST_HASHER
    settings.ROOT_URLCONF = "tests.api_urls"
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("quarterdeck.")]
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    shop = found_shop(clock, (IRIS, AVERY, CASEY, QUINN))
    shop.enrol("iris")
    clock.advance(minutes=1)
    return shop


def call(method: str, path: str, body: Any = None, token: str = "", **headers: str):
    headers = headers | ({"Authorization": f"Bearer {token}"} if token else {})
    return Client().generic(
        method, f"/api/v1{path}", b"" if body is None else json.dumps(body), content_type="application/json",
        headers=headers,
    )


def log_in(shop: Shop, key: str = "iris", **changed: Any):
    body = {"email": f"{key}@example.test", "password": password_of(key)} | changed
    return call("POST", "/login", {"totp": shop.totp(key)} | body)


def token_of(shop: Shop, key: str = "iris", **changed: Any) -> str:
    answer = log_in(shop, key, **changed)
    assert answer.status_code == 200, answer.content
    return answer.json()["token"]


def code_in(answer) -> str:
    return answer.json()["refused"][0]["code"]


def test_the_actor_of_a_token_says_which_factor_was_shown(shop: Shop, clock: StillClock) -> None:
    found = personnel.actor_for_token(token_of(shop), clock)
    assert found is not None
    assert (found.factor, found.mfa_at) == ("totp", clock.now())


def test_a_login_answers_with_token_person_and_times(shop: Shop, clock: StillClock) -> None:
    answer = log_in(shop)
    body = answer.json()
    assert answer.status_code == 200
    assert body["token"].startswith("qd_")
    assert body["person"] == shop.ids["iris"]
    assert body["expires_at"].startswith((clock.now() + timedelta(hours=12)).strftime("%Y-%m-%dT%H:%M"))


@pytest.mark.parametrize(
    "changed",
    [{"email": "nobody@example.test"}, {"password": "wrong"}, {"totp": "000000"}, {"email": "avery@example.test"},
     {"totp": "١٢٣٤٥٦"}],
)
def test_every_failure_has_one_answer(shop: Shop, changed: dict) -> None:
    answer = log_in(shop, **changed)
    usual = log_in(shop, password="also wrong")
    assert (answer.status_code, answer.content) == (usual.status_code, usual.content) == (401, usual.content)


def test_unknown_and_known_addresses_cost_the_same_work(shop: Shop, monkeypatch) -> None:
    worked: list[str] = []
    verify = hashers.MD5PasswordHasher.verify

    def counted(self, password: str, encoded: str) -> bool:
        worked.append(encoded)
        return verify(self, password, encoded)

    monkeypatch.setattr(hashers.MD5PasswordHasher, "verify", counted)
    personnel.issue_token.__globals__["stand_in_hash"].cache_clear()
    log_in(shop, password="wrong")
    known = len(worked)
    log_in(shop, email="nobody@example.test")
    assert len(worked) == 2 * known == 2


@pytest.mark.parametrize(
    "body", [{}, {"email": "iris@example.test"}, {"email": 1, "password": 2, "totp": 3}, [], "text",
             {"email": "x" * 300, "password": "x", "totp": "1"}, {"email": "x", "password": "x" * 2000, "totp": "1"}],
)
def test_malformed_bodies_are_422(shop: Shop, body: Any) -> None:
    assert call("POST", "/login", body).status_code == 422


def test_broken_json_is_400(shop: Shop) -> None:
    answer = Client().generic("POST", "/api/v1/login", b"{", content_type="application/json")
    assert answer.status_code == 400


def test_a_used_code_is_refused(shop: Shop) -> None:
    code = shop.totp("iris")
    assert log_in(shop, totp=code).status_code == 200
    assert log_in(shop, totp=code).status_code == 401


def test_too_many_failures_are_429_even_with_the_right_password(shop: Shop, clock: StillClock) -> None:
    for _ in range(5):
        assert log_in(shop, password="wrong").status_code == 401
    answer = log_in(shop)
    assert (answer.status_code, code_in(answer)) == (429, "login.too_many")
    clock.advance(minutes=5)
    assert log_in(shop).status_code == 200


def test_the_limit_holds_for_addresses_written_differently(shop: Shop) -> None:
    for address in ("iris@{}", "IRIS@{}", " iris@{} ", "Iris@{}", "iRIS@{}"):
        assert log_in(shop, email=address.format("example.test"), password="wrong").status_code == 401
    assert log_in(shop).status_code == 429


def test_passwords_and_codes_are_in_no_entry(shop: Shop) -> None:
    log_in(shop, password="wrong-secret-word")
    log_in(shop)
    everything = b"".join(entry.body for entry in evidence.entries())
    assert b"wrong-secret-word" not in everything
    assert password_of("iris").encode() not in everything


def test_me_tells_who_the_token_is(shop: Shop) -> None:
    body = call("GET", "/me", token=token_of(shop)).json()
    assert (body["name"], body["roles"], body["key_fingerprint"]) == ("Iris Lead", ["it_lead", "requester"], "")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer qd_invented", "Basic aXJpczpw", "Bearer " + "x" * 5000,
                                    "Token abc"])
def test_without_a_good_token_it_is_401_in_the_usual_shape(shop: Shop, header: str) -> None:
    answer = call("GET", "/me", Authorization=header)
    assert (answer.status_code, code_in(answer)) == (401, "token.missing")


def test_a_browser_session_is_no_token(shop: Shop) -> None:
    client = Client()
    client.force_login(personnel.issue_token.__globals__["Account"].objects.get(person_id=shop.ids["iris"]))
    assert client.get("/api/v1/me").status_code == 401


def test_logout_ends_the_token(shop: Shop) -> None:
    token = token_of(shop)
    assert call("POST", "/logout", token=token).status_code == 204
    assert call("GET", "/me", token=token).status_code == 401


def test_a_token_expires(shop: Shop, clock: StillClock) -> None:
    token = token_of(shop)
    clock.advance(hours=12)
    assert call("GET", "/me", token=token).status_code == 401


def test_step_up_over_the_wire(shop: Shop, clock: StillClock) -> None:
    token = token_of(shop)
    clock.advance(minutes=11)
    person = {"name": "Pat", "email": "pat@example.test"}
    answer = call("POST", "/people", person, token=token)
    assert (answer.status_code, code_in(answer)) == (409, "step_up.needed")
    assert call("POST", "/step-up", {"totp": "000000"}, token=token).status_code == 401
    assert call("POST", "/step-up", {"totp": shop.totp("iris")}, token=token).status_code == 200
    assert call("POST", "/people", person, token=token).status_code == 200


def test_a_reading_token_writes_nothing_but_may_step_up_and_log_out(shop: Shop) -> None:
    token = token_of(shop, scopes=["read"])
    assert call("GET", "/people", token=token).status_code == 200
    answer = call("POST", "/people", {"name": "Pat", "email": "pat@example.test"}, token=token)
    assert (answer.status_code, code_in(answer)) == (403, "token.scope")
    assert call("POST", "/step-up", {"totp": shop.totp("iris")}, token=token).status_code == 200
    assert call("POST", "/logout", token=token).status_code == 204


def test_a_writing_token_does_not_read(shop: Shop) -> None:
    assert call("GET", "/people", token=token_of(shop, scopes=["write"])).status_code == 403


def test_unknown_scopes_are_refused(shop: Shop) -> None:
    assert code_in(log_in(shop, scopes=["admin"])) == "token.scope"


def test_enrolment_over_the_wire(shop: Shop, clock: StillClock) -> None:
    code = {"code": shop.codes["avery"]}
    found = call("POST", "/enrol", code | {"password": password_of("avery")}).json()
    assert found["email"] == "avery@example.test"
    assert found["secret"] in found["uri"]
    assert call("POST", "/enrol/confirm", code | {"totp": "000000"}).status_code == 409
    totp = code_of(found["secret"], counter_at(clock.now()))
    done = call("POST", "/enrol/confirm", code | {"totp": totp})
    assert (done.status_code, len(done.json()["recovery_codes"])) == (200, 10)
    assert call("POST", "/enrol/confirm", code | {"totp": totp}).status_code == 401


@pytest.mark.parametrize("password", ["short", "12345678901234567890"])
def test_weak_passwords_say_why(shop: Shop, password: str) -> None:
    answer = call("POST", "/enrol", {"code": shop.codes["avery"], "password": password})
    assert (answer.status_code, code_in(answer)) == (409, "password.weak")


def test_guessing_enrolment_codes_is_stopped(shop: Shop) -> None:
    for number in range(20):
        answer = call("POST", "/enrol", {"code": f"{number:020d}", "password": password_of("avery")})
        assert answer.status_code == 401
    answer = call("POST", "/enrol", {"code": shop.codes["avery"], "password": password_of("avery")})
    assert (answer.status_code, code_in(answer)) == (429, "login.too_many")


def test_the_own_password_changes_and_every_token_ends(shop: Shop) -> None:
    token = token_of(shop)
    wrong = call("POST", "/me/password", {"old": "x", "new": "a long enough secret"}, token=token)
    assert wrong.status_code == 401
    body = {"old": password_of("iris"), "new": "a long enough secret"}
    assert call("POST", "/me/password", body, token=token).status_code == 204
    assert call("GET", "/me", token=token).status_code == 401
    assert log_in(shop, password="a long enough secret").status_code == 200


def test_recovery_codes_are_renewed(shop: Shop) -> None:
    answer = call("POST", "/me/recovery-codes", token=token_of(shop))
    assert len(set(answer.json()["recovery_codes"]) - set(shop.recovery["iris"])) == 10


def test_the_description_declares_refusals_for_every_call(shop: Shop) -> None:
    paths = api.get_openapi_schema()["paths"]
    for path in ("/login", "/step-up", "/me", "/enrol", "/people", "/roles", "/agreements", "/keys"):
        for operation in paths[f"/api/v1{path}"].values():
            assert {401, 409} <= set(operation["responses"]), path
