"""Supervising a running session: who may order what, what the gate reads of it, an escort who comes and goes."""

from datetime import timedelta

import pytest
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Ending, EndReason, OrderKind, SessionState, Work
from quarterdeck.sessions.models import SessionOrder, SessionWatch
from quarterdeck.workflows import supervise

pytestmark = pytest.mark.django_db


@pytest.fixture
def yard(settings: object, clock: StillClock) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(clock)


@pytest.fixture
def number(yard: Yard) -> str:
    return yard.scheduled().number


def begun(yard: Yard, number: str, work: Work = Work.TERMINAL) -> str:
    """Begin a session of Max's as the gate does."""
    with evidence.act(yard.actor("max"), yard.clock) as act:
        return sessions.begin(
            act, ticket=number, person=yard.shop.ids["max"], asset=yard.server, grant="ag_app", serial=7, work=work,
            source="192.0.2.9",
        ).id  # fmt: skip


def ended(yard: Yard, session: str) -> None:
    now = yard.clock.now()
    with evidence.act(yard.actor("max"), yard.clock) as act:
        sessions.end(act, Ending(session, EndReason.COMPLETED, SessionState.ENDED, now, now, 0), None)


def order(yard: Yard, key: str, session: str, kind: OrderKind, text: str = "") -> str:
    return supervise.order(yard.actor(key), yard.clock, session, kind, text)


def refusal(yard: Yard, key: str, session: str, kind: OrderKind, text: str = "") -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        order(yard, key, session, kind, text)
    return caught.value.decision.codes


def told(yard: Yard, session: str) -> sessions.Supervision:
    return sessions.supervision([session], yard.clock.now())[session]


def supervised(yard: Yard) -> None:
    """Take Max's access authorisation, so that the work demands the escort."""
    for right in personnel.authorisations(yard.shop.ids["max"]):
        personnel.withdraw_authorisation(right.id, actor=yard.actor("iris"), clock=yard.clock)
    personnel.authorise(
        yard.shop.ids["max"], actions=["any"], valid_from=yard.clock.now(),
        valid_until=yard.clock.now() + timedelta(days=90), actor=yard.actor("iris"), clock=yard.clock,
        agreement_id=yard.agreement, competence="Linux servers", access_authorised=False,
    )  # fmt: skip


# ---- orders


MATRIX = [
    ("erin", {"pause", "resume", "end", "message"}),  # the ticket's escort
    ("avery", {"pause", "resume", "end", "message"}),  # approved it
    ("casey", {"pause", "resume", "end", "message"}),  # approved it as CUI owner
    ("iris", {"pause", "resume", "end", "message"}),  # leads IT
    ("max", set()),  # does the work
    ("quinn", set()),  # assesses
]


@pytest.mark.parametrize(("key", "allowed"), MATRIX)
@pytest.mark.parametrize("kind", list(OrderKind))
def test_matrix_of_orders(yard: Yard, number: str, key: str, allowed: set[str], kind: OrderKind) -> None:
    session = begun(yard, number)
    if kind is OrderKind.RESUME:
        order(yard, "iris", session, OrderKind.PAUSE)
    text = "looks wrong" if kind in (OrderKind.END, OrderKind.MESSAGE) else ""
    if kind.value in allowed:
        assert order(yard, key, session, kind, text) in {one.id for one in told(yard, session).orders}
    else:
        before = len(told(yard, session).orders)
        assert "order.not_yours" in refusal(yard, key, session, kind, text)
        assert len(told(yard, session).orders) == before
        entry = evidence.last_entry(["act.refused"])
        assert entry is not None
        assert (entry.ticket, entry.object.id) == (number, f"session.{kind.value}")


def test_orders_are_entries_without_words_and_the_gate_reads_them_in_order(yard: Yard, number: str) -> None:
    session = begun(yard, number)
    before = evidence.head().size
    order(yard, "erin", session, OrderKind.MESSAGE, "  Leave the share alone  ")
    order(yard, "avery", session, OrderKind.PAUSE)
    assert evidence.head().size == before + 2
    seen = told(yard, session).orders
    assert [(one.kind, one.by, one.text) for one in seen] == [
        (OrderKind.MESSAGE, "Erin Escort", "Leave the share alone"), (OrderKind.PAUSE, "Avery Approver", ""),
    ]  # fmt: skip
    assert sessions.paused_by(seen) == "Avery Approver"
    entry = evidence.last_entry(["session.messaged"], ticket=number)
    assert entry is not None
    assert b"Leave" not in entry.body
    assert evidence.openings([entry.data["text"]])[entry.data["text"]][1] == "Leave the share alone"
    assert sessions.check_row(sessions.session(session)).allowed


