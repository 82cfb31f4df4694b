"""The gate lends itself the sockets of the OpenSSH processes that it started, and leaves all others alone."""

import os
import socket
import subprocess
import sys

import pytest
from tests.lab.gate_lab import gate_lab

from quarterdeck.entrypoints.gate.processes import children_of
from quarterdeck.entrypoints.gate.prompt_sockets import acknowledge_now, lend, send_at_once

LISTENER = """
import socket, sys
one = socket.create_server(("127.0.0.1", 0))
pair = socket.socketpair()
print(one.getsockname()[1], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def listener():
    with subprocess.Popen(
        [sys.executable, "-c", LISTENER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process, int(process.stdout.readline())
        process.stdin.close()


def test_a_listener_of_ours_makes_what_it_accepts_prompt(listener):
    process, port = listener
    (lent,) = lend(process.pid)
    with lent:
        assert lent.getsockname()[1] == port
        send_at_once(lent)
        with socket.create_connection(("127.0.0.1", port)), lent.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            acknowledge_now(accepted)


def test_a_process_that_is_gone_lends_nothing(listener):
    process, _ = listener
    process.kill()
    process.wait()
    assert lend(process.pid) == []


def test_a_process_of_somebody_else_lends_nothing():
    if os.geteuid() == 0:
        pytest.skip("root may look into every process: not run here")
    assert lend(1) == []


@pytest.fixture(scope="module")
def gate():
    with gate_lab() as running:
        yield running


def test_the_sshd_of_a_running_gate_listens_promptly(gate):
    assert gate.run(gate.grant(), "true").returncode == 0
    lent = [one for pid in children_of(gate.gate.pid) for one in lend(pid)]
    ports = {one.getsockname()[1]: one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for one in lent}
    for one in lent:
        one.close()
    assert ports[gate.port] == 1
