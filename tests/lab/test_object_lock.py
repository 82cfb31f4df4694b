"""S3 that enforces Object Lock: delete, overwrite, shorten, a wrong checksum refused or without effect on evidence."""

import hashlib
from datetime import timedelta

import pytest
from tests.lab.seaweed import Seaweed, free_ports, store_on

from quarterdeck.adapters.s3_client import Denied, connect
from quarterdeck.adapters.s3_store import S3Store
from quarterdeck.adapters.s3_upload import put_whole
from quarterdeck.config.api import S3Place
from quarterdeck.evidence.ports import Answer, LockMode, StillLocked, StoredObject, StoreFailed
from quarterdeck.kernel.clock import SystemClock

CONTENT = b"what a person saw"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
DAY = timedelta(days=1)


@pytest.fixture
def store(s3, tmp_path) -> S3Store:
    return store_on(s3, tmp_path)


@pytest.fixture
def copy(store):
    return store.put(CONTENT)


def raw(store):
    return {"Bucket": store.s3.place.bucket, "Key": store._key(SHA256)}


def read(store, version=""):
    with store.open(SHA256, version) as file:
        return file.read()


def a_day_on(days):
    return (SystemClock().now() + days * DAY).replace(microsecond=0)


def test_what_is_stored_is_locked_from_the_first_moment(store, copy):
    lock = store.lock(SHA256, copy.version)
    assert lock == copy.lock
    assert (lock.mode, lock.held) == (LockMode.GOVERNANCE, False)
    assert abs(lock.until - a_day_on(1)) < timedelta(minutes=5)


def test_it_cannot_be_removed(store, copy):
    with pytest.raises(StillLocked):
        store.destroy(SHA256)
    with pytest.raises(StillLocked):
        store.remove(StoredObject(SHA256, copy.version, len(CONTENT), a_day_on(0)))
    assert read(store, copy.version) == CONTENT


def test_an_overwrite_leaves_the_version_that_was_written_down(store, copy):
    store.s3.client.put_object(**raw(store), Body=b"what somebody wants")
    assert read(store, copy.version) == CONTENT
    assert read(store) == CONTENT, "without a version the one with the right hash is found"
    assert store.digest(SHA256) == SHA256


def test_a_delete_marker_hides_nothing(store, copy):
    store.s3.client.delete_object(**raw(store))
    assert read(store, copy.version) == read(store) == CONTENT
    assert store.size(SHA256, copy.version) == len(CONTENT)


def test_what_somebody_planted_under_the_hash_is_not_taken_for_it(store):
    store.s3.client.put_object(**raw(store), Body=b"planted, then not")
    copy = store.put(CONTENT)
    assert read(store, copy.version) == CONTENT
    assert store.put(CONTENT).version == copy.version


def test_the_same_bytes_after_a_delete_marker_are_readable(store, copy):
    store.s3.client.delete_object(**raw(store))
    again = store.put(CONTENT)
    assert read(store, again.version) == read(store, copy.version) == CONTENT


def test_a_wrong_checksum_is_refused(store, s3):
    with pytest.raises(StoreFailed, match="not what was sent"), open("/dev/zero", "rb") as zeros:
        zeros.read = lambda size=-1: b""
        put_whole(s3, "anything", zeros, SHA256)
    assert list(store.objects()) == []


def test_compliance_is_set_and_never_shortened(store, copy):
    in_three, in_five = a_day_on(3), a_day_on(5)
    lock = store.retain(SHA256, copy.version, in_three, LockMode.COMPLIANCE)
    assert (lock.mode, lock.until) == (LockMode.COMPLIANCE, in_three)
    assert store.retain(SHA256, copy.version, a_day_on(2), LockMode.COMPLIANCE) == lock
    assert store.retain(SHA256, copy.version, a_day_on(2), LockMode.GOVERNANCE) == lock
    longer = store.retain(SHA256, copy.version, in_five, LockMode.GOVERNANCE)
    assert (longer.mode, longer.until) == (LockMode.COMPLIANCE, in_five)


@pytest.mark.parametrize("bypass", [False, True])
def test_the_server_itself_refuses_to_shorten_compliance(store, copy, bypass):
    in_three = a_day_on(3)
    store.retain(SHA256, copy.version, in_three, LockMode.COMPLIANCE)
    shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": a_day_on(2)}
    with pytest.raises(Denied), store.s3.told("shorten"):
        store.s3.client.put_object_retention(
            **raw(store), VersionId=copy.version, Retention=shorter, BypassGovernanceRetention=bypass
        )
    with pytest.raises(Denied), store.s3.told("remove"):
        store.s3.client.delete_object(**raw(store), VersionId=copy.version, BypassGovernanceRetention=bypass)
    assert store.lock(SHA256, copy.version).until == in_three


