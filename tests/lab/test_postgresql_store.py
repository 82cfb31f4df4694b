"""Work on the store and locks on PostgreSQL: one worker takes a job, one order of two stands."""

from datetime import timedelta
from functools import partial

import pytest
from tests.lab.together import together

from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import DirectoryStore, JobKind, JobState, LockMode, ObjectRef
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import keep_store

TICKER, CLOCK = system("ticker"), SystemClock()
pytestmark = pytest.mark.usefixtures("on_postgresql")


def keep(content):
    ref = evidence.store_artifact(content, media_type="text/plain", role="note", name="note.txt", may_contain_cui=False)
    with evidence.act(TICKER, CLOCK) as act:
        act.record("evidence.attached", ObjectRef("ticket", "none"), artifacts=[ref])
    return ref.sha256


def test_a_night_on_postgresql():
    store = DirectoryStore(load().objects_dir)
    one = keep(b"note")
    store.destroy(one)
    keep_store.order_nightly(TICKER, CLOCK)
    while keep_store.do_next_job(TICKER, CLOCK, store):
        pass
    assert {job.state for job in evidence.jobs()} == {JobState.DONE}
    assert keep_store.found_wrong() == {one: keep_store.MISSING}


def test_two_who_order_at_once_order_once_and_two_workers_take_once():
    orders = together([partial(keep_store.order_scrub, OPERATOR, CLOCK, everything=True)] * 2)
    refused = [code for one in orders if isinstance(one, Refused) for code in one.decision.codes]
    assert refused == ["store.job_runs"]
    assert [job.state for job in evidence.jobs()] == [JobState.WAITING]
    taken = []
    together([lambda: taken.append(evidence.take_job([JobKind.SCRUB], CLOCK.now()))] * 2)
    assert len([job for job in taken if job is not None]) == 1


def test_wishes_are_settled():
    store, one = DirectoryStore(load().objects_dir), keep(b"note")
    with evidence.act(TICKER, CLOCK):
        evidence.retain(one, CLOCK.now() + timedelta(days=3), LockMode.COMPLIANCE)
    assert evidence.settle(store, CLOCK) == 1
    assert evidence.lock_counts().waiting == 0
