"""Work outside the gate, written down: what is taken, what is refused, what the ledger then says."""

from datetime import timedelta

import pytest
from tests.access_shop import Shop, authorise, make_shop, open_ticket
from tests.clock import StillClock

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Grade, Outcome, act, store_artifact
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import SessionKind, SessionState

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    made = make_shop(clock)
    authorise(made, "sam")
    open_ticket(made)
    clock.advance(hours=1)
    return made


def write_down(shop: Shop, *, actor: str = "sam", **changes: object) -> sessions.SessionView:
    now = shop.clock.now()
    values: dict[str, object] = {
        "ticket": shop.ticket,
        "kind": SessionKind.ON_SITE,
        "asset": shop.asset,
        "person": shop.people["sam"],
        "began_at": now - timedelta(minutes=40),
        "ended_at": now - timedelta(minutes=5),
        "account": "Swapped the fan in the left power supply.",
        "how_ended": "Logged off at the console, cabinet locked.",
    }
    who = OPERATOR if actor == "operator" else shop.actor(actor)
    with act(who, shop.clock) as current:
        return sessions.record_manual(current, **(values | changes))  # type: ignore[arg-type]


def codes(shop: Shop, **changes: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        write_down(shop, **changes)  # type: ignore[arg-type]
    return caught.value.decision.codes


@pytest.mark.parametrize("kind", [SessionKind.EXTERNAL, SessionKind.ON_SITE, SessionKind.UNATTENDED])
def test_work_outside_the_gate_is_kept_as_attached(shop: Shop, kind: SessionKind) -> None:
    log = store_artifact(b"log", media_type="text/plain", role="session-log", name="rmm.log", may_contain_cui=True)
    seen = write_down(shop, kind=kind, files=[log])
    assert (seen.kind, seen.state, seen.recording) == (kind, SessionState.ENDED, "")
    assert sessions.sessions(shop.ticket) == [seen] == sessions.all_sessions()
    assert sessions.check_row(seen).allowed
    entry = evidence.last_entry(["session.written_down"])
    assert entry is not None
    assert entry.artifacts[0]["sha256"] == log.sha256
    assert entry.data["outside_window"] is False
    assert b"power supply" not in entry.body
    [fact] = evidence.facts(ticket=shop.ticket, kinds=["session.ended"])
    assert (fact.outcome, fact.grade) == (Outcome.PASSED, Grade.ATTACHED)


def test_work_before_the_window_is_taken_down_and_marked(shop: Shop) -> None:
    write_down(shop, began_at=shop.clock.now() - timedelta(hours=3))
    entry = evidence.last_entry(["session.written_down"])
    assert entry is not None
    assert entry.data["outside_window"] is True


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"kind": SessionKind.GATE}, "session.gate_is_captured"),
        ({"asset": "as_elsewhere"}, "session.ticket"),
        ({"account": " "}, "session.no_account"),
        ({"how_ended": ""}, "session.no_end"),
        ({"account": "x" * 4001}, "session.no_account"),
        ({"person": "pe_nobody"}, "person.unknown"),
        ({"actor": "operator"}, "actor.not_a_person"),
        ({"actor": "casey"}, "role.missing"),
    ],
)
def test_what_is_refused(shop: Shop, changes: dict[str, object], code: str) -> None:
    assert code in codes(shop, **changes)
    assert sessions.all_sessions() == []


def test_times_that_can_not_be(shop: Shop) -> None:
    now = shop.clock.now()
    assert codes(shop, began_at=now, ended_at=now - timedelta(minutes=1)) == ("session.ends_before_it_begins",)
    assert codes(shop, ended_at=now + timedelta(minutes=1)) == ("session.in_the_future",)


def test_unknown_session_is_a_sentence() -> None:
    with pytest.raises(Refused, match="no such session"):
        sessions.session("se_none")