def test_a_part_of_a_second_is_rounded_to_the_longer(store, copy):
    asked = a_day_on(3) + timedelta(milliseconds=1)
    assert store.retain(SHA256, copy.version, asked, LockMode.COMPLIANCE).until >= asked


def test_a_legal_hold_keeps_and_is_lifted(store, copy):
    assert store.hold(SHA256, copy.version, on=True).held
    with pytest.raises(Denied), store.s3.told("remove"):
        store.s3.client.delete_object(**raw(store), VersionId=copy.version, BypassGovernanceRetention=True)
    assert not store.hold(SHA256, copy.version, on=False).held


def test_the_buckets_facts_are_those_that_were_read_back(store):
    facts = {fact.code: fact for fact in store.look()}
    assert facts["lock"].answer is Answer.GOOD
    assert facts["versioning"].answer is Answer.GOOD
    assert (facts["mfa_delete"].answer, "not reported" in facts["mfa_delete"].sentence) == (Answer.UNSAID, True)
    assert facts["encryption"].answer is Answer.BAD
    assert facts["default_retention"].answer is Answer.UNSAID


def test_mfa_delete_that_was_asked_for_and_is_not_reported_is_not_enabled(store):
    store.s3.client.put_bucket_versioning(
        Bucket=store.s3.place.bucket,
        VersioningConfiguration={"Status": "Enabled", "MFADelete": "Enabled"},
        MFA="arn:aws:iam::1:mfa/x 123456",
    )
    found = next(fact for fact in store.look() if fact.code == "mfa_delete")
    assert found.answer is Answer.UNSAID
    assert "not enabled" in found.sentence


def test_a_bucket_without_object_lock_is_refused_where_it_is_demanded(seaweed, tmp_path):
    s3 = connect(seaweed.place(seaweed.bucket(lock=False)))
    with pytest.raises(StoreFailed, match="no Object Lock"):
        store_on(s3, tmp_path).put(CONTENT)
    facts = {fact.code: fact for fact in store_on(s3, tmp_path).look()}
    assert facts["lock"].answer is facts["versioning"].answer is Answer.BAD


def test_a_bucket_without_object_lock_can_be_chosen(seaweed, tmp_path):
    store = store_on(connect(seaweed.place(seaweed.bucket(lock=False))), tmp_path, demand_lock=False)
    assert read(store, store.put(CONTENT).version) == CONTENT
    store.destroy(SHA256)
    assert store.size(SHA256) is None


def test_a_wrong_secret_is_a_sentence_without_it(seaweed, bucket, tmp_path):
    place = seaweed.place(bucket, secret="not the secret of the lab")
    with pytest.raises(StoreFailed, match=r"credentials|refuses") as failed:
        store_on(connect(place), tmp_path).put(CONTENT)
    assert "not the secret" not in str(failed.value)


def test_a_bucket_that_is_not_there_is_a_sentence(seaweed, tmp_path):
    with pytest.raises(StoreFailed, match="no bucket"):
        store_on(connect(seaweed.place("nowhere-at-all")), tmp_path).look()


def test_a_server_that_is_gone_is_a_sentence(tmp_path):
    seaweed = Seaweed(tmp_path)
    place = S3Place("somewhere", "", f"http://127.0.0.1:{free_ports(1)[0]}", "us-east-1", seaweed.credentials())
    with pytest.raises(StoreFailed, match="cannot be reached"):
        store_on(connect(place), tmp_path).put(CONTENT)


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("[default]\naws_access_key_id=a\naws_secret_access_key=hush\n", 0o644, "Others may read"),
        ("[default]\naws_secret_access_key=hush\n", 0o600, "not of AWS's form"),
        ("aws_secret_access_key=hush\n", 0o600, "not of AWS's form"),
        (None, 0o600, "cannot be read"),
    ],
)
def test_a_file_of_credentials_that_cannot_be_used_is_a_sentence(tmp_path, text, mode, sentence):
    path = tmp_path / "credentials"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(StoreFailed, match=sentence) as failed:
        connect(S3Place("somewhere", "", "http://127.0.0.1:1", "us-east-1", path))
    assert "hush" not in str(failed.value)
    assert failed.value.__cause__ is None or "hush" not in str(failed.value.__cause__)
