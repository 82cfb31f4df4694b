"""The whole product with its evidence on a real S3 server: stored, sealed, locked at closing, packaged; and outages."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from tests.lab.seaweed import free_ports
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_steps import codes
from tests.ticket_yard import build_yard

from quarterdeck import wiring
from quarterdeck.adapters.s3_client import connect
from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import KeyRows, LockMode, ObjectRef
from quarterdeck.evidence.models import ArtifactCopy
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.retention.api import HoldScope
from quarterdeck.workflows import keep_evidence, keep_store, lock_evidence, store_state
from quarterdeck_verify.verification import Verdict

pytestmark = pytest.mark.django_db
TICKER = system("ticker")
BIG = os.urandom(2 * 1024 * 1024)


@pytest.fixture
def on_s3(s3, seaweed, monkeypatch):
    """The settings of a place of this test's own."""
    monkeypatch.setenv("QD_EVIDENCE_URL", s3.place.name)
    monkeypatch.setenv("QD_S3_ENDPOINT", seaweed.endpoint)
    monkeypatch.setenv("QD_S3_CREDENTIALS_FILE", str(seaweed.credentials()))
    load.cache_clear()
    return s3


@pytest.fixture
def shop(on_s3, clock, tmp_path, settings) -> Iterator[PackageShop]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


def keep(content, clock=None):
    ref = evidence.store_artifact(content, media_type="text/plain", role="note", name="note.txt", may_contain_cui=False)
    with evidence.act(TICKER, clock or SystemClock()) as act:
        act.record("evidence.attached", ObjectRef("ticket", "none"), artifacts=[ref])
    return ref.sha256


def key_of(s3, sha256):
    made = KeyRows(s3.place.name).find(sha256).object
    return {"Bucket": s3.place.bucket, "Key": s3.place.key("objects", made[:2], made)}


def test_the_row_pins_the_version_that_is_read(on_s3):
    sha256 = keep(BIG)
    row = ArtifactCopy.objects.get(sha256=sha256)
    assert (row.store, bool(row.version), row.mode) == (on_s3.place.name, True, "governance")
    on_s3.client.put_object(**key_of(on_s3, sha256), Body=b"another thing")
    on_s3.client.delete_object(**key_of(on_s3, sha256))
    assert evidence.read_artifact(sha256) == BIG
    assert evidence.artifact_is_there(sha256)


def test_a_version_that_is_not_the_sealed_one_is_not_handed_out(on_s3):
    sha256 = keep(BIG)
    answer = on_s3.client.put_object(**key_of(on_s3, sha256), Body=b"another thing")
    ArtifactCopy.objects.filter(sha256=sha256).update(version=answer["VersionId"])
    assert codes(evidence.open_artifact, sha256) == ("artifact.altered",)
    ArtifactCopy.objects.filter(sha256=sha256).update(version="0" * 32)
    assert codes(evidence.open_artifact, sha256) == ("artifact.missing",)


def test_scrub_on_s3_finds_what_was_pinned_elsewhere(on_s3):
    clock, store = SystemClock(), evidence.artifact_store()
    good, bad = keep(BIG), keep(b"note")
    answer = on_s3.client.put_object(**key_of(on_s3, bad), Body=b"another thing")
    ArtifactCopy.objects.filter(sha256=bad).update(version=answer["VersionId"])
    keep_store.order_scrub(OPERATOR, clock, everything=True)
    keep_store.do_next_job(TICKER, clock, store)
    assert keep_store.found_wrong() == {bad: keep_store.ALTERED}
    assert good not in keep_store.found_wrong()


def test_orphans_stay_as_long_as_they_are_locked_and_strange_versions_are_told(on_s3, monkeypatch):
    monkeypatch.setattr("quarterdeck.evidence.caretaking.ORPHAN_AGE", timedelta(seconds=-5))
    clock, store = SystemClock(), evidence.artifact_store()
    named = keep(b"named")
    on_s3.client.put_object(**key_of(on_s3, named), Body=b"another thing")
    store.put(b"nobody names me")
    keep_store.order_sweep(OPERATOR, clock)
    keep_store.do_next_job(TICKER, clock, store)
    (job,) = evidence.jobs()
    assert "1 are still locked" in job.message
    assert "1 versions are not ours" in job.message
    assert evidence.read_artifact(named) == b"named"


def test_closing_asks_for_compliance_and_the_store_takes_it(shop, on_s3):
    number = shop.closed(recording=BIG)
    store = evidence.artifact_store()
    while lock_evidence.ask_for_locks(shop.clock, store):
        pass
    asked = evidence.lock_counts().waiting
    assert asked
    assert evidence.settle(store, shop.clock) == asked
    named = {item["sha256"] for entry in evidence.entries(ticket=number) for item in entry.artifacts}
    closed_at = evidence.last_entry(["ticket.closed"], ticket=number).at
    for sha256 in named:
        row = ArtifactCopy.objects.get(sha256=sha256)
        lock = store.lock(sha256, row.version)
        assert lock.mode is LockMode.COMPLIANCE
        assert lock.until >= closed_at.replace(year=closed_at.year + 6)
    assert evidence.lock_counts().waiting == 0
    assert evidence.lock_counts().compliance == len(named)
    assert lock_evidence.ask_for_locks(shop.clock, store) == 0


def test_what_comes_after_the_closing_is_locked_too(shop, on_s3):
    number = shop.closed()
    ref = evidence.store_artifact(b"late", media_type="text/plain", role="note", name="late.txt", may_contain_cui=False)
    with evidence.act(TICKER, shop.clock) as act:
        act.record("evidence.attached", ObjectRef("ticket", number), ticket=number, artifacts=[ref])
    while lock_evidence.ask_for_locks(shop.clock, evidence.artifact_store()):
        pass
    assert evidence.lock_of(ref.sha256).wanted_mode is LockMode.COMPLIANCE


