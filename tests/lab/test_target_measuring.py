"""The measuring channel, the sole-path proof and the checks against a real, prepared sshd."""

import dataclasses
import hashlib
import io
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop
from tests.access_signer import NearSigner, near_signer
from tests.lab.loopback_sshd import ACCOUNT, GATE, Lab, RunningSshd, lab_folder, prepared_files, running_sshd

from quarterdeck.access import api as access
from quarterdeck.adapters import target_sshd
from quarterdeck.adapters.measure_channel import SshMeasureChannel
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence.api import Outcome, entries, facts, read_artifact
from quarterdeck.inventory.api import CheckFields
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tools import api as tools
from quarterdeck.workflows import keep_checks
from quarterdeck.workflows.prove_sole_path import GateView, SolePathProof, prove_sole_path
from quarterdeck.workflows.run_checks import Checked, check_after, check_before
from quarterdeck.workflows.target_cryptography import target_cryptography

pytestmark = pytest.mark.django_db
TICKER = system("ticker")


@dataclasses.dataclass
class Bench:
    """A ticket on a real target, and the real signer and channel that lead there."""

    shop: Shop
    signer: NearSigner
    server: RunningSshd
    channel: SshMeasureChannel

    @property
    def where(self) -> dict[str, str]:
        return {"ticket": self.shop.ticket, "asset_id": self.shop.asset, "connection_id": self.shop.connection}

    def prove(self) -> SolePathProof:
        gate = GateView(GATE, str(self.signer.status()["target_ca"]))
        return prove_sole_path(
            TICKER, self.shop.clock, **self.where, channel=self.channel, stranger=target_sshd, gate=gate
        )

    def before(self, **more: object) -> Checked:
        return check_before(TICKER, self.shop.clock, **self.where, channel=self.channel, **more)  # type: ignore[arg-type]

    def after(self, **more: object) -> Checked:
        return check_after(TICKER, self.shop.clock, **self.where, channel=self.channel, **more)  # type: ignore[arg-type]


@pytest.fixture
def lab() -> Iterator[Lab]:
    with lab_folder() as made:
        yield made


def bench(lab: Lab, server: RunningSshd, folder: Path, prepare: Callable[[Shop], None] = lambda shop: None) -> Bench:
    clock = SystemClock()
    place = Place(
        server.destination.address,
        server.destination.port,
        server.destination.account,
        server.destination.host_identity,
        (str(lab.folder / "etc"),),
    )
    shop = make_shop(clock, {"web01": place})
    authorise(shop, "sam")
    prepare(shop)
    approved_ticket(shop)
    signer = near_signer(lab.folder / "signer", clock, gate_address=GATE)
    return Bench(shop, signer, server, SshMeasureChannel(signer, actor=TICKER, clock=clock))


@pytest.fixture
def prepared(lab: Lab, tmp_path: Path) -> Iterator[Bench]:
    with running_sshd(lab, prepared_files(lab)) as server:
        yield bench(lab, server, tmp_path)


def test_the_collector_runs_under_a_grant_of_its_own_that_ends(prepared: Bench, lab: Lab) -> None:
    arguments = ["manifest", str(lab.folder / "etc")]
    with prepared.channel.run(**prepared.where, arguments=arguments, stdin=baselines.collector_bytes()) as output:
        received = baselines.receive(output, io.BytesIO(), arguments=arguments, sha256=baselines.collector_sha256())
    assert received.header.mode == "manifest"
    (given,) = access.grants(ticket=prepared.shop.ticket)
    assert (given.purpose, given.state, given.end_reason) == (
        access.Purpose.MEASURE,
        access.GrantState.ENDED,
        "measure.done",
    )
    assert given.person == ""
    events = [one.event for one in entries(ticket=prepared.shop.ticket) if one.object.id == given.id]
    assert events == ["access.granted", "access.certificate_bound", "access.ended"]
    assert f"{prepared.shop.ticket}:measure:{given.id}" in prepared.server.log


def test_other_bytes_than_the_collector_do_not_run(prepared: Bench) -> None:
    with (
        pytest.raises(baselines.MeasureFailed, match="names another collector"),
        prepared.channel.run(**prepared.where, arguments=["posture"], stdin=b"print('mine')"),
    ):
        pytest.fail("nothing may run")
    # Bytes that say they are the collector's come as far as the target, which hashes them.
    claimed = baselines.DeviceCall(baselines.collector_sha256(), "collector")
    with (
        pytest.raises(baselines.MeasureFailed, match="not the approved bytes"),
        prepared.channel.run(**prepared.where, arguments=["posture"], stdin=b"print('mine')", asked=claimed) as output,
    ):
        assert output.read() == b""
    assert access.grants()[0].end_reason == "measure.failed"


def test_what_was_not_approved_is_not_measured(prepared: Bench) -> None:
    with (
        pytest.raises(baselines.MeasureFailed, match="not approved with the connection"),
        prepared.channel.run(**prepared.where, arguments=["manifest", "/home"], stdin=baselines.collector_bytes()),
    ):
        pytest.fail("nothing may run")


