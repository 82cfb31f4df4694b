"""The store looked after: reading finds what changed, the sweep leaves what is named, moving goes on and ends."""

import os
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.clock import StillClock
from tests.shop import found_shop
from tests.ticket_steps import codes, quick_passwords

from quarterdeck import wiring
from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import DirectoryStore, JobKind, JobState, ObjectRef
from quarterdeck.evidence.guard import open_guard
from quarterdeck.evidence.models import Artifact, ArtifactCopy, ArtifactUse
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import keep_store

__all__ = ["quick_passwords"]
pytestmark = pytest.mark.django_db
TICKER = system("ticker")


@pytest.fixture
def store() -> DirectoryStore:
    return DirectoryStore(load().objects_dir)


def keep(clock, *contents):
    refs = [
        evidence.store_artifact(content, media_type="text/plain", role="note", name="note.txt", may_contain_cui=False)
        for content in contents
    ]
    with evidence.act(TICKER, clock) as act:
        act.record("evidence.attached", ObjectRef("ticket", "none"), artifacts=refs)
    return [ref.sha256 for ref in refs]


def many(clock, count):
    return keep(clock, *(f"note {number}".encode() for number in range(count)))


def spoil(store, sha256):
    store.path(sha256).chmod(0o600)
    store.path(sha256).write_bytes(b"somebody was here")


def scrubbed(clock, store, *, everything=True):
    job = keep_store.order_scrub(OPERATOR, clock, everything=everything)
    keep_store.do_next_job(TICKER, clock, store)
    return next(one for one in evidence.jobs() if one.id == job.id)


def events(*names):
    return [(entry.event, entry.object.id) for entry in evidence.entries(events=names)]


def test_a_whole_store_is_said_to_be_whole(clock, store):
    many(clock, 3)
    job = scrubbed(clock, store)
    assert (job.state, job.done, job.total, job.found) == (JobState.DONE, 3, 3, 0)
    assert job.message == "3 files read, 0 altered, 0 missing."
    told = evidence.last_entry(["store.scrubbed"])
    assert told.data == {"read": 3, "altered": 0, "missing": 0, "scope": "all"}
    assert keep_store.found_wrong() == {}


def test_what_changed_and_what_is_gone_are_findings_once(clock, store):
    one, two, three = many(clock, 3)
    spoil(store, one)
    store.destroy(two)
    assert scrubbed(clock, store).found == 2
    scrubbed(clock, store)
    assert sorted(events(keep_store.ALTERED, keep_store.MISSING)) == sorted(
        [(keep_store.ALTERED, one), (keep_store.MISSING, two)]
    )
    assert keep_store.found_wrong() == {one: keep_store.ALTERED, two: keep_store.MISSING}
    assert three not in keep_store.found_wrong()


def test_what_was_put_back_is_said_too(clock, store):
    (one,) = keep(clock, b"note")
    spoil(store, one)
    scrubbed(clock, store)
    store.put(b"note")
    scrubbed(clock, store)
    assert events(keep_store.WHOLE) == [(keep_store.WHOLE, one)]
    assert keep_store.found_wrong() == {}


def test_the_share_rolls_until_each_was_read(clock, store, monkeypatch):
    monkeypatch.setattr("quarterdeck.evidence.caretaking.LEAST_SHARE", 2)
    hashes = set(many(clock, 5))
    seen = set()
    for _ in range(3):
        clock.advance(days=1)
        assert scrubbed(clock, store, everything=False).done == 2
        seen |= set(ArtifactCopy.objects.exclude(checked_at=None).values_list("sha256", flat=True))
    assert seen == hashes


def test_reading_is_cancelled_at_the_next_file(clock, store):
    many(clock, 3)
    job = keep_store.order_scrub(OPERATOR, clock, everything=True)
    taken = evidence.take_job([JobKind.SCRUB], clock.now())
    assert taken.id == job.id
    keep_store.cancel(OPERATOR, clock, job.id)
    clock.advance(hours=1)
    assert keep_store.do_next_job(TICKER, clock, store) is None
    assert evidence.jobs()[0].state is JobState.CANCELLED


def test_work_whose_worker_died_is_done_by_another(clock, store):
    many(clock, 1)
    job = keep_store.order_scrub(OPERATOR, clock, everything=True)
    evidence.take_job([JobKind.SCRUB], clock.now())
    assert keep_store.do_next_job(TICKER, clock, store) is None
    clock.advance(hours=1)
    assert keep_store.do_next_job(TICKER, clock, store).id == job.id
    assert evidence.jobs()[0].state is JobState.DONE


