"""Defined checks: who may keep them, that they are part of what is approved, and the facts that they bring."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.api_caller import Caller
from tests.api_caller import codes as http_codes
from tests.clock import StillClock
from tests.measuring import LocalChannel
from tests.shop import FAST_HASHER
from tests.ticket_steps import TICKER, open_guard
from tests.ticket_yard import Yard, build_yard
from tests.web_shop_floor import RealClock

from quarterdeck.evidence.api import Outcome, entries, facts
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import CheckFields, CheckView
from quarterdeck.inventory.models import CheckDefinition
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.tools import api as tools
from quarterdeck.workflows import keep_checks, read_checks
from quarterdeck.workflows.run_checks import Checked, check_before

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(settings) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    return build_yard(StillClock())


def codes(call: Callable[..., object], *arguments: object, **named: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return tuple(refused.value.decision.codes)


def define(yard: Yard, kind: str, name: str, *, who: str = "iris", **values: str) -> CheckView:
    fields = CheckFields(kind, name, values=values, assets=(yard.server,))
    return keep_checks.define(yard.actor(who), yard.clock, fields)


def mechanism(yard: Yard, file: Path, text: str) -> str:
    file.write_text("#!/bin/sh\n" + text)
    file.chmod(0o755)
    item = tools.list_item(
        tools.ItemFields(
            kind=tools.ItemKind.MECHANISM, name=f"Test {file.name}", version="1", source="own",
            sha256=hashlib.sha256(file.read_bytes()).hexdigest(), owner=yard.shop.ids["iris"],
        ),
        actor=yard.actor("iris"), clock=yard.clock,
    )  # fmt: skip
    return item.id


def before(yard: Yard, number: str, channel: LocalChannel | None = None) -> Checked:
    return check_before(
        TICKER, yard.clock, ticket=number, asset_id=yard.server, connection_id=yard.connection,
        channel=channel or LocalChannel(),
    )  # fmt: skip


def outcomes(checked: Checked) -> dict[str, Outcome]:
    return {check.kind: check.outcome for check in checked.checks}


def test_only_the_it_lead_defines_checks_and_with_a_fresh_second_factor(yard: Yard) -> None:
    assert codes(define, yard, "reboot", "No restart", who="max") == ("role.missing",)
    stale = replace(yard.actor("iris"), mfa_at=None)
    fields = CheckFields("reboot", "No restart", assets=(yard.server,))
    assert codes(keep_checks.define, stale, yard.clock, fields) == ("step_up.needed",)
    made = define(yard, "reboot", "No restart")
    assert codes(define, yard, "clock", "No restart") == ("name.taken",)
    assert [one.id for one in inventory.checks(asset_id=yard.server)] == [made.id]
    keep_checks.withdraw(yard.actor("iris"), yard.clock, made.id)
    assert inventory.checks(asset_id=yard.server) == []
    assert [entry.event for entry in entries() if entry.object.id == made.id] == ["check.defined", "check.withdrawn"]


def test_checks_are_part_of_what_is_approved(yard: Yard) -> None:
    made = define(yard, "disk", "Room for the dump", path="/", least_mb="1")
    number = yard.scheduled().number
    assert tickets.may_measure(number, yard.server).allowed
    keep_checks.change(yard.actor("iris"), yard.clock, made.id, {"values": {"least_mb": "2"}})
    assert "content.changed" in tickets.may_measure(number, yard.server).codes


def test_a_ticket_approved_without_checks_keeps_its_hash_until_one_is_defined(yard: Yard) -> None:
    number = yard.scheduled().number
    assert tickets.may_measure(number, yard.server).allowed
    define(yard, "reboot", "No restart")
    assert "content.changed" in tickets.may_measure(number, yard.server).codes


def test_a_row_written_by_hand_is_found(yard: Yard) -> None:
    made = define(yard, "disk", "Room", path="/", least_mb="1")
    with open_guard():
        CheckDefinition.objects.filter(id=made.id).update(phase="after")
    assert "check.unsealed" in inventory.check_row(yard.server).codes
    assert CheckDefinition.objects.count() == 1


def test_each_defined_check_is_found_with_its_sentence_and_one_that_fails_holds_the_ticket(
    yard: Yard, tmp_path: Path
) -> None:
    define(yard, "disk", "Room", path="/", least_mb="1")
    item = mechanism(yard, tmp_path / "smoke", "echo orders: 12; exit 0")
    define(yard, "integration", "Orders can be placed", item=item, path=str(tmp_path / "smoke"), contains="orders:")
    number = yard.scheduled().number
    checked = before(yard, number)
    assert outcomes(checked)["precheck.defined"] is Outcome.PASSED
    (run,) = read_checks.newest_runs(number)
    found = {one.name: one for one in run.found}
    assert (found["Orders can be placed"].outcome, found["Orders can be placed"].output) == ("passed", "orders: 12\n")
    (tmp_path / "smoke").write_text("#!/bin/sh\necho orders: 12\n# changed\n")
    yard.clock.advance(minutes=1)
    checked = before(yard, number)
    assert outcomes(checked)["precheck.defined"] is Outcome.FAILED
    assert facts(ticket=number, kinds=["precheck.defined"])[-1].outcome is Outcome.FAILED
    hold = {one.id: one for one in tickets.hold_points(number, yard.clock.now())}["HP-PRECHECK"]
    assert "precheck.defined.failed" in hold.codes


def test_a_mechanism_that_was_withdrawn_is_not_run(yard: Yard, tmp_path: Path) -> None:
    item = mechanism(yard, tmp_path / "smoke", f"touch {tmp_path}/ran")
    define(yard, "mechanism", "Smoke", item=item, path=str(tmp_path / "smoke"))
    number = yard.scheduled().number
    tools.withdraw_item(item, actor=yard.actor("iris"), clock=yard.clock)
    channel = LocalChannel()
    assert outcomes(before(yard, number, channel))["precheck.defined"] is Outcome.FAILED
    assert not (tmp_path / "ran").exists()
    assert not [word for asked in channel.asked for word in asked[3] if word.startswith("mechanism=")]


def test_a_command_is_no_check_and_a_file_must_be_a_registered_mechanism(yard: Yard) -> None:
    assert codes(define, yard, "mechanism", "Free text", item=yard.tool, path="/bin/sh") == ("check.no_mechanism",)
    assert codes(define, yard, "mechanism", "Free text", item="it_none", path="/bin/sh") == ("item.unknown",)


def test_work_on_what_an_asset_needs_holds_it(yard: Yard) -> None:
    needed = inventory.add_asset(
        inventory.AssetFields(hostname="db01.example.test", category="contractor_risk_managed"),
        actor=yard.actor("iris"), clock=yard.clock,
    )  # fmt: skip
    inventory.change_asset(yard.server, {"depends_on": (needed.id,)}, actor=yard.actor("iris"), clock=yard.clock)
    number = yard.scheduled().number
    assert outcomes(before(yard, number))["precheck.dependencies"] is Outcome.PASSED
    both = tickets.ticket(number)
    assert both.assets[0].asset_id == yard.server


def test_over_the_wire(settings) -> None:
    settings.PASSWORD_HASHERS = FAST_HASHER
    yard = build_yard(RealClock())
    iris, max_ = Caller(yard.shop, "iris"), Caller(yard.shop, "max")
    body = {"kind": "disk", "name": "Room", "values": {"path": "/", "least_mb": 1}, "assets": [yard.server]}
    assert max_.call("post", "/checks", body).status_code == 403
    made = iris.call("post", "/checks", body).json()
    assert made["values"] == {"path": "/", "least_mb": "1"}
    assert iris.call("post", "/checks", body | {"command": "id"}).status_code == 422
    changed = iris.call("patch", f"/checks/{made['id']}", {"values": {"least_mb": 5}}).json()
    assert changed["values"] == {"path": "/", "least_mb": "5"}
    assert [one["id"] for one in max_.call("get", "/checks").json()] == [made["id"]]
    number = yard.scheduled().number
    before(yard, number)
    found = iris.call("get", f"/tickets/{number}/checks").json()
    assert [one["outcome"] for one in found if one["name"] == "Room"] == ["passed"]
    assert iris.call("delete", f"/checks/{made['id']}").json()["active"] is False
    assert http_codes(iris.call("delete", f"/checks/{made['id']}")) == ["check.unknown"]
