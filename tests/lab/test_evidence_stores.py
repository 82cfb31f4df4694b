"""One suite for every artifact store: the directory, S3 on a real server, and S3 with small documents kept near."""

import hashlib
import io
import os
from datetime import timedelta

import pytest
from tests.lab.seaweed import encrypted_on, store_on

from quarterdeck.adapters.s3_store import S3Store
from quarterdeck.evidence.api import CachedStore, DirectoryStore
from quarterdeck.evidence.ports import LockMode, NotInStore, StoreFailed
from quarterdeck.kernel.clock import SystemClock

NOBODY = "0" * 64
CONTENT = b"what a person saw"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
STORES = ("directory", "s3", "encrypted", "near")


@pytest.fixture(params=STORES)
def store(request, tmp_path):
    if request.param == "directory":
        return DirectoryStore(tmp_path / "objects")
    if request.param == "s3":
        return store_on(request.getfixturevalue("s3"), tmp_path)
    far = encrypted_on(request.getfixturevalue("s3"), tmp_path)
    return far if request.param == "encrypted" else CachedStore(far, DirectoryStore(tmp_path / "near"))


@pytest.fixture
def far(s3, tmp_path) -> S3Store:
    return store_on(s3, tmp_path)


def read(store, sha256, version=""):
    with store.open(sha256, version) as file:
        return file.read()


@pytest.mark.parametrize("source", [bytes, io.BytesIO, "path"])
def test_what_is_put_is_read(store, tmp_path, source):
    if source == "path":
        given = tmp_path / "given"
        given.write_bytes(CONTENT)
    else:
        given = source(CONTENT)
    copy = store.put(given)
    assert (copy.sha256, copy.size) == (SHA256, len(CONTENT))
    assert bool(copy.version) == store.pins
    assert read(store, SHA256, copy.version) == read(store, SHA256) == CONTENT
    assert store.size(SHA256, copy.version) == store.size(SHA256) == len(CONTENT)
    assert store.digest(SHA256, copy.version) == store.digest(SHA256) == SHA256


def test_an_empty_file_is_a_file(store):
    copy = store.put(b"")
    assert (copy.size, read(store, copy.sha256, copy.version)) == (0, b"")


def test_putting_it_twice_keeps_one_and_the_same_version(store):
    assert store.put(CONTENT).version == store.put(io.BytesIO(CONTENT)).version
    assert [one.sha256 for one in store.objects()] == [SHA256]


def test_what_is_not_there_is_said(store):
    with pytest.raises(NotInStore):
        store.open(NOBODY)
    with pytest.raises(NotInStore):
        store.digest(NOBODY)
    with pytest.raises(NotInStore):
        store.lock(NOBODY, "")
    assert store.size(NOBODY) is None


def test_a_file_that_is_opened_can_be_read_again(store):
    store.put(CONTENT)
    with store.open(SHA256) as file:
        assert file.read() == CONTENT
        file.seek(5)
        assert file.read() == CONTENT[5:]


def test_a_source_that_breaks_off_leaves_nothing(store):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError(5, "the disk is gone")

    with pytest.raises(StoreFailed, match=r"gone|error"):
        store.put(Broken())
    assert list(store.objects()) == []


def test_objects_are_listed_with_their_size(store):
    copies = [store.put(bytes([number]) * number) for number in range(1, 8)]
    told = list(store.objects())
    assert sorted((one.sha256, one.size) for one in told) == sorted((one.sha256, one.size) for one in copies)
    assert all(abs(SystemClock().now() - one.stored_at) < timedelta(minutes=5) for one in told)


def test_a_store_says_what_it_is(store):
    facts = store.look()
    assert {"lock"} <= {fact.code for fact in facts}
    assert all(fact.sentence.endswith(".") for fact in facts)
    assert "secret" not in store.name


def test_what_nobody_locked_can_be_destroyed(tmp_path):
    store = DirectoryStore(tmp_path)
    store.put(CONTENT)
    store.destroy(SHA256)
    store.destroy(SHA256)
    assert store.size(SHA256) is None


@pytest.mark.parametrize("known", ["", "named"])
def test_a_big_file_goes_in_parts_and_comes_back_whole(far, s3, tmp_path, monkeypatch, known):
    monkeypatch.setattr("quarterdeck.adapters.s3_upload.PART", 5 * 1024 * 1024)
    content = os.urandom(11 * 1024 * 1024 + 7)
    path = tmp_path / "big"
    path.write_bytes(content)
    small = store_on(s3, tmp_path, whole_up_to=1024)
    copy = small.put(path)
    assert copy.checksum.endswith("-3"), "the server's sum of a file in three parts is one of sums"
    assert copy.sha256 == hashlib.sha256(content).hexdigest()
    assert copy.lock.mode is LockMode.GOVERNANCE
    assert small.digest(copy.sha256, copy.version if known else "") == copy.sha256
    assert read(small, copy.sha256, copy.version if known else "") == content
    assert small.lock(copy.sha256, copy.version).mode is LockMode.GOVERNANCE
    assert small.put(path).version == copy.version
    assert s3.client.list_multipart_uploads(Bucket=s3.place.bucket).get("Uploads", []) == []


def test_a_big_file_that_changes_meanwhile_is_not_stored(s3, tmp_path, monkeypatch):
    monkeypatch.setattr("quarterdeck.adapters.s3_upload.PART", 5 * 1024 * 1024)

    class Changing(io.BytesIO):
        """Hashed as one thing, uploaded as another."""

        passes = 0

        def seek(self, offset, whence=0):
            self.passes += 1
            if self.passes == 2:
                self.getbuffer()[100] ^= 1
            return super().seek(offset, whence)

    monkeypatch.setattr("quarterdeck.adapters.s3_upload._opened", lambda source, folder: Changing(source))
    store = store_on(s3, tmp_path, whole_up_to=1024)
    with pytest.raises(StoreFailed, match="changed while it was stored"):
        store.put(os.urandom(6 * 1024 * 1024))
    assert list(store.objects()) == []
    assert s3.client.list_multipart_uploads(Bucket=s3.place.bucket).get("Uploads", []) == []


def test_near_copies_answer_while_the_store_does_not(far, tmp_path):
    near = CachedStore(far, DirectoryStore(tmp_path / "near"))
    near.put(CONTENT)
    far.s3.client.delete_object(Bucket=far.s3.place.bucket, Key=far._key(SHA256))
    assert read(near, SHA256, "never looked at") == CONTENT


def test_an_altered_near_copy_is_thrown_away(far, tmp_path):
    folder = DirectoryStore(tmp_path / "near")
    near = CachedStore(far, folder)
    near.put(CONTENT)
    folder.path(SHA256).chmod(0o600)
    folder.path(SHA256).write_bytes(b"something else")
    assert read(near, SHA256) == CONTENT
    assert folder.digest(SHA256) == SHA256


def test_a_small_file_that_came_from_afar_is_near_the_next_time(far, tmp_path):
    far.put(CONTENT)
    folder = DirectoryStore(tmp_path / "near")
    assert folder.size(SHA256) is None
    assert read(CachedStore(far, folder), SHA256) == CONTENT
    assert folder.size(SHA256) == len(CONTENT)
