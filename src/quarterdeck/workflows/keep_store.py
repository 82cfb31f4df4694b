"""The artifact store looked after: read through every night, swept, its properties read back, locks brought there.

Reading never records; but bytes that are not what was sealed are a finding, and a finding is an entry (3.3.8). Long
work has progress, can be cancelled, and is done by the ticker in a loop of its own.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import JobKind, JobState, JobView, ObjectRef, act
from quarterdeck.evidence.ports import EvidenceStore, StoreFailed
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused, require_that
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.workflows import check_ledger
from quarterdeck.workflows.refusals import refusals_recorded

NIGHT = 2
FACTS_AGE = timedelta(hours=24)
FACTS = "facts"
ALTERED, MISSING, WHOLE = "artifact.found_altered", "artifact.found_missing", "artifact.found_whole"
_EVENTS = {"altered": ALTERED, "missing": MISSING, "whole": WHOLE}
SHARE, EVERYTHING = "share", "all"
_HERE = [JobKind.SCRUB, JobKind.COLLECT, JobKind.LEDGER]


def may_tend(actor: Actor, at: datetime) -> Decision:
    """Decide whether the actor may have the store read through or swept: the IT lead, the operator, the ticker."""
    lead = actor.is_person and Role.IT_LEAD in personnel.roles_of(actor.id, at)
    return require_that(
        lead or actor.kind is not ActorKind.PERSON,
        "store.it_lead",
        "Only the IT lead looks after the evidence store.",
        "Ask the IT lead.",
    )


def order_scrub(actor: Actor, clock: Clock, *, everything: bool) -> JobView:
    """Have the store read through; Refused is recorded too: store.it_lead, store.job_runs."""
    with refusals_recorded(actor, clock, "store.scrub"):
        may_tend(actor, clock.now()).require()
        return evidence.order_job(JobKind.SCRUB, EVERYTHING if everything else SHARE, actor.id, clock.now())


def order_check(actor: Actor, clock: Clock) -> JobView:
    """Have the whole ledger read again; Refused is recorded too: store.it_lead, store.job_runs."""
    with refusals_recorded(actor, clock, "ledger.check"):
        may_tend(actor, clock.now()).require()
        return evidence.order_job(JobKind.LEDGER, "", actor.id, clock.now())


def order_sweep(actor: Actor, clock: Clock) -> JobView:
    """Have objects removed that nothing names; Refused is recorded too: store.it_lead, store.job_runs."""
    with refusals_recorded(actor, clock, "store.gc"):
        may_tend(actor, clock.now()).require()
        return evidence.order_job(JobKind.COLLECT, "", actor.id, clock.now())


def cancel(actor: Actor, clock: Clock, job_id: str) -> None:
    """Ask work on the store to stop at its next step; Refused is recorded too: store.it_lead, store.no_job."""
    with refusals_recorded(actor, clock, "store.cancel"):
        may_tend(actor, clock.now()).require()
        evidence.cancel_job(job_id)


def order_nightly(actor: Actor, clock: Clock) -> list[JobView]:
    """Order the night's share of reading, the sweep and the ledger's check, once a night after two of the site."""
    begun = last_night(clock.now(), ZoneInfo(load().time_zone))
    ordered = []
    for kind, scope in ((JobKind.SCRUB, SHARE), (JobKind.COLLECT, ""), (JobKind.LEDGER, "")):
        last = evidence.last_job(kind)
        if last is None or (last.asked_at < begun and last.state not in (JobState.WAITING, JobState.RUNNING)):
            ordered.append(evidence.order_job(kind, scope, actor.id, clock.now()))
    return ordered


def last_night(now: datetime, zone: ZoneInfo) -> datetime:
    """Return the last two o'clock of this zone that has been."""
    here = now.astimezone(zone)
    tonight = here.replace(hour=NIGHT, minute=0, second=0, microsecond=0)
    return tonight if tonight <= here else tonight - timedelta(days=1)


