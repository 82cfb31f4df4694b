"""Assets, import and entry points over the API: roles, step-up, versions, plans and their tokens."""

import json
from datetime import timedelta

import pytest
from tests.api_caller import CSV, Caller, codes
from tests.cast import CAST
from tests.shop import FAST_HASHER, found_shop

from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.workflows import keep_inventory

pytestmark = pytest.mark.django_db
FILES = {"hostname": "files01", "category": "cui_asset", "handles_cui": True}
BY_SSH = {"address": "192.0.2.10", "target_account": "maint", "elevation": "sudo", "watched_roots": ["/etc"]}
WRITES = [
    ("post", "/assets", FILES),
    ("patch", "/assets/as_x", {"version": 1, "title": "x"}),
    ("delete", "/assets/as_x", None),
    ("post", "/assets/as_x/connections", BY_SSH),
    ("post", "/host-certificates", {"asset": "as_x"}),
    ("post", "/host-certificates/hc_x/revoke", None),
    ("post", "/entry-points", {"kind": "rmm", "name": "Agent"}),
    ("patch", "/entry-points/ep_x", {"name": "x"}),
    ("delete", "/entry-points/ep_x", None),
]


@pytest.fixture
def shop(settings):
    settings.PASSWORD_HASHERS = FAST_HASHER
    shop = found_shop(SystemClock())
    shop.enrol(*shop.ids)
    return shop


@pytest.fixture
def iris(shop):
    return Caller(shop, "iris")


def added(iris, **change):
    answer = iris.call("post", "/assets", FILES | change)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_an_asset_goes_in_and_comes_out(iris):
    made = added(iris, maintenance_window={"rrule": "FREQ=DAILY;BYHOUR=3", "minutes": 60, "zone": "UTC"})
    assert iris.call("get", "/assets").json() == [made]
    page = iris.call("get", f"/assets/{made['id']}").json()
    assert page["asset"] == made
    assert len(page["next_windows"]) == 5


def test_a_bad_asset_is_refused_with_every_reason(iris):
    answer = iris.call("post", "/assets", {"hostname": "-oProxyCommand=x", "category": "out_of_scope"})
    assert codes(answer) == ["hostname.grammar", "category_reason.missing"]
    assert inventory.assets() == []


def test_an_owner_is_on_the_roster(iris, shop):
    assert codes(iris.call("post", "/assets", FILES | {"owner": "pe_nobody"})) == ["owner.not_on_roster"]
    assert added(iris, owner=shop.ids["casey"])["owner"] == shop.ids["casey"]


def test_a_change_names_its_fields_and_its_version(iris):
    made = added(iris, location="Rack 1")
    changed = iris.call("patch", f"/assets/{made['id']}", {"version": 1, "title": "Files"}).json()
    assert (changed["title"], changed["location"], changed["version"]) == ("Files", "Rack 1", 2)
    late = iris.call("patch", f"/assets/{made['id']}", {"version": 1, "title": "Lost"})
    assert codes(late) == ["asset.changed_meanwhile"]


def test_what_is_not_there_is_404_and_who_may_not_is_403(iris, shop):
    for path in ("/assets/as_none", "/tools/it_none"):
        assert iris.call("get", path).status_code == 404
    assert iris.call("delete", "/entry-points/ep_none").status_code == 404
    assert iris.call("post", "/assets", FILES | {"owner": "pe_nobody"}).status_code == 409
    assert Caller(shop, "max").call("post", "/assets", FILES).status_code == 403


def test_a_body_with_an_unknown_field_is_not_half_read(iris):
    assert iris.call("post", "/assets", FILES | {"colour": "red"}).status_code == 422
    assert inventory.assets() == []


def test_connections_are_added_changed_and_removed(iris):
    made = added(iris)
    link = iris.call("post", f"/assets/{made['id']}/connections", BY_SSH).json()
    path = f"/assets/{made['id']}/connections/{link['id']}"
    assert iris.call("put", path, BY_SSH | {"port": 2222}).json()["port"] == 2222
    assert iris.call("get", f"/assets/{made['id']}").json()["asset"]["connections"][0]["port"] == 2222
    assert iris.call("delete", path).json()["connections"] == []
    assert codes(iris.call("delete", path)) == ["connection.unknown"]


def test_where_the_gate_connects_takes_a_fresh_second_factor(iris, shop):
    made = added(iris)
    fields = inventory.ConnectionFields("192.0.2.10", "maint")
    with pytest.raises(Exception, match="second factor"):
        keep_inventory.set_connection(shop.stale("iris"), shop.clock, made["id"], fields)
    assert inventory.asset(made["id"]).connections == ()


def test_a_retired_asset_leaves_the_list_and_stays_for_the_record(iris):
    made = added(iris)
    assert iris.call("delete", f"/assets/{made['id']}").json()["active"] is False
    assert iris.call("get", "/assets").json() == []
    assert len(iris.call("get", "/assets?include_retired=true").json()) == 1


