"""Certificates of both authorities against a real, prepared sshd: what opens, what is refused (attacks.md row 5)."""

import hashlib
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.lab.loopback_sshd import ACCOUNT, GATE, Lab, RunningSshd, lab_folder, prepared_files, running_sshd

from quarterdeck.access.api import read_public_key
from quarterdeck.adapters.bounded_process import pump
from quarterdeck.adapters.openssh_ca import (
    CertificateAuthority,
    Order,
    entry_order,
    measure_order,
    new_private_key,
    target_order,
)
from quarterdeck.adapters.openssh_client import Credential, RunResult, credential_files, run, upstream_argv
from quarterdeck.adapters.target_sshd import knock
from quarterdeck.baselines.api import bootstrap_command
from quarterdeck.kernel.clock import SystemClock

PRINCIPAL = f"qd:{ACCOUNT}@web01"
ENTRY_PRINCIPAL = "qd-entry-example"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with lab_folder() as made:
        yield made


@pytest.fixture(scope="module")
def target(lab: Lab) -> Iterator[RunningSshd]:
    with running_sshd(lab, prepared_files(lab)) as server:
        yield server


@pytest.fixture(scope="module")
def gate(lab: Lab) -> Iterator[RunningSshd]:
    """A server that trusts the entry authority and its principal, as the gate's own sshd does."""
    (lab.folder / "entry_principals").write_text(ENTRY_PRINCIPAL + "\n")
    settings = (
        f"TrustedUserCAKeys {lab.folder}/signer/entry_ca.pub\nAuthorizedPrincipalsFile {lab.folder}/entry_principals\n"
        "AuthorizedKeysFile none\nAuthenticationMethods publickey\nPasswordAuthentication no\n"
        "KbdInteractiveAuthentication no\nDisableForwarding yes\n"
    )
    with running_sshd(lab, {}, name="gate", more=settings) as server:
        yield server


def now() -> datetime:
    return SystemClock().now()


class Pass:
    """A key of one connection and the certificate that an authority signed for it."""

    def __init__(self) -> None:
        self.private, public = new_private_key()
        self.key = read_public_key(public)

    def target(self, **changes: object) -> Order:
        order = target_order(
            self.key, serial=4711, key_id="MT-2026-00001:pe_a:ag_b", principal=PRINCIPAL, source_address=GATE, now=now()
        )
        return replace(order, **changes)  # type: ignore[arg-type]

    def entry(self) -> Order:
        return entry_order(
            self.key,
            serial=4712,
            key_id="MT-2026-00001:pe_a:ag_b",
            principal=ENTRY_PRINCIPAL,
            now=now(),
            valid_until=now() + timedelta(hours=1),
        )

    def signed(self, authority: CertificateAuthority, order: Order) -> Credential:
        return Credential(self.private, authority.mint(order).line)


def attempt(server: RunningSshd, credential: Credential, command: str = "echo opened") -> RunResult:
    return run(server.destination, credential, command=command, timeout=20)


def refused(result: RunResult) -> bool:
    return result.status == 255 and b"Permission denied" in result.stderr and result.stdout == b""


def test_a_target_certificate_opens_its_account(lab: Lab, target: RunningSshd) -> None:
    one = Pass()
    result = attempt(target, one.signed(lab.target, one.target()), "echo opened; exit 7")
    assert (result.status, result.stdout) == (7, b"opened\n")
    assert "MT-2026-00001:pe_a:ag_b (serial 4711)" in target.log


def test_an_entry_certificate_opens_the_gate_and_no_target(lab: Lab, target: RunningSshd, gate: RunningSshd) -> None:
    one = Pass()
    credential = one.signed(lab.entry, one.entry())
    assert attempt(gate, credential).stdout == b"opened\n"
    assert refused(attempt(target, credential))


def test_a_target_certificate_opens_no_gate(lab: Lab, gate: RunningSshd) -> None:
    one = Pass()
    assert refused(attempt(gate, one.signed(lab.target, one.target())))


def test_the_right_principal_from_the_other_authority_opens_nothing(
    lab: Lab, target: RunningSshd, gate: RunningSshd
) -> None:
    one = Pass()
    assert refused(attempt(target, one.signed(lab.entry, one.target())))
    assert refused(attempt(gate, one.signed(lab.target, one.entry())))


