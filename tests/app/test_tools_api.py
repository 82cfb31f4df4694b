"""The registers of tools, techniques and mechanisms, and the objectives, over the API."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.api_caller import Caller, codes
from tests.shop import FAST_HASHER, found_shop

from quarterdeck.controls.api import FACT_KINDS, OBJECTIVES
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tools import api as tools

pytestmark = pytest.mark.django_db
HASH = "ab" * 32


@pytest.fixture
def shop(settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    shop = found_shop(SystemClock())
    shop.enrol("iris", "max", "quinn")
    return shop


@pytest.fixture
def iris(shop):
    return Caller(shop, "iris")


def body(shop, **change):
    return {"kind": "tool", "name": "Scanner", "version": "2", "sha256": HASH, "owner": shop.ids["iris"]} | change


@pytest.fixture
def scanner(iris, shop):
    return iris.call("post", "/tools", body(shop)).json()


def test_an_item_goes_in_and_comes_out(iris, scanner):
    assert iris.call("get", "/tools").json() == [scanner]
    assert iris.call("get", f"/tools/{scanner['id']}").json() == scanner
    assert iris.call("get", "/tools?kind=mechanism").json() == []
    assert codes(iris.call("get", "/tools/it_none")) == ["item.unknown"]


def test_a_script_without_a_hash_is_refused(iris, shop):
    assert codes(iris.call("post", "/tools", body(shop, kind="mechanism", sha256=""))) == ["sha256.missing"]
    assert codes(iris.call("post", "/tools", body(shop, owner="pe_nobody"))) == ["owner.not_on_roster"]
    assert tools.items() == []


def test_whether_it_may_be_used_is_answered_with_reasons(iris, scanner):
    assert iris.call("get", f"/tools/{scanner['id']}/usable?sha256={HASH}").json()["usable"]
    told = iris.call("get", f"/tools/{scanner['id']}/usable?sha256={'cd' * 32}").json()
    assert [reason["code"] for reason in told["reasons"]] == ["item.other_hash"]


def test_an_inspection_keeps_its_record(iris, scanner):
    form = {"outcome": "passed", "record": SimpleUploadedFile("report.txt", b"clean", "text/plain")}
    answer = iris.client.post(f"/api/v1/tools/{scanner['id']}/inspections", form, headers=iris.headers)
    assert answer.status_code == 200, answer.content
    assert evidence.read_artifact(answer.json()["artifact"]) == b"clean"
    assert len(iris.call("get", f"/tools/{scanner['id']}/inspections").json()) == 1
    assert iris.call("get", f"/tools/{scanner['id']}").json()["last_inspection"]["outcome"] == "passed"


def test_an_inspection_without_a_record(iris, scanner):
    path = f"/api/v1/tools/{scanner['id']}/inspections"
    answer = iris.client.post(path, {"outcome": "failed"}, headers=iris.headers)
    assert answer.json()["artifact"] == ""
    assert not iris.call("get", f"/tools/{scanner['id']}/usable").json()["usable"]


def test_review_and_withdrawal(iris, scanner, shop):
    day = shop.clock.now().date().isoformat()
    assert iris.call("post", f"/tools/{scanner['id']}/review", {"review_due": day}).json()["review_due"] == day
    assert iris.call("delete", f"/tools/{scanner['id']}").json()["state"] == "withdrawn"
    assert iris.call("get", "/tools").json() == []


@pytest.mark.parametrize("key", ["max", "quinn"])
def test_only_the_it_lead_writes(shop, scanner, key):
    caller = Caller(shop, key)
    assert codes(caller.call("post", "/tools", body(shop, version="3"))) == ["role.missing"]
    assert codes(caller.call("delete", f"/tools/{scanner['id']}")) == ["role.missing"]
    assert codes(caller.call("post", f"/tools/{scanner['id']}/review", {"review_due": "2027-01-01"})) == [
        "role.missing"
    ]
    assert caller.call("get", "/tools").json() == [scanner]


def test_objectives_over_the_wire(iris):
    every = iris.call("get", "/objectives").json()
    assert len(every) == len(OBJECTIVES)
    maintenance = iris.call("get", "/objectives?family=ma").json()
    assert len(maintenance) == 10
    assert maintenance[4]["id"] == "MA.L2-3.7.2[d]"
    assert maintenance[4]["on_site"] is True
    assert maintenance[4]["poam"] == "no"
    assert len(iris.call("get", "/objectives/fact-kinds").json()) == len(FACT_KINDS)
