"""Watching, ordering and escorting on PostgreSQL: locks across joined tables, and eight who press pause at once."""

import pytest
from tests.app.test_sessions_supervision import arrivals, begun, order, present, refusal, supervised, told
from tests.lab.together import together
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard

from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import OrderKind
from quarterdeck.workflows import supervise


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
