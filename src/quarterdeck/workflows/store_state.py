"""The evidence store as everybody is shown it: one value for the screen, the API, the command line and doctor."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quarterdeck.config.api import load
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import JobKind, JobState, JobView
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.workflows.keep_store import found_wrong, known_facts

KINDS = {
    JobKind.SCRUB: "Reading through",
    JobKind.COLLECT: "Sweep",
    JobKind.MIGRATE: "Move",
    JobKind.LEDGER: "Ledger check",
}
NOT_READ = "Not read yet: no file of the store was read through so far; the ticker does it every night."
LIVE = (JobState.WAITING, JobState.RUNNING)


@dataclass(frozen=True, slots=True)
class StoreState:
    """What is known of the store without asking it now."""

    name: str
    facts: list[dict[str, str]]
    facts_at: datetime | None
    locks: evidence.LockCounts
    wrong: dict[str, str]
    jobs: list[JobView]
    last_scrub: JobView | None

    @property
    def is_wrong(self) -> bool:
        """True when somebody must do something."""
        bad = any(fact["answer"] == "bad" for fact in self.facts)
        return bool(bad or self.wrong or self.locks.failing)

    @property
    def is_read(self) -> bool:
        """True once a file was read through; a night on which nothing lay there yet says nothing of what came since."""
        return self.last_scrub is not None and self.last_scrub.done > 0

    @property
    def live(self) -> bool:
        """True while work is under way."""
        return any(job.state in LIVE for job in self.jobs)

    def lines(self) -> list[str]:
        """Return it for a terminal."""
        found = [f"Store: {self.name}"]
        found += [f"{fact['answer']:<7}{fact['sentence']} {fact['next_step']}".rstrip() for fact in self.facts]
        locks = self.locks
        found.append(
            f"Locks: {locks.compliance} compliance, {locks.governance} governance, {locks.held} held, "
            f"{locks.waiting} waiting, {locks.failing} failing"
        )
        found += [] if self.is_read else [NOT_READ]
        found += [f"WRONG: {locks.message}"] if locks.failing else []
        found += [f"WRONG: {sha256} {event.partition('found_')[2]}" for sha256, event in sorted(self.wrong.items())]
        found += [
            f"{KINDS[job.kind]}: {job.state.value}, {job.done} of {job.total}. {job.message}" for job in self.jobs
        ]
        return found

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready values."""
        return {
            "store": self.name,
            "facts": self.facts,
            "facts_at": None if self.facts_at is None else rfc3339(self.facts_at),
            "locks": {
                "compliance": self.locks.compliance,
                "governance": self.locks.governance,
                "held": self.locks.held,
                "waiting": self.locks.waiting,
                "failing": self.locks.failing,
                "message": self.locks.message,
            },
            "wrong": [{"sha256": sha256, "event": event} for sha256, event in sorted(self.wrong.items())],
            "jobs": [job_dict(job) for job in self.jobs],
        }


def job_dict(job: JobView) -> dict[str, Any]:
    """Return one piece of work as JSON-ready values."""
    return {
        "id": job.id,
        "kind": job.kind.value,
        "scope": job.scope,
        "state": job.state.value,
        "done": job.done,
        "total": job.total,
        "found": job.found,
        "message": job.message,
        "asked_at": rfc3339(job.asked_at),
    }


def store_state() -> StoreState:
    """Return what is known of the present store."""
    facts, at = known_facts()
    return StoreState(
        load().store_name,
        facts,
        at,
        evidence.lock_counts(),
        found_wrong(),
        evidence.jobs(5),
        evidence.last_job(JobKind.SCRUB, JobState.DONE),
    )
