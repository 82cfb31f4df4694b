"""The evidence store over the wire: what is known of it, reading it through, sweeping it, cancelling that work."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.evidence.api import JobKind, JobState, JobView
from quarterdeck.workflows import keep_store, store_state

router = Router(tags=["evidence store"])


class FactOut(Schema):
    """One property of the store as read back from it: `good`, `bad`, or `unsaid` where it does not say."""

    code: str
    answer: str
    sentence: str
    next_step: str


class LocksOut(Schema):
    """How many files are locked, and what could not be locked yet."""

    compliance: int
    governance: int
    held: int
    waiting: int
    failing: int
    message: str


class WrongOut(Schema):
    """A file whose bytes are not what was sealed, or that is gone, when it was last read."""

    sha256: str
    event: str


class JobOut(Schema):
    """Long work on the store and how far it is."""

    id: str
    kind: JobKind
    scope: str
    state: JobState
    done: int
    total: int
    found: int
    message: str
    asked_at: datetime

    @classmethod
    def of(cls, job: JobView) -> "JobOut":
        """Return the work as it is told."""
        return cls(
            id=job.id,
            kind=job.kind,
            scope=job.scope,
            state=job.state,
            done=job.done,
            total=job.total,
            found=job.found,
            message=job.message,
            asked_at=job.asked_at,
        )


class StoreOut(Schema):
    """What is known of the store without asking it now."""

    store: str
    facts: list[FactOut]
    facts_at: datetime | None
    locks: LocksOut
    wrong: list[WrongOut]
    jobs: list[JobOut]


class ScrubIn(Schema):
    """Whether every file is read, or those that were not read for longest."""

    everything: bool = False


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


@router.get("", response=_answers(StoreOut))
def show_store(request: HttpRequest) -> StoreOut:
    """Tell what is known of the store, to whoever may read packages."""
    assessor.may_package(actor_of(request), wiring.clock().now()).require()
    return StoreOut.model_validate(store_state.store_state().as_dict())


@router.post("/scrub", response=_answers(JobOut))
def order_scrub(request: HttpRequest, body: ScrubIn) -> JobOut:
    """Have the store read through in the background: the IT lead."""
    actor = actor_of(request, "write")
    return JobOut.of(keep_store.order_scrub(actor, wiring.clock(), everything=body.everything))


@router.post("/sweep", response=_answers(JobOut))
def order_sweep(request: HttpRequest) -> JobOut:
    """Have files removed that no entry has named for a day: the IT lead."""
    return JobOut.of(keep_store.order_sweep(actor_of(request, "write"), wiring.clock()))


@router.delete("/jobs/{job_id}", response=_answers(None))
def cancel_job(request: HttpRequest, job_id: str) -> None:
    """Stop work on the store at its next step: the IT lead."""
    keep_store.cancel(actor_of(request, "write"), wiring.clock(), job_id)
