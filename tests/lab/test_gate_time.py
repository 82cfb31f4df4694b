"""Time at the gate against real sshd and ssh: more time from a second channel, idleness, the hard end under load."""

import contextlib
import os
import signal
import socket
import subprocess
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.lab.gate_lab import Terminal, gate_lab, needs_terminal, utc_now, wait_for

from quarterdeck.entrypoints.gate.recorder import recorded

pytestmark = pytest.mark.slow
IN_TIME = timedelta(seconds=2)


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as running:
        yield running


def until_of(lab, ticketed):
    return datetime.fromisoformat(lab.books.read()["grants"][str(ticketed.serial)]["until"])


def whole(lab, ticketed, reason):
    """Return the one sealed entry after checking that it has everything: reason, both ends, chain, recording."""
    entry = lab.sealed(ticketed)[0]
    assert (entry["reason"], entry["state"]) == (reason, "ended")
    assert entry["session_terminated"]
    assert entry["network_terminated"]
    assert recorded(Path(entry["recording"]), entry["session"]) == (entry["lines"], entry["head"])
    assert f"ended: {reason}" in Path(entry["recording"]).read_text(errors="replace")
    return entry


def gone_by(lab, ticketed, due):
    """Check that the connection was proven gone within two seconds of `due`."""
    entry = lab.sealed(ticketed)[0]
    assert datetime.fromisoformat(entry["network_terminated"]) - due < IN_TIME


def test_more_time_is_asked_of_the_gate_and_never_of_the_target(lab):
    ticketed = lab.grant(until=600)
    before = until_of(lab, ticketed)
    asked = lab.run(ticketed, "quarterdeck", "extend", "30", "the index isn't ready")
    assert (asked.returncode, asked.stdout) == (0, b"")
    assert b"Granted until" in asked.stderr
    assert until_of(lab, ticketed) == before + timedelta(minutes=30)
    assert lab.books.journal("extended")[-1]["reason"] == "the index isn't ready"
    began = len(lab.books.journal("began"))
    for command in ("quarterdeck", "quarterdeck extend 0 x", "quarterdeck extend 30", "quarterdeck ; echo reached"):
        misused = lab.run(ticketed, command)
        assert (misused.returncode, misused.stdout) == (2, b"")
        assert b"It understands one command" in misused.stderr
    assert len(lab.books.journal("began")) == began


def test_no_more_time_with_a_certificate_that_opens_nothing_any_more(lab):
    ticketed = lab.grant(until=600)
    lab.revoke(ticketed)
    refused = lab.run(ticketed, "quarterdeck extend 30 please")
    assert refused.returncode == 255
    assert b"revoked" in refused.stderr or b"Permission denied" in refused.stderr  # by the gate, or by its sshd
    stranger = lab.run(lab.grant_without_books(), "quarterdeck extend 30 please")
    assert b"belongs to no grant" in stranger.stderr


@needs_terminal
def test_a_running_terminal_is_told_of_more_time_and_lives_on(lab):
    ticketed = lab.grant(until=4)
    with Terminal(lab.ssh(ticketed, options=("-tt",))) as terminal:
        terminal.expect(rb"The window ends in 1 min")
        assert lab.run(ticketed, "quarterdeck extend 10 nearly there").returncode == 0
        terminal.expect(rb"The window is longer now: it ends in 1[01] min", 3.0)
        wait_for(lambda: utc_now() > until_of(lab, ticketed) - timedelta(minutes=10, seconds=-1), what="the old end")
        terminal.type("echo still''here; exit\n")
        terminal.expect(rb"stillhere")
    text = Path(lab.sealed(ticketed)[0]["recording"]).read_text()
    assert "longer now" in text


@needs_terminal
def test_what_a_terminal_types_is_never_taken_for_a_command_of_the_gate(lab):
    ticketed = lab.grant(until=600)
    before = until_of(lab, ticketed)
    with Terminal(lab.ssh(ticketed, options=("-tt",))) as terminal:
        terminal.expect(rb"[#$] ")
        terminal.type("quarterdeck extend 30 please\n")
        terminal.expect(rb"not found")
        terminal.type("exit\n")
        terminal.status()
    assert until_of(lab, ticketed) == before


