"""More time for open work: who gets it alone, who decides, what it moves and what a hand-written row is worth."""

from datetime import timedelta

import pytest
from tests import ticket_steps
from tests.ticket_steps import MaintenanceTicket, codes, open_guard, opened
from tests.ticket_yard import Yard

from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, ExtensionState, State, Verdict
from quarterdeck.tickets.models import Extension
from quarterdeck.workflows import close_ticket, open_window
from quarterdeck.workflows.extend_window import decide, extend

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords
WHY = "The index is still being built."


@pytest.fixture
def number(yard: Yard) -> str:
    """An open ticket whose technician is of a vendor."""
    return opened(yard)


@pytest.fixture
def own(yard: Yard) -> str:
    """An open ticket that own staff work on, without an escort."""
    iris = yard.shop.ids["iris"]
    personnel.authorise(
        iris, actions=["any"], valid_from=yard.clock.now() - timedelta(days=1),
        valid_until=yard.clock.now() + timedelta(days=90), actor=yard.actor("iris"), clock=yard.clock,
        access_authorised=True,
    )  # fmt: skip
    number = yard.scheduled(technicians=(iris,), agreement_id="").number
    ticket_steps.to_window(yard, number)
    ticket_steps.bring(yard, number, ticket_steps.BEFORE_OPEN)
    open_window.open_ticket(yard.actor("iris"), yard.clock, number)
    return number


def approve_both(yard: Yard, number: str, asked: str) -> None:
    for key, role in (("avery", ApprovalRole.APPROVER), ("casey", ApprovalRole.CUI_OWNER)):
        decide(yard.actor(key), yard.clock, number, asked, role=role, verdict=Verdict.APPROVED, reason="Fine.")


def test_a_vendor_asks_and_both_roles_decide(yard: Yard, number: str) -> None:
    before = tickets.ticket(number)
    asked = extend(yard.actor("max"), yard.clock, number, minutes=45, reason=WHY)
    assert (asked.state, asked.by_self) == (ExtensionState.WAITING, False)
    assert tickets.extension_waits_for(number, yard.clock.now()) == {
        ApprovalRole.APPROVER: (yard.shop.ids["avery"],),
        ApprovalRole.CUI_OWNER: (yard.shop.ids["casey"],),
    }
    decide(yard.actor("avery"), yard.clock, number, asked.id, role=ApprovalRole.APPROVER, verdict=Verdict.APPROVED,
           reason="Fine.")  # fmt: skip
    assert tickets.ticket(number).window == before.window
    decide(yard.actor("casey"), yard.clock, number, asked.id, role=ApprovalRole.CUI_OWNER, verdict=Verdict.APPROVED,
           reason="Fine.")  # fmt: skip
    after = tickets.ticket(number)
    assert after.window.until == before.window.until + timedelta(minutes=45)
    assert after.content.window == before.window
    assert (after.content_hash, after.approvals, after.state) == (before.content_hash, before.approvals, State.OPEN)
    assert tickets.changes_since_frozen(number) == []
    told = tickets.extensions(number)[0]
    assert told.state is ExtensionState.GRANTED
    assert [one.person for one in told.decisions] == [yard.shop.ids["avery"], yard.shop.ids["casey"]]


def test_everything_judges_by_the_new_end(yard: Yard, number: str) -> None:
    old = tickets.ticket(number).window.until
    asked = extend(yard.actor("max"), yard.clock, number, minutes=45, reason=WHY)
    approve_both(yard, number, asked.id)
    yard.clock.advance(seconds=(old - yard.clock.now()).total_seconds() + 60)
    who = yard.shop.ids["max"]
    assert tickets.admission_terms(number, who).window.until == old + timedelta(minutes=45)
    assert tickets.may_admit(number, who, yard.server, yard.clock.now()).allowed
    assert tickets.due_tickets(yard.clock.now()) == ([], [])
    assert close_ticket.end_windows(system("ticker"), yard.clock) == 0
    yard.clock.advance(minutes=45)
    assert close_ticket.end_windows(system("ticker"), yard.clock) == 1


def test_one_self_extension_within_policy_for_own_staff(yard: Yard, own: str) -> None:
    first = extend(yard.actor("iris"), yard.clock, own, minutes=30, reason=WHY)
    assert (first.state, first.by_self) == (ExtensionState.GRANTED, True)
    second = extend(yard.actor("iris"), yard.clock, own, minutes=5, reason=WHY)
    assert second.state is ExtensionState.WAITING
    assert tickets.may_ask_alone(own, yard.shop.ids["iris"], 5, yard.clock.now()).codes == ("extension.used",)
    told = tickets.notices(yard.shop.ids["avery"])
    assert any("more time, until" in one.subject for one in told)


def test_too_much_for_one_alone_waits_for_an_approver(yard: Yard, own: str) -> None:
    assert extend(yard.actor("iris"), yard.clock, own, minutes=31, reason=WHY).state is ExtensionState.WAITING
    assert tickets.may_ask_alone(own, yard.shop.ids["max"], 5, yard.clock.now()).codes == (
        "extension.not_a_worker", "extension.supervised",
    )  # fmt: skip