def do_next_job(actor: Actor, clock: Clock, store: EvidenceStore, job_id: str = "") -> JobView | None:
    """Do the oldest work that waits; returns it as it was taken, None when there is none."""
    job = evidence.take_job(_HERE, clock.now(), job_id)
    if job is None:
        return None
    try:
        message = _done(actor, clock, store, job)
        evidence.end_job(job.id, clock.now(), JobState.DONE, message)
    except evidence.Cancelled:
        evidence.end_job(job.id, clock.now(), JobState.CANCELLED, "Cancelled; what was done until then stands.")
    except StoreFailed as failed:
        evidence.end_job(job.id, clock.now(), JobState.FAILED, f"{failed} {failed.next_step}")
    except Refused as refused:
        sentences = [f"{reason.sentence} {reason.next_step}" for reason in refused.decision.reasons]
        evidence.end_job(job.id, clock.now(), JobState.FAILED, " ".join(sentences))
    except Exception as error:
        evidence.end_job(job.id, clock.now(), JobState.FAILED, f"Broke off: {type(error).__name__}: {error}")
        raise
    return job


def _done(actor: Actor, clock: Clock, store: EvidenceStore, job: JobView) -> str:
    if job.kind is JobKind.LEDGER:
        return check_ledger.check(actor, clock, partial(_going_on, job, clock))
    return _scrub(actor, clock, store, job) if job.kind is JobKind.SCRUB else _sweep(actor, clock, store, job)


def _going_on(job: JobView, clock: Clock, done: int, total: int, found: int) -> bool:
    return evidence.tell_job(job.id, clock.now(), done=done, total=total, found=found)


def _scrub(actor: Actor, clock: Clock, store: EvidenceStore, job: JobView) -> str:
    report = evidence.scrub(
        store,
        clock,
        everything=job.scope == EVERYTHING,
        progress=partial(_going_on, job, clock),
        tell=partial(_note_finding, actor, clock),
    )
    with act(actor, clock) as current:
        data = {"read": report.read, "altered": len(report.altered), "missing": len(report.missing)}
        current.record("store.scrubbed", ObjectRef("store", "artifacts"), data={**data, "scope": job.scope})
    return f"{report.read} files read, {len(report.altered)} altered, {len(report.missing)} missing."


def _note_finding(actor: Actor, clock: Clock, sha256: str, condition: str) -> None:
    """Record a change of what is known of an artifact: found altered, found missing, found whole again."""
    event = _EVENTS[condition]
    last = evidence.last_entry(list(_EVENTS.values()), object=ObjectRef("artifact", sha256))
    if event == (WHOLE if last is None else last.event):
        return
    with act(actor, clock) as current:
        current.record(event, ObjectRef("artifact", sha256))


def _sweep(actor: Actor, clock: Clock, store: EvidenceStore, job: JobView) -> str:
    report = evidence.sweep(store, clock, progress=partial(_going_on, job, clock))
    if report.removed or report.strange:
        with act(actor, clock) as current:
            data = {"removed": report.removed, "octets": report.octets, "locked": report.locked}
            current.record("store.swept", ObjectRef("store", "artifacts"), data={**data, "strange": report.strange})
    locked = f" {report.locked} are still locked by the store." if report.locked else ""
    strange = f" {report.strange} versions are not ours: somebody wrote over evidence." if report.strange else ""
    return f"{report.removed} files removed that nothing names.{locked}{strange}"


def found_wrong() -> dict[str, str]:
    """Return hash and event of the artifacts that were altered or missing when they were last read."""
    last: dict[str, str] = {}
    for entry in evidence.entries(events=tuple(_EVENTS.values())):
        last[entry.object.id] = entry.event
    return {sha256: event for sha256, event in last.items() if event != WHOLE}


def read_facts_back(clock: Clock, store: EvidenceStore, *, now: bool = False) -> Sequence[dict[str, str]]:
    """Read the store's properties back once a day, or `now`, and keep them for the screens; StoreFailed."""
    kept = evidence.noted(FACTS, store.name)
    if kept is not None and not now and clock.now() - kept[1] < FACTS_AGE:
        return list(kept[0].get("facts", []))
    facts = [
        {"code": one.code, "answer": one.answer.value, "sentence": one.sentence, "next_step": one.next_step}
        for one in store.look()
    ]
    evidence.note(FACTS, store.name, {"facts": facts}, clock.now())
    return facts


def known_facts() -> tuple[list[dict[str, str]], datetime | None]:
    """Return the properties as they were last read back from the present store, and when."""
    kept = evidence.noted(FACTS, load().store_name)
    return ([], None) if kept is None else (list(kept[0].get("facts", [])), kept[1])
