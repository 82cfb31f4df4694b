"""What was tried in staging: under a ticket of its own, on staging systems alone, with the same tools."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests import ticket_steps
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_steps import BEFORE_OPEN, bring, to_window
from tests.ticket_yard import Yard, build_yard

from quarterdeck.adapters.run_room import RunFolders
from quarterdeck.evidence.api import Grade, facts
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Risk, RollbackPlan, RollbackStep
from quarterdeck.workflows import close_ticket, open_window, record_staging, roll_back

pytestmark = pytest.mark.django_db(transaction=True)
ROOM = RunFolders(Path("/nonexistent"))  # no step of these plans plays a playbook


@pytest.fixture
def yard(settings) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    return build_yard(StillClock())


def codes(call: Callable[..., object], *arguments: object, **named: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return tuple(refused.value.decision.codes)


def plan(yard: Yard, text: str = "Put smb.conf back") -> RollbackPlan:
    return RollbackPlan(30, "The share does not answer", (RollbackStep(text, yard.shop.ids["max"]),))


def environment(yard: Yard, word: str) -> None:
    inventory.change_asset(yard.server, {"environment": word}, actor=yard.actor("iris"), clock=yard.clock)


def tried(yard: Yard, *, back: bool, text: str = "Put smb.conf back") -> str:
    """Do the work on the server while it counts as a staging system, and go back where asked."""
    environment(yard, "staging")
    number = yard.scheduled(rollback_plan=plan(yard, text)).number
    to_window(yard, number)
    bring(yard, number, BEFORE_OPEN)
    open_window.open_ticket(yard.actor("max"), yard.clock, number)
    if back:
        roll_back.begin(yard.actor("max"), yard.clock, number, reason="To try the rollback.", room=ROOM)
        roll_back.say_step(yard.actor("max"), yard.clock, number, 1, done=True, said="It is back.")
    ticket_steps.verified(yard, number)
    close_ticket.close(
        yard.actor("iris"), yard.clock, number, summary="Tried in staging, as the plan says.", rolled_back=back
    )
    yard.clock.advance(minutes=1)
    return number


def high(yard: Yard, **changes: object) -> str:
    return yard.submitted(risk=Risk.HIGH, rollback_plan=plan(yard), **changes).number


def hold(yard: Yard, number: str) -> tuple[str, ...]:
    return {one.id: one for one in tickets.hold_points(number, yard.clock.now())}["HP-STAGING"].codes


def record(yard: Yard, number: str, staging: str) -> tuple[str, ...]:
    return record_staging.record(yard.actor("iris"), yard.clock, number, staging=staging)


def test_work_and_rollback_are_tried_under_tickets_of_their_own(yard: Yard) -> None:
    work, back = tried(yard, back=False), tried(yard, back=True)
    number = high(yard)
    assert set(hold(yard, number)) == {"staging.tested.missing", "rollback.tested.missing"}
    assert record(yard, number, work) == ("staging.tested",)
    assert record(yard, number, back) == ("rollback.tested",)
    assert hold(yard, number) == ()
    found = facts(ticket=number, kinds=["staging.tested", "rollback.tested"])
    assert {(one.grade, one.detail["ticket"]) for one in found} == {(Grade.CAPTURED, work), (Grade.CAPTURED, back)}


def test_other_steps_were_not_tried(yard: Yard) -> None:
    back, number = tried(yard, back=True, text="Something else"), high(yard)
    assert codes(record, yard, number, back) == ("staging.nothing_tried",)


def test_production_long_ago_other_tools_and_open_tickets_do_not_count(yard: Yard) -> None:
    work = tried(yard, back=False)
    environment(yard, "production")
    assert "staging.not_staging" in codes(record, yard, high(yard), work)
    environment(yard, "staging")
    assert "staging.other_items" not in codes(record, yard, high(yard, items=(yard.tool,)), high(yard))
    assert "staging.long_ago" in codes(record, yard, high(yard), high(yard))
    assert codes(record, yard, work, work)