def test_warnings_reach_a_command_on_standard_error_alone(lab):
    ticketed = lab.grant(until=600)
    result = lab.run(ticketed, "sleep 1; printf 'a\\0b'")
    assert result.stdout == b"a\0b"
    assert b"The window ends in 10 min" in result.stderr


@needs_terminal
def test_a_terminal_where_nobody_types_is_warned_and_ended(lab):
    ticketed = lab.grant(idle=4)
    with Terminal(lab.ssh(ticketed, options=("-tt",))) as terminal:
        terminal.expect(rb"[#$] ")
        terminal.expect(rb"Nobody typed for a while", 6.0)
        terminal.type("echo a''wake\n")
        terminal.expect(rb"awake")
        terminal.type("while :; do sleep 0.2; echo output; done\n")
        terminal.expect(rb"Nobody typed for 4 s, so this session has ended", 8.0)
        assert terminal.status(5.0) == 255
    whole(lab, ticketed, "idle")


def test_a_command_is_never_idle(lab):
    ticketed = lab.grant(idle=1)
    assert lab.run(ticketed, "sleep 2.5; exit 3").returncode == 3


@needs_terminal
@pytest.mark.parametrize("why", ["window", "revocation"])
def test_hard_end_of_an_idle_terminal(lab, why):
    ticketed = lab.grant(until=4 if why == "window" else 600)
    with Terminal(lab.ssh(ticketed, options=("-tt",))) as terminal:
        terminal.expect(rb"[#$] ")
        due = order(lab, ticketed, why)
        assert terminal.status(6.0) == 255
    gone_by(lab, ticketed, due)
    whole(lab, ticketed, "window_ended" if why == "window" else "revoked")


def order(lab, ticketed, why):
    """Revoke, or leave it to the window; return the moment from which the two seconds count."""
    if why == "window":
        return until_of(lab, ticketed)
    lab.revoke(ticketed)
    return utc_now()


