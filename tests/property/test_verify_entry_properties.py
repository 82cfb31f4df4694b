"""Canonical JSON against the independent `rfc8785`, and strict decoding of every altered byte."""

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.test_verify_entry import fields

from quarterdeck_verify import entry

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
KEYS = st.text("abcdefghijklmnopqrstuvwxyz0123456789_", min_size=1, max_size=8)
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_bytes_equal_those_of_rfc8785(value):
    assert entry.canonical(value) == rfc8785.dumps(value)


@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_entries_come_back_as_they_went(value):
    body = entry.encode(fields(data=value))
    assert entry.decode(body) == fields(data=value)
    assert entry.encode(entry.decode(body)) == body


@given(st.data())
def test_an_altered_byte_never_decodes_to_the_same_entry(data):
    body = entry.encode(fields())
    place = data.draw(st.integers(0, len(body) - 1))
    altered = bytearray(body)
    altered[place] ^= data.draw(st.integers(1, 255))
    try:
        found = entry.decode(bytes(altered))
    except ValueError:
        return
    assert found != fields()
    assert entry.encode(found) == bytes(altered)


@given(st.binary(max_size=300))
def test_rubbish_is_refused_with_a_value_error(rubbish):
    with pytest.raises(ValueError, match=r"\w"):
        entry.decode(rubbish)


TOKENS = st.text("aZ09._:+=@-", min_size=1, max_size=12)
HASHES = st.sampled_from([entry.NO_HASH, "a" * 64, "0" * 63 + "1"])
NAMES = st.sampled_from(["plan.txt", "a", "_a-b_"])
COUNTS = st.integers(0, 3) | st.sampled_from([10**15 - 1, 10**15, 2**53 - 1])
ARTIFACTS = st.fixed_dictionaries({"sha256": HASHES, "size": COUNTS, "role": TOKENS, "name": NAMES})
ENTRIES = st.fixed_dictionaries({
    "v": st.just(1),
    "log": st.sampled_from(["quarterdeck.example/ledger", "a:b-c"]),
    "seq": COUNTS,
    "prev": HASHES,
    "event_id": TOKENS,
    "ts": st.sampled_from(["2026-11-22T10:00:00.000000Z", "2024-02-29T23:59:59.999999Z"]),
    "actor": st.fixed_dictionaries({"id": TOKENS, "kind": TOKENS, "auth": TOKENS}),
    "event": st.sampled_from(["ticket.approved", "a.b.c"]),
    "ticket": st.none() | st.just("MT-2026-00014"),
    "ticket_seq": st.none() | COUNTS,
    "ticket_prev": st.none() | HASHES,
    "object": st.fixed_dictionaries({"type": TOKENS, "id": TOKENS}),
    "data": st.dictionaries(KEYS, VALUES, max_size=4),
    "artifacts": st.lists(ARTIFACTS, max_size=2),
})  # fmt: skip
# What an attacker or a sloppy writer puts between the marks of JSON, and what the profile forbids.
SPLICES = st.sampled_from([
    b" ", b"\n", b"\\u0061", b"\\", b'"', b"-0", b"1.0", b"1e3", b"NaN", b"99999999999999999", b"null", b"{}", b"[]",
    b',"a":1', b'{"b":1,"a":2}', b'{"a":1,"a":1}', b'{"A":1}', b',"event":"x.y"', b'"data":{}', b"\xff", b"\xc3\xbc",
    b"[[[[[[[[[[[[1]]]]]]]]]]]]", b'"v":1}', b"00", b"-", b"true", b"\x7f",
])  # fmt: skip


def both_ways(body):
    """What the quick way and the long way say: the fields, or that they refuse."""
    told = []
    for decode in (entry.decode, entry.decode_at_length):
        try:
            told.append(decode(body))
        except ValueError:
            told.append("refused")
    return told


@given(ENTRIES)
def test_the_quick_way_reads_every_entry_as_the_long_way_does(value):
    """Also entries that are malformed: canonical JSON whose fields contradict each other."""
    quick, long = both_ways(entry.canonical(value))
    assert quick == long
    if long == "refused":
        with pytest.raises(ValueError, match="entry"):
            entry.encode(value)
    else:
        assert entry.encode(value) == entry.encode(quick) == entry.canonical(value)


@given(ENTRIES, st.data())
def test_the_quick_way_refuses_every_spliced_body_that_the_long_way_refuses(value, data):
    body = entry.canonical(value)
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(body)))
        end = min(len(body), start + data.draw(st.sampled_from([0, 0, 1, 2, 5])))
        body = body[:start] + data.draw(SPLICES | st.binary(max_size=3)) + body[end:]
    quick, long = both_ways(body)
    assert quick == long


@given(ENTRIES, ENTRIES, st.data())
def test_the_quick_way_is_not_misled_by_an_entry_inside_an_entry(outer, inner, data):
    """The bytes of one entry, or a piece of them, put into the data of another."""
    piece = entry.canonical(inner)
    start = data.draw(st.integers(0, len(piece)))
    end = data.draw(st.integers(start, len(piece)))
    body = entry.canonical(outer | {"data": {"mark": 1}}).replace(b'{"mark":1}', b'{"x":' + piece[start:end] + b"}")
    quick, long = both_ways(body)
    assert quick == long


@given(ENTRIES, st.sampled_from([(b'"seq":', b'"seq":0'), (b'"v":1', b'"v":01'), (b":null", b": null"),
                                 (b'"size":', b'"size":-'), (b'"data":', b'"data" :'), (b"Z", b"z")]))  # fmt: skip
def test_the_quick_way_knows_one_spelling(value, change):
    quick, long = both_ways(entry.canonical(value).replace(*change))
    assert quick == long
