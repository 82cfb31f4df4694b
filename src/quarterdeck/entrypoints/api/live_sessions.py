"""Running sessions over the wire: watch as events, order, be present as the escort."""

from datetime import datetime

from django.db import close_old_connections
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Router, Schema

from quarterdeck import wiring
from quarterdeck.entrypoints.api.authentication import token_of
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.sessions import ANSWERS
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import OrderKind
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import live, supervise

router = Router(tags=["sessions"])


class WordsIn(Schema):
    """The words of a message, or the reason of an end: one line, at most 400 characters."""

    text: str


class PresenceIn(Schema):
    """The lease that the stream of events named in its state."""

    watch: str


class OrderOut(Schema):
    """An order that stands in the ledger; the gate does it within a second."""

    order: str
    kind: str


class SupervisionOut(Schema):
    """Who watches a session, who paused it, the escort that it demands, and who is present as that escort."""

    watchers: list[str]
    paused_by: str
    escort: str
    present: str


class HappeningOut(Schema):
    """One thing that a person did to a session while it ran; `text` are the words of a message or an end."""

    at: datetime
    what: str
    person: str
    text: str


class PresenceOut(Schema):
    """How long the presence holds without being renewed."""

    seconds: float


@router.get("/{session}/live", response={200: None, **ANSWERS})
def watch(request: HttpRequest, session: str) -> StreamingHttpResponse:
    """Return the running session as text/event-stream, from Last-Event-ID on; who watches is recorded and told."""
    actor, secret = actor_of(request), token_of(request)
    seen = sessions.session(session)
    lease = supervise.begin_watch(actor, wiring.clock(), session)
    place = live.place_of(request.headers.get("Last-Event-ID", ""))

    def token_holds() -> bool:
        return personnel.identify(secret, wiring.clock()) is not None

    path, clock = wiring.running_recording(session), wiring.clock()
    watching = live.Watching(actor, seen, lease, path, clock, close_old_connections, place, token_holds)
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(live.stream(watching), content_type="text/event-stream", headers=headers)


@router.get("/{session}/supervision", response={200: SupervisionOut, **ANSWERS})
def supervision(request: HttpRequest, session: str) -> SupervisionOut:
    """Return who watches and whether input passes."""
    seen = sessions.session(session)
    may_read_ticket(actor_of(request), seen.ticket, Reading.RECORDING)
    return SupervisionOut(**live.state_of(seen, wiring.clock().now()))


@router.get("/{session}/happenings", response={200: list[HappeningOut], **ANSWERS})
def happenings(request: HttpRequest, session: str) -> list[HappeningOut]:
    """Return what was done to a session while it ran: who watched, paused, resumed, wrote into it, ended it."""
    seen = sessions.session(session)
    may_read_ticket(actor_of(request), seen.ticket, Reading.RECORDING)
    return [
        HappeningOut(at=one.at, what=one.what.value, person=one.person, text=one.text)
        for one in sessions.happenings(session)
    ]


@router.post("/{session}/pause", response={200: OrderOut, **ANSWERS})
def pause(request: HttpRequest, session: str) -> OrderOut:
    """Hold the technician's input: not a byte of it is read until the session is resumed, none is lost."""
    return _order(request, session, OrderKind.PAUSE)


@router.post("/{session}/resume", response={200: OrderOut, **ANSWERS})
def resume(request: HttpRequest, session: str) -> OrderOut:
    """Let the input go on."""
    return _order(request, session, OrderKind.RESUME)


@router.post("/{session}/end", response={200: OrderOut, **ANSWERS})
def end(request: HttpRequest, session: str, body: WordsIn) -> OrderOut:
    """End the session and its connection with a reason, which the technician reads."""
    return _order(request, session, OrderKind.END, body.text)


@router.post("/{session}/message", response={200: OrderOut, **ANSWERS})
def message(request: HttpRequest, session: str, body: WordsIn) -> OrderOut:
    """Write a line into the technician's terminal and into the recording."""
    return _order(request, session, OrderKind.MESSAGE, body.text)


def _order(request: HttpRequest, session: str, kind: OrderKind, text: str = "") -> OrderOut:
    actor = actor_of(request, "write")
    seen = sessions.session(session)
    may_read_ticket(actor, seen.ticket, Reading.RECORDING)
    return OrderOut(order=supervise.order(actor, wiring.clock(), session, kind, text), kind=kind.value)


@router.post("/{session}/present", response={200: PresenceOut, **ANSWERS})
def present(request: HttpRequest, session: str, body: PresenceIn) -> PresenceOut:
    """Say as the escort to be present, and renew it within ten seconds for as long as it is so."""
    actor = actor_of(request, "write")
    supervise.be_present(actor, wiring.clock(), session, body.watch)
    return PresenceOut(seconds=sessions.PRESENT_FOR.total_seconds())
