"""A sudo rule that ends with its ticket, on a real sshd and a real sudo in a private namespace."""

import io
import json
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.access_signer import fresh_key
from tests.lab.loopback_sshd import Lab, lab_folder
from tests.lab.raised_shop import CLOCK, TICKER, Raised
from tests.lab.raised_target import ACCOUNT, RaisedTarget, needs_sudo_lab, raised_target, wait_until

from quarterdeck.access import api as access
from quarterdeck.access.api import RuleState
from quarterdeck.adapters.measure_channel import SshMeasureChannel
from quarterdeck.adapters.openssh_ca import CertificateAuthority
from quarterdeck.adapters.signed_order import sign_order
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence.api import Outcome, act, facts
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.keep_elevation import keep_rules, withdraw_rules

pytestmark = [pytest.mark.django_db, needs_sudo_lab]


@pytest.fixture
def lab() -> Iterator[Lab]:
    with lab_folder() as made:
        yield made


@pytest.fixture
def target(lab: Lab) -> Iterator[RaisedTarget]:
    with raised_target(lab) as made:
        yield made


def outcomes(raised: Raised) -> dict[str, Outcome]:
    return {one.kind: one.outcome for one in facts(ticket=raised.shop.ticket) if one.kind.startswith("elevation.")}


def test_root_lasts_as_long_as_the_ticket(target: RaisedTarget) -> None:
    raised = Raised(target)
    assert target.sudo("id", "-u").returncode != 0
    assert keep_rules(TICKER, CLOCK, raised.channel) == 1
    rule = raised.rule()
    assert (rule.state, rule.standing, rule.said) == (RuleState.PLACED, (), ""), target.server.log
    assert target.sudo("id", "-u").stdout == "0\n"
    assert keep_rules(TICKER, CLOCK, raised.channel) == 0, "nothing to do while it is as it should be"
    assert not access.rules_are_over(raised.shop.ticket, CLOCK.now()).allowed
    logs = target.inside("find", f"/var/log/sudo-io/quarterdeck/{raised.shop.ticket}", "-name", "log.json").stdout
    assert logs.count("log.json") == 1, "sudo's own log of what it ran lies under the ticket's name"
    raised.end()
    assert withdraw_rules(TICKER, CLOCK, raised.shop.ticket, raised.channel) == []
    assert raised.rule().state is RuleState.WITHDRAWN
    assert target.rule(raised.name) == ""
    assert target.sudo("id", "-u").returncode != 0
    assert access.rules_are_over(raised.shop.ticket, CLOCK.now()).allowed
    assert set(outcomes(raised).values()) == {Outcome.PASSED}
    assert raised.signer.reconcile() == []


def test_sudo_itself_refuses_after_the_end_although_nobody_took_the_rule_away(target: RaisedTarget) -> None:
    """gate.md section 7: expiry holds even if removal fails, which is the point."""
    raised = Raised(target, hours=12 / 3600)
    keep_rules(TICKER, CLOCK, raised.channel)
    assert raised.rule().said == ""
    assert target.sudo("id", "-u").stdout == "0\n"
    started = subprocess.run(
        ["nsenter", "-t", str(target.server.process.pid), "-m", "setpriv", f"--reuid={ACCOUNT}", f"--regid={ACCOUNT}",
         "--clear-groups", "sudo", "-n", "--", "sleep", "60"],
        capture_output=True, check=False, timeout=40, cwd="/",
    )  # fmt: skip
    assert started.returncode != 0, "TIMEOUT ends a command that began inside the window"
    wait_until(lambda: CLOCK.now() > tickets.ticket(raised.shop.ticket).window.until + timedelta(seconds=1))
    after = target.sudo("id", "-u")
    assert (after.returncode, after.stdout) == (1, "")
    assert "a password is required" in after.stderr
    assert "NOTAFTER=" in target.rule(raised.name), "the file is still there"
    assert access.rules_are_over(raised.shop.ticket, CLOCK.now()).allowed


def test_a_rule_that_nobody_can_take_away_is_told_and_holds_up_closing_until_its_end(target: RaisedTarget) -> None:
    raised = Raised(target)
    keep_rules(TICKER, CLOCK, raised.channel)
    target.inside("mount", "-o", "bind", "/etc/sudoers.d", "/etc/sudoers.d")
    target.inside("mount", "-o", "remount,bind,ro", "/etc/sudoers.d")
    raised.end()
    (said,) = withdraw_rules(TICKER, CLOCK, raised.shop.ticket, raised.channel)
    assert "web01 was not taken away" in said
    assert raised.rule().state is RuleState.LEFT
    assert outcomes(raised)["elevation.withdrawn"] is Outcome.FAILED
    assert access.rules_are_over(raised.shop.ticket, CLOCK.now()).codes == ("sudo.left",)
    until = raised.rule().until
    assert until is not None
    assert access.rules_are_over(raised.shop.ticket, until + timedelta(seconds=1)).allowed


def test_a_standing_rule_is_found(target: RaisedTarget) -> None:
    target.inside("sh", "-c", f"echo '{ACCOUNT} ALL=(ALL) ALL' > /etc/sudoers.d/old; chmod 440 /etc/sudoers.d/old")
    raised = Raised(target)
    keep_rules(TICKER, CLOCK, raised.channel)
    assert raised.rule().standing == ("(ALL) ALL",)
    assert outcomes(raised)["elevation.only"] is Outcome.FAILED


