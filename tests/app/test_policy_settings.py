"""Settings of the policy: shown, changed by the IT lead alone, and what the one about screens does to an admission."""

from pathlib import Path

import pytest
from tests.access_shop import Place, authorise, make_shop, open_ticket
from tests.access_signer import near_signer
from tests.api_caller import Caller, codes
from tests.app.test_sessions_admission import Gate
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard

from quarterdeck import wiring
from quarterdeck.evidence import api as evidence
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import keep_policy

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api_urls")]
SCREENS = "record_screens_of_cui_assets"


@pytest.fixture
def yard(clock, settings) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    return build_yard(clock)


def test_a_setting_is_changed_by_the_it_lead_and_is_an_entry(yard: Yard, monkeypatch) -> None:
    monkeypatch.setattr(wiring, "clock", lambda: yard.clock)
    iris, max_ = Caller(yard.shop, "iris"), Caller(yard.shop, "max")
    assert max_.call("get", "/policy").json()["settings"][SCREENS] is True
    assert codes(max_.call("post", f"/policy/{SCREENS}", {"value": False})) == ["role.missing"]
    told = iris.call("post", f"/policy/{SCREENS}", {"value": False}).json()
    assert (told["version"], told["settings"][SCREENS]) == (2, False)
    assert tickets.policy().rows == tickets.DEFAULT_ROWS
    assert evidence.last_entry(["policy.adopted"]).actor_id == yard.shop.ids["iris"]  # type: ignore[union-attr]
    number = yard.submitted().number
    assert not tickets.admission_terms(number, yard.shop.ids["max"]).screens


@pytest.mark.parametrize(("name", "value"), [("unknown", True), (SCREENS, 1), ("idle_minutes_terminal", True)])
def test_a_setting_that_is_none_or_does_not_fit_is_refused(yard: Yard, monkeypatch, name: str, value: object) -> None:
    monkeypatch.setattr(wiring, "clock", lambda: yard.clock)
    assert codes(Caller(yard.shop, "iris").call("post", f"/policy/{name}", {"value": value})) == ["policy.setting"]


def test_without_cui_the_screen_is_recorded_whatever_policy_says(clock, tmp_path: Path) -> None:
    shop = make_shop(clock, {"web01": Place()})
    keep_policy.change_policy(shop.actor("iris"), clock, SCREENS, False)
    authorise(shop, "sam")
    open_ticket(shop)
    gate = Gate(shop, near_signer(tmp_path / "signer", clock))
    assert not tickets.admission_terms(shop.ticket, shop.people["sam"]).screens
    assert gate.admit().screen
