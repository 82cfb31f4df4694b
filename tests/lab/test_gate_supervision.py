"""Orders and escorts at the real gate: pause holds every byte and loses none, end is quick, words do no harm."""

import hashlib
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path

import pytest
from tests.lab.gate_lab import Terminal, gate_lab, needs_terminal, wait_for
from tests.lab.overseeing import is_running, marks, order, oversee, session_of

ESCORT = "Eve Escort"


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as running:
        yield running


def marked(lab, session, words, times=1):
    wait_for(
        lambda: sum(words in mark for mark in marks(lab, session)) >= times,
        what=lambda: f"{words} in {marks(lab, session)}",
    )


@needs_terminal
def test_paused_terminal_reads_nothing_and_shows_on(lab):
    ticketed = lab.grant()
    with Terminal(lab.ssh(ticketed, options=("-tt",))) as terminal:
        terminal.type("echo re''ady; (sleep 1.5; echo still''shown)&\n")
        terminal.expect(b"ready")
        session = session_of(lab, wait_for, ticketed)
        order(lab, session, "pause")
        terminal.expect(b"Quarterdeck: Paused by Eve Escort")
        terminal.type("echo pas''sed\n")
        terminal.expect(b"stillshown")  # output goes on while input waits
        assert b"passed" not in terminal.seen
        order(lab, session, "resume")
        terminal.expect(b"Resumed by Eve Escort")
        terminal.expect(b"passed")
        terminal.type("exit\n")
        terminal.status()
    lab.sealed(ticketed)
    told = marks(lab, session)
    assert any(mark.startswith("Paused by Eve Escort") for mark in told)
    assert "Resumed by Eve Escort." in told


def test_paused_upload_at_full_speed_ends_with_the_right_hash(lab, tmp_path):
    """Held in the middle of a copy: the recording stands still, then the whole file arrives (back-pressure)."""
    ticketed = lab.grant()
    source, target = tmp_path / "big", tmp_path / "there"
    data = secrets.token_bytes(1 << 20) * 400
    source.write_bytes(data)
    config = lab.config(ticketed)
    copy = subprocess.Popen(["scp", "-F", str(config), str(source), f"target:{target}"], stderr=subprocess.PIPE)
    try:
        session = session_of(lab, wait_for, ticketed)
        wait_for(lambda: target.exists() and target.stat().st_size > 1 << 20, what="the first bytes")
        order(lab, session, "pause")
        marked(lab, session, "Paused by Eve Escort")
        still = wait_for(lambda: settled(target), what="the copy's standstill")
        assert 0 < still < len(data)
        assert copy.poll() is None
        order(lab, session, "resume")
        assert copy.wait(60) == 0
    finally:
        copy.kill()
        copy.stderr.close()
    assert hashlib.sha256(target.read_bytes()).digest() == hashlib.sha256(data).digest()
    told = lab.sealed(ticketed)[0]["files"]
    assert told["bytes_to_target"] == len(data)


def settled(path, seconds=1.0):
    """Return a file's size once it has not grown for a while, None while it grows."""
    before, since = path.stat().st_size, time.monotonic()
    while time.monotonic() - since < seconds:
        if path.stat().st_size != before:
            return None
        time.sleep(0.02)
    return before


