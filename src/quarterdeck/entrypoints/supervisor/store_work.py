"""Long work on the store as the operator sees it: a line of progress, Ctrl-C asks it to stop, its last sentence."""

import sys
import time
from collections.abc import Callable

from quarterdeck.config.api import load
from quarterdeck.entrypoints.supervisor.as_owner import become_owner
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import JobState, JobView
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.kernel.clock import Clock, SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import keep_store

LIVE = (JobState.WAITING, JobState.RUNNING)
LOOK_SECONDS = 0.5


def ordered(verb: str, order: Callable[[Clock], JobView]) -> int:
    """As the owner of the data folder, order work on the store and do it; returns 1 with a sentence when refused."""
    become_owner(load().data_dir)
    clock = SystemClock()
    try:
        store, job = evidence.artifact_store(), order(clock)
        return follow(job, lambda: keep_store.do_next_job(OPERATOR, clock, store, job.id))
    except Refused as refused:
        print(f"{verb}: {refused}", file=sys.stderr)
        return 1


def follow(job: JobView, work: Callable[[], object]) -> int:
    """Do the work here, or watch whoever took it first; returns 0 when it was done and found nothing wrong."""
    try:
        work()
        while _now(job).state in LIVE:
            show(_now(job))
            time.sleep(LOOK_SECONDS)
    except KeyboardInterrupt:
        evidence.cancel_job(job.id)
        print("\nIt stops at its next step; what was done until then stands.", file=sys.stderr)
        return 130
    ended = _now(job)
    print(ended.message, file=sys.stdout if ended.state is JobState.DONE else sys.stderr)
    return 0 if ended.state is JobState.DONE else 1


def _now(job: JobView) -> JobView:
    return next(one for one in evidence.jobs(50) if one.id == job.id)


def show(job: JobView) -> None:
    """Show how far it is, where somebody looks on."""
    if sys.stderr.isatty():
        print(f"\r{job.done} of {job.total}, {job.found} found", end="", file=sys.stderr)
