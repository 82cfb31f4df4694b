"""A running session on the web: its stream, its text so far, orders, and the escort's presence."""

from collections.abc import AsyncIterator
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import close_old_connections
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.entrypoints.web import casts
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK, forget, visitor_of
from quarterdeck.entrypoints.web.reading import reads, ticket_for
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import OrderKind, SessionKind, SessionState, SessionView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading, Verdict
from quarterdeck.workflows import live, supervise

SO_FAR_BYTES = 4_194_304
# Shorter than a watcher's lease, so that who reads the text is named all the while.
REFRESH_SECONDS = "8"
_SAID = {
    OrderKind.PAUSE: "Paused. What the technician types waits.",
    OrderKind.RESUME: "Resumed.",
    OrderKind.END: "Ended. The connection is being closed.",
    OrderKind.MESSAGE: "Sent. It stands in the technician's terminal and in the recording.",
}


def is_live(session: SessionView) -> bool:
    """True while there is something to watch."""
    return session.kind is SessionKind.GATE and session.state is SessionState.RUNNING


def _readable(seen: Visitor, session_id: str) -> SessionView:
    try:
        found = sessions.session(session_id)
    except Refused as refused:
        raise Http404 from refused
    ticket_for(seen, found.ticket)
    if not reads(seen, found.ticket, Reading.RECORDING):
        raise PermissionDenied
    return found


def context(seen: Visitor, session: SessionView) -> dict[str, Any]:
    """Return what the live part of a session's page needs, and what this visitor may order."""
    ticket, me = tickets.ticket(session.ticket), seen.person.id
    escorts = tickets.may_escort(session.ticket, me, seen.now).allowed
    state = live.state_of(session, seen.now)
    may = _may_order(seen, ticket, session)
    return {
        "live": True,
        "live_state": state,
        "live_url": reverse("session_live", args=[session.id]),
        "so_far_url": reverse("session_so_far", args=[session.id]),
        "order_url": reverse("session_order", args=[session.id]),
        "present_url": reverse("session_present", args=[session.id]),
        "may_pause": OrderKind.PAUSE in may,
        "may_speak": OrderKind.RESUME in may,
        "is_escort": escorts and bool(state["escort"]),
        "said_present": escorts and sessions.has_said(session.ticket, me),
        "others": _others(session),
    }


def _others(session: SessionView) -> list[dict[str, Any]]:
    names = Names()
    return [
        {
            "url": reverse("session", args=[one.id]),
            "name": f"{names.person(one.person)} on {names.asset(one.asset)}",
            "work": one.work,
            "began_at": one.began_at,
        }
        for one in sessions.running()
        if one.ticket == session.ticket and one.id != session.id and is_live(one)
    ]


def _may_order(seen: Visitor, ticket: tickets.TicketView, session: SessionView) -> set[OrderKind]:
    me = seen.person.id
    approved = any(a.person == me and a.void_at is None and a.verdict is Verdict.APPROVED for a in ticket.approvals)
    who = sessions.Standpoint(
        is_own=session.person == me,
        works=me in tickets.workers(ticket),
        escorts=tickets.may_escort(ticket.number, me, seen.now).allowed,
        approved=approved and seen.has(Role.APPROVER, Role.CUI_OWNER),
        leads=seen.has(Role.IT_LEAD),
    )
    return {kind for kind in OrderKind if sessions.may_order(kind, running=True, who=who).allowed}


def waiting(seen: Visitor, names: Names) -> list[dict[str, Any]]:
    """Return the running sessions in which a technician waits for this person as escort."""
    if not seen.has(Role.ESCORT):
        return []
    mine = [one for one in sessions.running() if tickets.may_escort(one.ticket, seen.person.id, seen.now).allowed]
    held = sessions.supervision([one.id for one in mine], seen.now)
    return [
        {
            "act": f"{names.person(one.person)} waits for you as escort",
            "about": f"{one.ticket} · {names.asset(one.asset)} · nothing passes until you watch",
            "url": reverse("session", args=[one.id]),
            "button": "Watch",
            "icon": "eye",
            "due": one.began_at,
            "late": False,
        }
        for one in mine
        if one.id in held and not held[one.id].present and supervise.escort_demanded(one)
    ]