@pytest.mark.parametrize(
    "changes",
    [
        {"principal": "qd:somebody-else@web01"},
        {"principal": f"qd:{ACCOUNT}@web02"},
        {"principal": ENTRY_PRINCIPAL},
        {"critical_options": {"source-address": "192.0.2.9"}},
        {"critical_options": {"source-address": "127.0.0.1", "unknown-option": "x"}},
        {"valid_from": datetime(2026, 1, 1, tzinfo=UTC), "valid_until": datetime(2026, 1, 1, 0, 1, tzinfo=UTC)},
    ],
    ids=["other account", "other asset", "entry principal", "from elsewhere", "unknown critical option", "expired"],
)
def test_a_certificate_for_something_else_is_refused(lab: Lab, target: RunningSshd, changes: dict[str, object]) -> None:
    one = Pass()
    assert refused(attempt(target, one.signed(lab.target, one.target(**changes))))


def test_a_certificate_of_a_future_time_is_refused(lab: Lab, target: RunningSshd) -> None:
    one = Pass()
    later = now() + timedelta(hours=1)
    order = one.target(valid_from=later, valid_until=later + timedelta(seconds=90))
    assert refused(attempt(target, one.signed(lab.target, order)))


def test_a_target_certificate_forwards_nothing(lab: Lab, target: RunningSshd) -> None:
    one = Pass()
    with credential_files(target.destination, one.signed(lab.target, one.target())) as files:
        argv = upstream_argv(target.destination, files)
        at = argv.index("ClearAllForwardings=yes")
        argv[at] = "ClearAllForwardings=no"
        argv[1:1] = ["-W", "127.0.0.1:1"]
        status, errors, _ = pump(argv, bytes, stdin=b"", timeout=20, max_output=1000)
    assert status == 255
    assert b"forwarding failed" in errors


def measured(lab: Lab, target: RunningSshd, program: bytes, approved: bytes, *, asked: str) -> RunResult:
    one = Pass()
    order = measure_order(
        one.key,
        serial=99,
        key_id="MT-2026-00001:measure:ag_c",
        principal=PRINCIPAL,
        source_address=GATE,
        force_command=bootstrap_command(hashlib.sha256(approved).hexdigest(), len(approved), ["manifest", "/etc"]),
        now=now(),
    )
    credential = one.signed(lab.target, order)
    return run(target.destination, credential, command=asked, stdin=program, timeout=20)


def test_a_measuring_certificate_runs_exactly_the_approved_bytes(lab: Lab, target: RunningSshd) -> None:
    collector = b"import sys; print('measured', sys.argv[1:])\n"
    result = measured(lab, target, collector, collector, asked="id")
    assert result.stdout == b"measured ['manifest', '/etc']\n"


def test_a_measuring_certificate_runs_no_other_program(lab: Lab, target: RunningSshd) -> None:
    approved = b"print('approved')\n"
    for other in (b"print('obtained')\n", approved[:-2], b""):
        result = measured(lab, target, other, approved, asked="id")
        assert result.status == 1
        assert result.stdout == b""


def test_a_revoked_serial_is_refused(lab: Lab, target: RunningSshd, tmp_path: Path) -> None:
    one = Pass()
    credential = one.signed(lab.target, one.target(serial=5151))
    assert attempt(target, credential).stdout == b"opened\n"
    revoked = lab.folder / "etc" / "revoked_keys"
    (tmp_path / "spec").write_text("serial: 5151\n")
    ca = lab.folder / "signer" / "target_ca.pub"
    subprocess.run(
        ["ssh-keygen", "-q", "-k", "-f", str(revoked), "-s", str(ca), str(tmp_path / "spec")], check=True, timeout=20
    )
    try:
        assert refused(attempt(target, credential))
        assert attempt(target, one.signed(lab.target, one.target(serial=5152))).stdout == b"opened\n"
    finally:
        revoked.write_text("")


def test_a_stranger_is_offered_only_certificates_and_let_in_by_nothing(target: RunningSshd) -> None:
    probe = knock(target.destination, source=GATE, now=now())
    assert probe.reached
    assert probe.offered == ("publickey",)
    assert probe.entered_with == ()


def test_another_host_key_is_noticed(lab: Lab, target: RunningSshd) -> None:
    _, other = new_private_key()
    elsewhere = replace(target.destination, host_identity=read_public_key(other).line)
    probe = knock(elsewhere, source=GATE, now=now())
    assert probe.other_host
    one = Pass()
    result = run(elsewhere, one.signed(lab.target, one.target()), command="id", timeout=20)
    assert result.status == 255
    assert result.stdout == b""


def test_output_and_time_are_bounded(lab: Lab, target: RunningSshd) -> None:
    one = Pass()
    credential = one.signed(lab.target, one.target())
    flood = run(target.destination, credential, command="cat /dev/zero", timeout=20, max_output=100_000)
    assert (flood.status, flood.ended_by) == (-1, "too_much_output")
    assert len(flood.stdout) <= 100_000
    slow = run(target.destination, credential, command="sleep 60", timeout=2)
    assert (slow.status, slow.ended_by) == (-1, "timeout")
