"""More time over the wire: what was asked for, asking, deciding; no rule lives here."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.moments import Moment
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut, TicketOut
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, ExtensionView, Verdict
from quarterdeck.workflows import extend_window

router = Router(tags=["tickets"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class ExtendIn(Schema):
    """How much more time: a new end, or minutes beyond the one that holds now; one of both."""

    model_config = ConfigDict(extra="forbid")

    reason: str
    until: Moment | None = None
    minutes: int = Field(default=0, ge=0, le=1440)


class ExtensionDecisionIn(Schema):
    """A decision on the extension that was shown."""

    model_config = ConfigDict(extra="forbid")

    role: ApprovalRole
    verdict: Verdict
    reason: str


class ExtensionDecisionOut(Schema):
    """One person's decision."""

    role: str
    verdict: str
    person: str
    reason: str
    at: datetime


class ExtensionOut(Schema):
    """More time that was asked for and what became of it."""

    id: str
    person: str
    until_before: datetime
    until: datetime
    minutes: int
    reason: str
    at: datetime
    by_terminal: bool
    by_self: bool
    state: str
    who_decides: str
    decisions: list[ExtensionDecisionOut]

    @classmethod
    def of(cls, view: ExtensionView) -> "ExtensionOut":
        """Return the wire form of an extension."""
        names = [name for name in cls.model_fields if name not in ("decisions", "who_decides")]
        decisions = [
            ExtensionDecisionOut(role=one.role, verdict=one.verdict, person=one.person, reason=one.reason, at=one.at)
            for one in view.decisions
        ]
        told = {name: getattr(view, name) for name in names}
        return cls(**told, decisions=decisions, who_decides=tickets.who_decides(view.ticket))


@router.get("/{number}/extensions", response={200: list[ExtensionOut], **ANSWERS})
def list_extensions(request: HttpRequest, number: str) -> list[ExtensionOut]:
    """Return every extension that was asked for under the ticket, oldest first."""
    may_read_ticket(actor_of(request), number)
    return [ExtensionOut.of(view) for view in tickets.extensions(number)]


@router.post("/{number}/extensions", response={200: ExtensionOut, **ANSWERS})
def ask(request: HttpRequest, number: str, body: ExtendIn) -> ExtensionOut:
    """Ask for more time; the answer's state says whether it is granted at once or waits for an approver."""
    actor = actor_of(request, "write")
    return ExtensionOut.of(extend_window.extend(actor, wiring.clock(), number, **body.dict()))


@router.post("/{number}/extensions/{extension}/decide", response={200: TicketOut, **ANSWERS})
def decide(request: HttpRequest, number: str, extension: str, body: ExtensionDecisionIn) -> TicketOut:
    """Grant or refuse exactly this extension."""
    actor = actor_of(request, "write")
    return TicketOut.of(extend_window.decide(actor, wiring.clock(), number, extension, **body.dict()))