@needs_terminal
@pytest.mark.parametrize("state", ["paused", "flooding a stalled client"])
def test_end_comes_within_two_seconds(lab, state):
    ticketed = lab.grant()
    stalled = state != "paused"
    client = lab.start(ticketed, "yes" if stalled else "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    session = session_of(lab, wait_for, ticketed)
    recording = lab.recordings / f"{session}.cast"
    if stalled:
        wait_for(lambda: recording.exists() and recording.stat().st_size > 100_000, what="the flood")
        os.kill(client.pid, signal.SIGSTOP)
    else:
        order(lab, session, "pause")
        marked(lab, session, "Paused")
    try:
        ordered = time.monotonic()
        order(lab, session, "end", "wrong host")
        ended = "ended: ended_by_person"
        wait_for(lambda: ended in marks(lab, session) or not is_running(lab, session), what="the end")
        assert time.monotonic() - ordered < 2.0
    finally:
        os.kill(client.pid, signal.SIGCONT)
    entry = lab.sealed(ticketed)[0]
    assert entry["reason"] == "ended_by_person"
    assert "Ended by Eve Escort: wrong host" in Path(entry["recording"]).read_text()


@needs_terminal
def test_message_with_escape_sequences_arrives_harmless(lab):
    ticketed = lab.grant()
    with Terminal(lab.ssh(ticketed, options=("-tt",))) as terminal:
        terminal.type("echo re''ady\n")
        terminal.expect(b"ready")
        session = session_of(lab, wait_for, ticketed)
        order(lab, session, "message", "stop \x1b]52;c;eA==\x07\x1b[2J\u202eplease")
        terminal.expect(b"Message of Eve Escort: stop .x1b]52;c;eA==.x07.x1b\\[2J.u202eplease")
        assert b"\x1b]52" not in terminal.seen
        terminal.type("exit\n")
        terminal.status()


def test_nothing_starts_without_the_escort(lab, tmp_path):
    ticketed = lab.grant(escort=ESCORT)
    sign = tmp_path / "ran"
    client = lab.start(ticketed, f"touch {sign}; cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE)  # fmt: skip
    session = session_of(lab, wait_for, ticketed)
    marked(lab, session, "Waiting for your escort Eve Escort")
    assert b"Waiting for your escort" in client.stderr.readline()
    assert not sign.exists()
    oversee(lab, session, present=ESCORT)
    client.stdin.write(b"one\n")
    client.stdin.flush()
    assert client.stdout.readline() == b"one\n"
    oversee(lab, session, present="")
    marked(lab, session, "has left, so your input waits")
    wait_for(lambda: lab.books.journal("escort_left"), what="the entry of the lapse")
    client.stdin.write(b"two\n")
    client.stdin.flush()
    order(lab, session, "pause")
    marked(lab, session, "Paused by Eve Escort")
    oversee(lab, session, present=ESCORT)
    marked(lab, session, "Your escort Eve Escort is watching", times=2)
    before = (lab.recordings / f"{session}.cast").read_text()
    settled(lab.recordings / f"{session}.cast")
    assert (lab.recordings / f"{session}.cast").read_text() == before  # a person's pause still holds
    order(lab, session, "resume")
    assert client.stdout.readline() == b"two\n"
    client.stdin.close()
    assert client.wait(10) == 0


def test_sftp_of_an_escorted_person_waits_and_then_works(lab, tmp_path):
    ticketed = lab.grant(escort=ESCORT)
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(secrets.token_bytes(300_000))
    copy = subprocess.Popen(["scp", "-F", str(lab.config(ticketed)), str(source), f"target:{target}"],
                            stderr=subprocess.PIPE)  # fmt: skip
    session = session_of(lab, wait_for, ticketed)
    marked(lab, session, "Waiting for your escort")
    assert not target.exists()
    oversee(lab, session, present=ESCORT)
    _, said = copy.communicate(timeout=20)
    assert copy.returncode == 0, said
    assert target.read_bytes() == source.read_bytes()


def test_watchers_are_told_in_the_terminal_and_the_recording(lab):
    ticketed = lab.grant()
    client = lab.start(ticketed, "cat", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    session = session_of(lab, wait_for, ticketed)
    oversee(lab, session, watchers=["Ada", "Bo\x1b[2J"])
    marked(lab, session, "Ada watches this session")
    marked(lab, session, "Bo.x1b[2J watches".replace(".x", "\\x"))
    oversee(lab, session, watchers=["Ada"])
    marked(lab, session, "no longer watches")
    client.stdin.close()
    assert client.wait(10) == 0
    assert client.stderr.read() == b""
