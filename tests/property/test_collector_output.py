"""A connection that is cut at any byte, or one byte that comes over wrongly: the output is refused whole."""

import io
import tempfile
from functools import lru_cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.measuring import collect

from quarterdeck.baselines.bootstrap import collector_sha256
from quarterdeck.baselines.manifest import ManifestError
from quarterdeck.baselines.receiver import BadOutput, Received, receive


@lru_cache(maxsize=1)
def real() -> tuple[list[str], bytes]:
    """Arguments and output of a real measurement of 700 files."""
    with tempfile.TemporaryDirectory() as folder:
        for number in range(700):
            (Path(folder) / f"file{number}").write_text(str(number))
        arguments = ["manifest", folder]
        return arguments, collect(arguments)


def read(output: bytes, arguments: list[str]) -> Received:
    return receive(io.BytesIO(output), io.BytesIO(), arguments=arguments, sha256=collector_sha256())


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9))
def test_a_cut_anywhere_is_refused(place: int) -> None:
    arguments, whole = real()
    with pytest.raises((BadOutput, ManifestError)):
        read(whole[: place % len(whole)], arguments)


@settings(max_examples=400, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 255))
def test_a_wrong_byte_anywhere_is_refused(place: int, change: int) -> None:
    arguments, whole = real()
    at = place % len(whole)
    with pytest.raises((BadOutput, ManifestError)):
        read(whole[:at] + bytes([whole[at] ^ change]) + whole[at + 1 :], arguments)


def test_the_whole_is_read() -> None:
    arguments, whole = real()
    assert read(whole, arguments).totals.entries == 701
