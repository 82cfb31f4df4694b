"""People, roles, vendors and keys over HTTP: who reads what, who writes what, refusals in words."""

import json
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import Client
from tests.clock import StillClock
from tests.shop import FAST_HASHER, Shop, found_shop, password_of

from quarterdeck import wiring
from quarterdeck.personnel import api as personnel

pytestmark = pytest.mark.django_db
LISTS = ("/people", "/roles", "/changes", "/authorisations", "/agreements", "/pools")


class Caller:
    """One person's token and the calls made with it."""

    def __init__(self, shop: Shop, key: str) -> None:
        self.token, _ = personnel.issue_token(
            f"{key}@example.test", password_of(key), shop.totp(key), clock=shop.clock)

    def call(self, method: str, path: str, body: Any = None):
        return Client().generic(
            method, f"/api/v1{path}", b"" if body is None else json.dumps(body), content_type="application/json",
            headers={"Authorization": f"Bearer {self.token}"},
        )

    def get(self, path: str):
        return self.call("GET", path)

    def post(self, path: str, body: Any = None):
        return self.call("POST", path, body)


@pytest.fixture
def shop(clock: StillClock, settings, monkeypatch) -> Shop:
    settings.PASSWORD_HASHERS = FAST_HASHER
    settings.ROOT_URLCONF = "tests.api_urls"
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if not name.startswith("quarterdeck.")]
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    shop = found_shop(clock)
    shop.enrol("iris", "max", "avery", "casey", "quinn", "erin")
    clock.advance(minutes=1)
    return shop


@pytest.fixture
def iris(shop: Shop) -> Caller:
    return Caller(shop, "iris")


def code_in(answer) -> str:
    return answer.json()["refused"][0]["code"]


def dates(clock: StillClock, days: int = 90) -> dict:
    return {"valid_from": clock.now().isoformat(), "valid_until": (clock.now() + timedelta(days=days)).isoformat()}


def test_everyone_reads_names_and_those_who_oversee_read_addresses(shop: Shop) -> None:
    for key, sees in (("iris", 6), ("avery", 6), ("casey", 6), ("quinn", 6), ("max", 1), ("erin", 1)):
        people = Caller(shop, key).get("/people").json()
        assert len(people) == 6
        assert sum(bool(person["email"]) for person in people) == sees, key


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("key", ["iris", "avery", "casey", "quinn"])
def test_overseers_read_every_list(shop: Shop, key: str, path: str) -> None:
    assert Caller(shop, key).get(path).status_code == 200


@pytest.mark.parametrize(("path", "status"), [("/people", 200), ("/roles", 200), ("/changes", 200),
                                              ("/authorisations", 200), ("/agreements", 403), ("/pools", 403)])
def test_a_technician_reads_the_own_lines(shop: Shop, path: str, status: int) -> None:
    answer = Caller(shop, "max").get(path)
    assert answer.status_code == status
    if path == "/roles":
        assert {grant["person_id"] for grant in answer.json()} == {shop.ids["max"]}


@pytest.mark.parametrize("key", ["max", "avery", "casey", "quinn", "erin"])
def test_only_the_it_lead_writes(shop: Shop, clock: StillClock, key: str) -> None:
    caller, erin = Caller(shop, key), shop.ids["erin"]
    agreement = {"vendor": "V", "number": "1", "permitted_actions": ["any"], "methods": ["any"], **dates(clock)}
    other = "max" if key == "erin" else "erin"
    for path, body in (
        ("/people", {"name": "Pat", "email": "pat@example.test"}),
        ("/roles", {"person": shop.ids[other], "role": "technician"}),
        ("/agreements", agreement),
        ("/pools", {"name": "P", "agreement": "va_1"}),
        ("/authorisations", {"holder": erin, "actions": ["any"], **dates(clock)}),
        (f"/people/{erin}/deactivate", None),
        (f"/people/{erin}/enrolment", None),
    ):
        answer = caller.post(path, body)
        assert (answer.status_code, code_in(answer)) in (
            (403, "role.missing"), (409, "role.request_not_yours")), path


def test_the_assessor_writes_nothing_but_the_own_key(shop: Shop) -> None:
    quinn = Caller(shop, "quinn")
    assert quinn.post("/roles/rg_1/confirm").status_code == 403
    assert quinn.post("/changes/ch_1/confirm").status_code == 403
    assert quinn.post(f"/people/{shop.ids['max']}/factor-reset").status_code == 403


def test_a_person_from_nothing_to_technician(shop: Shop, iris: Caller, clock: StillClock) -> None:
    mia = iris.post("/people", {"name": "Mia", "email": "mia@example.test", "organisation": "Harbor MSP",
                                "kind": "vendor"}).json()["id"]
    code = iris.post(f"/people/{mia}/enrolment").json()["code"]
    shop.ids["mia"], shop.codes["mia"] = mia, code
    shop.enrol("mia")
    clock.advance(minutes=1)
    assert iris.post("/roles", {"person": mia, "role": "technician"}).json()["state"] == "active"
    terms = iris.post("/agreements", {
        "vendor": "Harbor MSP", "number": "S-1", "permitted_actions": ["patch"], "methods": ["ssh"], "nda": True,
        "hours": [{"days": [0, 1, 2, 3, 4], "begins": "08:00", "ends": "18:00"}], **dates(clock)}).json()
    assert terms["hours"] == [{"days": [0, 1, 2, 3, 4], "begins": "08:00", "ends": "18:00"}]
    pool = iris.post("/pools", {"name": "Harbor", "agreement": terms["id"], "members": [mia]}).json()
    given = iris.post("/authorisations", {"holder": pool["id"], "actions": ["patch"], **dates(clock)}).json()
    assert given["agreement_id"] == terms["id"]
    assert personnel.may_maintain(mia, asset_id="as_1", action="patch", method="ssh", at=clock.now()).allowed
    assert iris.call("PUT", f"/pools/{pool['id']}/members", {"members": []}).json()["members"] == []
    assert iris.post(f"/authorisations/{given['id']}/withdraw").json()["withdrawn_at"]
    assert iris.post(f"/agreements/{terms['id']}/end").json()["ended_at"]
    assert iris.get(f"/authorisations?person={mia}").json() == []
    assert len(iris.get("/authorisations").json()) == 1


