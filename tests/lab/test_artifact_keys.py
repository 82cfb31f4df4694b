"""Ending files on an S3 server that keeps bytes against everybody: their keys end, and what is left says nothing."""

import io
import time
from datetime import date, timedelta

import pytest
from tests.evidence_files import mail, png
from tests.lab.test_store_on_s3 import BIG, TICKER, keep, key_of, on_s3, shop
from tests.ticket_steps import codes

from quarterdeck import wiring
from quarterdeck.attachments.api import Told
from quarterdeck.config.api import load, store_key_file
from quarterdeck.entrypoints.supervisor import sealed_keys, store_checks
from quarterdeck.entrypoints.supervisor.places import key_places
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import KeyRows, LockMode, ObjectRef
from quarterdeck.evidence.models import ArtifactCopy, ArtifactKey
from quarterdeck.evidence.ports import StillLocked, StoreFailed
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.retention import api as retention
from quarterdeck.retention.api import HoldScope, Rule, Standing
from quarterdeck.workflows import attach_evidence, keep_evidence, keep_store, lock_evidence
from quarterdeck_verify.verification import Verdict

__all__ = ["on_s3", "shop"]
pytestmark = pytest.mark.django_db
WHY = "Its time is over and nobody needs it."
PUT_BACK = "Put it back"


def locked(shop):
    """A closed ticket whose files are under COMPLIANCE; its number and the recording's hash."""
    number = shop.closed(recording=BIG)
    while lock_evidence.ask_for_locks(shop.clock, evidence.artifact_store()):
        pass
    evidence.settle(evidence.artifact_store(), shop.clock, 500)
    (entry,) = [one for one in evidence.entries(ticket=number) if any(a["role"] == "recording" for a in one.artifacts)]
    return number, str(entry.artifacts[0]["sha256"])


def raw_versions(s3, where):
    return s3.client.list_object_versions(Bucket=where["Bucket"], Prefix=where["Key"]).get("Versions", [])


def redact(shop, sha256, copy=b"what may stay"):
    proposal = keep_evidence.propose_redaction(
        shop.yard.actor("iris"), shop.clock, sha256, io.BytesIO(copy), name="copy.cast", reason="CUI was on it."
    )
    keep_evidence.confirm_end(shop.yard.actor("avery"), shop.clock, proposal.id)
    return proposal


def test_nothing_readable_lies_in_the_bucket(on_s3):
    sha256 = keep(BIG)
    lying = on_s3.client.get_object(**key_of(on_s3, sha256))["Body"].read()
    assert BIG[:64] not in lying
    assert BIG[-64:] not in lying
    assert sha256 not in key_of(on_s3, sha256)["Key"]
    assert evidence.read_artifact(sha256) == BIG
    assert store_key_file(load()).stat().st_mode & 0o777 == 0o600


def test_redaction_under_compliance_ends_the_key_and_leaves_a_tombstone_that_verifies(shop, on_s3):
    number, sha256 = locked(shop)
    where, store = key_of(on_s3, sha256), evidence.artifact_store()
    until = store.lock(sha256, "").until
    redact(shop, sha256)
    assert KeyRows(store.name).find(sha256) is None
    assert codes(evidence.open_artifact, sha256) == ("artifact.missing",)
    assert raw_versions(on_s3, where), "COMPLIANCE keeps the bytes"
    found = evidence.lock_of(sha256)
    assert (found.gone, found.settled, found.until) == (True, True, until)
    assert f"Until {until:%Y-%m-%d}" in keep_evidence.what_is_left([sha256], SystemClock().now())
    assert retention.kept_file(sha256, shop.clock.now()).standing is Standing.REDACTED
    assert keep_evidence.finish_ends(TICKER, shop.clock) == 0
    keep_store.order_scrub(OPERATOR, shop.clock, everything=True)
    keep_store.do_next_job(TICKER, shop.clock, store)
    assert keep_store.found_wrong() == {}
    shop.anchor()
    report = shop.verify(shop.package(numbers=[number]))
    assert report.verdict is Verdict.INTACT, report


def test_disposal_after_six_years_ends_key_and_object(shop, on_s3):
    _number, sha256 = locked(shop)
    where = key_of(on_s3, sha256)
    shop.clock.advance(days=7 * 366)
    proposal = keep_evidence.propose_disposal(shop.yard.actor("iris"), shop.clock, [sha256], WHY)
    keep_evidence.confirm_end(shop.yard.actor("avery"), shop.clock, proposal.id)
    assert KeyRows(on_s3.place.name).find(sha256) is None
    # The server's own clock has not moved: it keeps what nobody can read, which is swept when it lets go.
    assert raw_versions(on_s3, where)
    assert "nobody can read" in keep_evidence.what_is_left([sha256], SystemClock().now())


