"""Watching, ordering and escorting on PostgreSQL: locks across joined tables, and eight who press pause at once."""

import asyncio

import pytest
from asgiref.sync import ThreadSensitiveContext
from django.db import close_old_connections, connection
from tests.app.test_sessions_supervision import arrivals, begun, order, present, refusal, supervised, told
from tests.lab.together import together
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck import wiring
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import OrderKind
from quarterdeck.workflows import live, supervise


@pytest.fixture
def yard(on_postgresql: str, settings: object):
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def test_escort_and_orders(yard):
    number = yard.scheduled().number
    supervised(yard)
    session = begun(yard, number)
    watch = present(yard, session)
    assert told(yard, session).present
    order(yard, "erin", session, OrderKind.PAUSE)
    assert refusal(yard, "avery", session, OrderKind.PAUSE) == ("session.paused",)
    sessions.stop_watching(watch, yard.clock.now())
    supervise.note_lapse(yard.actor("iris"), yard.clock, session)
    assert not told(yard, session).present
    assert arrivals(number) == ["escort.arrived", "escort.left"]


def test_of_many_pauses_at_once_one_counts(yard):
    session = begun(yard, yard.scheduled().number)
    people = ("erin", "avery", "casey", "iris") * 2

    raised = together([lambda key=key: order(yard, key, session, OrderKind.PAUSE) for key in people])
    assert raised.count(None) == 1
    assert {one.decision.codes for one in raised if isinstance(one, Refused)} == {("session.paused",)}
    assert len(told(yard, session).orders) == 1


def test_who_watches_holds_no_connection_between_two_looks(yard):
    """Eight open pages would otherwise be a pool of eight, and the whole web would wait for them."""
    session = begun(yard, yard.scheduled().number)
    seen, path = sessions.session(session), wiring.running_recording(session)
    watches = [supervise.begin_watch(yard.actor("iris"), yard.clock, session) for _ in range(6)]

    def connections() -> int:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return cursor.fetchone()[0]

    before = connections()

    async def told(stream) -> None:
        async for part in stream:
            if b"event: state" in part:
                return

    async def look() -> None:
        """One stream as the server runs it: in a context, and so in a thread, of its own; it stays open."""
        async with ThreadSensitiveContext():
            one = live.Watching(yard.actor("iris"), seen, watches.pop(), path, yard.clock, close_old_connections)
            stream = live.stream(one)
            await told(stream)
            arrived.release()
            await leave.wait()
            await stream.aclose()

    async def all_of_them() -> int:
        tasks = [asyncio.create_task(look()) for _ in range(6)]
        for _ in tasks:
            await arrived.acquire()
        there = await asyncio.to_thread(counted)
        leave.set()
        await asyncio.gather(*tasks)
        return there

    def counted() -> int:
        try:
            return connections() - 1
        finally:
            connection.close()

    arrived, leave = asyncio.Semaphore(0), asyncio.Event()
    assert asyncio.run(all_of_them()) <= before
