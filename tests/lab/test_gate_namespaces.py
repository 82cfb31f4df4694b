"""Gate and target in network namespaces of their own: the address that a certificate is bound to is a real one."""

import os
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from tests.lab.gate_lab import ENTRY_PRINCIPAL, gate_lab, sign

GATE, TARGET = "198.18.213.1", "198.18.213.2"  # the block of RFC 2544, for tests of network equipment


def ip(*words):
    return subprocess.run(["ip", *words], capture_output=True, text=True, timeout=20, check=False)


@pytest.fixture(scope="module")
def namespace():
    name = f"qd-{os.getpid()}"
    if os.geteuid() != 0 or ip("netns", "add", name).returncode != 0:
        pytest.skip("NOT RUN: network namespaces need root and a kernel that gives them")
    try:
        for words in (
            ("link", "add", f"{name}g", "type", "veth", "peer", "name", f"{name}t"),
            ("link", "set", f"{name}t", "netns", name),
            ("addr", "add", f"{GATE}/30", "dev", f"{name}g"),
            ("link", "set", f"{name}g", "up"),
            ("-n", name, "addr", "add", f"{TARGET}/30", "dev", f"{name}t"),
            ("-n", name, "link", "set", f"{name}t", "up"),
            ("-n", name, "link", "set", "lo", "up"),
        ):
            made = ip(*words)
            if made.returncode != 0:
                pytest.skip(f"NOT RUN: no pair of network devices here: {made.stderr.strip()}")
        yield name
    finally:
        ip("link", "del", f"{name}g")
        ip("netns", "del", name)


@pytest.fixture(scope="module")
def lab(namespace):
    target = {"host": TARGET, "inside": ("ip", "netns", "exec", namespace)}
    with gate_lab(GATE, target) as running:
        yield running


def from_sources(lab, sources):
    with lab.books.changing() as books:
        books["sources"] = sources


def test_the_gate_reaches_the_target_from_its_own_address(lab):
    from_sources(lab, f"{GATE}/32")
    result = lab.run(lab.grant(), "echo $SSH_CONNECTION")
    assert result.stdout.split()[::2] == [GATE.encode(), TARGET.encode()], result.stderr


def test_a_target_certificate_of_another_address_opens_nothing(lab):
    from_sources(lab, "198.18.213.3/32,127.0.0.1/32")
    ticketed = lab.grant()
    result = lab.run(ticketed, "echo never")
    assert (result.returncode, result.stdout) == (255, b"")
    assert b"does not accept the gate's certificate" in result.stderr
    assert lab.sealed(ticketed)[0]["reason"] == "target_refused"


def test_an_entry_certificate_that_is_bound_to_an_address_works_from_there_only(lab, namespace):
    from_sources(lab, f"{GATE}/32")
    ticketed = lab.grant()
    line = sign(
        lab.entry_ca,
        load_ssh_public_key(Path(f"{ticketed.key}.pub").read_bytes()),
        principal=ENTRY_PRINCIPAL,
        serial=ticketed.serial,
        seconds=600,
        options={b"source-address": f"{GATE}/32".encode()},
    )
    Path(f"{ticketed.key}-cert.pub").write_text(line + "\n")
    lab.enter(ticketed.serial, line)
    assert lab.run(ticketed, "echo here").stdout == b"here\n"
    argv = ["ip", "netns", "exec", namespace, *lab.ssh(ticketed, "echo there")]
    elsewhere = subprocess.run(argv, capture_output=True, timeout=30, check=False, stdin=subprocess.DEVNULL)
    assert (elsewhere.returncode, elsewhere.stdout) == (255, b"")
    assert b"Permission denied (publickey)" in elsewhere.stderr
    plain = lab.grant()
    argv = ["ip", "netns", "exec", namespace, *lab.ssh(plain, "echo there")]
    assert subprocess.run(argv, capture_output=True, timeout=30, check=False).stdout == b"there\n"


def test_a_target_whose_network_is_gone_is_said_to_be_gone(lab, namespace):
    from_sources(lab, f"{GATE}/32")
    assert ip("-n", namespace, "link", "set", "lo", "up").returncode == 0
    assert ip("link", "set", f"{namespace}g", "down").returncode == 0
    try:
        began = time.monotonic()
        ticketed = lab.grant()
        # The gate's own address went with the link, so the person comes over loopback, where the address still lives.
        result = lab.run(ticketed, "true")
        assert result.returncode == 255
        assert b"web01 did not answer" in result.stderr
        assert lab.sealed(ticketed)[0]["reason"] == "target_unreachable"
        assert time.monotonic() - began < 30
    finally:
        assert ip("link", "set", f"{namespace}g", "up").returncode == 0
    assert lab.run(lab.grant(), "echo back").stdout == b"back\n"