@pytest.mark.parametrize("key", [member.key for member in CAST if member.key != "iris"])
def test_only_the_it_lead_writes_and_everybody_with_a_role_reads(shop, key):
    caller = Caller(shop, key)
    for method, path, body in WRITES:
        assert codes(caller.call(method, path, body)) == ["role.missing"], (method, path)
    assert codes(caller.upload(dry_run="false", token="x")) == ["role.missing"]
    for path in ("/assets", "/entry-points", "/host-certificates", "/objectives", "/tools"):
        assert caller.call("get", path).status_code == 200
    assert caller.call("get", "/assets/export.csv").status_code == 200
    assert inventory.assets(include_retired=True) == []


def test_a_person_without_a_role_reads_nothing(shop):
    shop.add("Nora")
    assert keep_inventory.may_read(shop.actor("nora"), shop.clock.now()).codes == ("role.missing",)


@pytest.mark.parametrize(("method", "path", "body"), [*WRITES, ("get", "/assets", None), ("get", "/objectives", None)])
def test_without_a_token_nothing_answers(method, path, body, client):
    data = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    assert getattr(client, method)(f"/api/v1{path}", **data).status_code == 401


def test_a_refusal_is_on_record_without_a_name(shop):
    Caller(shop, "quinn").call("post", "/assets", FILES)
    entry = evidence.last_entry(["act.refused"])
    assert entry.object.id == "asset.add"
    assert entry.actor_id == shop.ids["quinn"]
    assert b"files01" not in entry.body


def test_a_plan_then_the_import_with_its_token(iris, shop):
    plan = iris.upload().json()
    assert (plan["dry_run"], plan["add"], plan["result"], plan["errors"]) == (True, 2, None, [])
    assert [column["field"] for column in plan["columns"]] == ["hostname", "category", "owner"]
    assert inventory.assets() == []
    done = iris.upload(dry_run="false", token=plan["token"]).json()
    assert done["result"] == {"added": 2, "changed": 0, "unchanged": 0, "skipped": 0}
    assert inventory.find_by_hostname("files01").owner == shop.ids["casey"]
    again = iris.upload().json()
    assert (again["add"], again["change"], again["unchanged"]) == (0, 0, 2)


def test_an_import_with_another_token_is_stale(iris):
    token = iris.upload().json()["token"]
    added(iris, hostname="other")
    assert codes(iris.upload(dry_run="false", token=token)) == ["import.stale"]
    assert codes(iris.upload(dry_run="false")) == ["import.stale"]
    assert inventory.find_by_hostname("files01") is None


def test_an_explicit_mapping_comes_as_json(iris):
    mapping = json.dumps({"Computer Name": "title", "Owner Mail": "", "CMMC Category": "hostname"})
    plan = iris.upload(mapping=mapping).json()
    assert [column["field"] for column in plan["columns"]] == ["title", "hostname", ""]
    assert codes(iris.upload(mapping="[1]")) == ["mapping.grammar"]
    assert codes(iris.upload(mapping="{")) == ["mapping.grammar"]
    assert codes(iris.upload(mapping='{"Shoe Size": "title"}')) == ["mapping.unknown_column"]


def test_bad_rows_come_back_by_line_and_column(iris):
    data = CSV + b"-oProxyCommand=x,CUI,nobody@example.test\r\n"
    plan = iris.upload(data).json()
    assert [(e["line"], e["column"]) for e in plan["errors"]] == [(4, "Computer Name"), (4, "Owner Mail")]
    assert codes(iris.upload(data, dry_run="false", token=plan["token"])) == ["import.bad_rows"]
    told = iris.upload(data, skip_bad_rows="true").json()
    done = iris.upload(data, dry_run="false", skip_bad_rows="true", token=told["token"]).json()
    assert done["result"]["skipped"] == 1


def test_a_file_that_is_too_big_is_refused_with_the_limit(iris):
    assert codes(iris.upload(b"hostname\r\n" + b"x" * inventory.MAX_BYTES)) == ["csv.too_big"]


def test_the_export_is_a_file_that_changes_nothing(iris):
    iris.upload(dry_run="false", token=iris.upload().json()["token"])
    answer = iris.call("get", "/assets/export.csv")
    assert answer["Content-Type"].startswith("text/csv")
    assert "no-store" in answer["Cache-Control"]
    plan = iris.upload(answer.content).json()
    assert (plan["add"], plan["change"], plan["unchanged"], plan["errors"]) == (0, 0, 2, [])


def test_the_entry_point_register_over_the_wire(iris, shop):
    asset = added(iris)
    point = iris.call("post", "/entry-points", {"kind": "rmm", "name": "Agent", "assets": [asset["id"]]}).json()
    assert {gap["code"] for gap in point["gaps"]} >= {"mfa.gap", "owner.gap"}
    due = (shop.clock.now() + timedelta(days=90)).date().isoformat()
    change = {"mfa": "enforced", "termination": "idle", "log_source": "portal", "owner": shop.ids["iris"]}
    changed = iris.call("patch", f"/entry-points/{point['id']}", change | {"review_due": due}).json()
    assert changed["gaps"] == []
    assert changed["name"] == "Agent"
    assert len(iris.call("get", f"/entry-points?asset={asset['id']}").json()) == 1
    iris.call("delete", f"/entry-points/{point['id']}")
    assert iris.call("get", "/entry-points").json() == []
