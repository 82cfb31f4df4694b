"""Rolling back over the wire: begin, say what became of a step, run the automated ones again, and look."""

from django.http import HttpRequest
from ninja import Router

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.rollback_schemas import RollbackOut, StagingIn, StepIn
from quarterdeck.entrypoints.api.ticket_schemas import JobOut, ReasonIn, RefusedOut
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import record_staging as record_staging_of
from quarterdeck.workflows import roll_back

router = Router(tags=["rollback"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


@router.get("/{number}/rollback", response={200: list[RollbackOut], **ANSWERS})
def see_rollback(request: HttpRequest, number: str) -> list[RollbackOut]:
    """Return the rollback of a ticket, an empty list while none was begun."""
    may_read_ticket(actor_of(request), number)
    seen = tickets.rollback_of(number)
    return [] if seen is None else [RollbackOut.of(seen, wiring.clock().now())]


@router.post("/{number}/rollback", response={200: RollbackOut, **ANSWERS})
def begin_rollback(request: HttpRequest, number: str, body: ReasonIn) -> RollbackOut:
    """Begin the rollback: the clock of its time box runs from now."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    clock = wiring.clock()
    return RollbackOut.of(roll_back.begin(actor, clock, number, reason=body.reason), clock.now())


@router.post("/{number}/rollback/steps/{step}", response={200: RollbackOut, **ANSWERS})
def say_step(request: HttpRequest, number: str, step: int, body: StepIn) -> RollbackOut:
    """Say what became of a step."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    clock = wiring.clock()
    return RollbackOut.of(roll_back.say_step(actor, clock, number, step, done=body.done, said=body.said), clock.now())


@router.post("/{number}/staging", response={200: list[str], **ANSWERS})
def record_staging(request: HttpRequest, number: str, body: StagingIn) -> list[str]:
    """Name the ticket under which work or rollback was tried in staging; returns the facts that it brought."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    may_read_ticket(actor, body.ticket)
    return list(record_staging_of.record(actor, wiring.clock(), number, staging=body.ticket))


@router.post("/{number}/rollback/again", response={200: JobOut, **ANSWERS})
def again(request: HttpRequest, number: str) -> JobOut:
    """Run the steps that run by themselves once more."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    return JobOut.of(roll_back.ask_again(actor, wiring.clock(), number))
