"""How sessions end when they must: revocation, window, a gate that stops or is killed, a recorder that can't write."""

import contextlib
import json
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

from quarterdeck.entrypoints.gate.processes import parent_of, start_time
from quarterdeck.entrypoints.gate.recorder import recorded
from quarterdeck.kernel.clock import rfc3339

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shared():
    with gate_lab() as running:
        yield running


@pytest.fixture
def lab():
    with gate_lab() as running:
        yield running


def running_command(lab, ticketed, command="echo here; while :; do sleep 0.1; echo on; done"):
    process = lab.start(ticketed, command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline() == b"here\n"
    return process


def end_of(process, seconds=10.0):
    """Return how many seconds the client still ran and what it said on standard error."""
    began = time.monotonic()
    _, said = process.communicate(timeout=seconds)
    return time.monotonic() - began, said


def test_revocation_ends_a_command_within_two_seconds(shared):
    ticketed = shared.grant()
    process = running_command(shared, ticketed)
    shared.revoke(ticketed)
    seconds, said = end_of(process)
    assert seconds < 2.0
    assert b"revoked" in said
    entry = shared.sealed(ticketed)[0]
    assert (entry["reason"], entry["state"], entry["exit_status"]) == ("revoked", "ended", None)
    assert entry["session_terminated"]
    assert entry["network_terminated"]
    assert recorded(Path(entry["recording"]), entry["session"]) == (entry["lines"], entry["head"])


@needs_terminal
def test_revocation_ends_a_terminal_and_says_so(shared):
    ticketed = shared.grant()
    with Terminal(shared.ssh(ticketed, options=("-tt",))) as terminal:
        terminal.expect(rb"[#$] ")
        shared.revoke(ticketed)
        terminal.expect(rb"access was revoked", 2.0)
        assert terminal.status(3.0) == 255
    assert shared.sealed(ticketed)[0]["reason"] == "revoked"


def test_revocation_spares_the_others(shared):
    revoked, other = shared.grant(), shared.grant()
    process, stays = running_command(shared, revoked), running_command(shared, other)
    shared.revoke(revoked)
    end_of(process)
    for _ in range(5):
        assert stays.stdout.readline() == b"on\n"
    assert stays.poll() is None


@pytest.mark.parametrize("master", [("-MN",), ("-N",)])
def test_idle_connection_without_any_channel_is_ended_at_revocation(shared, master):
    ticketed = shared.grant()
    control = shared.folder / f"idle{master[0]}{ticketed.serial}"
    options = (*master, "-o", f"ControlPath={control}") if "M" in master[0] else master
    process = shared.start(ticketed, options=options, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: f"serial {ticketed.serial}) CA" in shared.gate_log(), what="the login")
    assert process.poll() is None
    shared.revoke(ticketed)
    assert end_of(process)[0] < 2.0


def test_channel_over_an_old_master_is_admitted_anew(shared):
    ticketed = shared.grant(until=4.0)
    control = shared.folder / f"old{ticketed.serial}"
    mux = ("-o", "ControlMaster=auto", "-o", f"ControlPath={control}", "-o", "ControlPersist=60")
    assert shared.run(ticketed, "true", options=mux).returncode == 0
    wait_for(lambda: not control.exists(), 10.0, "the end of the idle master at the window's end")
    began = len(shared.books.journal("began"))
    result = shared.run(ticketed, "true", options=mux)
    assert result.returncode == 255
    assert b"The window has ended" in result.stderr
    assert len(shared.books.journal("began")) == began


def test_window_end_ends_a_command_on_time(shared):
    ticketed = shared.grant(until=3.0)
    process = running_command(shared, ticketed)
    until = datetime.fromisoformat(shared.books.read()["grants"][str(ticketed.serial)]["until"])
    _, said = end_of(process)
    assert abs(utc_now() - until) < timedelta(seconds=1.5)
    assert b"The window has ended" in said
    entry = shared.sealed(ticketed)[0]
    assert entry["reason"] == "window_ended"
    assert entry["network_terminated"]


@needs_terminal
def test_grace_keeps_a_session_and_admits_no_new_one(shared):
    ticketed = shared.grant(until=3.0, grace=4)
    with Terminal(shared.ssh(ticketed, options=("-tt",))) as terminal:
        terminal.expect(rb"The window ends in 1 min")
        terminal.expect(rb"The window has ended. Finish now", 6.0)
        assert b"window has ended" in shared.run(ticketed, "true").stderr
        terminal.type("echo still''here\n")
        terminal.expect(rb"stillhere")
        assert terminal.status(8.0) == 255
    assert shared.sealed(ticketed)[0]["reason"] == "window_ended"
    text = Path(shared.sealed(ticketed)[0]["recording"]).read_text()
    assert "The window ends in 1 min" in text


def test_extension_moves_the_end(shared):
    ticketed = shared.grant(until=2.0)
    process = running_command(shared, ticketed)
    with shared.books.changing() as books:
        books["grants"][str(ticketed.serial)]["until"] = rfc3339(utc_now() + timedelta(hours=1))
    limit = time.monotonic() + 3.0
    while time.monotonic() < limit:
        assert process.stdout.readline() == b"on\n"
    assert process.poll() is None


def test_revocation_during_a_slow_dial_gets_no_signature(shared):
    """The target answers TCP at once and speaks SSH only after the revocation (attacks.md row 17)."""
    with SlowDoor(shared.target.port) as door:
        ticketed = shared.grant(port=door.port)
        process = shared.start(ticketed, "echo never", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for(lambda: door.knocked, what="the dial")
        with shared.books.changing() as books:
            books["grants"][str(ticketed.serial)]["until"] = rfc3339(utc_now())
            books["grants"][str(ticketed.serial)]["grace"] = 60
        door.open()
        process.wait(10)
    assert process.stdout.read() == b""
    assert b"while the target was dialled" in process.stderr.read()
    entry = shared.sealed(ticketed)[0]
    assert entry["reason"] == "admission_withdrawn"


def test_killed_child_leaves_an_interrupted_recording(lab):
    ticketed = lab.grant()
    process = running_command(lab, ticketed)
    pids = subprocess.run(
        ["pgrep", "-f", f"entrypoints.gate.forker.*{lab.folder}"], capture_output=True, text=True, check=True
    )
    forker, child = sorted(map(int, pids.stdout.split()), key=start_time)
    assert parent_of(child) == forker
    os.kill(child, signal.SIGKILL)
    assert b"without a reason" in end_of(process)[1]
    entry = lab.sealed(ticketed)[0]
    assert (entry["reason"], entry["state"]) == ("interrupted", "interrupted")
    assert entry["lines"] >= 2


def test_killed_gate_ends_sessions_and_leaves_the_prefix(lab):
    ticketed = lab.grant()
    process = running_command(lab, ticketed)
    idle = lab.grant()
    waiting = lab.start(idle, options=("-N",), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    wait_for(lambda: f"serial {idle.serial}) CA" in lab.gate_log(), what="the login")
    wait_for(lambda: len((lab.gate_folder.connections).read_text().splitlines()) == 2, what="the list of connections")
    lab.stop_gate(signal.SIGKILL)
    seconds, said = end_of(process)
    assert seconds < 2.0
    assert b"The gate has stopped" in said
    assert lab.run(lab.grant(), "true").returncode == 255
    session = lab.books.journal("began")[0]["session"]
    recording = lab.recordings / f"{session}.cast"
    lines, _ = recorded(recording, session)
    assert lines >= 2
    assert json.loads(recording.read_text().splitlines()[1])[2].startswith("here")
    lab.start_gate()
    waiting.wait(5)
    entry = lab.sealed(ticketed)[0]
    assert (entry["reason"], entry["state"], entry["lines"]) == ("interrupted", "interrupted", lines)
    assert entry["head"] == recorded(recording, session)[1]
    assert lab.run(lab.grant(), "exit 3").returncode == 3


def test_orderly_stop_tells_and_seals(lab):
    ticketed = lab.grant()
    process = running_command(lab, ticketed)
    lab.stop_gate()
    assert lab.gate.returncode == 0
    process.wait(5)
    assert b"The gate is stopping" in process.stderr.read()
    entry = lab.sealed(ticketed)[0]
    assert entry["reason"] == "gate_stopped"
    assert entry["network_terminated"]


def test_unreadable_books_end_sessions_and_refuse_new_ones(lab):
    ticketed = lab.grant()
    process = running_command(lab, ticketed)
    hidden = lab.books.file.with_suffix(".hidden")
    lab.books.file.rename(hidden)
    seconds, said = end_of(process)
    assert seconds < 4.5
    assert b"can't read its database" in said
    refused = lab.run(lab.grant_without_books(), "true")
    assert refused.returncode == 255
    assert b"can't decide" in refused.stderr
    hidden.rename(lab.books.file)
    entry = lab.sealed(ticketed)[0]
    assert entry["reason"] == "database_unavailable"


def test_recorder_that_can_not_open_means_no_session(lab):
    lab.recordings.rename(lab.recordings.with_name("moved"))
    lab.recordings.write_text("a file is in the way")
    ticketed = lab.grant()
    result = lab.run(ticketed, "echo never")
    assert (result.returncode, result.stdout) == (255, b"")
    assert b"without a recording there is no session" in result.stderr
    assert lab.sealed(ticketed)[0]["reason"] == "recorder_failed"


def test_full_disk_ends_the_session(lab):
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "tmpfs", str(lab.recordings)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("not run here: mounting a small file system needs root")
    try:
        ticketed = lab.grant()
        result = lab.run(ticketed, "seq 1 2000000")
        assert result.returncode == 255
        assert b"The recording can't be written" in result.stderr
        entry = lab.sealed(ticketed)[0]
        assert entry["reason"] == "recorder_failed"
        shown = "".join(
            json.loads(line)[2] for line in Path(entry["recording"]).read_text().splitlines()[1:] if '"o"' in line
        )
        assert result.stdout.decode() == shown
        fill(lab.recordings / "filler")
        assert b"can't be written" in lab.run(lab.grant(), "true").stderr
    finally:
        subprocess.run(["umount", "-l", str(lab.recordings)], check=True)


def fill(path):
    with contextlib.suppress(OSError), path.open("wb", buffering=0) as filler:
        while True:
            filler.write(bytes(4096))


class SlowDoor:
    """A TCP door before a port: takes the connection, and lets bytes through only once it is opened."""

    def __init__(self, port):
        self._to = port
        self._opened = threading.Event()
        self.knocked = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._serve, daemon=True)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._opened.set()
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def open(self):
        self._opened.set()

    def _serve(self):
        outside, _ = self._listener.accept()
        self.knocked = True
        self._opened.wait(20)
        with outside, socket.create_connection(("127.0.0.1", self._to)) as inside:
            back = threading.Thread(target=self._pass, args=(inside, outside), daemon=True)
            back.start()
            self._pass(outside, inside)
            back.join(5)

    @staticmethod
    def _pass(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            return
