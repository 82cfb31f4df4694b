"""Windows: their shape, clashes with other work, what happens at their end, and how long who may stay."""

from dataclasses import replace
from datetime import timedelta

import pytest
from tests import ticket_steps
from tests.ticket_steps import BEFORE_OPEN, ENDED, TICKER, bring, codes, holds, opened, to_window, verified
from tests.ticket_yard import Yard

from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, MaintenanceType, State, TicketAsset
from quarterdeck.workflows import approve, close_ticket, open_window, request

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords


def window(yard: Yard, start: float, end: float) -> Window:
    now = yard.clock.now()
    return Window(now + timedelta(hours=start), now + timedelta(hours=end))


@pytest.mark.parametrize(
    ("start", "end", "staff", "expected"),
    [
        (2, 1, False, "window.backwards"),
        (2, 2, False, "window.backwards"),
        (-3, 0, False, "window.past"),
        (1, 13.1, False, "window.vendor_cap"),
        (1, 1 + 24 * 14 + 1, True, "window.too_long"),
    ],
)
def test_windows_that_no_ticket_can_have(yard: Yard, start: float, end: float, staff: bool, expected: str) -> None:
    people = {"technicians": (yard.shop.ids["iris"],)} if staff else {}
    content = yard.content(window=window(yard, start, end), **people)
    assert codes(request.request, yard.actor("iris"), yard.clock, content) == (expected,)
    view = request.request(yard.actor("iris"), yard.clock, yard.content())
    changed = replace(view.content, window=window(yard, start, end), **people)  # type: ignore[arg-type]
    edit = request.edit
    assert codes(edit, yard.actor("iris"), yard.clock, view.number, changed, version=view.version) == (expected,)


def test_twelve_hours_are_the_cap_for_vendors_and_pools_not_for_staff(yard: Yard) -> None:
    twelve = yard.content(window=window(yard, 1, 13))
    assert request.request(yard.actor("iris"), yard.clock, twelve)
    staff = yard.content(window=window(yard, 1, 40), technicians=(yard.shop.ids["iris"],))
    assert request.request(yard.actor("iris"), yard.clock, staff)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "two\nlines"}, "title.missing"),
        ({"title": "turned \u202e round"}, "title.missing"),
        ({"plan": "x" * 20_001}, "text.too_long"),
        ({"rollback": "nul \0"}, "text.unreadable"),
        ({"expected_paths": ("/etc/\udcff",)}, "text.unreadable"),
    ],
)
def test_texts_that_can_not_be_kept(yard: Yard, changes: dict[str, object], expected: str) -> None:
    assert expected in codes(request.request, yard.actor("iris"), yard.clock, yard.content(**changes))


def test_an_asset_named_twice(yard: Yard) -> None:
    named = TicketAsset(yard.server, yard.connection)
    assert codes(request.request, yard.actor("iris"), yard.clock, yard.content(assets=(named, named))) == (
        "asset.twice",
    )


def conflict(yard: Yard, number: str) -> tuple[str, ...]:
    return holds(number, yard.clock.now())["HP-CONFLICT"].codes


def test_overlapping_work_on_one_asset_must_name_each_other(yard: Yard) -> None:
    first, second = yard.submitted(), yard.submitted(title="Same time")
    assert conflict(yard, first.number) == conflict(yard, second.number) == ("window.conflict",)
    refused = codes(
        approve.approve, yard.actor("avery"), yard.clock, first.number, role=ApprovalRole.APPROVER,
        content_hash=first.content_hash, reason="Fine.",
    )  # fmt: skip
    assert refused == ("window.conflict",)
    name(yard, first.number, second.number)
    assert conflict(yard, first.number) == conflict(yard, second.number) == ("window.conflict",)
    name(yard, second.number, first.number)
    assert conflict(yard, first.number) == conflict(yard, second.number) == ()


def name(yard: Yard, number: str, other: str) -> None:
    view = tickets.ticket(number)
    content = replace(view.content, conflicts_with=(other,))
    request.edit(yard.actor("iris"), yard.clock, number, content, version=view.version)


def test_drafts_finished_work_touching_windows_and_other_assets_do_not_clash(yard: Yard) -> None:
    first = yard.submitted(window=window(yard, 1, 2))
    request.request(yard.actor("iris"), yard.clock, yard.content(window=window(yard, 1, 2)))
    yard.submitted(window=window(yard, 2, 3))
    yard.submitted(window=window(yard, 1, 2), assets=(TicketAsset(yard.printer, ""),))
    gone = yard.submitted(window=window(yard, 1, 2), title="Given up")
    request.withdraw(yard.actor("iris"), yard.clock, gone.number, "Not needed.")
    assert conflict(yard, first.number) == ()


