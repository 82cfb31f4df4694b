"""Files encrypted in pieces: whatever is changed, moved, left out or cut off is found; sizes are foretold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.adapters.store_key import StoreKey
from quarterdeck.adapters.stream_cipher import CHUNK, HEADER, TAG, Broken, decrypt, encrypt, encrypted_size, plain_size
from quarterdeck.evidence.ports import StoreFailed

KEY = bytes(range(32))
SEALED = CHUNK + TAG
AROUND = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 2 * CHUNK + 1, 3 * CHUNK]


def content(size):
    return bytes(number % 251 for number in range(size))


def sealed(size):
    return b"".join(encrypt([content(size)], KEY))


def opened(data, key=KEY):
    return b"".join(decrypt([data], key))


@pytest.mark.parametrize("size", AROUND)
def test_it_comes_back_and_its_size_is_foretold(size):
    data = sealed(size)
    assert opened(data) == content(size)
    assert len(data) == encrypted_size(size)
    assert plain_size(len(data)) == size


@given(st.integers(0, 5 * CHUNK))
def test_sizes_are_each_others_inverse(size):
    assert plain_size(encrypted_size(size)) == size


@given(st.lists(st.binary(max_size=3 * CHUNK), max_size=4), st.integers(1, 2 * CHUNK))
def test_how_it_is_cut_on_the_way_does_not_matter(pieces, width):
    data = b"".join(encrypt(pieces, KEY))
    again = [data[start : start + width] for start in range(0, len(data), width)]
    assert b"".join(decrypt(again, KEY)) == b"".join(pieces)


@pytest.mark.parametrize("size", [0, 1, CHUNK, 2 * CHUNK + 5])
def test_a_changed_bit_anywhere_is_found(size):
    data = sealed(size)
    for place in {0, len(HEADER) - 1, len(HEADER), len(data) // 2, len(data) - 1}:
        with pytest.raises(Broken):
            opened(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[:SEALED],
        lambda body: body[:-1],
        lambda body: body[SEALED:],
        lambda body: body[SEALED : 2 * SEALED] + body[:SEALED] + body[2 * SEALED :],
        lambda body: body[:SEALED] + body[: 2 * SEALED] + body[2 * SEALED :],
        lambda body: body + body[-TAG:],
        lambda body: b"",
    ],
    ids=["cut at a chunk", "cut", "first left out", "exchanged", "twice", "more", "nothing"],
)
def test_chunks_keep_their_place_and_number(spoil):
    body = sealed(2 * CHUNK + 5)[len(HEADER) :]
    with pytest.raises(Broken):
        opened(HEADER + spoil(body))


def test_another_key_opens_nothing():
    with pytest.raises(Broken):
        opened(sealed(5), bytes(32))
    with pytest.raises(Broken):
        opened(b"short")


def test_the_store_key_is_made_once_and_is_its_owners_alone(tmp_path):
    key = StoreKey(tmp_path / "deep" / "store_key")
    with pytest.raises(StoreFailed, match="cannot be read"):
        key.identity()
    identity = key.identity(make=True)
    assert StoreKey(key.file).identity(make=True) == identity
    assert key.file.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in key.file.parent.iterdir()] == ["store_key"]
    key.file.chmod(0o640)
    with pytest.raises(StoreFailed, match="Others may read"):
        key.identity()


def test_a_wrapped_key_belongs_to_its_file_and_its_store_key(tmp_path):
    one, other = StoreKey(tmp_path / "one"), StoreKey(tmp_path / "other")
    assert one.identity(make=True) != other.identity(make=True)
    wrapped = one.wrap(KEY, "this")
    assert one.unwrap(wrapped, "this") == KEY
    for store_key, about in ((one, "that"), (other, "this")):
        with pytest.raises(StoreFailed, match="does not open") as failed:
            store_key.unwrap(wrapped, about)
        assert KEY.hex() not in str(failed.value)


@pytest.mark.parametrize("text", ["", "ab", "zz" * 32])
def test_a_store_key_that_is_none_is_a_sentence(tmp_path, text):
    path = tmp_path / "store_key"
    path.touch(0o600)
    path.write_text(text)
    with pytest.raises(StoreFailed, match="is none"):
        StoreKey(path).identity(make=True)
