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
