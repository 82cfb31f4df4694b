"""`verify-required` on a real `sshd`: a security key that did not ask for its PIN is refused at every connection."""

import base64
import subprocess
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.lab.loopback_sshd import ACCOUNT, Lab, RunningSshd, lab_folder, running_sshd
from tests.lab.software_key import KIND, TOUCHED, VERIFIED, Agent, SoftwareKey

from quarterdeck.access.api import read_public_key
from quarterdeck.adapters.openssh_ca import entry_order
from quarterdeck.kernel.clock import SystemClock

PRINCIPAL = "qd-entry-example"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with lab_folder() as made:
        yield made


@pytest.fixture(scope="module")
def gate(lab: Lab) -> Iterator[RunningSshd]:
    (lab.folder / "entry_principals").write_text(PRINCIPAL + "\n")
    settings = (
        f"TrustedUserCAKeys {lab.folder}/signer/entry_ca.pub\nAuthorizedPrincipalsFile {lab.folder}/entry_principals\n"
        "AuthorizedKeysFile none\nAuthenticationMethods publickey\nPasswordAuthentication no\n"
    )
    with running_sshd(lab, {}, name="gate", more=settings) as server:
        yield server


def enters(lab: Lab, gate: RunningSshd, key: SoftwareKey, *, verified: bool, name: str) -> bool:
    line = f"{KIND.decode()} {base64.b64encode(key.blob).decode()}"
    now = SystemClock().now()
    order = entry_order(
        read_public_key(line),
        serial=1 + len(name),
        key_id="MT-2026-00001:pe_a:ag_b",
        principal=PRINCIPAL,
        now=now - timedelta(seconds=2),
        valid_until=now + timedelta(hours=1),
        verified=verified,
    )
    agent = Agent(lab.folder / f"{name}.sock", key, lab.entry.mint(order).blob)
    known = lab.folder / f"{name}.hosts"
    known.write_text(f"gate {gate.destination.host_identity}\n")
    argv = ["ssh", "-F", "none", "-o", "BatchMode=yes", "-o", f"IdentityAgent={lab.folder}/{name}.sock"]
    argv += ["-o", "HostKeyAlias=gate", "-o", f"UserKnownHostsFile={known}", "-o", "IdentityFile=none"]
    argv += ["-p", str(gate.destination.port), "-l", ACCOUNT, "127.0.0.1", "echo opened"]
    try:
        done = subprocess.run(argv, capture_output=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    finally:
        agent.close()
    assert done.returncode == 0 or b"Permission denied" in done.stderr, done.stderr
    return done.stdout == b"opened\n"


def test_the_pin_is_asked_at_every_connection(lab: Lab, gate: RunningSshd) -> None:
    assert enters(lab, gate, SoftwareKey(TOUCHED | VERIFIED), verified=True, name="pin")
    assert not enters(lab, gate, SoftwareKey(TOUCHED), verified=True, name="touch")
    assert "user verification requirement" in gate.log or "verif" in gate.log.lower()


def test_without_the_option_a_touch_is_enough_and_no_touch_is_none(lab: Lab, gate: RunningSshd) -> None:
    assert enters(lab, gate, SoftwareKey(TOUCHED), verified=False, name="plain-touch")
    assert not enters(lab, gate, SoftwareKey(0), verified=False, name="plain-none")
