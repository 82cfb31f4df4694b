"""Revocation over the wire: what stands, what one would end, revoking, lifting; no rule lives here."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.access.api import Scope
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.workflows import revoke_access
from quarterdeck.workflows.revoke_access import Reach

router = Router(tags=["revocations"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class TargetIn(Schema):
    """What is meant: a person's or grant's id, a vendor's name, a ticket's number, a serial; nothing of everything."""

    model_config = ConfigDict(extra="forbid")

    scope: Scope
    target: str = Field(default="", max_length=200)


class RevokeIn(TargetIn):
    """What is revoked or lifted, and why."""

    reason: str


class RevocationOut(Schema):
    """A revocation that stands."""

    scope: str
    target: str
    at: datetime
    by: str
    reason: str


class ReachOut(Schema):
    """What a revocation ends, or has ended."""

    scope: str
    target: str
    grants: list[str]
    sessions: list[str]
    tickets: list[str]
    ends_work: list[str]

    @classmethod
    def of(cls, reach: Reach) -> "ReachOut":
        """Return the wire form of what is reached."""
        return cls(
            scope=reach.scope.value,
            target=reach.target,
            grants=[one.id for one in reach.grants],
            sessions=[one.id for one in reach.sessions],
            tickets=list(reach.tickets),
            ends_work=list(reach.ends_work),
        )


@router.get("", response={200: list[RevocationOut], **ANSWERS})
def list_revocations(request: HttpRequest) -> list[RevocationOut]:
    """Return what is revoked now, newest first."""
    access.may_revoke(actor_of(request), Scope.PERSON, wiring.clock().now()).require()
    return [
        RevocationOut(scope=one.scope.value, target=one.target, at=one.at, by=one.by, reason=one.reason)
        for one in access.revocations()
    ]


@router.post("/preview", response={200: ReachOut, **ANSWERS})
def preview(request: HttpRequest, body: TargetIn) -> ReachOut:
    """Return what a revocation would end now; nothing is changed."""
    access.may_revoke(actor_of(request), body.scope, wiring.clock().now()).require()
    return ReachOut.of(revoke_access.preview(body.scope, body.target))


@router.post("", response={200: ReachOut, **ANSWERS})
def revoke(request: HttpRequest, body: RevokeIn) -> ReachOut:
    """Revoke at once; running sessions end within two seconds."""
    actor = actor_of(request, "write")
    return ReachOut.of(revoke_access.revoke(actor, wiring.clock(), body.scope, body.target, body.reason))


@router.post("/lift", response={200: list[RevocationOut], **ANSWERS})
def lift(request: HttpRequest, body: RevokeIn) -> list[RevocationOut]:
    """Let access be taken again; nothing that was revoked comes back. Return what still stands."""
    revoke_access.lift(actor_of(request, "write"), wiring.clock(), body.scope, body.target, body.reason)
    return list_revocations(request)