@pytest.mark.parametrize("why", ["window", "revocation"])
@pytest.mark.parametrize("way", ["cat", "get", "put", "scp -O"])
def test_hard_end_of_a_copy_at_full_speed(lab, why, way, tmp_path):
    endless = tmp_path / "zeros"
    with endless.open("wb") as file:
        file.truncate(1 << 40)
    ticketed = lab.grant(until=3 if why == "window" else 600)
    config = str(lab.config(ticketed))
    if way == "cat":
        client = lab.start(ticketed, "cat /dev/zero", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    else:
        here, there = (f"target:{endless}", "/dev/null") if way == "get" else (str(endless), f"target:{tmp_path}/copy")
        argv = ["scp", "-q", *(["-O"] if "-O" in way else []), "-F", config, here, there]
        client = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
        lab._processes.append(client)
    wait_for(lambda: [e for e in lab.books.journal("began") if e["serial"] == ticketed.serial], what="the session")
    if why == "revocation":
        wait_for(lambda: flowing(client), what="the copy")
    due = order(lab, ticketed, why)
    client.wait(8)
    assert client.returncode not in (0, None)
    gone_by(lab, ticketed, due)
    whole(lab, ticketed, "window_ended" if why == "window" else "revoked")


def flowing(client):
    """True once the copy moves: what the client has read or written by now."""
    counts = Path(f"/proc/{client.pid}/io").read_text() if client.poll() is None else ""
    moved = sum(int(line.split()[1]) for line in counts.splitlines() if line.startswith(("rchar", "wchar")))
    return moved > 20_000_000


@pytest.mark.parametrize("why", ["window", "revocation"])
def test_hard_end_of_a_client_that_reads_no_more(lab, why):
    ticketed = lab.grant(until=4 if why == "window" else 600)
    client = lab.start(ticketed, "cat /dev/zero", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert client.stdout.read(65536)
    client.send_signal(signal.SIGSTOP)
    try:
        due = order(lab, ticketed, why)
        gone_by(lab, ticketed, due)
        whole(lab, ticketed, "window_ended" if why == "window" else "revoked")
    finally:
        client.send_signal(signal.SIGCONT)
        client.stdout.close()
    client.wait(8)


@pytest.mark.parametrize("why", ["window", "revocation"])
def test_hard_end_during_a_dial_to_a_target_that_says_nothing(lab, why):
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as silent:
        ticketed = lab.grant(until=3 if why == "window" else 600, port=silent.getsockname()[1])
        client = lab.start(ticketed, "echo never", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        silent.settimeout(10)
        dialled, _ = silent.accept()
        with dialled:
            due = order(lab, ticketed, why)
            assert client.communicate(timeout=8)[0] == b""
    gone_by(lab, ticketed, due)
    whole(lab, ticketed, "window_ended" if why == "window" else "revoked")


@pytest.mark.parametrize("why", ["window", "revocation"])
def test_idle_master_ends_with_the_window_and_at_revocation(lab, why):
    """attacks.md row 10: no launcher runs, and the connection ends all the same."""
    ticketed = lab.grant(until=3 if why == "window" else 600)
    control = lab.folder / f"m{ticketed.serial}"
    master = lab.start(ticketed, options=("-MN", "-o", f"ControlPath={control}"), stderr=subprocess.PIPE)
    wait_for(lambda: f"serial {ticketed.serial}) CA" in lab.gate_log(), what="the login")
    due = order(lab, ticketed, why)
    master.wait(8)
    assert utc_now() - due < IN_TIME
    assert not control.exists()


class TouchedKey:
    """An SSH agent in front of a real one that signs only once the key is `touched`, as a FIDO key does."""

    def __init__(self, folder, key):
        self._inner, self.path = folder / f"{key.name}.agent", folder / f"{key.name}.touch"
        self._agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(self._inner)], stdout=subprocess.DEVNULL)
        wait_for(self._inner.exists, what="the agent")
        subprocess.run(["ssh-add", "-q", str(key)], env={**os.environ, "SSH_AUTH_SOCK": str(self._inner)}, check=True)
        self._touched, self.waits = threading.Event(), threading.Event()
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self.path))
        self._listener.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.touch()
        self._listener.close()
        self._agent.terminate()
        self._agent.wait(5)

    def touch(self):
        self._touched.set()

    def _serve(self):
        outside, _ = self._listener.accept()
        with outside, socket.socket(socket.AF_UNIX) as inside:
            inside.connect(str(self._inner))
            while message := self._message(outside):
                if message[4] == 13:  # SSH_AGENTC_SIGN_REQUEST
                    self.waits.set()
                    self._touched.wait(30)
                inside.sendall(message)
                outside.sendall(self._message(inside))

    @staticmethod
    def _message(stream):
        head = stream.recv(4, socket.MSG_WAITALL)
        return head + stream.recv(int.from_bytes(head, "big"), socket.MSG_WAITALL) if len(head) == 4 else b""


@pytest.mark.parametrize("why", ["window", "revocation"])
def test_hard_end_while_the_key_waits_to_be_touched(lab, why):
    """Whoever touches the key too late is in for less than two seconds, and nothing begins."""
    ticketed = lab.grant(until=3 if why == "window" else 600)
    with TouchedKey(lab.folder, ticketed.key) as key:
        agent = f"IdentityAgent={key.path}"
        argv = [agent if word == "IdentityAgent=none" else word for word in lab.ssh(ticketed, "echo never")]
        client = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
        )
        lab._processes.append(client)
        assert key.waits.wait(10)
        due = order(lab, ticketed, why)
        wait_for(lambda: utc_now() > due, what="the end")
        key.touch()
        touched = utc_now()
        assert client.communicate(timeout=8)[0] == b""
    assert utc_now() - touched < IN_TIME
    assert [entry for entry in lab.books.journal("began") if entry["serial"] == ticketed.serial] == []


def test_a_login_that_hangs_in_its_authentication_ends_by_itself(lab):
    """Nobody yet, and nothing waits for it: `sshd` ends it after its grace for logins."""
    with socket.create_connection(("127.0.0.1", lab.port)) as stuck:
        stuck.sendall(b"SSH-2.0-stuck\r\n")
        stuck.settimeout(60)
        began = time.monotonic()
        with contextlib.suppress(ConnectionError):
            while stuck.recv(4096):
                pass
        assert time.monotonic() - began < 45
