"""What OpenSSH's client does with its streams: half-closed, empty, without a terminal, rekeyed, over IPv6."""

import os
import re
import secrets
import subprocess

import pytest
from tests.lab.gate_lab import Terminal, gate_lab, has_ipv6, needs_terminal


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as running:
        yield running


@pytest.fixture(scope="module")
def six():
    if not has_ipv6():
        pytest.skip("not run here: this machine has no ::1")
    with gate_lab("::1") as running:
        yield running


def test_a_shell_without_a_terminal_reads_its_commands_from_the_stream(lab):
    done = lab.run(lab.grant(), input=b"echo one\necho two >&2\nexit 4\n", options=("-T",))
    assert (done.returncode, done.stdout, done.stderr) == (4, b"one\n", b"two\n")


def test_the_end_of_the_input_arrives_and_output_still_comes_back(lab):
    done = lab.run(lab.grant(), "wc -c; sleep 0.3; echo after; exit 3", input=b"x" * 3_000_000)
    assert (done.returncode, done.stdout.split()) == (3, [b"3000000", b"after"])


def test_a_command_that_closes_its_output_first_keeps_its_status(lab):
    assert lab.run(lab.grant(), "exec >&- 2>&-; sleep 0.5; exit 5").returncode == 5


@pytest.mark.parametrize("options", [(), ("-n",)])
def test_a_command_that_reads_nothing_ends_by_itself(lab, options):
    done = lab.run(lab.grant(), "sleep 0.3; echo done; exit 6", options=options)
    assert (done.returncode, done.stdout) == (6, b"done\n")


def test_a_client_that_was_started_with_closed_input(lab):
    shell = " ".join(f"'{word}'" for word in lab.ssh(lab.grant(), "sleep 0.3; echo done")) + " <&-"
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stdout) == (0, b"done\n")


def test_no_byte_at_all(lab):
    done = lab.run(lab.grant(), "cat", input=b"")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_keys_are_renewed_in_the_middle_of_a_transfer(lab):
    data = secrets.token_bytes(8_000_000)
    done = lab.run(lab.grant(), "cat", input=data, options=("-v", "-o", "RekeyLimit=500K"), timeout=60)
    assert done.stdout == data
    assert len(re.findall(rb"SSH2_MSG_NEWKEYS received", done.stderr)) > 5


def test_over_ipv6_to_the_gate_and_to_the_target(six):
    data = secrets.token_bytes(1_000_000)
    done = six.run(six.grant(), "cat; echo $SSH_CONNECTION >&2; exit 9", input=data)
    assert (done.returncode, done.stdout) == (9, data)
    assert done.stderr.split()[0] == b"::1"


@needs_terminal
def test_bytes_that_are_no_text_pass_a_terminal_untouched_both_ways(lab):
    command = "stty raw -echo; printf 'ready\\377\\376'; dd bs=1 count=4 2>/dev/null | od -An -tx1"
    with Terminal(lab.ssh(lab.grant(), command, options=("-tt", "-e", "none"))) as terminal:
        terminal.expect(rb"ready\xff\xfe")
        os.write(terminal.master, b"\x80\xff\x00\xc3")
        terminal.expect(rb"80 ff 00 c3")
        assert terminal.status() == 0


@needs_terminal
def test_a_terminal_of_zero_size_works(lab):
    with Terminal(lab.ssh(lab.grant(), "stty size; exit 2", options=("-tt",)), columns=0, rows=0) as terminal:
        assert terminal.status() == 2
