"""Rolling back over the wire: begin, say what became of a step, run the automated ones again, and look."""

from django.http import HttpRequest
from ninja import Router

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.rollback_schemas import RollbackOut, StagingIn, StepIn
from quarterdeck.entrypoints.api.ticket_schemas import ReasonIn, RefusedOut
from quarterdeck.workflows import read_rollback, roll_back
from quarterdeck.workflows import record_staging as record_staging_of

router = Router(tags=["rollback"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


@router.get("/{number}/rollback", response={200: list[RollbackOut], **ANSWERS})
def see_rollback(request: HttpRequest, number: str) -> list[RollbackOut]:
    """Return the rollback of a ticket, an empty list while none was begun."""
    may_read_ticket(actor_of(request), number)
    seen = read_rollback.standing(number)
    return [] if seen is None else [RollbackOut.of(seen, wiring.clock().now())]


@router.post("/{number}/rollback", response={200: RollbackOut, **ANSWERS})
def begin_rollback(request: HttpRequest, number: str, body: ReasonIn) -> RollbackOut:
    """Begin the rollback: the clock of its time box runs from now."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    roll_back.begin(actor, wiring.clock(), number, reason=body.reason, room=wiring.run_room())
    return _out(number)


@router.post("/{number}/rollback/steps/{step}", response={200: RollbackOut, **ANSWERS})
def say_step(request: HttpRequest, number: str, step: int, body: StepIn) -> RollbackOut:
    """Say what became of a step."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    roll_back.say_step(actor, wiring.clock(), number, step, done=body.done, said=body.said)
    return _out(number)


@router.post("/{number}/staging", response={200: list[str], **ANSWERS})
def record_staging(request: HttpRequest, number: str, body: StagingIn) -> list[str]:
    """Name the ticket under which work or rollback was tried in staging; returns the facts that it brought."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    may_read_ticket(actor, body.ticket)
    return list(record_staging_of.record(actor, wiring.clock(), number, staging=body.ticket))


@router.post("/{number}/rollback/again", response={200: RollbackOut, **ANSWERS})
def again(request: HttpRequest, number: str) -> RollbackOut:
    """Run what comes next by itself once more; needs a fresh second factor, as beginning does."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    roll_back.ask_again(actor, wiring.clock(), number, room=wiring.run_room())
    return _out(number)


@router.post("/{number}/rollback/stop", response={200: RollbackOut, **ANSWERS})
def stop(request: HttpRequest, number: str) -> RollbackOut:
    """Stop what runs by itself: a playbook is cut, a revert that is under way is finished, nothing comes after."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number)
    roll_back.stop(actor, wiring.clock(), number, room=wiring.run_room())
    return _out(number)


def _out(number: str) -> RollbackOut:
    seen = read_rollback.standing(number)
    if seen is None:
        raise AssertionError("a rollback that was begun is there")
    return RollbackOut.of(seen, wiring.clock().now())