def test_a_legal_hold_that_people_place_is_mirrored_and_lifted(shop, on_s3):
    number, store, iris = shop.closed(), evidence.artifact_store(), shop.yard.actor("iris")
    hold = keep_evidence.place_hold(iris, shop.clock, HoldScope.TICKET, number, "Letter of counsel.")
    assert lock_evidence.mirror_keeping(shop.clock, store) > 0
    assert lock_evidence.mirror_keeping(shop.clock, store) == 0
    evidence.settle(store, shop.clock, 500)
    held = evidence.lock_counts().held
    assert held
    keep_evidence.release_hold(shop.yard.actor("avery"), shop.clock, hold.id, "Counsel let go.")
    assert lock_evidence.mirror_keeping(shop.clock, store) == held
    evidence.settle(store, shop.clock, 500)
    assert evidence.lock_counts().held == 0


def test_a_package_made_from_s3_is_intact(shop):
    number = shop.closed(recording=BIG)
    shop.anchor()
    report = shop.verify(shop.package(numbers=[number]))
    assert report.verdict is Verdict.INTACT, report


def test_a_first_lock_is_renewed_while_an_entry_names_the_file(on_s3, clock):
    sha256 = keep(BIG)
    orphan = evidence.store_artifact(
        b"nobody", media_type="text/plain", role="note", name="note.txt", may_contain_cui=False
    ).sha256
    store, now = evidence.artifact_store(), SystemClock()
    assert evidence.renew_first_locks(store, now, timedelta(days=30)) == 0
    assert evidence.renew_first_locks(store, now, timedelta(days=90)) == 1
    assert evidence.settle(store, now) == 1
    assert evidence.lock_of(sha256).until > now.now() + timedelta(days=80)
    assert evidence.lock_of(orphan).until < now.now() + timedelta(days=40)


def test_holds_are_mirrored_and_read_back(on_s3):
    sha256, store = keep(BIG), evidence.artifact_store()
    evidence.hold(sha256, on=True)
    assert evidence.settle(store, SystemClock()) == 1
    assert evidence.lock_of(sha256).held
    evidence.hold(sha256, on=False)
    evidence.settle(store, SystemClock())
    assert not store.lock(sha256, "").held


def test_what_was_stored_without_a_key_stays_while_it_is_locked_and_says_until_when(on_s3):
    plain = wiring.artifact_store().far.far
    assert plain.put(BIG).sha256 == keep(BIG)
    (sha256,) = evidence.standing_artifacts()
    KeyRows(plain.name).forget(sha256)
    store, clock = evidence.artifact_store(), SystemClock()
    ArtifactCopy.objects.update(version="")
    assert evidence.read_artifact(sha256) == BIG, "what lies there from before is read as it is"
    with evidence.act(TICKER, clock) as act:
        act.record("artifact.disposed", ObjectRef("artifact", sha256))
        evidence.destroy(sha256)
    assert evidence.settle(store, clock) == 0
    found = evidence.lock_of(sha256)
    until = store.lock(sha256, "").until
    assert (found.gone, found.settled) == (False, False)
    assert f"refuses to remove it before {until:%Y-%m-%d} (governance)" in found.message
    counts = evidence.lock_counts()
    assert (counts.failing, counts.waiting) == (0, 1)
    assert not store_state.store_state().locks.failing
    assert ArtifactCopy.objects.get(sha256=sha256).next_try > until, "it is not asked for every hour of six years"


def test_while_the_server_is_away_nothing_is_half_done(on_s3, monkeypatch, data_dir):
    small, big = keep(b"a frozen plan"), keep(BIG)
    monkeypatch.setenv("QD_S3_ENDPOINT", f"http://127.0.0.1:{free_ports(1)[0]}")
    load.cache_clear()
    before = evidence.head().size
    arguments = {"media_type": "text/plain", "role": "note", "name": "note.txt", "may_contain_cui": False}
    began = time.monotonic()
    assert codes(evidence.store_artifact, b"new", **arguments) == ("store.failed",)
    assert time.monotonic() - began < 30
    assert codes(evidence.open_artifact, big) == ("store.unreachable",)
    assert codes(evidence.artifact_is_there, big) == ("store.unreachable",)
    assert evidence.read_artifact(small) == b"a frozen plan", "what rules read stays near"
    assert evidence.head().size == before
    evidence.hold(big, on=True)
    assert evidence.settle(evidence.artifact_store(), SystemClock()) == 0
    assert "cannot be reached" in evidence.lock_of(big).message
    monkeypatch.setenv("QD_S3_ENDPOINT", on_s3.place.endpoint)
    load.cache_clear()
    ArtifactCopy.objects.update(next_try=None)
    assert evidence.settle(evidence.artifact_store(), SystemClock()) == 1
    assert evidence.store_artifact(b"new", **arguments).size == 3
    assert [one.name for one in (data_dir / "cache").iterdir() if one.is_file()] == [".sweeping"]


def test_no_secret_is_in_what_people_and_logs_see(on_s3, seaweed, caplog):
    keep(BIG)
    evidence.read_artifact(keep(b"note"))
    store = wiring.artifact_store()
    shown = " ".join([caplog.text, repr(store), repr(load()), store.name, str(store_state.store_state().as_dict())])
    assert seaweed.secret not in shown
    assert connect(on_s3.place).place.name in shown
