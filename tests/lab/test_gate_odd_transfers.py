"""Transfers that go wrong: stalled, killed, absurd, forbidden a thousand times. Memory stays small, others go on."""

import hashlib
import os
import secrets
import signal
import subprocess
import threading
from pathlib import Path

import pytest
from tests.lab.gate_lab import gate_lab, wait_for

from quarterdeck.entrypoints.gate import sftp_packets as wire
from quarterdeck.entrypoints.gate.sftp_files import STEP
from quarterdeck.entrypoints.gate.sftp_packets import Kind, Status
from quarterdeck.sessions.terms import Direction, Stage, files_in

INIT = wire.packet(Kind.INIT, wire.number(3))
MOST_MEMORY = 96 << 20


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as running:
        yield running


class RawSftp:
    """A client made by hand: bytes to the subsystem, packets back."""

    def __init__(self, lab, ticketed):
        self.process = lab.start(
            ticketed, "sftp", options=("-s",), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )

    def say(self, data):
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def hear(self):
        """Return the body of the next packet, empty at the end."""
        size = int.from_bytes(self.process.stdout.read(4), "big")
        return self.process.stdout.read(size)

    def greet(self):
        self.say(INIT)
        assert self.hear()[0] == Kind.VERSION


# A child of the gate lets no process of its own user look into it; its memory is for root to read.
sees_memory = pytest.mark.skipif(os.geteuid() != 0, reason="not run here: only root reads the memory of a gate's child")


def files_of(path):
    return files_in(Path(path).read_bytes().splitlines(keepends=True))