def test_a_target_that_does_not_know_our_principal_is_a_sentence(prepared: Bench, lab: Lab) -> None:
    (lab.folder / "etc" / "principals" / ACCOUNT).write_text("qd:somebody@else\n")
    proof = prepared.prove()
    assert proof.outcome is Outcome.UNKNOWN
    assert any("refused the gate's certificate" in door for door in proof.doors)


def test_a_target_that_is_gone_is_a_sentence(prepared: Bench) -> None:
    prepared.server.process.terminate()
    prepared.server.process.wait(10)
    with (
        pytest.raises(baselines.MeasureFailed, match="could not be reached"),
        prepared.channel.run(**prepared.where, arguments=["posture"], stdin=baselines.collector_bytes()) as output,
    ):
        assert output.read() == b""
    checked = prepared.before()
    assert {check.kind: check.outcome for check in checked.checks} == {
        "precheck.reachable": Outcome.FAILED,
        "precheck.disk": Outcome.UNKNOWN,
        "precheck.clock": Outcome.UNKNOWN,
        "precheck.dependencies": Outcome.PASSED,
        "precheck.defined": Outcome.PASSED,
    }


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="not run here: sshd -T reads host keys, which needs root")


@needs_root
def test_a_prepared_target_has_the_gate_as_its_only_door(prepared: Bench) -> None:
    proof = prepared.prove()
    assert proof.doors == ()
    assert proof.outcome is Outcome.PASSED
    (fact,) = facts(ticket=prepared.shop.ticket, kinds=["sole_path.proven"])
    assert (fact.asset, fact.outcome, fact.entry) == (prepared.shop.asset, Outcome.PASSED, proof.entry)
    kept = json.loads(read_artifact(proof.artifact.sha256))
    assert kept["open_doors"] == []
    assert kept["outside"][0]["offered"] == ["publickey"]
    assert kept["servers"][0]["effective"]["authorizedkeysfile"] == ["none"]
    asked = {(one["account"], one["address"]) for one in kept["servers"]}
    assert {(ACCOUNT, GATE), (ACCOUNT, "192.0.2.77"), ("root", GATE), ("nobody", "192.0.2.77")} <= asked
    said = target_cryptography(prepared.shop.asset)
    assert said is not None
    assert said.openssh.startswith("OpenSSH_")


OLD_DOORS = {
    "a Match block with passwords": (
        f"Match User {ACCOUNT} Address 192.0.2.0/24\n    PasswordAuthentication yes\n"
        "    AuthenticationMethods password\n",
        "passwords are accepted",
    ),
    "a Match block with keys": ("Match Address *\n    AuthorizedKeysFile .ssh/authorized_keys\n", "authorized_keys"),
    "a Match block for everybody": (f"Match User {ACCOUNT}\n    AllowUsers *\n", "not one account tied to the gate"),
    "a Match block for an address that nobody asks about": (
        "Match Address 198.51.100.0/24\n    PasswordAuthentication yes\n",
        "a Match block (Address 198.51.100.0/24) sets passwordauthentication",
    ),
    "a Match block for an account that nobody asks about": (
        "Match User backup\n    AuthorizedKeysFile .ssh/authorized_keys\n",
        "a Match block (User backup) sets authorizedkeysfile",
    ),
    "principals of another file": (
        f"Match User {ACCOUNT}\n    AuthorizedPrincipalsFile FOLDER/wider\n",
        "AuthorizedPrincipalsFile is not exactly",
    ),
}


@needs_root
@pytest.mark.parametrize("name", OLD_DOORS)
def test_an_old_door_is_named(lab: Lab, tmp_path: Path, name: str) -> None:
    """Row 4: what stands in a Match block overrides the drop-in, and only `sshd -T -C` shows it."""
    more, words = OLD_DOORS[name]
    (lab.folder / "wider").write_text(f"qd:{ACCOUNT}@web01\nanybody\n")
    more = more.replace("FOLDER", str(lab.folder))
    with running_sshd(lab, prepared_files(lab), more=more) as server:
        proof = bench(lab, server, tmp_path).prove()
    assert proof.outcome is Outcome.FAILED, proof.doors
    assert any(words in door for door in proof.doors), proof.doors


@needs_root
def test_a_second_authority_in_the_trusted_file_is_named(prepared: Bench, lab: Lab) -> None:
    trusted = lab.folder / "etc" / "target_ca.pub"
    trusted.write_text(trusted.read_text() + lab.entry.public_key.line + "\n")
    proof = prepared.prove()
    assert proof.outcome is Outcome.FAILED, proof.doors
    assert any("not exactly Quarterdeck's target authority" in door for door in proof.doors)


