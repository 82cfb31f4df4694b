"""Moving bytes: kept before they are forwarded, bounded, ended on either side."""

import contextlib
import fcntl
import hashlib
import os

from quarterdeck.entrypoints.gate.streams import CHUNK, Stream


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