def test_what_is_left_is_swept_when_the_lock_is_over(shop, on_s3, monkeypatch):
    monkeypatch.setattr("quarterdeck.evidence.caretaking.ORPHAN_AGE", timedelta(seconds=-5))
    sha256, clock, store = keep(BIG, shop.clock), SystemClock(), evidence.artifact_store()
    where = key_of(on_s3, sha256)
    redact(shop, sha256)
    (version,) = raw_versions(on_s3, where)
    on_s3.client.put_object_retention(
        **where, VersionId=version["VersionId"], BypassGovernanceRetention=True,
        Retention={"Mode": "GOVERNANCE", "RetainUntilDate": clock.now() + timedelta(seconds=2)},
    )  # fmt: skip
    deadline = time.monotonic() + 30
    while raw_versions(on_s3, where):
        assert time.monotonic() < deadline
        keep_store.order_sweep(OPERATOR, clock)
        keep_store.do_next_job(TICKER, clock, store)
    assert evidence.lock_of(sha256).gone


def test_the_same_bytes_may_come_again_under_another_key(on_s3):
    sha256, store = keep(BIG), evidence.artifact_store()
    first = key_of(on_s3, sha256)
    with evidence.act(TICKER, SystemClock()) as act:
        act.record("artifact.disposed", ObjectRef("artifact", sha256))
    assert evidence.destroy_file(sha256, SystemClock().now())
    assert keep(BIG) == sha256
    assert key_of(on_s3, sha256) != first
    assert evidence.read_artifact(sha256) == BIG
    evidence.hold(sha256, on=True)
    assert evidence.settle(store, SystemClock()) == 1, "an end that was done is not owed for bytes that came again"


def test_a_longer_policy_reaches_the_object(shop, on_s3):
    _number, sha256 = locked(shop)
    store, iris = evidence.artifact_store(), shop.yard.actor("iris")
    before = store.lock(sha256, "").until
    contract = date(before.year + 3, 5, 6)
    rules = [Rule(one.kept, one.days, one.closing_years, contract) for one in retention.rules_now()]
    keep_evidence.adopt_policy(iris, shop.clock, rules)
    keep_evidence.finish_ends(TICKER, shop.clock)
    assert lock_evidence.mirror_keeping(shop.clock, store) > 0
    evidence.settle(store, shop.clock, 500)
    lock = store.lock(sha256, "")
    assert (lock.mode, lock.until.date()) == (LockMode.COMPLIANCE, contract + timedelta(days=1))
    assert lock.until >= retention.kept_file(sha256, shop.clock.now()).until
    keep_evidence.adopt_policy(iris, shop.clock, retention.DEFAULT_RULES)
    assert lock_evidence.mirror_keeping(shop.clock, store) == 0


def test_a_file_without_an_end_stays_locked_while_nobody_knows_one(shop, on_s3):
    _number, sha256 = locked(shop)
    store = evidence.artifact_store()
    ArtifactCopy.objects.filter(sha256=sha256).update(wanted_until=shop.clock.now() + timedelta(days=100))
    keep_evidence.record_assessment(
        shop.yard.actor("iris"), shop.clock, keep_evidence.AssessmentKind.C3PAO, numbers=[_number]
    )
    lock_evidence.mirror_keeping(shop.clock, store)
    assert evidence.lock_of(sha256).wanted_until > shop.clock.now() + timedelta(days=365)
    assert lock_evidence.mirror_keeping(shop.clock, store) == 0


def test_a_hold_stops_the_end_and_a_lifted_one_does_not_stay_on_the_object(shop, on_s3):
    number, sha256 = locked(shop)
    store, iris, avery = evidence.artifact_store(), shop.yard.actor("iris"), shop.yard.actor("avery")
    hold = keep_evidence.place_hold(iris, shop.clock, HoldScope.TICKET, number, "Letter of counsel.")
    lock_evidence.mirror_keeping(shop.clock, store)
    evidence.settle(store, shop.clock, 500)
    where = key_of(on_s3, sha256)
    assert on_s3.client.get_object_legal_hold(**where)["LegalHold"]["Status"] == "ON"
    assert codes(redact, shop, sha256) == ("retention.held",)
    assert evidence.read_artifact(sha256) == BIG
    keep_evidence.release_hold(avery, shop.clock, hold.id, "Counsel let go.")
    lock_evidence.mirror_keeping(shop.clock, store)
    # Redacted before the store was told that the hold is over.
    redact(shop, sha256)
    (version,) = raw_versions(on_s3, where)
    status = on_s3.client.get_object_legal_hold(**where, VersionId=version["VersionId"])["LegalHold"]["Status"]
    assert status == "OFF"
    assert evidence.lock_of(sha256).gone