@needs_root
def test_an_option_on_the_command_line_of_sshd_is_seen(lab: Lab, tmp_path: Path) -> None:
    with running_sshd(lab, prepared_files(lab), options=("-o", "KbdInteractiveAuthentication=yes")) as server:
        proof = bench(lab, server, tmp_path).prove()
    assert any("keyboard-interactive" in door for door in proof.doors), proof.doors


def test_a_forced_command_of_the_target_cannot_speak_for_the_collector(lab: Lab, tmp_path: Path) -> None:
    """Row 9: `ForceCommand` overrides the certificate's command; what it prints is not believed."""
    with running_sshd(lab, prepared_files(lab), more="ForceCommand echo all is well\n") as server:
        proof = bench(lab, server, tmp_path).prove()
    assert proof.outcome is Outcome.UNKNOWN
    assert any("could not be measured" in door for door in proof.doors)


def test_checks_before_and_after(prepared: Bench) -> None:
    before = prepared.before()
    assert {check.kind: check.outcome for check in before.checks} == {
        "precheck.reachable": Outcome.PASSED,
        "precheck.disk": Outcome.PASSED,
        "precheck.clock": Outcome.PASSED,
        "precheck.dependencies": Outcome.PASSED,
        "precheck.defined": Outcome.PASSED,
    }
    after = prepared.after()
    outcomes = {check.kind: (check.outcome, check.sentence) for check in after.checks}
    assert outcomes["postcheck.passed"][0] is Outcome.PASSED
    assert {fact.kind for fact in facts(ticket=prepared.shop.ticket)} >= {
        "precheck.disk",
        "postcheck.passed",
        "leftovers.none",
        "network.terminated",
    }


def test_a_service_that_is_down_fails_the_check(prepared: Bench) -> None:
    checked = prepared.before(services=["no-such-service"])
    (services,) = [check for check in checked.checks if check.kind == "precheck.services"]
    assert services.outcome is Outcome.FAILED
    assert "no-such-service" in services.sentence


def processes_seen(checked: Checked) -> list[str]:
    return list(json.loads(read_artifact(checked.artifact.sha256))["answers"][f"account:{ACCOUNT}"]["value"])


def test_a_process_left_behind_by_a_session_is_found(prepared: Bench) -> None:
    prepared.before()
    here = f"{prepared.server.destination.address} {prepared.server.destination.port}"
    environment = {**os.environ, "SSH_CONNECTION": f"127.0.0.1 50000 {here}"}
    left = subprocess.Popen(["sleep", "600"], env=environment)
    try:
        deadline = time.monotonic() + 60
        while f"{left.pid} sleep" not in processes_seen(after := prepared.after()):
            assert time.monotonic() < deadline
        checks = {check.kind: check for check in after.checks}
        assert checks["leftovers.none"].outcome is Outcome.FAILED
        assert "Left behind by" in checks["leftovers.none"].sentence
    finally:
        left.kill()
        left.wait()


@needs_root
def test_a_target_answers_the_checks_that_were_approved_and_no_others(lab: Lab, tmp_path: Path) -> None:
    """The whole way: definitions, approval, signer, sshd, collector, facts; what was not approved is not signed."""
    script = tmp_path / "smoke"
    script.write_text("#!/bin/sh\necho orders: 12\n")
    script.chmod(0o755)
    tmp_path.chmod(0o755)
    with running_sshd(lab, prepared_files(lab)) as server:
        measuring = bench(lab, server, tmp_path, lambda shop: define(shop, server.destination.port, script))
        where = measuring.where
        checked = measuring.before()
        outcomes = {one.check.name: one.outcome for check in checked.checks for one in check.behind}
        assert outcomes == {"The way in": Outcome.PASSED, "Orders": Outcome.PASSED, "A closed port": Outcome.FAILED}
        assert facts(ticket=measuring.shop.ticket, kinds=["precheck.defined"])[-1].outcome is Outcome.FAILED
        for question in ("tcp=127.0.0.1:2", f"mechanism={'a' * 64}:5:/bin/sh", "share=/root"):
            with (
                pytest.raises(baselines.MeasureFailed, match="not approved"),
                measuring.channel.run(**where, arguments=["checks", question], stdin=baselines.collector_bytes()),
            ):
                pytest.fail("nothing may run")


def define(shop: Shop, port: int, script: Path) -> None:
    iris, clock = shop.actor("iris"), shop.clock
    item = tools.list_item(
        tools.ItemFields(
            kind=tools.ItemKind.MECHANISM, name="Smoke test", version="1", source="own", owner=shop.people["iris"],
            sha256=hashlib.sha256(script.read_bytes()).hexdigest(),
        ),
        actor=iris, clock=clock,
    )  # fmt: skip
    for kind, name, values in (
        ("tcp", "The way in", {"host": "127.0.0.1", "port": str(port)}),
        ("tcp", "A closed port", {"host": "127.0.0.1", "port": "1"}),
        ("integration", "Orders", {"item": item.id, "path": str(script), "contains": "orders:"}),
    ):
        keep_checks.define(iris, clock, CheckFields(kind, name, values=values, assets=(shop.asset,)))
