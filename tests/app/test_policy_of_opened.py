"""What a ticket must show at its close does not shrink with a policy that was changed while it was open."""

from datetime import timedelta

import pytest
from tests.ticket_yard import Yard, build_yard

from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Method, RowTerms, TicketAsset
from quarterdeck.workflows import approve, keep_policy, open_window

pytestmark = pytest.mark.django_db
ONLY_HIGH = RowTerms(risks=("high",))
WHY = "It takes too long."


@pytest.fixture
def yard(clock) -> Yard:
    return build_yard(clock, cui=False)


def opened(yard: Yard, hours: int) -> str:
    """Open work at the printer, of which a session must be written down before it closes."""
    now = yard.clock.now()
    view = yard.submitted(
        method=Method.ON_SITE, assets=(TicketAsset(yard.printer, ""),),
        window=Window(now - timedelta(minutes=1), now + timedelta(hours=hours)),
    )  # fmt: skip
    approve.approve(
        yard.actor("avery"), yard.clock, view.number, role=ApprovalRole.APPROVER, content_hash=view.content_hash,
        reason="It is worn.",
    )  # fmt: skip
    open_window.open_ticket(yard.actor("max"), yard.clock, view.number)
    return view.number


def written_down(yard: Yard, number: str) -> tickets.HoldPointView | None:
    found = [one for one in tickets.hold_points(number, yard.clock.now()) if one.id == "HP-MANUAL"]
    assert len(found) < 2
    return found[0] if found else None


def test_open_work_is_not_let_off_by_a_weaker_policy(yard: Yard) -> None:
    number = opened(yard, 1)
    before = written_down(yard, number)
    assert before is not None
    assert before.state is tickets.HoldState.FAILED
    keep_policy.change_row(yard.actor("iris"), yard.clock, "HP-MANUAL", ONLY_HIGH, reason=WHY)
    after = written_down(yard, number)
    assert after is not None
    assert after.state is tickets.HoldState.FAILED
    assert after.sentence.endswith("The policy under which this ticket was opened (version 1) asks for it.")


def test_work_that_opens_later_follows_the_later_policy(yard: Yard) -> None:
    keep_policy.change_row(yard.actor("iris"), yard.clock, "HP-MANUAL", ONLY_HIGH, reason=WHY)
    assert written_down(yard, opened(yard, 1)) is None


@pytest.mark.parametrize("hold_point", ["HP-DUTIES", "HP-ESCORT", "HP-RATIFIED"])
@pytest.mark.parametrize("terms", [RowTerms(flag_only=True), ONLY_HIGH], ids=["flagged", "narrowed"])
def test_one_person_does_not_switch_off_who_stands_by_or_ratifies(yard: Yard, hold_point: str, terms: RowTerms) -> None:
    with pytest.raises(Refused, match="can't be"):
        keep_policy.change_row(yard.actor("iris"), yard.clock, hold_point, terms, reason=WHY)
