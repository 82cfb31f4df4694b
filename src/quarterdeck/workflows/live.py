"""A running session as a stream of events (text/event-stream), for every page and terminal that watches it.

The recording's own lines, with the place behind each as the event's id, so that a broken connection goes on where it
was; beside them who watches, whether it is paused, and why it ended. Every other second is asked anew whether this
person may still read. A watcher keeps a thread of its own, as every request does, and between two looks neither a
transaction nor a connection to the database: watchers delay no other page.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async

from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import EndReason, Follower, OrderKind, SessionState, SessionView
from quarterdeck.sessions.terms import order_sentence
from quarterdeck.workflows import supervise

POLL_SECONDS = 0.2
LOOK_SECONDS = 1.0
BEAT_SECONDS = 5.0
ASK_EVERY = timedelta(seconds=2)
RETRY_MILLISECONDS = 1000
REFUSED = "refused"
UNREADABLE = "The recording can't be read here ({}). Ask the IT lead to run `qd doctor`."


@dataclass(frozen=True, slots=True)
class Watching:
    """One stream: who watches what, the lease, the file, where to go on.

    `welcome` says whether the login still holds; `rest` gives the thread's connection to the database back.
    """

    actor: Actor
    session: SessionView
    watch: str
    path: Path
    clock: Clock
    rest: Callable[[], None]
    place: int = 0
    welcome: Callable[[], bool] = lambda: True


def event(name: str, data: Any) -> bytes:  # noqa: ANN401  whatever JSON holds
    """Return the bytes of one named event; JSON in ASCII has no line end of its own."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


def refused(sentence: str) -> bytes:
    """Return a stream that says why there is nothing to watch, for clients that show no other answer."""
    return event(REFUSED, {"sentence": sentence})


def place_of(last_event_id: str) -> int:
    """Return the place that a client names to go on from; 0 for anything that is none."""
    return int(last_event_id) if last_event_id.isascii() and last_event_id.isdigit() and len(last_event_id) < 16 else 0


async def stream(watching: Watching) -> AsyncIterator[bytes]:
    """Yield the events of a session until it ends, the watcher goes or may not stay; the lease ends with it."""
    follower = Follower(watching.path, watching.place)
    state = _State(watching)
    beaten = -BEAT_SECONDS
    try:
        yield f"retry: {RETRY_MILLISECONDS}\n\n".encode()
        while True:
            now = asyncio.get_running_loop().time()
            told = await state.due(now)
            part = b"" if state.is_refused else await asyncio.to_thread(_next_lines, follower, state)
            if told or part:
                yield told + part
            elif state.over is not None:
                yield event(*state.over)
                return
            else:
                if now - beaten >= BEAT_SECONDS:
                    beaten = now
                    yield b": beat\n\n"
                await asyncio.sleep(POLL_SECONDS)
    finally:
        follower.close()
        await sync_to_async(_stop)(watching)


def _stop(watching: Watching) -> None:
    try:
        sessions.stop_watching(watching.watch, watching.clock.now())
    finally:
        watching.rest()


def _next_lines(follower: Follower, state: "_State") -> bytes:
    """Return the events of what was recorded since; a fresh reader gets the header first."""
    try:
        part = follower.read()
    except OSError as error:
        state.over = REFUSED, {"sentence": UNREADABLE.format(error.strerror)}
        return b""
    found = []
    if follower.header and not state.begun:
        state.begun = True
        found += [] if follower.goes_on else [event("head", json.loads(follower.header))]
    found += [event("skipped", {})] if part.skipped else []
    found += [b"id: %d\ndata: %s\n\n" % line for line in part.lines]
    return b"".join(found)


class _State:
    """What the stream said of the session last; `over` is the closing event once there is one."""

    def __init__(self, watching: Watching) -> None:
        self._watching = watching
        self._told: dict[str, Any] = {}
        self._looked = -LOOK_SECONDS
        self._asked: datetime | None = None
        self._escort: str | None = None
        self.begun = False
        self.over: tuple[str, dict[str, Any]] | None = None

    @property
    def is_refused(self) -> bool:
        """True once not a line more may be shown."""
        return self.over is not None and self.over[0] == REFUSED

    async def due(self, now: float) -> bytes:
        """Return what is to be said, asking the books once a second until the session is over."""
        if self.over is not None or now - self._looked < LOOK_SECONDS:
            return b""
        self._looked = now
        return await sync_to_async(self._look_and_rest)()

    def _look_and_rest(self) -> bytes:
        try:
            return self._look()
        finally:
            self._watching.rest()

    def _may_stay(self, seen: SessionView, now: datetime) -> bool:
        """Ask every other second whether login and reading still hold, and keep the lease."""
        if self._asked is not None and now - self._asked < ASK_EVERY:
            return True
        self._asked = now
        sessions.prolong(self._watching.watch, now)
        return self._watching.welcome() and supervise.may_go_on(self._watching.actor.id, seen, now)

    def _look(self) -> bytes:
        """Ask the books, keep the lease, and return an event when something changed."""
        watching, now = self._watching, self._watching.clock.now()
        seen = sessions.session(watching.session.id)
        if not self._may_stay(seen, now):
            self.over = REFUSED, {"sentence": "You may not watch this session any more."}
            return b""
        if seen.state is not SessionState.RUNNING:
            self.over = "end", {"reason": seen.end_reason, "state": seen.state.value, "said": _said(seen)}
            return b""
        if self._escort is None:
            self._escort = supervise.escort_demanded(seen)
        told = {"watch": watching.watch, **state_of(seen, now, self._escort)}
        if told == self._told:
            return b""
        self._told = told
        return event("state", told)


def _said(seen: SessionView) -> str:
    """Return who ended a session and why, empty when nobody did."""
    orders = [one for one in sessions.orders(seen.id) if one.kind is OrderKind.END]
    return order_sentence(orders[-1]) if orders and seen.end_reason == EndReason.ENDED_BY_PERSON else ""


def state_of(seen: SessionView, now: datetime, escort: str | None = None) -> dict[str, Any]:
    """Return who watches a session, who paused it, the escort that it demands, and who is present as that.

    `escort` is the name of that escort for who knows it already.
    """
    held = sessions.supervision_of(seen, now)
    return {
        "watchers": list(held.watchers),
        "paused_by": sessions.paused_by(held.orders),
        "escort": supervise.escort_demanded(seen) if escort is None else escort,
        "present": held.present,
    }