@page()
def session_live(request: HttpRequest, seen: Visitor, session_id: str) -> HttpResponseBase:
    """The session as it happens, as events; who watches is recorded and told to the technician."""
    session = _readable(seen, session_id)

    def still_signed_in() -> bool:
        forget(request)
        kept = request.session.exists(request.session.session_key or "")
        return kept and visitor_of(request) is not None

    try:
        watch = supervise.begin_watch(seen.actor, CLOCK, session.id)
    except Refused as refused:
        return _events(_once(live.refused(str(refused))))
    place = live.place_of(request.headers.get("Last-Event-ID", ""))
    path = wiring.running_recording(session.id)
    watching = live.Watching(seen.actor, session, watch, path, CLOCK, close_old_connections, place, still_signed_in)
    return _events(live.stream(watching))


@page()
def session_others(request: HttpRequest, seen: Visitor, session_id: str) -> HttpResponse:
    """The other running sessions of the ticket, as the part of the page that renews itself."""
    session = _readable(seen, session_id)
    return render(request, "sessions/others.html", {"session": session, "others": _others(session)})


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


def _events(parts: AsyncIterator[bytes]) -> StreamingHttpResponse:
    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingHttpResponse(parts, content_type="text/event-stream", headers=headers)


@page()
def session_so_far(request: HttpRequest, seen: Visitor, session_id: str) -> HttpResponse:
    """The running session as text, or as the cast of what was recorded so far; who reads counts as watching."""
    session = _readable(seen, session_id)
    if not is_live(session):
        return redirect("session", session.id)
    supervise.begin_watch(seen.actor, CLOCK, session.id)
    data = _recorded(session)
    if "cast" in request.GET:
        return HttpResponse(data, content_type="application/x-asciicast")
    names = Names()
    shown = {
        "session": session,
        "person": names.person(session.person),
        "asset": names.asset(session.asset),
        "transcript": casts.transcript(data.decode("utf-8", "replace").split("\n")),
        "live_state": live.state_of(session, seen.now),
    }
    response = render(request, "sessions/so_far.html", shown)
    response["Refresh"] = REFRESH_SECONDS
    return response


def _recorded(session: SessionView) -> bytes:
    """Return the first megabytes of what is recorded, up to the last whole line; empty when nothing can be read."""
    try:
        with wiring.running_recording(session.id).open("rb") as recording:
            data = recording.read(SO_FAR_BYTES)
    except OSError:
        return b""
    return data[: data.rfind(b"\n") + 1]


@page(*STAFF_AT_WORK)
@require_POST
def session_order(request: HttpRequest, seen: Visitor, session_id: str) -> HttpResponse:
    """Pause, resume, end or speak: recorded first, then done by the gate; answered in JSON to the page's script."""
    session = _readable(seen, session_id)
    by_script = request.headers.get("Accept", "").startswith("application/json")
    try:
        kind = OrderKind(request.POST.get("kind", ""))
    except ValueError as wrong:
        raise Http404 from wrong
    try:
        supervise.order(seen.actor, CLOCK, session.id, kind, request.POST.get("text", ""))
    except Refused as refused:
        if by_script:
            return JsonResponse({"sentence": str(refused)}, status=409)
        raise
    if by_script:
        return JsonResponse({"sentence": _SAID[kind]})
    messages.success(request, _SAID[kind])
    return redirect("session", session.id)


@page(*STAFF_AT_WORK)
@require_POST
def session_present(request: HttpRequest, seen: Visitor, session_id: str) -> HttpResponse:
    """The escort is at this page: said once, then kept up by the open page."""
    session = _readable(seen, session_id)
    try:
        supervise.be_present(seen.actor, CLOCK, session.id, request.POST.get("watch", ""))
    except Refused as refused:
        return JsonResponse({"sentence": str(refused)}, status=409)
    return JsonResponse({"sentence": "You are present."})
