"""Packages and objective status over the API: who may, what comes back, what is recorded."""

import hashlib
from datetime import UTC, datetime

import pytest
from tests.api_caller import Caller, codes
from tests.clock import StillClock
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck import wiring
from quarterdeck.evidence import api as evidence
from quarterdeck.workflows import export_package
from quarterdeck.workflows.export_package import Press

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.api_urls")]


@pytest.fixture
def shop(clock: StillClock, tmp_path, settings, monkeypatch):
    settings.PASSWORD_HASHERS = FAST_HASHER
    monkeypatch.setattr(wiring, "clock", lambda: clock)
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


def caller(shop: PackageShop, key: str) -> Caller:
    shop.clock.advance(minutes=1)  # a code of the authenticator works once
    return Caller(shop.yard.shop, key)


def test_order_make_download(shop: PackageShop) -> None:
    number = shop.closed()
    shop.anchor()
    quinn = caller(shop, "quinn")
    order = quinn.call("post", "/packages", {"ticket": number}).json()
    assert (order["state"], order["tickets"], order["kind"]) == ("waiting", [number], "ticket")
    assert codes(quinn.call("get", f"/packages/{order['id']}/download")) == ["package.not_ready"]
    export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, {}))
    done = quinn.call("get", f"/packages/{order['id']}").json()
    assert (done["state"], done["message"]) == ("done", "Done.")
    assert quinn.call("get", "/packages").json() == [done]
    answer = quinn.call("get", f"/packages/{order['id']}/download")
    content = b"".join(answer.streaming_content)
    assert hashlib.sha256(content).hexdigest() == done["sha256"]
    assert len(content) == done["size"]
    assert answer["Cache-Control"] == "no-store"
    assert done["file_name"] in answer["Content-Disposition"]
    looks = list(evidence.entries(events=["evidence.viewed"]))
    assert [(look.actor_id, look.object.type) for look in looks] == [(shop.yard.shop.ids["quinn"], "package")]


def test_a_period_may_be_named_by_days(shop: PackageShop) -> None:
    shop.closed()
    order = caller(shop, "iris").call("post", "/packages", {"since": "2026-11-01", "until": "2026-12-01T00:00:00Z"})
    assert order.json()["since"] == "2026-11-01T00:00:00Z"


@pytest.mark.parametrize("who", ["max", "avery", "casey", "erin"])
def test_the_others_get_403_everywhere(shop: PackageShop, who: str) -> None:
    number = shop.closed()
    order = export_package.order_package(shop.yard.actor("quinn"), shop.clock, numbers=[number])
    other = caller(shop, who)
    for method, path, body in [
        ("post", "/packages", {"ticket": number}),
        ("get", "/packages", None),
        ("get", f"/packages/{order.id}", None),
        ("get", f"/packages/{order.id}/download", None),
        ("delete", f"/packages/{order.id}", None),
    ]:
        answer = other.call(method, path, body)
        assert answer.status_code == 403, (method, path)
        assert codes(answer) == ["reading.denied"]


def test_cancel_and_unknown(shop: PackageShop) -> None:
    number = shop.closed()
    iris = caller(shop, "iris")
    order = iris.call("post", "/packages", {"tickets": [number]}).json()
    assert iris.call("delete", f"/packages/{order['id']}").status_code == 200
    export_package.make_next_package(shop.clock, lambda: Press(shop.sealer, {}))
    assert iris.call("get", f"/packages/{order['id']}").json()["message"] == "Cancelled."
    assert iris.call("get", "/packages/pk_none").status_code == 404
    assert iris.call("post", "/packages", {"ticket": "../../etc"}).status_code == 422
    assert codes(iris.call("post", "/packages", {})) == ["package.scope"]


def test_only_the_cui_owner_consents_and_withdraws(shop: PackageShop) -> None:
    number = shop.closed()
    assert codes(caller(shop, "iris").call("post", f"/packages/consent/{number}")) == ["role.missing"]
    casey = caller(shop, "casey")
    given = casey.call("post", f"/packages/consent/{number}").json()
    assert (given["ticket"], given["consented"], given["state"]) == (number, True, "given")
    assert codes(casey.call("post", f"/packages/consent/{number}")) == ["consent.given_already"]
    assert casey.call("delete", f"/packages/consent/{number}").json()["consented"] is False
    assert codes(casey.call("delete", f"/packages/consent/{number}")) == ["consent.none"]


def test_objective_status_has_the_ten_first_and_never_says_met(shop: PackageShop) -> None:
    number = shop.closed()
    rows = caller(shop, "quinn").call("get", "/objectives/status").json()
    assert [row["id"][:5] for row in rows[:10]] == ["MA.L2"] * 10
    by_id = {row["id"]: row for row in rows}
    ended = by_id["MA.L2-3.7.5[b]"]
    assert (ended["proposal"], ended["tickets"], ended["points"]) == ("evidence present", [number], 5)
    assert ended["newest"] == "2026-11-23T14:25:00Z"
    assert by_id["MA.L2-3.7.4[a]"]["proposal"] == "no evidence"
    assert by_id["MA.L2-3.7.2[d]"]["physical_presence"] is True
    assert {row["proposal"] for row in rows} <= {"evidence present", "gaps", "no evidence"}
    only = caller(shop, "avery").call("get", "/objectives/status?family=ma").json()
    assert len(only) == 10
    assert codes(caller(shop, "max").call("get", "/objectives/status")) == ["reading.denied"]


def test_the_download_of_a_package_whose_file_is_gone_is_a_sentence(shop: PackageShop) -> None:
    path = shop.package(numbers=[shop.closed()])
    path.unlink()
    quinn = caller(shop, "quinn")
    order = quinn.call("get", "/packages").json()[0]
    assert codes(quinn.call("get", f"/packages/{order['id']}/download")) == ["package.not_ready"]
    assert datetime.fromisoformat(order["finished_at"]) <= datetime(2026, 11, 24, tzinfo=UTC)
