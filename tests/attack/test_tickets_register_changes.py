"""After approval something that a name stands for changes (attacks.md row 3): nothing opens, nobody gets in.

Asked at every place that decides: approval, opening, measuring, admission. And row 27: what was shown is what counts.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests import ticket_steps
from tests.ticket_steps import BEFORE_OPEN, bring, codes, holds, to_window
from tests.ticket_yard import Yard

from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, State
from quarterdeck.tools import api as tools
from quarterdeck.workflows import approve, open_window, request

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords
OTHER_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBERERERERERERERERERERERERERERERERERERERERER"


def connection(**changes: object) -> Callable[[Yard], object]:
    def change(yard: Yard) -> object:
        fields = inventory.connection(yard.connection).fields
        return inventory.set_connection(
            yard.server, replace(fields, **changes), actor=yard.actor("iris"), clock=yard.clock,  # type: ignore[arg-type]
            connection_id=yard.connection,
        )  # fmt: skip

    return change


def asset(**changes: object) -> Callable[[Yard], object]:
    return lambda yard: inventory.change_asset(yard.server, changes, actor=yard.actor("iris"), clock=yard.clock)


def adopt(yard: Yard) -> None:
    with evidence.act(yard.actor("iris"), yard.clock) as act:
        rows = [replace(row, fact_kinds=()) for row in tickets.DEFAULT_ROWS]
        tickets.adopt_policy(act, rows, reason="As decided.")


CHANGES: dict[str, Callable[[Yard], object]] = {
    "address": connection(address="192.0.2.66"),
    "port": connection(port=2222),
    "host key": connection(host_identity=OTHER_KEY),
    "account": connection(target_account="deploy"),
    "elevation": connection(elevation="none"),
    "watched roots": connection(watched_roots=("/etc/ssh",)),
    "category": asset(category="specialized", category_reason="A test bench."),
    "owner": lambda yard: asset(owner=yard.shop.ids["iris"])(yard),
    "hostname": asset(hostname="db01.example.test"),
    "agreement ended": lambda yard: personnel.end_agreement(yard.agreement, actor=yard.actor("iris"), clock=yard.clock),
    "tool withdrawn": lambda yard: tools.withdraw_item(yard.tool, actor=yard.actor("iris"), clock=yard.clock),
    "policy": adopt,
}


@pytest.fixture(params=sorted(CHANGES))
def change(request: pytest.FixtureRequest) -> Callable[[Yard], object]:
    return CHANGES[request.param]


def decide(yard: Yard, view: tickets.TicketView, key: str = "avery", role: str = "approver") -> tickets.TicketView:
    return approve.approve(
        yard.actor(key), yard.clock, view.number, role=ApprovalRole(role), content_hash=view.content_hash,
        reason="As the page showed it.",
    )  # fmt: skip


def test_the_approval_of_what_was_shown_is_refused(yard: Yard, change: Callable[[Yard], object]) -> None:
    view = yard.submitted()
    change(yard)
    assert "content.moved" in codes(decide, yard, view)
    assert tickets.ticket(view.number).approvals == ()


def test_the_second_approval_does_not_join_one_of_other_content(yard: Yard, change: Callable[[Yard], object]) -> None:
    view = decide(yard, yard.submitted())
    change(yard)
    assert "content.moved" in codes(decide, yard, view, "casey", "cui_owner")
    assert tickets.ticket(view.number).state is State.SUBMITTED


def test_neither_opening_nor_measuring(yard: Yard, change: Callable[[Yard], object]) -> None:
    number = yard.scheduled().number
    to_window(yard, number)
    bring(yard, number, BEFORE_OPEN)
    assert tickets.may_measure(number, yard.server).allowed
    change(yard)
    assert "content.changed" in holds(number, yard.clock.now())["HP-APPROVED"].codes
    assert "content.changed" in codes(open_window.open_ticket, yard.actor("max"), yard.clock, number)
    assert tickets.may_measure(number, yard.server).codes == ("content.changed",)


def test_no_admission_to_an_open_ticket(yard: Yard, change: Callable[[Yard], object]) -> None:
    number = ticket_steps.opened(yard)
    who, now = yard.shop.ids["max"], yard.clock.now()
    assert tickets.may_admit(number, who, yard.server, now).allowed
    change(yard)
    assert "content.changed" in tickets.may_admit(number, who, yard.server, now).codes


def test_a_technician_whose_authorisation_was_withdrawn(yard: Yard) -> None:
    number = ticket_steps.opened(yard)
    other = yard.scheduled(window=type(yard.content().window)(
        yard.clock.now() + timedelta(hours=5), yard.clock.now() + timedelta(hours=6)
    )).number  # fmt: skip
    (right,) = personnel.authorisations(yard.shop.ids["max"])
    personnel.withdraw_authorisation(right.id, actor=yard.actor("iris"), clock=yard.clock)
    refused = tickets.may_admit(number, yard.shop.ids["max"], yard.server, yard.clock.now())
    assert "authorisation.out_of_date" in refused.codes
    assert holds(other, yard.clock.now())["HP-PERSON"].codes


def test_an_approver_who_joins_the_pool_later_does_not_get_in(yard: Yard) -> None:
    pool = personnel.add_pool("Harbor", yard.agreement, [yard.shop.ids["max"]], actor=yard.actor("iris"),
                              clock=yard.clock)  # fmt: skip
    vera = yard.shop.add("Vera", kind=personnel.PersonKind.VENDOR, organisation="Harbor MSP")
    grant = personnel.grant_role(vera, personnel.Role.APPROVER, actor=yard.actor("iris"), clock=yard.clock)
    personnel.confirm_role(grant.id, actor=yard.actor("casey"), clock=yard.clock)
    yard.clock.advance(hours=25)
    personnel.authorise(
        pool.id, actions=["any"], valid_from=yard.clock.now(), valid_until=yard.clock.now() + timedelta(days=9),
        actor=yard.actor("iris"), clock=yard.clock, agreement_id=yard.agreement, access_authorised=True,
    )  # fmt: skip
    view = yard.submitted(technicians=(), pool_id=pool.id)
    decide(yard, view, "vera")
    decide(yard, view, "casey", "cui_owner")
    to_window(yard, view.number)
    bring(yard, view.number, BEFORE_OPEN)
    open_window.open_ticket(yard.actor("max"), yard.clock, view.number)
    personnel.change_pool(pool.id, [yard.shop.ids["max"], vera], actor=yard.actor("iris"), clock=yard.clock)
    refused = tickets.may_admit(view.number, vera, yard.server, yard.clock.now())
    assert "duties.decider_works" in refused.codes


def test_the_page_was_shown_the_plan_was_edited_then_it_was_clicked(yard: Yard) -> None:
    """Row 27, with every decision that carries a hash."""
    view = yard.submitted(emergency=True)
    request.edit(
        yard.actor("iris"), yard.clock, view.number, replace(view.content, plan="rm -rf"), version=view.version
    )
    word = {"authoriser": yard.shop.ids["avery"], "basis": tickets.EmergencyBasis.IN_PERSON}
    who, clock = yard.actor("avery"), yard.clock
    assert codes(decide, yard, view) == ("content.moved",)
    refused = codes(approve.refuse, who, clock, view.number, role=ApprovalRole.APPROVER,
                    content_hash=view.content_hash, reason="Not so.")  # fmt: skip
    assert refused == ("content.moved",)
    refused = codes(approve.authorise_emergency, who, clock, view.number, content_hash=view.content_hash,
                    reason="Down.", **word)  # fmt: skip
    assert refused == ("content.moved",)