def test_an_approver_takes_two_people(shop: Shop, iris: Caller) -> None:
    pat = iris.post("/people", {"name": "Pat", "email": "pat@example.test"}).json()["id"]
    grant = iris.post("/roles", {"person": pat, "role": "approver"}).json()
    assert grant["state"] == "pending"
    assert code_in(iris.post(f"/roles/{grant['id']}/confirm")) == "two_people.same_person"
    confirmed = Caller(shop, "casey").post(f"/roles/{grant['id']}/confirm").json()
    assert (confirmed["state"], confirmed["confirmed_by"]) == ("active", shop.ids["casey"])
    assert Caller(shop, "avery").post(f"/roles/{grant['id']}/revoke").json()["state"] == "revoked"


def test_a_deputy_by_the_approver_herself(shop: Shop, clock: StillClock) -> None:
    body = {"principal": shop.ids["avery"], "deputy": shop.ids["erin"], "role": "approver", **dates(clock, 7)}
    answer = Caller(shop, "avery").post("/roles/deputies", body)
    assert (answer.json()["deputy_for"], answer.json()["state"]) == (shop.ids["avery"], "pending")


def test_a_reset_and_a_mail_change_by_two(shop: Shop, iris: Caller) -> None:
    avery = shop.ids["avery"]
    reset = iris.post(f"/people/{avery}/factor-reset").json()
    assert (reset["change"]["two_people"], reset["code"]) == (True, None)
    mail = iris.post(f"/people/{avery}/email", {"email": "a2@example.test"}).json()
    casey = Caller(shop, "casey")
    assert casey.post(f"/changes/{reset['change']['id']}/confirm").json()["code"]["code"]
    assert casey.post(f"/changes/{mail['id']}/confirm").json()["code"] is None
    assert {change["state"] for change in iris.get("/changes").json()} == {"confirmed"}
    assert Caller(shop, "avery").post(f"/changes/{mail['id']}/cancel").json()["state"] == "cancelled"


def test_a_technicians_reset_gives_the_code_at_once(shop: Shop, iris: Caller) -> None:
    assert iris.post(f"/people/{shop.ids['max']}/factor-reset").json()["code"]["person_id"] == shop.ids["max"]


def test_keys_are_registered_by_their_owner(shop: Shop, iris: Caller) -> None:
    line = ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(
        Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    max_ = Caller(shop, "max")
    key = max_.post("/keys", {"public_key": line}).json()
    assert key["person_id"] == shop.ids["max"]
    assert max_.get("/me").json()["key_fingerprint"] == key["fingerprint"]
    assert iris.get(f"/keys/{shop.ids['max']}").json() == key
    assert iris.get(f"/keys/{shop.ids['casey']}").json() is None
    assert code_in(iris.post("/keys", {"public_key": line})) == "key.shared"
    assert code_in(Caller(shop, "erin").get(f"/keys/{shop.ids['max']}")) == "reading.denied"
    assert max_.get(f"/keys/{shop.ids['max']}").status_code == 200


def test_leaving_ends_everything_and_names_the_gap(shop: Shop, iris: Caller) -> None:
    casey = Caller(shop, "casey")
    body = iris.post(f"/people/{shop.ids['casey']}/deactivate").json()
    assert body["person"]["active"] is False
    assert [gap["code"] for gap in body["gaps"]] == ["duties.no_cui_owner"]
    assert casey.get("/me").status_code == 401


@pytest.mark.parametrize("person_id", ["pe_none", "%00", "..%2f..%2fetc", "pe_1' OR 1=1--", "x" * 3000, "é"])
def test_odd_ids_are_refused_in_words(iris: Caller, person_id: str) -> None:
    assert iris.get(f"/people/{person_id}").status_code == 404
    assert iris.post(f"/people/{person_id}/deactivate").status_code == 404


@pytest.mark.parametrize(
    "changed",
    [{"valid_from": "2026-11-23T14:00:00"}, {"valid_until": "0001-01-01T00:00:00+14:00"}, {"actions": "any"},
     {"valid_until": "9999-12-31T23:59:59-14:00"}, {"scope_kind": "planet"}, {"actions": [1]},
     {"competence": "x" * 500}],
)
def test_malformed_bodies_are_422(shop: Shop, iris: Caller, clock: StillClock, changed: dict) -> None:
    body = {"holder": shop.ids["erin"], "actions": ["any"], **dates(clock)} | changed
    assert iris.post("/authorisations", body).status_code == 422


def test_refusals_carry_sentence_and_next_step(iris: Caller, shop: Shop) -> None:
    reason = iris.post("/people", {"name": "Eve", "email": "avery@example.test"}).json()["refused"][0]
    assert reason["sentence"].endswith(".")
    assert reason["next_step"]
