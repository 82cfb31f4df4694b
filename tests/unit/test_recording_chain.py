"""The recording: asciicast that any split of the bytes gives alike, a chain over its lines, a disk that fails."""

import hashlib
import json
import os
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.clock import StillClock

from quarterdeck.entrypoints.gate.capture import TEXT_LIMIT, Capture
from quarterdeck.entrypoints.gate.recorder import Recorder, RecorderFailed, recorded
from quarterdeck.sessions.terms import Work

HEADER = {"width": 80, "height": 24}


def recorder(folder, clock, session="se_test"):
    return Recorder(folder, session, clock, HEADER)


def events(path):
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def output(path):
    return "".join(event[2] for event in events(path)[1:] if event[1] == "o").encode("utf-8", "surrogateescape")


def test_header_events_and_times(tmp_path, clock):
    made = recorder(tmp_path, clock)
    clock.advance(seconds=1.5)
    made.output(b"caf\xc3")
    clock.advance(seconds=1)
    made.output(b"\xa9\r\n")
    made.resize(132, 43)
    made.mark("The window ends in 5 min.")
    made.close()
    assert events(made.path) == [
        {"version": 2, "timestamp": 1795442400, "width": 80, "height": 24},
        [1.5, "o", "caf"],
        [2.5, "o", "\u00e9\r\n"],
        [2.5, "r", "132x43"],
        [2.5, "m", "The window ends in 5 min."],
    ]
    assert made.path.stat().st_mode & 0o777 == 0o600


def test_chain_over_whole_lines(tmp_path, clock):
    made = recorder(tmp_path, clock)
    made.output(b"one\n")
    made.close()
    head = hashlib.sha256(b"quarterdeck-recording\nse_test").digest()
    for line in made.path.read_bytes().splitlines(keepends=True):
        head = hashlib.sha256(head + line).digest()
    assert (made.count, made.head) == (2, head.hex()) == recorded(made.path, "se_test")
    assert recorded(made.path, "se_other")[1] != made.head
    with made.path.open("ab") as file:
        file.write(b'[3.0,"o","torn')
    assert recorded(made.path, "se_test") == (2, head.hex())


@given(st.binary(max_size=400), st.lists(st.integers(0, 400), max_size=8))
def test_every_byte_survives_every_split(tmp_path_factory, data, cuts):
    folder = tmp_path_factory.mktemp("cast")
    made = recorder(folder, StillClock())
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in pairwise(edges):
        made.output(data[start:end])
    made.close()
    assert output(made.path) == data


def test_a_recording_is_never_overwritten(tmp_path, clock):
    recorder(tmp_path, clock).close()
    with pytest.raises(RecorderFailed):
        recorder(tmp_path, clock)


def test_a_link_is_not_followed(tmp_path, clock):
    (tmp_path / "se_test.cast").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecorderFailed):
        recorder(tmp_path, clock)


def test_a_folder_that_is_gone(tmp_path, clock):
    with pytest.raises(RecorderFailed):
        recorder(tmp_path / "gone", clock)


def test_a_disk_that_fails_while_it_records(tmp_path, clock, monkeypatch):
    made = recorder(tmp_path, clock)
    made.output(b"good")
    real = os.write

    def short(descriptor, data):
        return real(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", short)
    with pytest.raises(RecorderFailed, match="full"):
        made.output(b"lost")
    monkeypatch.undo()
    assert made.path.stat().st_size == made.size
    assert output(made.path) == b"good"


def test_a_disk_that_is_too_slow(tmp_path, clock, monkeypatch):
    made = recorder(tmp_path, clock)
    monkeypatch.setattr(os, "fdatasync", lambda descriptor: clock.advance(seconds=11))
    made.output(b"x")
    made.sync()
    assert made.dirty
    clock.advance(seconds=1)
    with pytest.raises(RecorderFailed, match="took 11 s"):
        made.sync()


def test_what_is_kept_of_each_kind_of_work(tmp_path, clock):
    for work, data, kept in (
        (Work.TERMINAL, b"a\0b", b"a\0b"),
        (Work.COMMAND, b"text", b"text"),
        (Work.COMMAND, b"a\0b", b""),
        (Work.TRANSFER, b"text", b"text"),
    ):
        made = recorder(tmp_path, clock, f"se_{work}{len(kept)}")
        Capture(made, work).keep(data)
        made.close()
        assert output(made.path) == kept


def test_a_commands_output_is_kept_up_to_its_limit(tmp_path, clock):
    made = recorder(tmp_path, clock)
    capture = Capture(made, Work.COMMAND)
    for _ in range(5):
        capture.keep(b"x" * (TEXT_LIMIT // 4 + 1))
    made.close()
    assert len(output(made.path)) == TEXT_LIMIT
    assert [event[2] for event in events(made.path)[1:] if event[1] == "m"] == [
        "output beyond 1 MiB: kept as size and SHA-256"
    ]


def test_without_a_screen_sizes_and_marks_stay_and_no_byte_that_was_shown(tmp_path, clock):
    for work in Work:
        made = recorder(tmp_path, clock, f"se_blind_{work}")
        capture = Capture(made, work, screen=False)
        capture.keep(b"a drawing of the part")
        made.mark("stdout: 21 bytes, abcd")
        made.close()
        assert output(made.path) == b""
        marks = [event[2] for event in events(made.path)[1:] if event[1] == "m"]
        assert marks[0].startswith("what was shown is not recorded")
        assert marks[1] == "stdout: 21 bytes, abcd"