def test_orders_that_make_no_sense(yard: Yard, number: str) -> None:
    session = begun(yard, number)
    assert refusal(yard, "iris", session, OrderKind.RESUME) == ("session.not_paused",)
    order(yard, "iris", session, OrderKind.PAUSE)
    assert refusal(yard, "erin", session, OrderKind.PAUSE) == ("session.paused",)
    assert refusal(yard, "erin", session, OrderKind.END, " ") == ("reason.missing",)
    assert refusal(yard, "erin", session, OrderKind.MESSAGE, "x" * 401) == ("message.length",)
    assert refusal(yard, "erin", session, OrderKind.MESSAGE, "one\ntwo") == ("message.lines",)
    assert refusal(yard, "erin", session, OrderKind.MESSAGE, "\x1b[2Jclear") == ("text.unreadable",)
    for number_ in range(10):
        order(yard, "erin", session, OrderKind.MESSAGE, f"message {number_}")
    assert refusal(yard, "erin", session, OrderKind.MESSAGE, "one more") == ("message.many",)
    yard.clock.advance(minutes=2)
    order(yard, "erin", session, OrderKind.MESSAGE, "one more")


def test_order_for_an_ended_or_unknown_session(yard: Yard, number: str) -> None:
    session = begun(yard, number)
    ended(yard, session)
    assert refusal(yard, "iris", session, OrderKind.END, "too late") == ("session.over",)
    assert refusal(yard, "iris", "se_none", OrderKind.PAUSE) == ("session.unknown",)
    assert sessions.supervision([session], yard.clock.now()) == {}


def test_altered_order_keeps_its_effect_and_loses_its_words(yard: Yard, number: str) -> None:
    """Nobody puts words into another's mouth through the database, nor lifts a pause there (attacks.md row 28)."""
    session = begun(yard, number)
    order(yard, "erin", session, OrderKind.MESSAGE, "Stop here")
    order(yard, "erin", session, OrderKind.PAUSE)
    with open_guard():
        SessionOrder.objects.filter(text="Stop here").update(text="Go on")
        SessionOrder.objects.filter(kind="pause").delete()
        SessionOrder.objects.create(
            id="or_forged", session_id=session, kind="resume", person_id=yard.shop.ids["erin"], at=yard.clock.now()
        )
    seen = told(yard, session).orders
    assert [(one.kind, one.text) for one in seen] == [(OrderKind.MESSAGE, ""), (OrderKind.PAUSE, "")]
    assert sessions.paused_by(seen) == "Erin Escort"


# ---- watching


def test_watching_is_recorded_once_told_by_name_and_limited(yard: Yard, number: str) -> None:
    session, clock = begun(yard, number), yard.clock
    first = supervise.begin_watch(yard.actor("avery"), clock, session)
    supervise.begin_watch(yard.actor("avery"), clock, session)
    supervise.begin_watch(yard.actor("erin"), clock, session)
    watched = list(evidence.entries(ticket=number, events=["session.watched"]))
    assert [entry.actor_id for entry in watched] == [yard.shop.ids["avery"], yard.shop.ids["erin"]]
    assert sorted(told(yard, session).watchers) == ["Avery Approver", "Erin Escort"]  # they came in the same moment
    for _ in range(5):
        supervise.begin_watch(yard.actor("iris"), clock, session)
    with pytest.raises(Refused) as caught:
        supervise.begin_watch(yard.actor("casey"), clock, session)
    assert caught.value.decision.codes == ("session.watchers",)
    clock.advance(seconds=6)
    sessions.prolong(first, clock.now())
    clock.advance(seconds=6)
    assert told(yard, session).watchers == ("Avery Approver",)
    sessions.stop_watching(first, clock.now())
    assert told(yard, session).watchers == ()


def test_who_may_not_read_recordings_may_not_watch(yard: Yard, number: str) -> None:
    session = begun(yard, number)
    with pytest.raises(Refused) as caught:
        supervise.begin_watch(Actor(yard.shop.add("Stranger"), ActorKind.PERSON, "mfa"), yard.clock, session)
    assert caught.value.decision.codes == ("reading.denied",)
    assert SessionWatch.objects.count() == 0
    ended(yard, session)
    with pytest.raises(Refused) as caught:
        supervise.begin_watch(yard.actor("avery"), yard.clock, session)
    assert caught.value.decision.codes == ("session.over",)


# ---- the escort


