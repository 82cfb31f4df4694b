"""Emergencies: impact and a named authoriser before, ratification after, and what an emergency never defers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from tests import ticket_steps
from tests.ticket_steps import BEFORE_OPEN, OF_ASSETS, bring, codes, holds, opened, to_window, verified
from tests.ticket_yard import Yard

from quarterdeck.evidence import api as evidence
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import (
    ApprovalKind,
    ApprovalRole,
    EmergencyBasis,
    HoldState,
    MaintenanceType,
    Risk,
    State,
    TicketView,
)
from quarterdeck.tickets.rules import ratification_due
from quarterdeck.workflows import approve, close_ticket, open_window

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords


def authorise(
    yard: Yard, view: TicketView, who: str = "avery", authoriser: str = "avery", basis: str = "in_person"
) -> TicketView:
    return approve.authorise_emergency(
        yard.actor(who), yard.clock, view.number, authoriser=yard.shop.ids[authoriser], basis=EmergencyBasis(basis),
        content_hash=view.content_hash, reason="The share service is down.",
    )  # fmt: skip


def open_emergency(yard: Yard, **changes: object) -> str:
    view = authorise(yard, yard.submitted(emergency=True, **changes))
    to_window(yard, view.number)
    bring(yard, view.number, BEFORE_OPEN)
    open_window.open_ticket(yard.actor("max"), yard.clock, view.number)
    return view.number


def ratify(yard: Yard, number: str, key: str, role: str, *, approve_it: bool = True) -> TicketView:
    return approve.ratify(
        yard.actor(key), yard.clock, number, role=ApprovalRole(role), approve_it=approve_it, reason="I read all of it."
    )


def close(yard: Yard, number: str) -> TicketView:
    return close_ticket.close(yard.actor("iris"), yard.clock, number, summary="Service is back.")


def test_one_word_in_person_schedules_and_the_second_approval_is_deferred(yard: Yard) -> None:
    view = authorise(yard, yard.submitted(emergency=True))
    assert view.state is State.SCHEDULED
    (given,) = view.approvals
    assert (given.kind, given.basis, given.person) == (ApprovalKind.EMERGENCY, "in_person", yard.shop.ids["avery"])


@pytest.mark.parametrize("basis", ["call_back", "standing_authority"])
def test_a_word_by_phone_or_in_writing_is_recorded_by_who_works(yard: Yard, basis: str) -> None:
    view = authorise(yard, yard.submitted(emergency=True), "max", "avery", basis)
    assert [a.person for a in view.approvals] == [yard.shop.ids["avery"]]
    told = evidence.last_entry(["emergency.authorised"], ticket=view.number)
    assert told is not None
    assert (told.actor_id, told.data["authoriser"]) == (yard.shop.ids["max"], yard.shop.ids["avery"])


@pytest.mark.parametrize(
    ("who", "authoriser", "basis", "expected"),
    [
        ("iris", "avery", "in_person", "emergency.not_in_person"),
        ("avery", "avery", "call_back", "emergency.in_person"),
        ("iris", "casey", "call_back", "duties.role_missing"),
        ("iris", "max", "call_back", "duties.is_technician"),
        ("max", "iris", "call_back", "duties.is_requester"),
        ("iris", "erin", "call_back", "duties.is_escort"),
        ("quinn", "avery", "call_back", "ticket.not_yours"),
    ],
)
def test_whose_word_counts(yard: Yard, who: str, authoriser: str, basis: str, expected: str) -> None:
    view = yard.submitted(emergency=True)
    assert expected in codes(authorise, yard, view, who, authoriser, basis)
    assert tickets.ticket(view.number).state is State.SUBMITTED


def test_requester_technician_and_escort_authorise_nothing_even_with_the_role(yard: Yard) -> None:
    for key in ("max", "erin"):
        grant = personnel.grant_role(yard.shop.ids[key], Role.APPROVER, actor=yard.actor("iris"), clock=yard.clock)
        personnel.confirm_role(grant.id, actor=yard.actor("casey"), clock=yard.clock)
    yard.clock.advance(hours=25)
    view = yard.submitted(emergency=True)
    assert codes(authorise, yard, view, "max", "max") == ("duties.is_technician",)
    assert codes(authorise, yard, view, "erin", "erin") == ("duties.is_escort",)


def test_the_impact_is_wanted_before(yard: Yard) -> None:
    view = yard.submitted(emergency=True, impact=" ")
    assert codes(authorise, yard, view) == ("plan.no_impact",)


def test_an_ordinary_ticket_has_no_shortcut(yard: Yard) -> None:
    view = yard.submitted()
    assert codes(authorise, yard, view) == ("emergency.not_one",)
    assert codes(ratify, yard, view.number, "avery", "approver") == ("emergency.not_one", "state.wrong")


def test_the_hash_shown_and_the_second_factor(yard: Yard) -> None:
    view = yard.submitted(emergency=True)
    shown: Callable[..., object] = approve.authorise_emergency
    words = {"authoriser": yard.shop.ids["avery"], "basis": EmergencyBasis.IN_PERSON, "reason": "Down."}
    assert codes(shown, yard.actor("avery"), yard.clock, view.number, content_hash="0" * 64, **words) == (
        "content.moved",
    )
    stale = yard.shop.stale("avery")
    assert codes(shown, stale, yard.clock, view.number, content_hash=view.content_hash, **words) == ("step_up.needed",)


def test_lead_time_and_staging_are_deferred_recorder_and_second_factor_never(yard: Yard) -> None:
    view = authorise(yard, yard.submitted(emergency=True, maintenance_type=MaintenanceType.PREVENTIVE, risk=Risk.HIGH))
    to_window(yard, view.number)
    bring(yard, view.number, OF_ASSETS)
    found = holds(view.number, yard.clock.now())
    assert found["HP-STAGING"].state is HoldState.WAIVED
    assert found["HP-NOTICE"].state is HoldState.PASSED
    assert found["HP-RECORDER"].state is HoldState.FAILED
    assert codes(open_window.open_ticket, yard.actor("max"), yard.clock, view.number) == ("recorder.healthy.missing",)
    stale = codes(open_window.open_ticket, yard.shop.stale("max"), yard.clock, view.number)
    assert stale == ("step_up.needed",)


def test_ratification_is_due_at_the_end_of_the_second_business_day(yard: Yard) -> None:
    number = open_emergency(yard)
    view = tickets.ticket(number)
    assert view.ratify_until == view.opened_at + timedelta(days=2)  # type: ignore[operator]
    friday = datetime(2026, 11, 27, 22, 0, tzinfo=UTC)
    assert ratification_due(friday) == datetime(2026, 12, 1, 22, 0, tzinfo=UTC)
    assert ratification_due(friday + timedelta(days=1)) == datetime(2026, 12, 2, 0, 0, tzinfo=UTC)


def test_both_ratify_and_only_then_it_closes(yard: Yard) -> None:
    number = verified(yard, open_emergency(yard))
    assert codes(close, yard, number) == ("ratification.no_approver",)
    ratify(yard, number, "avery", "approver")
    assert codes(close, yard, number) == ("ratification.no_cui_owner",)
    assert codes(ratify, yard, number, "avery", "approver") == ("approval.given",)
    ratify(yard, number, "casey", "cui_owner")
    assert close(yard, number).state is State.CLOSED
    assert len(evidence.facts(ticket=number, kinds=["emergency.ratified"])) == 2


def test_who_ratifies(yard: Yard) -> None:
    number = open_emergency(yard)
    assert "duties.is_technician" in codes(ratify, yard, number, "max", "approver")
    assert "duties.is_requester" in codes(ratify, yard, number, "iris", "approver")
    assert codes(ratify, yard, number, "casey", "approver") == ("duties.role_missing",)
    grant = personnel.grant_role(yard.shop.ids["avery"], Role.CUI_OWNER, actor=yard.actor("iris"), clock=yard.clock)
    personnel.confirm_role(grant.id, actor=yard.actor("casey"), clock=yard.clock)
    yard.clock.advance(hours=25)
    ratify(yard, number, "avery", "approver")
    assert codes(ratify, yard, number, "avery", "cui_owner") == ("duties.same_person",)


def test_before_it_was_opened_there_is_nothing_to_ratify(yard: Yard) -> None:
    view = authorise(yard, yard.submitted(emergency=True))
    assert codes(ratify, yard, view.number, "avery", "approver") == ("state.wrong",)


def test_a_refused_ratification_withdraws_access_and_closes_with_its_finding(yard: Yard) -> None:
    number = open_emergency(yard)
    max_, now = yard.shop.ids["max"], yard.clock.now()
    assert tickets.may_admit(number, max_, yard.server, now).allowed
    view = ratify(yard, number, "casey", "cui_owner", approve_it=False)
    assert (view.state, view.finding) == (State.OPEN, "not_ratified")
    assert evidence.last_entry(["access.withdrawn"], ticket=number)
    assert tickets.may_admit(number, max_, yard.server, now).codes == ("ticket.finding",)
    assert codes(ratify, yard, number, "avery", "approver") == ("ticket.finding",)
    verified(yard, number)
    assert codes(open_window.reopen, yard.actor("max"), yard.clock, number) == ("ticket.finding",)
    done = close(yard, number)
    assert (done.state, done.finding) == (State.CLOSED, "not_ratified")


def test_an_overdue_ratification_blocks_no_other_emergency(yard: Yard) -> None:
    verified(yard, open_emergency(yard))
    yard.clock.advance(days=5)
    assert open_emergency(yard)


def test_a_ticket_approved_in_the_ordinary_way_needs_no_ratification(yard: Yard) -> None:
    number = verified(yard, opened(yard))
    assert close(yard, number).ratify_until is None