def test_the_account_cannot_write_an_order_or_use_one_twice(target: RaisedTarget, lab: Lab) -> None:
    raised = Raised(target)
    keep_rules(TICKER, CLOCK, raised.channel)
    raised.end()
    withdraw_rules(TICKER, CLOCK, raised.shop.ticket, raised.channel)
    rule = access.SudoRule(raised.shop.ticket, ACCOUNT, CLOCK.now(), CLOCK.now() + timedelta(hours=1))
    forged = CertificateAuthority.from_file(lab.folder / "signer" / "entry_ca")

    def tried(**changes: object) -> str:
        host, account = str(changes.pop("host", "web01")), str(changes.pop("account", ACCOUNT))
        authority = changes.pop("by", lab.target)
        assert isinstance(authority, CertificateAuthority)
        at = CLOCK.now() + timedelta(seconds=float(str(changes.pop("late", 0))))
        more = {"name": rule.name, "rule": rule.text, **changes}
        order = access.order_bytes("allow", hostname=host, account=account, serial=77, now=at, more=more)
        command = access.order_command(order, sign_order(authority, order, access.ELEVATION_NAMESPACE))
        return target.sudo(*command.split()[3:]).stderr

    assert "not signed by this target's Quarterdeck" in tried(by=forged)
    assert "another host" in tried(host="web02")
    assert "another account" in tried(account="root")
    assert "compare the clocks" in tried(late=-600)
    assert "compare the clocks" in tried(late=600)
    assert target.rule(raised.name) == ""
    assert tried() == "", "an order that the signer made is obeyed, once"
    assert target.rule(raised.name) == rule.text
    assert "used before" in tried()
    (lab.folder / "x").write_text("")
    for bad in ("quarterdeck-MT-2026-00001.bak", "../cron.d/x", "sudoers", ""):
        state = f"/var/lib/quarterdeck-elevate/used-{77}"
        target.inside("rm", "-f", state)
        assert "no name of a rule of ours" in tried(name=bad)


def test_what_visudo_refuses_is_not_installed(target: RaisedTarget, lab: Lab) -> None:
    raised = Raised(target)
    more = {"name": raised.name, "rule": f"{ACCOUNT} ALL=(root) NOTAFTER=2026-11-22 NOPASSWD: ALL\n"}
    order = access.order_bytes("allow", hostname="web01", account=ACCOUNT, serial=5, now=CLOCK.now(), more=more)
    command = access.order_command(order, sign_order(lab.target, order, access.ELEVATION_NAMESPACE))
    assert "visudo refuses the rule" in target.sudo(*command.split()[3:]).stderr
    assert target.rule(raised.name) == ""


def test_the_signer_places_nothing_outside_an_open_ticket(target: RaisedTarget) -> None:
    raised = Raised(target, opened=False)
    assert keep_rules(TICKER, CLOCK, raised.channel) == 0
    with pytest.raises(access.RuleFailed, match="while the ticket is open"):
        raised.channel.allow(
            ticket=raised.shop.ticket, asset_id=raised.shop.asset, connection_id=raised.shop.connection
        )
    with act(TICKER, CLOCK) as giving:
        grant = access.create_grant(
            giving, ticket=raised.shop.ticket, person="", asset=raised.shop.asset, connection=raised.shop.connection,
            purpose=access.Purpose.MEASURE, public_key=fresh_key(), valid_from=giving.at,
            valid_until=giving.at + timedelta(minutes=5), collector_sha256=baselines.collector_sha256(),
        )  # fmt: skip
    raised.open()
    with pytest.raises(Refused) as refused:
        raised.signer.elevate(grant.id, fresh_key(), "allow")
    assert refused.value.decision.codes == ("sudo.other_helper",)


def test_the_collector_is_root_by_an_order_and_by_nothing_else(target: RaisedTarget) -> None:
    raised = Raised(target)
    channel = SshMeasureChannel(raised.signer, actor=TICKER, clock=CLOCK)
    arguments = ["manifest", "/etc/quarterdeck-elevate"]
    where = {"ticket": raised.shop.ticket, "asset_id": raised.shop.asset, "connection_id": raised.shop.connection}
    with channel.run(**where, arguments=arguments, stdin=baselines.collector_bytes()) as output:
        received = baselines.receive(output, io.BytesIO(), arguments=arguments, sha256=baselines.collector_sha256())
    assert received.header.uid == 0
    with (
        pytest.raises(baselines.MeasureFailed, match="not the approved bytes"),
        channel.run(
            **where, arguments=arguments, stdin=b"print('mine')",
            asked=baselines.DeviceCall(baselines.collector_sha256(), "collector"),
        ) as output,
    ):
        assert output.read() == b""
    assert "a password is required" in target.sudo("python3", "-c", "pass").stderr
    told = json.dumps([one.detail for one in facts(ticket=raised.shop.ticket)])
    assert "NOPASSWD" not in told


def test_a_target_that_was_not_prepared_is_a_sentence(lab: Lab) -> None:
    with raised_target(lab, with_helper=False) as target:
        raised = Raised(target)
        keep_rules(TICKER, CLOCK, raised.channel)
        rule = raised.rule()
        assert rule.state is RuleState.FAILED
        assert "password is required" in rule.said
        assert outcomes(raised)["elevation.timed"] is Outcome.FAILED
        assert keep_rules(TICKER, CLOCK, raised.channel) == 0, "not in a tight loop"
