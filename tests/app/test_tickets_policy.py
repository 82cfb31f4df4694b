"""The policy: adopted by a person in the ledger, only a sound one, never one that lets the core be skipped."""

from dataclasses import replace

import pytest
from tests import ticket_steps
from tests.ticket_steps import codes, holds
from tests.ticket_yard import Yard

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import OPERATOR, Actor
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import DEFAULT_ROWS, DEFAULT_SETTINGS, ApprovalRole, PolicyRow, State
from quarterdeck.workflows import approve

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords
NEVER = ("HP-APPROVED", "HP-PERSON", "HP-RECORDER", "HP-PLAN", "HP-SCOPE", "HP-WINDOW", "HP-ENDED")


def adopt(yard: Yard, rows: list[PolicyRow] | None = None, actor: Actor | None = None, **settings: object) -> int:
    with evidence.act(actor or yard.actor("iris"), yard.clock) as act:
        changed_settings = dict(DEFAULT_SETTINGS) | settings
        return tickets.adopt_policy(act, rows or DEFAULT_ROWS, changed_settings, "As the board decided.")


def changed(hold_point: str, **changes: object) -> list[PolicyRow]:
    return [replace(row, **changes) if row.hold_point == hold_point else row for row in DEFAULT_ROWS]  # type: ignore[arg-type]


def test_the_next_version_is_an_entry_and_counts_at_once(yard: Yard) -> None:
    assert adopt(yard, grace_minutes_staff=5) == 2
    assert tickets.policy().number("grace_minutes_staff") == 5
    told = evidence.last_entry(["policy.adopted"])
    assert told is not None
    assert (told.object.id, told.actor_id) == ("v2", yard.shop.ids["iris"])


def test_rows_survive_their_way_through_the_database() -> None:
    assert tuple(tickets.row_from(row.as_dict()) for row in DEFAULT_ROWS) == DEFAULT_ROWS


def test_after_the_founding_only_the_it_lead_changes_it(yard: Yard) -> None:
    assert codes(adopt, yard, None, OPERATOR) == ("actor.not_a_person",)
    for key in ("avery", "max", "quinn"):
        assert codes(adopt, yard, None, yard.actor(key)) == ("role.missing",)
    assert codes(adopt, yard, None, yard.shop.stale("iris")) == ("step_up.needed",)
    assert tickets.policy().version == 1


@pytest.mark.parametrize("hold_point", NEVER)
def test_the_core_is_neither_left_out_nor_deferred_nor_narrowed(yard: Yard, hold_point: str) -> None:
    without = [row for row in DEFAULT_ROWS if row.hold_point != hold_point]
    assert codes(adopt, yard, without) == ("policy.missing",)
    assert codes(adopt, yard, changed(hold_point, deferrable=True)) == ("policy.never_deferrable",)
    assert codes(adopt, yard, changed(hold_point, flag_only=True)) == ("policy.never_deferrable",)
    for narrow in (
        {"risks": ("high",)}, {"maintenance_types": ("corrective",)}, {"work_classes": ("ticket",)},
        {"methods": ("on_site",)}, {"asset_class": "server"},
    ):  # fmt: skip
        assert codes(adopt, yard, changed(hold_point, **narrow)) == ("policy.narrowed",), narrow


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (PolicyRow("HP-NOTHING"), "policy.unknown_hold_point"),
        (PolicyRow("HP-BACKUP", fact_kinds=("backup.hoped",)), "policy.unknown_fact"),
        (PolicyRow("HP-BACKUP", asset_class="toaster"), "policy.unknown_asset_class"),
    ],
)
def test_what_a_policy_can_not_say(yard: Yard, row: PolicyRow, expected: str) -> None:
    assert codes(adopt, yard, [*DEFAULT_ROWS, row]) == (expected,)


def test_without_any_policy_nothing_is_judged(yard: Yard) -> None:
    view = yard.submitted()
    ticket_steps.forget_policy()
    assert codes(tickets.hold_points, view.number, yard.clock.now()) == ("policy.none",)


def test_one_independent_person_may_hold_both_roles_where_policy_says_so(yard: Yard) -> None:
    grant = personnel.grant_role(
        yard.shop.ids["avery"], personnel.Role.CUI_OWNER, actor=yard.actor("iris"), clock=yard.clock
    )
    personnel.confirm_role(grant.id, actor=yard.actor("casey"), clock=yard.clock)
    yard.clock.advance(hours=25)

    def decide(number: str, role: ApprovalRole) -> tickets.TicketView:
        return approve.approve(
            yard.actor("avery"), yard.clock, number, role=role, reason="Owner of the firm.",
            content_hash=tickets.ticket(number).content_hash,
        )  # fmt: skip

    first = yard.submitted()
    decide(first.number, ApprovalRole.APPROVER)
    assert codes(decide, first.number, ApprovalRole.CUI_OWNER) == ("duties.same_person",)
    adopt(yard, one_independent_person_may_hold_both_roles=True)
    again = approve_anew(yard, first.number)
    assert decide(again.number, ApprovalRole.APPROVER).state is State.SUBMITTED
    waits = tickets.waiting_for(first.number, yard.clock.now())[ApprovalRole.CUI_OWNER]
    assert yard.shop.ids["avery"] in waits
    assert decide(again.number, ApprovalRole.CUI_OWNER).state is State.SCHEDULED


def approve_anew(yard: Yard, number: str) -> tickets.TicketView:
    """The policy's version is part of what is approved: freeze the ticket under the new one."""
    assert "content.changed" in holds(number, yard.clock.now())["HP-APPROVED"].codes
    return ticket_steps.request.freeze_again(yard.actor("iris"), yard.clock, number)
