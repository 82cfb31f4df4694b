"""The collector's output: truncated, malformed, miscounted or foreign output is rejected whole."""

import io
import json
import struct
import zlib

import pytest
from tests.measuring import collect

from quarterdeck.baselines.bootstrap import collector_sha256
from quarterdeck.baselines.manifest import ManifestError
from quarterdeck.baselines.receiver import BadOutput, receive


def frame(kind: bytes, content: bytes) -> bytes:
    packed = kind + zlib.compress(content)
    return struct.pack(">I", len(packed)) + packed


END = b"\0\0\0\0"
LINES = b"./srv type=dir uid=0 gid=0 mode=0755 time=1.000000000 ctime=1.000000000 inode=5\n./srv/x error=ENOENT\n"


def header(**more: object) -> bytes:
    told = {
        "format": "quarterdeck-collector-1",
        "mode": "manifest",
        "arguments": ["/srv"],
        "collector_sha256": "c" * 64,
        "python": "3.6.8",
        "system": "Linux",
        "uid": 0,
        "started": "1.0",
    } | more
    return frame(b"H", json.dumps(told).encode())


def trailer(entries: object = 2, **more: object) -> bytes:
    return frame(b"T", json.dumps({"entries": entries, "finished": "2.0"} | more).encode())


def read(output: bytes, **more: object):
    return receive(io.BytesIO(output), io.BytesIO(), **{"arguments": ["manifest", "/srv"], "sha256": "c" * 64} | more)


def test_a_whole_output_is_received():
    received = read(header() + frame(b"R", LINES) + trailer() + END)
    assert (received.totals.entries, received.totals.unreadable, received.finished) == (2, 1, "2.0")
    assert received.header.python == "3.6.8"


def test_the_order_of_record_frames_does_not_matter():
    one, other = LINES.splitlines(keepends=True)
    swapped = header() + frame(b"R", other) + frame(b"R", one) + trailer() + END
    assert read(swapped).totals == read(header() + frame(b"R", LINES) + trailer() + END).totals


def test_truncation_anywhere_is_rejected():
    whole = header() + frame(b"R", LINES) + trailer() + END
    for size in range(len(whole)):
        with pytest.raises(BadOutput):
            read(whole[:size])


def test_truncation_of_a_real_output_at_every_frame_boundary_is_rejected(tmp_path):
    for number in range(800):
        (tmp_path / str(number)).write_text(str(number))
    output, arguments, at = collect(["manifest", str(tmp_path)]), ["manifest", str(tmp_path)], 0
    boundaries = []
    while size := struct.unpack(">I", output[at : at + 4])[0]:
        boundaries.append(at)
        at += 4 + size
    assert len(boundaries) > 4
    for at in boundaries:
        for cut in (at, at + 2, at + 4, at + 5):
            with pytest.raises(BadOutput):
                read(output[:cut], arguments=arguments, sha256=collector_sha256())
        # A dropped frame leaves a stream that ends well, and the count then says that something is missing.
        size = struct.unpack(">I", output[at : at + 4])[0]
        with pytest.raises((BadOutput, ManifestError)):
            read(output[:at] + output[at + 4 + size :], arguments=arguments, sha256=collector_sha256())


@pytest.mark.parametrize(
    "output",
    [
        b"",
        END,
        b"Welcome to web01!\n",
        frame(b"R", LINES) + trailer() + END,
        header() + END,
        trailer() + END,
        header() + frame(b"R", LINES) + END,
        header() + frame(b"R", LINES) + trailer(1) + END,
        header() + frame(b"R", LINES) + trailer("2") + END,
        header() + frame(b"R", LINES) + trailer(None) + END,
        header() + frame(b"R", LINES) + trailer() + END + b"x",
        header() + trailer(0) + END,
        header() + frame(b"R", LINES) + trailer(finished=None) + END,
        header() + frame(b"R", LINES) + trailer() + frame(b"R", b"") + END,
        header() + frame(b"R", LINES) + trailer() + trailer() + END,
        header() + header() + trailer(0) + END,
        header() + frame(b"D", b"{}") + trailer(0) + END,
        header() + frame(b"X", LINES) + trailer() + END,
        header() + frame(b"R", LINES[:-1]) + trailer() + END,
        header() + frame(b"R", LINES + LINES) + trailer(4) + END,
        header() + struct.pack(">I", 1 << 30) + b"x",
        header() + struct.pack(">I", 6) + b"Rabcde" + END,
        header() + struct.pack(">I", 40) + b"R" + zlib.compress(LINES)[:39] + END,
        header() + frame(b"R", LINES.replace(b"./srv/x", b"./etc/x")) + trailer() + END,
        header() + frame(b"R", LINES.replace(b"./srv/x", b"./srv/\x1b")) + trailer() + END,
        header() + frame(b"R", LINES.replace(b" error=ENOENT", b"")) + trailer() + END,
        frame(b"H", b"[]") + trailer(0) + END,
        frame(b"H", b"{" * 3000) + trailer(0) + END,
    ],
)
def test_malformed_output_is_rejected(output):
    with pytest.raises((BadOutput, ManifestError)):
        read(output)


@pytest.mark.parametrize(
    "change",
    [
        {"format": "2"},
        {"mode": "posture"},
        {"arguments": ["/etc"]},
        {"arguments": "/srv"},
        {"uid": "0"},
        {"python": 3},
        {"collector_sha256": "d" * 64},
        {"system": "x" * 400},
    ],
)
def test_a_header_of_something_else_is_rejected(change):
    with pytest.raises(BadOutput):
        read(header(**change) + frame(b"R", LINES) + trailer() + END)


def test_a_frame_that_unpacks_to_too_much_is_rejected():
    bomb = frame(b"R", b"x" * (65 << 20))
    assert len(bomb) < 100_000
    with pytest.raises(BadOutput, match="too large"):
        read(header() + bomb + trailer() + END)


def test_a_document_is_received_once():
    posture = {"mode": "posture", "arguments": []}
    whole = header(**posture) + frame(b"D", b'{"kernel": {"value": "6.1"}}') + trailer(0) + END
    assert read(whole, arguments=["posture"]).document == {"kernel": {"value": "6.1"}}
    twice = header(**posture) + frame(b"D", b'{"a": 1}') * 2 + trailer(0) + END
    with pytest.raises(BadOutput):
        read(twice, arguments=["posture"])
    with pytest.raises(BadOutput):
        read(header(**posture) + trailer(0) + END, arguments=["posture"])


def test_lines_are_sorted_in_little_memory_too():
    names = sorted(f"{number:05d}" for number in range(3000))
    root = LINES.splitlines(keepends=True)[0]
    frames = b"".join(
        frame(b"R", b"".join(f"./srv/{name} error=ENOENT\n".encode() for name in reversed(names[at : at + 100])))
        for at in reversed(range(0, 3000, 100))
    )
    output = header() + frames + frame(b"R", root) + trailer(3001) + END
    kept, small = io.BytesIO(), io.BytesIO()
    arguments = {"arguments": ["manifest", "/srv"], "sha256": "c" * 64}
    assert receive(io.BytesIO(output), kept, **arguments).totals.entries == 3001
    receive(io.BytesIO(output), small, **arguments, run_bytes=100)
    assert kept.getvalue() == small.getvalue()