def test_planned_work_wants_a_day_of_notice(yard: Yard) -> None:
    view = yard.scheduled(maintenance_type=MaintenanceType.PREVENTIVE)
    to_window(yard, view.number)
    bring(yard, view.number, BEFORE_OPEN)
    assert codes(open_window.open_ticket, yard.actor("max"), yard.clock, view.number) == ("notice.short",)


def test_the_ticker_expires_what_never_opened_and_nobody_else_does(yard: Yard) -> None:
    draft = request.request(yard.actor("iris"), yard.clock, yard.content(window=window(yard, 5, 6)))
    number = yard.scheduled().number

    def expire(actor) -> None:
        with evidence.act(actor, yard.clock) as act:
            tickets.expire(act, number)

    assert codes(expire, TICKER) == ("window.not_over",)
    yard.clock.advance(hours=7)
    assert codes(expire, OPERATOR) == codes(expire, yard.actor("iris")) == ("actor.not_a_process",)
    assert close_ticket.end_windows(TICKER, yard.clock) == 1
    assert tickets.ticket(number).state is State.EXPIRED
    assert tickets.ticket(draft.number).state is State.DRAFT
    assert close_ticket.end_windows(TICKER, yard.clock) == 0


def test_the_window_end_leads_to_verification_by_itself(yard: Yard) -> None:
    number = opened(yard)

    def end(actor) -> None:
        with evidence.act(actor, yard.clock) as act:
            tickets.end_work(act, number)

    assert codes(end, TICKER) == ("window.not_over",)
    until = tickets.ticket(number).window.until
    yard.clock.advance(seconds=(until - yard.clock.now()).total_seconds())
    assert codes(end, OPERATOR) == ("actor.not_a_process",)
    assert tickets.due_tickets(yard.clock.now()) == ([], [number])
    assert close_ticket.end_windows(TICKER, yard.clock) == 1
    assert tickets.ticket(number).state is State.VERIFYING
    assert [job.kind for job in tickets.jobs(number)] == ["verify"]
    assert codes(open_window.reopen, yard.actor("max"), yard.clock, number) == ("window.after",)


def test_the_window_is_half_open_to_the_microsecond(yard: Yard) -> None:
    number = opened(yard)
    until = tickets.ticket(number).window.until
    who = yard.shop.ids["max"]
    assert tickets.may_admit(number, who, yard.server, until - timedelta(microseconds=1)).allowed
    assert tickets.may_admit(number, who, yard.server, until).codes == ("window.outside",)
    view = tickets.ticket(number)
    assert tickets.may_admit(number, who, yard.server, view.window.from_ - timedelta(microseconds=1)).codes == (
        "window.outside",
    )


def test_running_work_of_own_staff_has_a_grace_vendors_have_none(yard: Yard) -> None:
    number = opened(yard)
    vendor = tickets.admission_terms(number, yard.shop.ids["max"])
    staff = tickets.admission_terms(number, yard.shop.ids["iris"])
    until = tickets.ticket(number).window.until
    assert (vendor.vendor, vendor.hard_end) == (True, until)
    assert (staff.vendor, staff.hard_end) == (False, until + timedelta(minutes=30))


def test_what_was_found_before_a_reopening_closes_nothing(yard: Yard) -> None:
    number = verified(yard, opened(yard))
    yard.clock.advance(minutes=5)
    open_window.reopen(yard.actor("max"), yard.clock, number)
    yard.clock.advance(minutes=5)
    close_ticket.end_work(yard.actor("max"), yard.clock, number)
    found = codes(close_ticket.close, yard.actor("iris"), yard.clock, number, summary="Done twice.")
    assert "baseline.after.stale" in found
    assert "session.ended.stale" in found
    bring(yard, number, (*ticket_steps.AFTER_WORK, *ENDED))
    assert close_ticket.close(yard.actor("iris"), yard.clock, number, summary="Done twice.").state is State.CLOSED


def test_a_register_changed_during_the_work_stops_the_reopening(yard: Yard) -> None:
    number = verified(yard, opened(yard))
    inventory.change_asset(yard.server, {"criticality": "high"}, actor=yard.actor("iris"), clock=yard.clock)
    assert codes(open_window.reopen, yard.actor("max"), yard.clock, number) == ("content.changed",)


def test_one_hand_written_ticket_does_not_hold_up_the_end_of_the_others(yard: Yard) -> None:
    forged = yard.submitted(title="Forged").number
    number = opened(yard, window=window(yard, 3, 4))
    with ticket_steps.open_guard():
        ticket_steps.MaintenanceTicket.objects.filter(number=forged).update(state="open", opened_at=yard.clock.now())
    yard.clock.advance(hours=9)
    assert close_ticket.end_windows(TICKER, yard.clock) == 1
    assert tickets.ticket(number).state is State.VERIFYING
    refused = evidence.last_entry(["act.refused"], ticket=forged)
    assert refused is not None
    assert refused.data["codes"] == ["ticket.unsealed"]