def test_the_same_work_is_not_ordered_twice(clock):
    keep_store.order_scrub(OPERATOR, clock, everything=True)
    assert codes(keep_store.order_scrub, OPERATOR, clock, everything=False) == ("store.job_runs",)


def test_only_the_it_lead_has_it_done(clock, quick_passwords):
    shop = found_shop(clock)
    assert keep_store.order_scrub(shop.actor("iris"), clock, everything=True).kind is JobKind.SCRUB
    assert codes(keep_store.order_sweep, shop.actor("avery"), clock) == ("store.it_lead",)
    assert codes(keep_store.cancel, shop.actor("avery"), clock, evidence.jobs()[0].id) == ("store.it_lead",)
    assert [entry.object.id for entry in evidence.entries(events=("act.refused",))] == ["store.gc", "store.cancel"]


def aged(store, sha256, hours):
    moment = (SystemClock().now() - timedelta(hours=hours)).timestamp()
    os.utime(store.path(sha256), (moment, moment))


def swept(store):
    clock = SystemClock()
    job = keep_store.order_sweep(OPERATOR, clock)
    keep_store.do_next_job(TICKER, clock, store)
    return next(one for one in evidence.jobs() if one.id == job.id)


def test_the_sweep_takes_only_what_nothing_names_for_a_day(clock, store):
    (named,) = keep(clock, b"named")
    young, old = store.put(b"young").sha256, store.put(b"old").sha256
    aged(store, named, 1000)
    aged(store, old, 25)
    left = store.folder / "incoming-killed"
    left.write_bytes(b"half")
    moment = (SystemClock().now() - timedelta(hours=25)).timestamp()
    os.utime(left, (moment, moment))
    assert swept(store).message == "2 files removed that nothing names."
    assert sorted(one.sha256 for one in store.objects()) == sorted((named, young))
    assert not left.exists()
    assert evidence.last_entry(["store.swept"]).data["removed"] == 2


def test_what_was_stored_anew_after_the_listing_stays(store):
    orphan = store.put(b"old")
    aged(store, orphan.sha256, 25)
    (listed,) = store.objects()
    store.put(b"old")
    store.remove(listed)
    assert store.size(orphan.sha256) == 3


def test_nights_are_those_of_the_site(clock):
    berlin = ZoneInfo("Europe/Berlin")
    assert keep_store.last_night(datetime(2026, 11, 23, 0, 59, tzinfo=UTC), berlin).day == 22
    assert keep_store.last_night(datetime(2026, 11, 23, 1, 0, tzinfo=UTC), berlin).day == 23


def test_every_night_has_its_share_its_sweep_and_its_look_at_the_ledger(store):
    clock = StillClock()
    nightly = {JobKind.SCRUB, JobKind.COLLECT, JobKind.LEDGER}
    assert {job.kind for job in keep_store.order_nightly(TICKER, clock)} == nightly
    assert keep_store.order_nightly(TICKER, clock) == []
    while keep_store.do_next_job(TICKER, clock, store):
        pass
    clock.advance(hours=11)
    assert keep_store.order_nightly(TICKER, clock) == []
    clock.advance(hours=2)
    assert len(keep_store.order_nightly(TICKER, clock)) == 3


def test_a_directory_says_what_it_cannot_promise(clock, store):
    facts = keep_store.read_facts_back(clock, store)
    assert [fact["code"] for fact in facts] == ["lock"]
    assert keep_store.known_facts() == (facts, clock.now())


def test_a_wish_for_a_directory_is_settled_without_a_lock(clock, store):
    (one,) = keep(clock, b"note")
    with evidence.act(TICKER, clock):
        evidence.retain(one, clock.now() + timedelta(days=9), evidence.LockMode.COMPLIANCE)
        evidence.hold(one, on=True)
    assert evidence.settle(store, clock) == 1
    found = evidence.lock_of(one)
    assert (found.settled, found.mode, found.held, found.wanted_hold) == (True, "", False, True)


def test_disposal_removes_the_file_and_a_hold_outranks_it(clock, store):
    (one,) = keep(clock, b"note")
    evidence.hold(one, on=True)
    dispose(clock, one)
    assert evidence.settle(store, clock) == 0
    assert store.size(one) == 4
    assert "hold outranks disposal" in evidence.lock_of(one).message
    evidence.hold(one, on=False)
    assert evidence.settle(store, clock) == 1
    assert (store.size(one), evidence.lock_of(one).gone) == (None, True)