def memory_of(pid):
    """Return the memory of a process that is its own, in bytes."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return 1024 * sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def scp(lab, ticketed, *words):
    argv = ["scp", "-q", "-F", str(lab.config(ticketed)), *map(str, words)]
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    lab._processes.append(process)
    return process


def recording_of(lab, ticketed):
    """Return the recording of the running session of this grant."""

    def found():
        began = [one["session"] for one in lab.books.journal("began") if one["serial"] == ticketed.serial]
        paths = [lab.recordings / f"{session}.cast" for session in began]
        return paths[0] if paths and paths[0].exists() else None

    return wait_for(found, what="the recording")


def random_file(path, size):
    path.write_bytes(secrets.token_bytes(size))
    return path


@pytest.mark.parametrize(
    "absurd",
    [
        (100 << 20).to_bytes(4, "big") + b"\6" + b"x" * 5000,
        (0).to_bytes(4, "big"),
        b"\xff" * 5000,
        b"GET / HTTP/1.1\r\n\r\n",
        wire.packet(Kind.WRITE, wire.number(1), wire.text(b"none"), wire.long(0), wire.text(b"x")),
        INIT,
    ],
)
def test_an_absurd_packet_ends_its_session_and_no_other(lab, tmp_path, absurd):
    source = random_file(tmp_path / "source", 3_000_000)
    other = lab.grant()
    copying = scp(lab, other, "-l", "40000", source, f"target:{tmp_path}/arrived")
    wait_for(lambda: (tmp_path / "arrived").exists(), what="the other transfer")
    ticketed = lab.grant()
    client = RawSftp(lab, ticketed)
    client.greet()
    client.say(absurd)
    assert client.process.wait(10) == 255
    entry = lab.sealed(ticketed)[0]
    assert (entry["reason"], entry["state"]) == ("broken_protocol", "ended")
    assert "The gate can't follow this transfer" in Path(entry["recording"]).read_text()
    assert copying.wait(30) == 0
    assert (tmp_path / "arrived").read_bytes() == source.read_bytes()
    (seen,) = files_of(lab.sealed(other)[0]["recording"]).transfers
    assert seen.transfer.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()


def test_a_request_that_waits_when_the_session_is_ended_is_told_why(lab):
    ticketed = lab.grant()
    client = RawSftp(lab, ticketed)
    client.greet()
    fifo = lab.folder / "fifo"
    os.mkfifo(fifo)
    client.say(wire.packet(Kind.OPEN, wire.number(5), wire.text(str(fifo).encode()), wire.number(1), wire.number(0)))
    wait_for(lambda: recording_of(lab, ticketed).exists())
    threading.Timer(0.3, client.say, [b"\xff" * 100]).start()
    fields = wire.Fields(memoryview(client.hear()))
    assert (fields.number(), fields.number()) == (5, Status.FAILURE)
    assert b"The gate can't follow this transfer" in fields.text()
    os.close(os.open(fifo, os.O_RDWR))  # the target's server waits for a partner, whoever is gone meanwhile


@sees_memory
def test_a_client_that_stops_reading_costs_no_memory_and_its_file_is_whole_in_the_end(lab, tmp_path):
    source = random_file(tmp_path / "source", 60 << 20)
    ticketed = lab.grant()
    copying = scp(lab, ticketed, f"target:{source}", tmp_path / "back")
    wait_for(lambda: (tmp_path / "back").exists() and (tmp_path / "back").stat().st_size > 1 << 20, what="the start")
    (child,) = lab.children()
    os.killpg(copying.pid, signal.SIGSTOP)
    assert lab.run(lab.grant(), "echo others go on").stdout == b"others go on\n"
    wait_for(lambda: is_idle(child), what="a full pipe")
    assert memory_of(child) < MOST_MEMORY
    os.killpg(copying.pid, signal.SIGCONT)
    assert copying.wait(60) == 0
    (seen,) = files_of(lab.sealed(ticketed)[0]["recording"]).transfers
    assert seen.transfer.sha256 == hashlib.sha256(source.read_bytes()).hexdigest()
    assert (tmp_path / "back").read_bytes() == source.read_bytes()


def is_idle(pid, _last={}):  # noqa: B006  the counts of the last look
    """True when a process read and wrote nothing since the last look."""
    now = Path(f"/proc/{pid}/io").read_text().splitlines()[:2]
    before = _last.get(pid)
    _last[pid] = now
    return now == before


@sees_memory
def test_thousands_of_refusals_that_nobody_reads_cost_no_memory_and_all_arrive(lab):
    ticketed = lab.grant(allowance={"to_target": False})
    client = RawSftp(lab, ticketed)
    client.greet()
    count = 30_000
    asked = [wire.packet(Kind.REMOVE, wire.number(number), wire.text(b"/never/%d" % number)) for number in range(count)]
    (child,) = lab.children()
    writer = threading.Thread(target=lambda: client.say(b"".join(asked)))
    writer.start()
    wait_for(lambda: is_idle(child), what="a full pipe")
    assert memory_of(child) < MOST_MEMORY
    for number in range(count):
        fields = wire.Fields(memoryview(client.hear()))
        assert (fields.number(), fields.number()) == (number, Status.PERMISSION_DENIED)
    writer.join()
    client.process.stdin.close()
    entry = lab.sealed(ticketed, seconds=30)[0]
    assert entry["files"]["refused"] == count
    assert entry["reason"] == "completed"


@pytest.mark.parametrize(("protocol", "direction"), [("-s", "up"), ("-O", "up"), ("-s", "down"), ("-O", "down")])
def test_a_killed_session_leaves_what_passed(lab, tmp_path, protocol, direction):
    source = random_file(tmp_path / "source", 40 << 20)
    end = tmp_path / "end"
    ticketed = lab.grant()
    words = (source, f"target:{end}") if direction == "up" else (f"target:{source}", end)
    copying = scp(lab, ticketed, protocol, "-l", "120000", *words)
    recording = recording_of(lab, ticketed)

    def is_passing():
        return [one for one in files_of(recording).transfers if one.transfer.stage is Stage.PASSING]

    wait_for(is_passing, what="the first 4 MiB")
    (child,) = lab.children()
    os.kill(child, signal.SIGKILL)
    copying.wait(20)
    entry = lab.sealed(ticketed)[0]
    assert (entry["reason"], entry["state"]) == ("interrupted", "interrupted")
    (seen,) = files_of(entry["recording"]).transfers
    last = seen.transfer
    assert last.stage is Stage.PASSING
    assert last.cut_off
    assert last.sha256 == hashlib.sha256(source.read_bytes()[: last.size]).hexdigest()
    # What reached the other side is recorded, up to the step of 4 MiB that was under way.
    assert end.stat().st_size < last.size + STEP + wire.LONGEST
    way = Direction.TO_TARGET if direction == "up" else Direction.FROM_TARGET
    assert entry["files"][f"bytes_{way.value}"] == last.size
    assert entry["files"]["failed"] == 1


def test_a_person_who_goes_away_in_the_middle_leaves_what_passed(lab, tmp_path):
    source = random_file(tmp_path / "source", 20 << 20)
    ticketed = lab.grant()
    copying = scp(lab, ticketed, "-l", "40000", source, f"target:{tmp_path}/end")
    recording = recording_of(lab, ticketed)
    wait_for(lambda: files_of(recording).transfers, what="the opened file")
    os.killpg(copying.pid, signal.SIGKILL)
    entry = lab.sealed(ticketed)[0]
    (seen,) = files_of(entry["recording"]).transfers
    assert (seen.transfer.stage, seen.transfer.closed, seen.transfer.cut_off) == (Stage.DONE, False, True)
    assert seen.transfer.sha256 == hashlib.sha256(source.read_bytes()[: seen.transfer.size]).hexdigest()


def test_a_greeting_of_a_start_file_breaks_scp_and_is_said_so(lab):
    client = lab.start(
        lab.grant(), "scp -t /tmp/x", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    client.stdin.write(b"Welcome\n")
    client.stdin.flush()
    assert b"no scp, such as a greeting" in client.communicate(timeout=10)[1]
    assert client.returncode == 255


@pytest.mark.parametrize("flags", [0, wire.OPEN_CREATE])
def test_a_file_opened_without_asking_to_read_is_read_only_where_files_may_leave(lab, tmp_path, flags):
    secret = tmp_path / "secret"
    secret.write_bytes(b"kept here")
    asking = wire.packet(Kind.OPEN, wire.number(1), wire.text(str(secret).encode()), wire.number(flags), wire.number(0))
    open_ = RawSftp(lab, lab.grant())
    open_.greet()
    open_.say(asking)
    body = open_.hear()
    assert body[0] == Kind.HANDLE  # OpenSSH gives a handle that reads
    handle = wire.Fields(memoryview(body), 5).text()
    open_.say(wire.packet(Kind.READ, wire.number(2), wire.text(handle), wire.long(0), wire.number(100)))
    assert b"kept here" in open_.hear()
    shut = RawSftp(lab, lab.grant(allowance={"from_target": False}))
    shut.greet()
    shut.say(asking)
    fields = wire.Fields(memoryview(shut.hear()))
    assert (fields.number(), fields.number()) == (1, Status.PERMISSION_DENIED)
