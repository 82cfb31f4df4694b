"""Attacks on watching, orders and the escort's presence: crowding out, presence without looking, rows by hand."""

from datetime import timedelta

import pytest
from tests.app.test_sessions_supervision import begun, order, present, supervised, told
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard

from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import OrderKind, Work
from quarterdeck.sessions.models import MaintenanceSession
from quarterdeck.sessions.watching import MOST_WORKERS
from quarterdeck.workflows import supervise

pytestmark = pytest.mark.django_db


@pytest.fixture
def yard(settings: object, clock: StillClock) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(clock)


@pytest.fixture
def number(yard: Yard) -> str:
    return yard.scheduled().number


def by_hand(session: str, **fields: object) -> None:
    """Write into the database as somebody does who can."""
    with open_guard():
        assert MaintenanceSession.objects.filter(id=session).update(**fields) == 1


def test_who_works_keeps_no_supervisor_out_by_opening_pages(yard: Yard, number: str) -> None:
    session = begun(yard, number)
    for _ in range(MOST_WORKERS):
        supervise.begin_watch(yard.actor("max"), yard.clock, session)
    with pytest.raises(Refused) as caught:
        supervise.begin_watch(yard.actor("max"), yard.clock, session)
    assert caught.value.decision.codes == ("session.watchers",)
    for key in ("erin", "iris"):
        assert supervise.begin_watch(yard.actor(key), yard.clock, session)


def test_an_escort_is_not_present_at_a_page_that_is_closed(yard: Yard, number: str) -> None:
    supervised(yard)
    session = begun(yard, number)
    watch = present(yard, session)
    sessions.stop_watching(watch, yard.clock.now())
    with pytest.raises(Refused) as caught:
        supervise.be_present(yard.actor("erin"), yard.clock, session, watch)
    assert caught.value.decision.codes == ("watch.unknown",)
    assert not told(yard, session).present


def test_a_session_ended_by_hand_is_still_paused_ended_and_escorted(yard: Yard, number: str) -> None:
    """attacks.md row 28."""
    supervised(yard)
    session, now = begun(yard, number), yard.clock.now()
    by_hand(session, state="ended", ended_at=now, end_reason="completed")
    order(yard, "iris", session, OrderKind.PAUSE)
    assert sessions.paused_by(told(yard, session).orders) == "Iris Lead"
    assert not told(yard, session).present
    assert supervise.begin_watch(yard.actor("erin"), yard.clock, session)


def test_a_moment_written_by_hand_hides_no_order(yard: Yard, number: str) -> None:
    """attacks.md row 28."""
    first = begun(yard, number)
    order(yard, "iris", first, OrderKind.PAUSE)
    yard.clock.advance(seconds=5)
    second = begun(yard, number)
    by_hand(second, began_at=yard.clock.now() - timedelta(hours=1))
    both = sessions.supervision([first, second], yard.clock.now())
    assert sessions.paused_by(both[first].orders) == "Iris Lead"


def test_work_written_by_hand_is_not_covered_from_another_session(yard: Yard, number: str) -> None:
    """attacks.md row 28; a terminal wants its escort at this very session."""
    supervised(yard)
    terminal, other = begun(yard, number), begun(yard, number, Work.COMMAND)
    present(yard, other)
    by_hand(terminal, work=Work.COMMAND.value)
    assert not told(yard, terminal).present