def dispose(clock, sha256):
    with evidence.act(TICKER, clock) as act:
        act.record("artifact.disposed", ObjectRef("artifact", sha256))
        evidence.destroy(sha256)


def test_a_row_that_somebody_wrote_destroys_nothing(clock, store):
    (one,) = keep(clock, b"note")
    evidence.destroy(one)
    assert evidence.settle(store, clock) == 0
    assert store.size(one) == 4
    assert "No entry of the ledger says" in evidence.lock_of(one).message


def test_rows_that_are_gone_or_say_otherwise_take_nothing_out_of_care(clock, store, tmp_path):
    one, two, three = many(clock, 3)
    with open_guard():
        ArtifactUse.objects.all().delete()
        Artifact.objects.filter(sha256=one).delete()
        Artifact.objects.filter(sha256=two).update(state="disposed")
    for sha256 in (one, two, three):
        aged(store, sha256, 1000)
    assert swept(store).message.startswith("0 files removed")
    spoil(store, one)
    store.destroy(two)
    assert scrubbed(clock, store).found == 2
    target = wiring.artifact_store_at(f"file:{tmp_path / 'other'}")
    assert sorted(evidence.move(store, target, clock, progress=go_on).lost) == sorted([one, two])


def test_what_an_entry_gave_up_is_not_missed(clock, store):
    one, two = many(clock, 2)
    dispose(clock, one)
    evidence.settle(store, clock)
    assert scrubbed(clock, store).message == "1 files read, 0 altered, 0 missing."
    assert list(evidence.standing_artifacts()) == [two]


def test_near_copies_are_bounded(tmp_path):
    near = DirectoryStore(tmp_path)
    for number in range(5):
        sha256 = near.put(bytes([number]) * 10).sha256
        aged(near, sha256, 10 - number)
    assert evidence.tidy(near, 25) == 3
    assert {one.sha256 for one in near.objects()} == {near.put(bytes([n]) * 10).sha256 for n in (3, 4)}


def test_a_retention_far_off_is_not_brought_to_the_store(clock, store):
    (one,) = keep(clock, b"note")
    evidence.retain(one, clock.now() + timedelta(days=365 * 50), evidence.LockMode.COMPLIANCE)
    assert evidence.settle(store, clock) == 0
    assert "could not be taken back" in evidence.lock_of(one).message
    assert evidence.lock_counts().failing == 1


def go_on(done, total, found):
    return True


def test_moving_copies_reads_back_and_goes_on_where_it_was(clock, store, tmp_path):
    hashes = many(clock, 5)
    target = wiring.artifact_store_at(f"file:{tmp_path / 'other'}")
    with pytest.raises(evidence.Cancelled):
        evidence.move(store, target, clock, progress=lambda done, total, found: done < 2)
    assert evidence.missing_in(target, frozenset()) == 3
    report = evidence.move(store, target, clock, progress=go_on)
    assert (report.there, report.copied, report.lost) == (2, 3, [])
    assert evidence.missing_in(target, frozenset()) == 0
    assert sorted(one.sha256 for one in target.objects()) == sorted(hashes)
    assert sorted(one.sha256 for one in store.objects()) == sorted(hashes), "the old store is left as it is"


def test_what_is_not_whole_is_not_moved(clock, store, tmp_path):
    one, two = many(clock, 2)
    spoil(store, one)
    target = wiring.artifact_store_at(f"file:{tmp_path / 'other'}")
    report = evidence.move(store, target, clock, progress=go_on)
    assert (report.copied, report.lost) == (1, [one])
    assert evidence.missing_in(target, frozenset()) == 1
    assert evidence.missing_in(target, frozenset([one])) == 0
    assert target.size(two) == 6


def test_what_was_decided_moves_along(clock, store, tmp_path):
    (one,) = keep(clock, b"note")
    evidence.hold(one, on=True)
    target = wiring.artifact_store_at(f"file:{tmp_path / 'other'}")
    evidence.move(store, target, clock, progress=go_on)
    row = ArtifactCopy.objects.get(store=target.name, sha256=one)
    assert (row.wanted_hold, row.settled) == (True, False)


def test_a_store_that_does_not_take_it_is_a_refusal(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("QD_EVIDENCE_URL", f"file:{tmp_path / 'file'}")
    load.cache_clear()
    with pytest.raises(Refused) as refused:
        evidence.store_artifact(b"x", media_type="text/plain", role="note", name="note.txt", may_contain_cui=False)
    assert refused.value.decision.codes == ("store.failed",)