def test_the_port_refuses_what_can_be_read_and_is_locked_with_the_date(on_s3):
    plain = wiring.artifact_store().far.far
    copy = plain.put(b"from before there were keys")
    until = plain.retain(copy.sha256, copy.version, SystemClock().now() + timedelta(days=9), LockMode.COMPLIANCE).until
    with pytest.raises(StillLocked, match=f"before {until:%Y-%m-%d}") as refused:
        wiring.artifact_store().destroy(copy.sha256)
    assert refused.value.until == until


def test_an_attached_file_that_was_redacted_is_refused_and_leaves_no_key(shop, on_s3):
    number, yard = shop.opened(), shop.yard
    told = Told("screenshot", "What was seen.")

    def attach(data):
        return attach_evidence.attach_file(
            yard.actor("max"), yard.clock, number, told, name="file", file=io.BytesIO(data)
        ).sha256

    sha256 = attach(png())
    redact(shop, sha256, mail())
    assert codes(attach, png()) == ("attachment.redacted",)
    assert KeyRows(on_s3.place.name).find(sha256) is None


def test_a_changed_object_is_altered_and_a_lost_key_is_missing(on_s3):
    altered, lost, empty = keep(BIG), keep(b"note"), keep(b"")
    for one in (altered, empty):
        where = key_of(on_s3, one)
        data = bytearray(on_s3.client.get_object(**where)["Body"].read())
        data[-1] ^= 1
        version = on_s3.client.put_object(**where, Body=bytes(data))["VersionId"]
        ArtifactCopy.objects.filter(sha256=one).update(version=version)
    ArtifactKey.objects.filter(sha256=lost).delete()
    keep_store.order_scrub(OPERATOR, SystemClock(), everything=True)
    keep_store.do_next_job(TICKER, SystemClock(), evidence.artifact_store())
    assert keep_store.found_wrong() == {
        altered: keep_store.ALTERED, empty: keep_store.ALTERED, lost: keep_store.MISSING,
    }  # fmt: skip
    assert codes(evidence.open_artifact, altered) == ("artifact.altered",)


def test_a_row_in_anothers_place_opens_nothing(on_s3):
    one, other = keep(BIG), keep(b"note " * 300_000)
    wrapped = ArtifactKey.objects.get(sha256=other).wrapped
    ArtifactKey.objects.filter(sha256=one).update(wrapped=wrapped)
    assert codes(evidence.open_artifact, one) == ("store.unreachable",)
    assert evidence.read_artifact(other) == b"note " * 300_000


def test_without_the_store_key_nothing_is_read_nothing_is_stored_and_doctor_says_so(on_s3):
    sha256, key = keep(BIG), store_key_file(load())
    assert any("store key" in one.sentence for one in store_checks.key_findings(load()))
    assert not [one for one in store_checks.key_findings(load()) if one.grade == "wrong"]
    kept = key.read_text()
    key.unlink()
    with pytest.raises(StoreFailed, match="cannot be read"):
        evidence.artifact_store().put(b"new")
    assert codes(evidence.open_artifact, sha256) == ("store.unreachable",)
    assert not key.exists(), "no other key takes the place of one that is missing"
    (found,) = [one for one in store_checks.key_findings(load()) if one.grade == "wrong"]
    assert PUT_BACK in found.next_step
    key.touch(0o600)
    key.write_text("ab" * 32)
    with pytest.raises(StoreFailed, match="another store key"):
        evidence.artifact_store().put(b"new")
    assert [one for one in store_checks.key_findings(load()) if one.grade == "wrong"]
    key.write_text(kept)
    assert evidence.read_artifact(sha256) == BIG


def test_a_backup_with_keys_brings_the_store_key_back(on_s3):
    sha256, places = keep(BIG), {"store_key": key_places(load())["store_key"]}
    packed = sealed_keys.seal(places, "six random words for example")
    store_key_file(load()).unlink()
    sealed_keys.unseal(packed, "six random words for example", places)
    assert evidence.read_artifact(sha256) == BIG


def test_without_encryption_new_files_lie_as_they_are_and_old_ones_are_still_read(shop, on_s3, monkeypatch):
    before = keep(BIG, shop.clock)
    monkeypatch.setenv("QD_S3_ENCRYPT", "false")
    load.cache_clear()
    rows, plain = KeyRows(on_s3.place.name), keep(b"note " * 300_000, shop.clock)
    assert rows.find(plain) is None
    assert wiring.artifact_store().far.far.digest(plain) == plain
    assert evidence.read_artifact(before) == BIG
    redact(shop, plain)
    left = keep_evidence.what_is_left([plain], SystemClock().now())
    assert left.startswith("A file is not removed yet")
    assert f"before {evidence.lock_of(plain).until:%Y-%m-%d} (governance)" in left
    assert keep(BIG, shop.clock) == before
    assert rows.find(before) is None, "bytes that lie there as they are need no key"
    assert evidence.read_artifact(before) == BIG
