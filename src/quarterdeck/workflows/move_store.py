"""Moving the artifacts to another store, and beginning to use it: only a store that holds everything is begun with."""

import hashlib
from functools import partial

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import JobKind, JobState, ObjectRef, act
from quarterdeck.evidence.ports import EvidenceStore, StoreFailed
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused, refuse, require_that
from quarterdeck.workflows.keep_store import found_wrong, may_tend

CHOSEN = "store.chosen"
STORE = ObjectRef("store", "artifacts")


def order_move(actor: Actor, clock: Clock, target: EvidenceStore) -> evidence.JobView:
    """Order the move, by a process that knows itself to be the only one; Refused(store.it_lead)."""
    may_tend(actor, clock.now()).require()
    job = evidence.order_job(JobKind.MIGRATE, target.name, actor.id, clock.now(), alone=True)
    taken = evidence.take_job([JobKind.MIGRATE], clock.now(), job.id)
    if taken is None:
        raise Refused(refuse("store.job_runs", "The move was taken up by another process.", "See how far it is."))
    return taken


def move(
    actor: Actor, clock: Clock, source: EvidenceStore, target: EvidenceStore, job: evidence.JobView
) -> evidence.MoveReport:
    """Copy until a whole pass finds nothing new, then record the move; raises evidence.Cancelled and StoreFailed.

    What people store meanwhile goes to the old store; a last pass after the switch finds it (`begin_with`).
    """
    try:
        while True:
            report = evidence.move(source, target, clock, progress=partial(_going_on, job, clock))
            if not report.copied:
                break
    except evidence.Cancelled:
        evidence.end_job(job.id, clock.now(), JobState.CANCELLED, "Cancelled; what was copied stays and counts.")
        raise
    except StoreFailed as failed:
        evidence.end_job(job.id, clock.now(), JobState.FAILED, f"{failed} {failed.next_step}")
        raise
    with act(actor, clock) as current:
        current.record(
            "store.copied",
            STORE,
            data={"to": name_hash(target), "files": report.there, "lost": len(report.lost)},
        )
    lost = f" {len(report.lost)} are not whole in the old store and were not copied." if report.lost else ""
    evidence.end_job(job.id, clock.now(), JobState.DONE, f"{report.there} files lie in {target.name}.{lost}")
    return report


def _going_on(job: evidence.JobView, clock: Clock, done: int, total: int, found: int) -> bool:
    return evidence.tell_job(job.id, clock.now(), done=done, total=total, found=found)


def name_hash(store: EvidenceStore) -> str:
    """Return what an entry says of a store: paths and names of buckets stand in no entry."""
    return hashlib.sha256(store.name.encode()).hexdigest()


def is_begun(store: EvidenceStore) -> bool:
    """True when the ledger's last word is that this store is in use."""
    last = evidence.last_entry([CHOSEN], object=STORE)
    return last is not None and last.data.get("name") == name_hash(store)


def begin_with(actor: Actor, clock: Clock, store: EvidenceStore) -> Decision:
    """Begin to use a store, which is recorded, if it holds every artifact; those known as lost before are left out."""
    if is_begun(store):
        return Decision()
    lacking = evidence.missing_in(store, frozenset(found_wrong()))
    decision = require_that(
        lacking == 0,
        "store.incomplete",
        f"{store.name} lacks {lacking} files of the evidence.",
        f"Run `qd evidence migrate --from OLD --to {store.name}`, or go back to the old QD_EVIDENCE_URL.",
    )
    if decision.allowed:
        with act(actor, clock) as current:
            current.record(CHOSEN, STORE, data={"name": name_hash(store), "pins": store.pins})
    return decision