def present(yard: Yard, session: str, key: str = "erin") -> str:
    watch = supervise.begin_watch(yard.actor(key), yard.clock, session)
    supervise.be_present(yard.actor(key), yard.clock, session, watch)
    return watch


def arrivals(number: str) -> list[str]:
    return [entry.event for entry in evidence.entries(ticket=number, events=["escort.arrived", "escort.left"])]


def test_authorised_person_needs_no_escort(yard: Yard, number: str) -> None:
    assert supervise.escort_demanded(sessions.session(begun(yard, number))) == ""


def test_escort_arrives_stays_lapses_and_comes_back(yard: Yard, number: str) -> None:
    supervised(yard)
    session, clock = begun(yard, number), yard.clock
    assert supervise.escort_demanded(sessions.session(session)) == "Erin Escort"
    assert not told(yard, session).present
    watch = present(yard, session)
    assert told(yard, session).present
    for _ in range(20):  # a minute of an open page is one entry, not one a heartbeat
        clock.advance(seconds=3)
        sessions.prolong(watch, clock.now())
        supervise.be_present(yard.actor("erin"), clock, session, watch)
    assert told(yard, session).present
    assert arrivals(number) == ["escort.arrived"]
    clock.advance(seconds=11)
    assert not told(yard, session).present
    for _ in range(2):
        supervise.note_lapse(yard.actor("iris"), clock, session)
    assert arrivals(number) == ["escort.arrived", "escort.left"]
    with pytest.raises(Refused) as caught:  # nobody is present at a page that is closed
        supervise.be_present(yard.actor("erin"), clock, session, watch)
    assert caught.value.decision.codes == ("watch.unknown",)
    sessions.prolong(watch, clock.now())
    supervise.be_present(yard.actor("erin"), clock, session, watch)
    assert told(yard, session).present
    assert arrivals(number) == ["escort.arrived", "escort.left", "escort.arrived"]
    sessions.stop_watching(watch, clock.now())
    assert not told(yard, session).present


def test_only_the_escort_is_present(yard: Yard, number: str) -> None:
    supervised(yard)
    session = begun(yard, number)
    for key in ("iris", "avery", "max"):
        watch = supervise.begin_watch(yard.actor(key), yard.clock, session)
        with pytest.raises(Refused) as caught:
            supervise.be_present(yard.actor(key), yard.clock, session, watch)
        assert "escort.other" in caught.value.decision.codes
    erin = supervise.begin_watch(yard.actor("erin"), yard.clock, session)
    with pytest.raises(Refused) as caught:
        supervise.be_present(yard.actor("iris"), yard.clock, session, erin)
    assert caught.value.decision.codes == ("watch.unknown",)
    assert not told(yard, session).present


def test_deactivated_escort_is_not_present(yard: Yard, number: str) -> None:
    supervised(yard)
    session = begun(yard, number)
    present(yard, session)
    personnel.deactivate_person(yard.shop.ids["erin"], actor=yard.actor("iris"), clock=yard.clock)
    assert not told(yard, session).present
    supervise.note_lapse(yard.actor("iris"), yard.clock, session)
    assert arrivals(number) == ["escort.arrived", "escort.left"]


def test_lease_written_into_the_database_lets_nobody_work(yard: Yard, number: str) -> None:
    supervised(yard)
    session, now = begun(yard, number), yard.clock.now()
    later = now + timedelta(hours=1)
    SessionWatch.objects.create(
        id="wa_forged", session_id=session, person_id=yard.shop.ids["erin"], began_at=now, seen_until=later,
        present_until=later,
    )  # fmt: skip
    assert not told(yard, session).present


def test_commands_are_covered_by_the_ticket_terminals_only_by_their_own_page(yard: Yard, number: str) -> None:
    supervised(yard)
    first, other, copy = begun(yard, number), begun(yard, number), begun(yard, number, Work.TRANSFER)
    present(yard, first)
    assert [told(yard, one).present for one in (first, other, copy)] == ["Erin Escort", "", "Erin Escort"]


def test_deputy_of_the_escort_may_escort_and_read(yard: Yard, number: str) -> None:
    supervised(yard)
    session, now = begun(yard, number), yard.clock.now()
    personnel.name_deputy(
        yard.shop.ids["erin"], yard.shop.ids["iris"], personnel.Role.ESCORT, now, now + timedelta(days=2),
        actor=yard.actor("erin"), clock=yard.clock,
    )  # fmt: skip
    yard.clock.advance(seconds=1)
    present(yard, session, "iris")
    assert told(yard, session).present == "Iris Lead"
