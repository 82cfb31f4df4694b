"""Every form whose act wants a fresh second factor asks for the code in itself, and keeps what was typed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.shop import FAST_HASHER
from tests.ticket_yard import HOST_KEY, Yard, build_yard
from tests.web_visitor import hidden, sign_in, text_of

from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role

pytestmark = pytest.mark.django_db(transaction=True)
FIELD = 'name="code"'


@pytest.fixture
def yard(settings: Any) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    made = build_yard(SystemClock())
    made.shop.add("Nadia")
    return made


def age_what_was_shown(monkeypatch: pytest.MonkeyPatch, yard: Yard) -> None:
    """Let every second factor shown until now be eleven minutes older; what is shown later counts as it is."""
    real, until_now = personnel.actor_for_request, yard.clock.now()

    def aged(request: Any) -> Actor | None:
        found = real(request)
        if found is None or found.mfa_at is None or found.mfa_at > until_now:
            return found
        return Actor(found.id, ActorKind.PERSON, found.auth, found.mfa_at - timedelta(minutes=11))

    monkeypatch.setattr(personnel, "actor_for_request", aged)


@dataclass(frozen=True)
class Asking:
    """One form: where it stands, what is typed, the part of it that must stay, and whether the act was done."""

    url: Callable[[Yard], str]
    typed: Callable[[Yard], dict[str, Any]]
    stays: str
    done: Callable[[Yard], bool]


def _nadia(yard: Yard) -> str:
    return yard.shop.ids["nadia"]


AGREEMENT = {
    "vendor": "Cooling Ltd", "number": "C-77", "permitted_actions": ["repair"], "methods": ["on_site"],
    "valid_from": "now", "valid_until": "+52w", "nda": "on",
}  # fmt: skip
CONNECTION = {
    "method": "ssh", "address": "10.0.0.77", "port": "22", "target_account": "maint", "elevation": "sudo",
    "host_identity": HOST_KEY, "watched_roots": "/etc",
}  # fmt: skip
FORMS = {
    "add a person": Asking(
        lambda yard: "/people/add/",
        lambda yard: {"name": "Nora New", "email": "nora@example.test", "kind": "staff"},
        "Nora New",
        lambda yard: any(one.name == "Nora New" for one in personnel.people()),
    ),
    "grant a role": Asking(
        lambda yard: f"/people/{_nadia(yard)}/role/",
        lambda yard: {"role": "escort"},
        'value="escort"',
        lambda yard: Role.ESCORT in personnel.roles_of(_nadia(yard), yard.clock.now()),
    ),
    "authorise": Asking(
        lambda yard: f"/people/{_nadia(yard)}/authorise/",
        lambda yard: {"actions": ["patch"], "scope": "assets", "assets": [yard.server], "valid_from": "now",
                      "valid_until": "+26w", "competence": "Course of May"},
        "Course of May",
        lambda yard: len(personnel.authorisations(_nadia(yard))) == 1,
    ),
    "name a deputy": Asking(
        lambda yard: f"/people/{yard.shop.ids['max']}/deputy/",
        lambda yard: {"deputy": _nadia(yard), "role": "technician", "valid_from": "now", "valid_until": "+31d"},
        "+31d",
        lambda yard: bool(personnel.role_grants(_nadia(yard))),
    ),
    "add an agreement": Asking(
        lambda yard: "/vendors/agreements/add/",
        lambda yard: AGREEMENT,
        "Cooling Ltd",
        lambda yard: any(one.number == "C-77" for one in personnel.agreements()),
    ),
    "how an asset is reached": Asking(
        lambda yard: f"/assets/{yard.server}/connections/add/",
        lambda yard: CONNECTION,
        "10.0.0.77",
        lambda yard: any(one.address == "10.0.0.77" for one in inventory.asset(yard.server).connections),
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", FORMS)
def test_the_form_asks_for_the_code_when_it_is_needed_and_only_then(yard, monkeypatch, what):
    asking = FORMS[what]
    url, iris = asking.url(yard), sign_in(yard.shop, "iris")
    assert FIELD not in iris.get(url).content.decode()
    age_what_was_shown(monkeypatch, yard)
    assert FIELD in iris.get(url).content.decode()
    typed = asking.typed(yard)
    for given in ({}, {"code": "000000"}):
        again = iris.post(url, typed | given)
        assert again.status_code == 200
        assert FIELD in again.content.decode()
        assert asking.stays in again.content.decode()
        assert not asking.done(yard)
    assert "check that the phone's time is right" in text_of(again)
    right = iris.post(url, typed | {"code": yard.shop.recovery["iris"][0]})
    assert right.status_code == 302, text_of(right)
    assert asking.done(yard)
    assert FIELD not in iris.get(url).content.decode()


def test_an_import_asks_beside_its_button_and_keeps_the_file(yard, monkeypatch):
    iris = sign_in(yard.shop, "iris")
    age_what_was_shown(monkeypatch, yard)
    sheet = SimpleUploadedFile("a.csv", b"hostname,category\nnew01,cui_asset\n", content_type="text/csv")
    shown = iris.post("/assets/import/", {"file": sheet})
    assert FIELD in shown.content.decode()
    send = {"do": "import", "kept": hidden(shown, "kept"), "token": hidden(shown, "token"),
            "header": ["hostname", "category"], "field": ["hostname", "category"]}  # fmt: skip
    again = iris.post("/assets/import/", send)
    send |= {"kept": hidden(again, "kept"), "token": hidden(again, "token")}
    assert [one for one in inventory.assets() if one.hostname == "new01"] == []
    iris.post("/assets/import/", send | {"code": yard.shop.recovery["iris"][0]})
    assert [one.hostname for one in inventory.assets() if one.hostname == "new01"] == ["new01"]


def test_people_are_deactivated_together_with_the_code_in_the_preview(yard, monkeypatch):
    iris = sign_in(yard.shop, "iris")
    age_what_was_shown(monkeypatch, yard)
    chosen = {"chosen": [_nadia(yard)]}
    assert FIELD in iris.post("/people/chosen/deactivate/", chosen).content.decode()
    iris.post("/people/chosen/deactivate/", chosen | {"do": "yes"})
    assert personnel.person(_nadia(yard)).active
    iris.post("/people/chosen/deactivate/", chosen | {"do": "yes", "code": yard.shop.recovery["iris"][0]})
    assert not personnel.person(_nadia(yard)).active


def test_a_press_asks_acts_and_comes_back_to_where_it_was(yard, monkeypatch):
    iris = sign_in(yard.shop, "iris")
    age_what_was_shown(monkeypatch, yard)
    place = f"/people/{yard.shop.ids['max']}/"
    press = {"do": "confirm_role", "target": "nonsense"}
    asked = iris.post(f"{place}act/", press, headers={"Referer": f"http://testserver{place}"})
    if asked["Location"].startswith("/accounts/2fa/"):
        code = {"code": yard.shop.recovery["iris"][0]}
        asked = iris.post(asked["Location"], code, headers={"Referer": f"http://testserver{asked['Location']}"})
    assert asked["Location"] == place
    granted = {one.role: one.id for one in personnel.role_grants(yard.shop.ids["max"])}
    press = {"do": "revoke_role", "target": granted[Role.TECHNICIAN]}
    iris.post(f"{place}act/", press)
    assert Role.TECHNICIAN not in personnel.roles_of(yard.shop.ids["max"], yard.clock.now())


@pytest.mark.parametrize("form", ["key", "password", "codes"])
def test_the_own_login_asks_in_each_of_its_forms(yard, monkeypatch, form):
    technician = sign_in(yard.shop, "max")
    age_what_was_shown(monkeypatch, yard)
    page = technician.get("/you/").content.decode()
    assert page.count(FIELD) == 5
    assert all(f'id="{name}_code"' in page for name in ("step_up", "key", "passkey", "password", "codes"))
    typed = {
        "key": {"public_key": HOST_KEY},
        "password": {"old": "max walks the quarterdeck", "new": "max now walks elsewhere",
                     "again": "max now walks elsewhere"},
        "codes": {},
    }[form]  # fmt: skip
    lacking = technician.post(f"/you/{form}/", typed)
    assert lacking.status_code == 200
    assert personnel.key_of(yard.shop.ids["max"]) is None
    done = technician.post(f"/you/{form}/", typed | {"code": yard.shop.recovery["max"][0]}, follow=True)
    assert FIELD not in done.content.decode()


def test_the_own_login_has_a_step_up_of_its_own(yard, monkeypatch):
    technician = sign_in(yard.shop, "max")
    assert "nothing asks for another code" in text_of(technician.get("/you/"))
    age_what_was_shown(monkeypatch, yard)
    assert "Show it again" in text_of(technician.get("/you/"))
    wrong = technician.post("/you/step-up/", {"code": "000000"})
    assert "The code was not accepted." in text_of(wrong)
    right = technician.post("/you/step-up/", {"code": yard.shop.recovery["max"][0]}, follow=True)
    assert "For ten minutes nothing asks for another code." in text_of(right)
    assert "Show it again" not in text_of(right)