def test_asking_again_replaces_what_waits(yard: Yard, number: str) -> None:
    first = extend(yard.actor("max"), yard.clock, number, minutes=45, reason=WHY)
    second = extend(yard.actor("max"), yard.clock, number, minutes=60, reason=WHY)
    refused = codes(
        decide, yard.actor("avery"), yard.clock, number, first.id, role=ApprovalRole.APPROVER,
        verdict=Verdict.APPROVED, reason="Fine.",
    )  # fmt: skip
    assert refused == ("extension.moved",)
    assert [one.state for one in tickets.extensions(number)] == [ExtensionState.LAPSED, ExtensionState.WAITING]
    assert second.minutes == 60


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(0, "extension.unclear"), (12 * 60 + 1, "extension.too_long"), (11 * 60, "window.vendor_cap")],
)
def test_what_no_window_can_become(yard: Yard, number: str, minutes: int, expected: str) -> None:
    assert expected in codes(extend, yard.actor("max"), yard.clock, number, minutes=minutes, reason=WHY)


def test_only_open_work_before_the_hard_end(yard: Yard, number: str) -> None:
    old = tickets.ticket(number).window.until
    assert codes(extend, yard.actor("max"), yard.clock, number, until=old, reason=WHY) == ("extension.not_later",)
    yard.clock.advance(seconds=(old - yard.clock.now()).total_seconds())
    assert "extension.too_late" in codes(extend, yard.actor("max"), yard.clock, number, minutes=60, reason=WHY)
    close_ticket.end_windows(system("ticker"), yard.clock)
    assert "extension.not_open" in codes(extend, yard.actor("max"), yard.clock, number, minutes=60, reason=WHY)


def test_not_into_the_window_of_other_work(yard: Yard, number: str) -> None:
    until = tickets.ticket(number).window.until
    other = yard.submitted(window=Window(until + timedelta(minutes=10), until + timedelta(hours=1)))
    assert codes(extend, yard.actor("max"), yard.clock, number, minutes=30, reason=WHY) == ("extension.conflict",)
    asked = extend(yard.actor("max"), yard.clock, number, minutes=10, reason=WHY)
    approve_both(yard, number, asked.id)
    later = yard.submitted(window=Window(until + timedelta(minutes=5), until + timedelta(minutes=9)))
    assert ticket_steps.holds(later.number, yard.clock.now())["HP-CONFLICT"].codes == ("window.conflict",)
    assert ticket_steps.holds(other.number, yard.clock.now())["HP-CONFLICT"].codes == ()


@pytest.mark.parametrize("key", ["max", "iris", "erin", "quinn"])
def test_who_asked_works_or_escorts_does_not_decide(yard: Yard, number: str, key: str) -> None:
    asked = extend(yard.actor("max"), yard.clock, number, minutes=45, reason=WHY)
    refused = codes(
        decide, yard.actor(key), yard.clock, number, asked.id, role=ApprovalRole.APPROVER, verdict=Verdict.APPROVED,
        reason="Fine.",
    )  # fmt: skip
    assert any(code.startswith("duties.") for code in refused)


def test_a_decision_wants_a_fresh_second_factor_and_asking_a_factor_or_the_gate(yard: Yard, number: str) -> None:
    asked = extend(yard.actor("max"), yard.clock, number, minutes=45, reason=WHY)
    assert "step_up.needed" in codes(
        decide, yard.shop.stale("avery"), yard.clock, number, asked.id, role=ApprovalRole.APPROVER,
        verdict=Verdict.APPROVED, reason="Fine.",
    )  # fmt: skip
    assert codes(extend, yard.shop.stale("max"), yard.clock, number, minutes=9, reason=WHY) == ("step_up.needed",)
    through_gate = Actor(yard.shop.ids["max"], ActorKind.PERSON, "certificate")
    assert extend(through_gate, yard.clock, number, minutes=9, reason=WHY).by_terminal
    for machine in (OPERATOR, system("gate")):
        assert "actor.not_a_person" in codes(extend, machine, yard.clock, number, minutes=9, reason=WHY)


def test_a_refusal_ends_it_and_is_told(yard: Yard, number: str) -> None:
    asked = extend(yard.actor("max"), yard.clock, number, minutes=45, reason=WHY)
    decide(yard.actor("avery"), yard.clock, number, asked.id, role=ApprovalRole.APPROVER, verdict=Verdict.REFUSED,
           reason="The office opens.")  # fmt: skip
    assert tickets.extensions(number)[0].state is ExtensionState.REFUSED
    assert tickets.ticket(number).extended_until is None
    assert any("no more time" in one.subject for one in tickets.notices(yard.shop.ids["max"]))


def test_a_hand_written_end_gives_nothing(yard: Yard, number: str) -> None:
    """attacks.md row 28."""
    until = tickets.ticket(number).window.until + timedelta(hours=3)
    with open_guard():
        MaintenanceTicket.objects.filter(number=number).update(extended_until=until)
    who = yard.shop.ids["max"]
    assert "ticket.unsealed" in tickets.may_admit(number, who, yard.server, yard.clock.now()).codes
    with pytest.raises(Refused, match="changed outside"):
        tickets.admission_terms(number, who)


def test_a_hand_written_request_is_decided_by_nobody(yard: Yard, number: str) -> None:
    asked = extend(yard.actor("max"), yard.clock, number, minutes=45, reason=WHY)
    with open_guard():
        Extension.objects.filter(id=asked.id).update(until=asked.until + timedelta(hours=2))
    assert codes(
        decide, yard.actor("avery"), yard.clock, number, asked.id, role=ApprovalRole.APPROVER,
        verdict=Verdict.APPROVED, reason="Fine.",
    ) == ("row.altered",)  # fmt: skip
