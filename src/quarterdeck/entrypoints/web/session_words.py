"""A maintenance session in one line, as the ticket and the list of sessions show it."""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from quarterdeck.entrypoints.web import zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.words import called
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import HAPPENED, EndReason, OrderKind, SessionKind, SessionView, lacks, orders

_NO_REPLAY = {
    SessionKind.EXTERNAL: "This work went through another way in; its log is attached to the ticket, if there is one.",
    SessionKind.ON_SITE: "Work on site is written down, not filmed.",
    SessionKind.UNATTENDED: "An unattended run leaves its log, not a picture.",
}


def line(session: SessionView, names: Names) -> dict[str, Any]:
    """Return the session for a list."""
    return {
        "id": session.id,
        "url": reverse("session", args=[session.id]),
        "person": names.person(session.person),
        "asset": names.asset(session.asset),
        "kind": session.kind.value,
        "state": session.state.value,
        "began_at": session.began_at,
        "length": length(session),
        "end_reason": called(session.end_reason) if session.end_reason else "",
        "replay": bool(session.recording),
        "lacks": lacks(session),
    }


def length(session: SessionView) -> str:
    """Return how long it took, empty while it runs."""
    return zones.spoken(session.ended_at - session.began_at) if session.ended_at else ""


def watched(watchers: Sequence[str], paused_by: str, absent: str = "") -> str:
    """Say of a running session whether its input is held, and who watches; `absent` is the escort waited for."""
    said = [f"waits for the escort {absent}"] if absent else []
    said += [f"paused by {paused_by}"] if paused_by else []
    said.append(f"watched by {', '.join(watchers)}" if watchers else "nobody watches")
    words = "; ".join(said)
    return words[0].upper() + words[1:]


def happenings(session: str, names: Names, *, may_watch: bool) -> list[dict[str, object]]:
    """Return what was done to a session while it ran; the words of people only for who may watch its recording."""
    return [
        {
            "at": one.at,
            "what": HAPPENED[one.what],
            "who": names.person(one.person),
            "text": one.text if may_watch else "",
        }
        for one in sessions.happenings(session)
    ]


def ended(session: SessionView, *, may_watch: bool) -> str:
    """Say who ended it, and why to who may watch it; empty when nobody ordered its end."""
    if session.end_reason != EndReason.ENDED_BY_PERSON.value:
        return ""
    last = next((one for one in reversed(orders(session.id)) if one.kind is OrderKind.END), None)
    if last is None:
        return ""
    return f"Ended by {last.by}: {last.text}" if may_watch and last.text else f"Ended by {last.by}"


def why_no_replay(session: SessionView) -> str:
    """Say why there is nothing to replay."""
    if session.kind is not SessionKind.GATE:
        return _NO_REPLAY[session.kind]
    if session.ended_at is None:
        return "The session is still running; its recording is sealed when it ends."
    return "The gate ended before the recording was sealed. What was written until then is in the explanation."
