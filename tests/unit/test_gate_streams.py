"""Moving bytes: kept before they are forwarded, bounded, ended on either side."""

import contextlib
import fcntl
import hashlib
import os

from quarterdeck.entrypoints.gate import sftp_packets as wire
from quarterdeck.entrypoints.gate.sftp_audit import SftpAudit
from quarterdeck.entrypoints.gate.sftp_packets import Framer, Kind
from quarterdeck.entrypoints.gate.streams import CHUNK, Stream
from quarterdeck.sessions.terms import Allowance


def test_bytes_are_kept_before_they_are_forwarded():
    source, feed = os.pipe()
    out, sink = os.pipe()
    seen = []

    def keep(data):
        os.set_blocking(out, False)
        try:
            seen.append((data, os.read(out, 10)))
        except BlockingIOError:
            seen.append((data, b""))

    stream = Stream(source, sink, keep=keep)
    os.write(feed, b"first")
    stream.move()
    assert seen == [(b"first", b"")]
    assert os.read(out, 10) == b"first"
    assert stream.sum.size == 5
    assert stream.sum.sha256 == hashlib.sha256(b"first").hexdigest()
    for descriptor in (source, feed, out, sink):
        os.close(descriptor)


def test_a_reader_that_stalls_bounds_what_is_read():
    source, feed = os.pipe()
    out, sink = os.pipe()
    fcntl.fcntl(feed, fcntl.F_SETPIPE_SZ, 4 * CHUNK)
    os.set_blocking(feed, False)
    stream = Stream(source, sink)
    for _ in range(8):
        with contextlib.suppress(BlockingIOError):
            os.write(feed, b"x" * CHUNK)
        stream.move()
    assert stream.interest()[0] == sink
    assert stream.sum.size <= 2 * CHUNK
    for descriptor in (source, feed, out, sink):
        os.close(descriptor)


def test_the_end_of_the_source_closes_an_owned_sink():
    source, feed = os.pipe()
    out, sink = os.pipe()
    stream = Stream(source, sink, owns="sink")
    os.write(feed, b"last")
    os.close(feed)
    stream.move()
    stream.move()
    assert stream.finished
    assert stream.interest() is None
    assert os.read(out, 10) == b"last"
    assert os.read(out, 10) == b""
    for descriptor in (source, out):
        os.close(descriptor)


def test_a_sink_that_goes_away_closes_an_owned_source():
    source, feed = os.pipe()
    out, sink = os.pipe()
    stream = Stream(source, sink, owns="source")
    os.close(out)
    os.write(feed, b"to nobody")
    stream.move()
    assert stream.finished
    try:
        os.write(feed, b"more")
    except BrokenPipeError:
        ended = True
    else:
        ended = False
    assert ended
    for descriptor in (feed, sink):
        os.close(descriptor)


def test_our_own_words_are_not_part_of_the_sum():
    source, feed = os.pipe()
    out, sink = os.pipe()
    stream = Stream(source, sink)
    stream.inject(b"notice")
    assert os.read(out, 10) == b"notice"
    assert stream.sum.size == 0
    for descriptor in (source, feed, out, sink):
        os.close(descriptor)


def test_only_what_may_pass_passes_and_nothing_is_hashed_twice():
    source, feed = os.pipe()
    out, sink = os.pipe()
    stream = Stream(source, sink, passes=lambda data: data.replace(b"bad", b""), hashed=False)
    os.write(feed, b"good bad good")
    stream.move()
    assert os.read(out, 20) == b"good  good"
    assert (stream.sum.size, stream.sum.sha256) == (13, "")
    for descriptor in (source, feed, out, sink):
        os.close(descriptor)


def test_a_stream_that_waits_reads_nothing_and_ends_only_when_what_waited_was_let_go():
    source, feed = os.pipe()
    out, sink = os.pipe()
    held = []
    stream = Stream(
        source, sink, passes=lambda data: held.append(data) or b"", waits=lambda: bool(held), hashed=False, owns="sink"
    )
    os.write(feed, b"ahead")
    stream.move()
    assert stream.interest() is None
    os.write(feed, b"more")
    os.close(feed)
    assert not stream.finished
    stream.inject(held.pop())
    assert os.read(out, 10) == b"ahead"
    stream.move()
    assert stream.interest() is None
    stream.inject(held.pop())
    stream.move()
    assert stream.finished
    assert os.read(out, 10) == b"more"
    assert os.read(out, 10) == b""
    for descriptor in (source, out):
        os.close(descriptor)


def test_own_answers_stand_between_two_packets_also_while_the_client_is_slow():
    audit = SftpAudit(Allowance(to_target=False), lambda told: None)
    audit.from_client(wire.packet(Kind.INIT, wire.number(3)))
    audit.from_server(wire.packet(Kind.VERSION, wire.number(3)))
    packets = []
    for number in range(40):
        audit.from_client(wire.packet(Kind.STAT, wire.number(number), wire.text(b"/x")))
        packets.append(wire.packet(Kind.ATTRS, wire.number(number), wire.number(0), b"." * (number * 700)))
    source, feed = os.pipe()
    out, sink = os.pipe()
    fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, 4096)
    stream = Stream(source, sink, passes=audit.from_server, hashed=False)
    for descriptor in (feed, out):
        os.set_blocking(descriptor, False)
    rest, got, refused = b"".join(packets), b"", 1000
    quiet = 0
    while quiet < 3:
        before = (len(rest), len(got), refused)
        if rest:
            with contextlib.suppress(BlockingIOError):
                rest = rest[os.write(feed, rest[:777]) :]
        if refused < 1030:
            audit.from_client(wire.packet(Kind.REMOVE, wire.number(refused), wire.text(b"/y")))
            refused += 1
        stream.move()
        own = audit.for_client() if stream.has_room else b""
        if own:
            stream.inject(own)
        with contextlib.suppress(BlockingIOError):
            got += os.read(out, 500)
        quiet = quiet + 1 if before == (len(rest), len(got), refused) else 0
    bodies = Framer().feed(got)[1]
    numbers = [int.from_bytes(body[1:5], "big") for body in bodies]
    assert [number for number in numbers if number < 1000] == list(range(40))
    assert [number for number in numbers if number >= 1000] == list(range(1000, 1030))
    assert {body[0] for body, number in zip(bodies, numbers, strict=True) if number >= 1000} == {Kind.STATUS}
    for descriptor in (source, feed, out, sink):
        os.close(descriptor)
