"""Standard work: its template's approvals, their 90 days, one step to scheduled; and the quick log with its limits."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from tests import ticket_steps
from tests.ticket_steps import BEFORE_OPEN, bring, codes, to_window
from tests.ticket_yard import Yard

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import (
    ApprovalKind,
    ApprovalRole,
    Method,
    Risk,
    State,
    TemplateView,
    TicketAsset,
    WorkClass,
)
from quarterdeck.workflows import keep_templates, open_window, request

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords


@pytest.fixture
def template(yard: Yard) -> TemplateView:
    return keep_templates.add(
        yard.actor("iris"), yard.clock, "Monthly patches", yard.content(title="Monthly patches"), window_hours=2
    )


def approve(yard: Yard, found: TemplateView, key: str, role: str) -> TemplateView:
    return keep_templates.approve(
        yard.actor(key),
        yard.clock,
        found.id,
        role=ApprovalRole(role),
        shown_hash=found.content_hash,
        reason="Sound work.",
    )


def approved(yard: Yard, found: TemplateView) -> TemplateView:
    approve(yard, found, "avery", "approver")
    return approve(yard, found, "casey", "cui_owner")


def soon(yard: Yard, **by: float):
    return yard.clock.now() + timedelta(**(by or {"minutes": 5}))


def test_one_step_from_template_to_scheduled(yard: Yard, template: TemplateView) -> None:
    approved(yard, template)
    view = request.request_standard(yard.actor("max"), yard.clock, template.id, soon(yard))
    assert (view.state, view.work_class) == (State.SCHEDULED, WorkClass.STANDARD)
    assert {(a.role, a.kind, a.person) for a in view.approvals} == {
        (ApprovalRole.APPROVER, ApprovalKind.TEMPLATE, yard.shop.ids["avery"]),
        (ApprovalRole.CUI_OWNER, ApprovalKind.TEMPLATE, yard.shop.ids["casey"]),
    }
    assert tickets.frozen_snapshot(view.number)["title"] == "Monthly patches"
    to_window(yard, view.number)
    bring(yard, view.number, BEFORE_OPEN)
    assert open_window.open_ticket(yard.actor("max"), yard.clock, view.number).state is State.OPEN


def test_both_approvals_are_wanted(yard: Yard, template: TemplateView) -> None:
    def ask() -> object:
        return request.request_standard(yard.actor("max"), yard.clock, template.id, soon(yard))

    assert codes(ask) == ("template.no_approver", "template.no_cui_owner")
    approve(yard, template, "avery", "approver")
    assert codes(ask) == ("template.no_cui_owner",)


def test_an_approval_lasts_ninety_days_and_covers_the_whole_window(yard: Yard, template: TemplateView) -> None:
    approved(yard, template)
    assert request.request_standard(yard.actor("max"), yard.clock, template.id, soon(yard, days=89)).number
    late = codes(request.request_standard, yard.actor("max"), yard.clock, template.id, soon(yard, days=90))
    assert late == ("template.no_approver", "template.no_cui_owner")
    yard.clock.advance(days=90)
    assert tickets.template(template.id, yard.clock.now()).approved == ()


def test_author_technician_escort_and_one_person_in_both_roles_are_refused(yard: Yard, template: TemplateView) -> None:
    give(yard, "iris", "max", "erin", role=Role.APPROVER)
    give(yard, "avery", role=Role.CUI_OWNER)
    assert codes(approve, yard, template, "iris", "approver") == ("duties.is_requester",)
    assert codes(approve, yard, template, "max", "approver") == ("duties.is_technician",)
    assert codes(approve, yard, template, "erin", "approver") == ("duties.is_escort",)
    approve(yard, template, "avery", "approver")
    assert codes(approve, yard, template, "avery", "cui_owner") == ("duties.same_person",)
    assert codes(approve, yard, template, "quinn", "approver") == ("role.missing",)


def give(yard: Yard, *keys: str, role: Role) -> None:
    for key in keys:
        asks = "iris"
        if key == "iris":
            asks = second_lead(yard)  # nobody asks for a guarded role for themselves
        grant = personnel.grant_role(yard.shop.ids[key], role, actor=yard.actor(asks), clock=yard.clock)
        if grant.state is not personnel.GrantState.ACTIVE:
            personnel.confirm_role(grant.id, actor=yard.actor("casey"), clock=yard.clock)
    yard.clock.advance(hours=25)


def second_lead(yard: Yard) -> str:
    yard.shop.add("Ivo")
    lead = personnel.grant_role(yard.shop.ids["ivo"], Role.IT_LEAD, actor=yard.actor("iris"), clock=yard.clock)
    personnel.confirm_role(lead.id, actor=yard.actor("casey"), clock=yard.clock)
    yard.clock.advance(hours=25)
    return "ivo"


def test_who_approved_the_template_does_not_count_when_asking_for_the_work(yard: Yard, template: TemplateView) -> None:
    approved(yard, template)
    give(yard, "avery", role=Role.REQUESTER)
    refused = codes(request.request_standard, yard.actor("avery"), yard.clock, template.id, soon(yard))
    assert refused == ("template.no_approver",)


def test_an_approver_who_lost_the_role_does_not_count(yard: Yard, template: TemplateView) -> None:
    approved(yard, template)
    (grant,) = [g for g in personnel.role_grants(yard.shop.ids["avery"]) if g.role is Role.APPROVER]
    personnel.revoke_role(grant.id, actor=yard.actor("iris"), clock=yard.clock)
    refused = codes(request.request_standard, yard.actor("max"), yard.clock, template.id, soon(yard))
    assert refused == ("template.no_approver",)


def test_a_withdrawn_template_starts_nothing_and_takes_no_approval(yard: Yard, template: TemplateView) -> None:
    approved(yard, template)
    keep_templates.withdraw(yard.actor("casey"), yard.clock, template.id)
    ask = request.request_standard
    assert codes(ask, yard.actor("max"), yard.clock, template.id, soon(yard)) == ("template.withdrawn",)
    assert codes(approve, yard, template, "avery", "approver") == ("template.withdrawn",)
    assert codes(keep_templates.withdraw, yard.actor("iris"), yard.clock, template.id) == ("template.withdrawn",)


def test_the_hash_shown_is_the_hash_approved(yard: Yard, template: TemplateView) -> None:
    other = replace(template, content_hash="0" * 64)
    assert codes(approve, yard, other, "avery", "approver") == ("content.moved",)


@pytest.mark.parametrize(
    ("changes", "hours", "expected"),
    [
        ({"risk": Risk.HIGH}, 2, "template.high_risk"),
        ({"title": ""}, 2, "title.missing"),
        ({"plan": "half a pair \ud800"}, 2, "text.unreadable"),
        ({"assets": (TicketAsset("as_unknown", ""),)}, 2, "asset.unknown"),
        ({}, 13, "window.length"),
        ({}, 0, "window.length"),
    ],
)
def test_what_can_not_be_standard_work(yard: Yard, changes: dict[str, object], hours: int, expected: str) -> None:
    content = yard.content(**changes)
    assert expected in codes(keep_templates.add, yard.actor("iris"), yard.clock, "Odd", content, window_hours=hours)


def test_a_name_is_taken_once_and_only_the_it_lead_registers(yard: Yard, template: TemplateView) -> None:
    add: Callable[..., object] = keep_templates.add
    content = yard.content()
    assert codes(add, yard.actor("iris"), yard.clock, " Monthly patches ", content, window_hours=2) == ("name.taken",)
    assert codes(add, yard.actor("max"), yard.clock, "Other", content, window_hours=2) == ("role.missing",)
    assert codes(add, yard.actor("iris"), yard.clock, "  ", content, window_hours=2) == ("name.missing",)


def test_standard_work_in_the_past_or_edited_is_refused(yard: Yard, template: TemplateView) -> None:
    approved(yard, template)
    past = codes(request.request_standard, yard.actor("max"), yard.clock, template.id, soon(yard, hours=-3))
    assert past == ("window.past",)
    view = request.request_standard(yard.actor("max"), yard.clock, template.id, soon(yard))
    edited = codes(request.edit, yard.actor("max"), yard.clock, view.number, yard.content(), version=view.version)
    assert edited == ("ticket.from_template",)


def printed(yard: Yard, **changes: object) -> tickets.Content:
    now = yard.clock.now()
    content = yard.content(
        title="New toner, rollers cleaned", method=Method.ON_SITE, assets=(TicketAsset(yard.printer, ""),),
        window=Window(now - timedelta(minutes=20), now - timedelta(minutes=1)), technicians=(), escort="",
        agreement_id="", items=(),
    )  # fmt: skip
    return replace(content, **changes)  # type: ignore[arg-type]


def test_a_quick_log_is_written_and_closed_in_one_entry(yard: Yard) -> None:
    view = request.log_quick(yard.actor("max"), yard.clock, printed(yard), changed_configuration=True)
    assert (view.state, view.work_class, view.technicians) == (
        State.CLOSED, WorkClass.QUICK_LOG, (yard.shop.ids["max"],),
    )  # fmt: skip
    (entry,) = evidence.entries(ticket=view.number)
    assert (entry.event, entry.data["count"]) == ("ticket.logged", 0)
    (fact,) = evidence.facts(ticket=view.number)
    assert (fact.kind, fact.grade, fact.asset) == ("maintenance.performed", evidence.Grade.ATTACHED, yard.printer)


@pytest.mark.parametrize(
    ("who", "changes", "changed", "expected"),
    [
        ("max", {"method": Method.SSH}, False, "quick_log.nonlocal"),
        ("max", {"method": Method.EXTERNAL}, False, "quick_log.nonlocal"),
        ("max", {"assets": "server"}, True, "quick_log.cui_configuration"),
        ("max", {"assets": ()}, False, "scope.empty"),
        ("max", {"title": " "}, False, "title.missing"),
        ("max", {"title": "x" * 161}, False, "title.missing"),
        ("max", {"window": "ahead"}, False, "window.not_over"),
        ("max", {"items": ("it_unknown",)}, False, "item.unknown"),
        ("avery", {}, False, "role.missing"),
        ("quinn", {}, False, "role.missing"),
    ],
)
def test_what_is_no_quick_log(yard: Yard, who: str, changes: dict[str, object], changed: bool, expected: str) -> None:
    if changes.get("assets") == "server":
        changes = {"assets": (TicketAsset(yard.server, ""),)}
    if changes.get("window") == "ahead":
        now = yard.clock.now()
        changes = {"window": Window(now - timedelta(minutes=5), now + timedelta(minutes=5))}
    log = request.log_quick
    assert expected in codes(log, yard.actor(who), yard.clock, printed(yard, **changes), changed_configuration=changed)
    assert tickets.tickets() == []


def test_reading_the_meter_of_a_cui_server_on_site_is_a_quick_log(yard: Yard) -> None:
    content = printed(yard, assets=(TicketAsset(yard.server, ""),))
    assert request.log_quick(yard.actor("max"), yard.clock, content, changed_configuration=False).is_final


@pytest.mark.parametrize("work_class", [WorkClass.STANDARD, WorkClass.QUICK_LOG])
def test_no_other_class_of_work_comes_in_by_the_ordinary_request(yard: Yard, work_class: WorkClass) -> None:
    def ask() -> None:
        with evidence.act(yard.actor("iris"), yard.clock) as act:
            tickets.request(act, yard.content(), work_class=work_class)

    assert codes(ask) == ("work_class.other_act",)
