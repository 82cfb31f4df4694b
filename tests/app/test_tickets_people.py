"""Who does the work: escorts, pools, agreements, authorisations; waivers; and people, tools, assets that go."""

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from tests import ticket_steps
from tests.ticket_steps import BEFORE_OPEN, bring, codes, holds, kept, opened, to_window
from tests.ticket_yard import Yard

from quarterdeck.attachments.api import Told
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, HoldState, MaintenanceType, Risk, State, TicketAsset
from quarterdeck.tools import api as tools
from quarterdeck.workflows import approve, attach_evidence, open_window, request

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords


def unsupervised_no_more(yard: Yard) -> None:
    """Max keeps the right to maintain and loses the access authorisation."""
    for right in personnel.authorisations(yard.shop.ids["max"]):
        personnel.withdraw_authorisation(right.id, actor=yard.actor("iris"), clock=yard.clock)
    authorise(yard, yard.shop.ids["max"], access=False)


def authorise(yard: Yard, holder: str, *, access: bool, days: int = 30) -> None:
    personnel.authorise(
        holder, actions=["any"], valid_from=yard.clock.now(), valid_until=yard.clock.now() + timedelta(days=days),
        actor=yard.actor("iris"), clock=yard.clock, agreement_id=yard.agreement, access_authorised=access,
    )  # fmt: skip


def pool(yard: Yard, *members: str, access: bool = True) -> str:
    made = personnel.add_pool(
        "Harbor on call", yard.agreement, [yard.shop.ids[key] for key in members], actor=yard.actor("iris"),
        clock=yard.clock,
    )  # fmt: skip
    for right in personnel.authorisations(yard.shop.ids["max"]):
        personnel.withdraw_authorisation(right.id, actor=yard.actor("iris"), clock=yard.clock)
    authorise(yard, made.id, access=access)
    return made.id


def ready(yard: Yard, **changes: object) -> str:
    number = yard.scheduled(**changes).number
    to_window(yard, number)
    bring(yard, number, BEFORE_OPEN)
    return number


def open_as(yard: Yard, number: str, key: str = "max") -> tickets.TicketView:
    return open_window.open_ticket(yard.actor(key), yard.clock, number)


def test_who_may_not_work_unsupervised_waits_for_the_escort(yard: Yard) -> None:
    unsupervised_no_more(yard)
    number = ready(yard)
    assert codes(open_as, yard, number) == ("escort.present.missing",)
    for key in ("max", "iris", "avery"):
        assert codes(approve.confirm_escort, yard.actor(key), yard.clock, number) == ("escort.other",)
    approve.confirm_escort(yard.actor("erin"), yard.clock, number)
    assert open_as(yard, number).state is State.OPEN
    assert tickets.may_admit(number, yard.shop.ids["max"], yard.server, yard.clock.now()).allowed


def test_without_an_escort_the_ticket_is_refused_at_the_hold_point(yard: Yard) -> None:
    unsupervised_no_more(yard)
    number = ready(yard, escort="")
    assert codes(open_as, yard, number) == ("escort.none",)
    assert codes(approve.confirm_escort, yard.actor("erin"), yard.clock, number) == ("escort.other",)


def test_presence_is_confirmed_neither_before_the_schedule_nor_for_somebody_else(yard: Yard) -> None:
    unsupervised_no_more(yard)
    view = yard.submitted()
    assert codes(approve.confirm_escort, yard.actor("erin"), yard.clock, view.number) == ("escort.not_now",)
    number = ready(yard, window=shifted(yard, 3))
    approve.confirm_escort(yard.actor("erin"), yard.clock, number)
    emil = escort_named_emil(yard)
    view = tickets.ticket(number)
    edited = request.edit(
        yard.actor("iris"), yard.clock, number, replace(view.content, escort=emil), version=view.version
    )
    for key, role in (("avery", ApprovalRole.APPROVER), ("casey", ApprovalRole.CUI_OWNER)):
        approve.approve(
            yard.actor(key), yard.clock, number, role=role, content_hash=edited.content_hash, reason="Other escort."
        )
    assert "escort.present.missing" in codes(open_as, yard, number), "Erin's word says nothing of Emil"


def shifted(yard: Yard, hours: int):
    window = yard.content().window
    return type(window)(window.from_ + timedelta(hours=hours), window.until + timedelta(hours=hours))


def escort_named_emil(yard: Yard) -> str:
    emil = yard.shop.add("Emil")
    personnel.grant_role(emil, Role.ESCORT, actor=yard.actor("iris"), clock=yard.clock)
    return emil


def test_an_escort_who_lost_the_role_is_none(yard: Yard) -> None:
    unsupervised_no_more(yard)
    number = ready(yard)
    (grant,) = personnel.role_grants(yard.shop.ids["erin"])
    personnel.revoke_role(grant.id, actor=yard.actor("iris"), clock=yard.clock)
    assert codes(approve.confirm_escort, yard.actor("erin"), yard.clock, number) == ("role.missing",)
    assert holds(number, yard.clock.now())["HP-ESCORT"].codes == ("escort.role", "escort.present.missing")


def test_a_pool_binds_its_person_at_the_door(yard: Yard) -> None:
    yard.shop.add("Mona", kind=personnel.PersonKind.VENDOR, organisation="Harbor MSP")
    number = ready(yard, technicians=(), pool_id=pool(yard, "max", "mona"))
    open_as(yard, number)
    now = yard.clock.now()
    assert tickets.may_admit(number, yard.shop.ids["max"], yard.server, now).allowed
    mona = tickets.may_admit(number, yard.shop.ids["mona"], yard.server, now)
    assert mona.codes == ("person.no_account", "person.no_mfa")
    assert tickets.may_admit(number, yard.shop.ids["erin"], yard.server, now).codes == ("ticket.not_yours",)


def test_a_pool_without_access_authorisation_needs_the_escort_too(yard: Yard) -> None:
    number = ready(yard, technicians=(), pool_id=pool(yard, "max", access=False))
    assert codes(open_as, yard, number) == ("escort.present.missing",)
    approve.confirm_escort(yard.actor("erin"), yard.clock, number)
    assert open_as(yard, number).state is State.OPEN


def test_a_pool_of_which_nobody_may_maintain_opens_nothing(yard: Yard) -> None:
    number = ready(yard, technicians=(), pool_id=pool(yard, "max"))
    yard.clock.advance(minutes=1)
    for right in personnel.authorisations():
        if right.withdrawn_at is None:
            personnel.withdraw_authorisation(right.id, actor=yard.actor("iris"), clock=yard.clock)
    assert "authorisation.none" in codes(open_as, yard, number) or "authorisation.out_of_date" in codes(
        open_as, yard, number
    )


def test_an_unknown_pool_person_item_or_agreement_is_named(yard: Yard) -> None:
    content = yard.content(
        technicians=("pe_nobody",), pool_id="po_nothing", items=("it_nothing",), agreement_id="va_nothing",
        assets=(TicketAsset("as_nothing", ""),),
    )  # fmt: skip
    found = codes(request.request, yard.actor("iris"), yard.clock, content)
    assert len(found) == 5
    assert tickets.tickets() == []


def submit_and_approve(yard: Yard, **changes: object) -> tuple[str, ...]:
    view = yard.submitted(**changes)
    return codes(
        approve.approve, yard.actor("avery"), yard.clock, view.number, role=ApprovalRole.APPROVER,
        content_hash=view.content_hash, reason="Looks fine.",
    )  # fmt: skip


def test_a_vendor_works_under_an_agreement_that_covers_window_action_and_method(yard: Yard) -> None:
    assert submit_and_approve(yard, agreement_id="") == ("agreement.none",)
    narrow = personnel.add_agreement(
        "Harbor MSP", "SOW-8", permitted_actions=["diagnose"], methods=["on_site"],
        valid_from=yard.clock.now() - timedelta(days=1), valid_until=yard.clock.now() + timedelta(hours=1),
        actor=yard.actor("iris"), clock=yard.clock,
    )  # fmt: skip
    found = codes_of_agreement(yard, narrow.id)
    assert set(found) == {"agreement.action", "agreement.method", "agreement.out_of_date"}


def codes_of_agreement(yard: Yard, agreement: str) -> tuple[str, ...]:
    view = yard.submitted(agreement_id=agreement, window=shifted(yard, 4))
    return holds(view.number, yard.clock.now())["HP-AGREEMENT"].codes


def test_an_agreement_ended_after_approval_stops_the_opening(yard: Yard) -> None:
    number = ready(yard)
    personnel.end_agreement(yard.agreement, actor=yard.actor("iris"), clock=yard.clock)
    assert "content.changed" in holds(number, yard.clock.now())["HP-APPROVED"].codes
    assert "content.changed" in codes(open_as, yard, number)


def test_an_agreement_ended_during_the_work_shows_at_once_and_nobody_gets_in(yard: Yard) -> None:
    number = opened(yard)
    personnel.end_agreement(yard.agreement, actor=yard.actor("iris"), clock=yard.clock)
    assert "content.changed" in holds(number, yard.clock.now())["HP-APPROVED"].codes
    refused = tickets.may_admit(number, yard.shop.ids["max"], yard.server, yard.clock.now())
    assert "content.changed" in refused.codes


def test_a_technician_deactivated_after_opening_is_not_admitted(yard: Yard) -> None:
    number = opened(yard)
    personnel.deactivate_person(yard.shop.ids["max"], actor=yard.actor("iris"), clock=yard.clock)
    refused = tickets.may_admit(number, yard.shop.ids["max"], yard.server, yard.clock.now())
    assert "person.inactive" in refused.codes


def test_a_retired_asset_holds_the_ticket(yard: Yard) -> None:
    view = yard.submitted()
    inventory.retire_asset(yard.server, actor=yard.actor("iris"), clock=yard.clock)
    assert "scope.retired" in holds(view.number, yard.clock.now())["HP-SCOPE"].codes
    moved = codes(
        approve.approve, yard.actor("avery"), yard.clock, view.number, role=ApprovalRole.APPROVER,
        content_hash=view.content_hash, reason="Looks fine.",
    )  # fmt: skip
    assert moved == ("content.moved",)


def test_a_tool_withdrawn_after_approval_holds_the_ticket(yard: Yard) -> None:
    number = ready(yard)
    tools.withdraw_item(yard.tool, actor=yard.actor("iris"), clock=yard.clock)
    found = holds(number, yard.clock.now())
    assert found["HP-TOOLS"].state is HoldState.FAILED
    assert "content.changed" in found["HP-APPROVED"].codes


def test_an_asset_without_owner_connection_or_with_a_foreign_connection(yard: Yard) -> None:
    inventory.change_asset(yard.server, {"owner": ""}, actor=yard.actor("iris"), clock=yard.clock)
    assert submit_and_approve(yard, assets=(TicketAsset(yard.server, ""),)) == ("scope.no_owner",)
    foreign = yard.content(assets=(TicketAsset(yard.printer, yard.connection),))
    assert codes(request.request, yard.actor("iris"), yard.clock, foreign)


def test_a_waiver_is_for_what_policy_defers_by_who_could_approve_for_this_content(yard: Yard) -> None:
    number = ready(yard, risk=Risk.HIGH)
    assert "staging.tested.missing" in codes(open_as, yard, number)

    def waive(key: str, point: str = "HP-STAGING", reason: str = "No staging machine exists.") -> None:
        approve.waive(yard.actor(key), yard.clock, number, hold_point=point, reason=reason)

    assert codes(waive, "avery", "HP-RECORDER") == ("hold_point.not_deferrable",)
    assert codes(waive, "avery", "HP-NOTHING") == ("hold_point.unknown", "hold_point.not_deferrable")
    assert codes(waive, "max") == ("duties.role_missing", "duties.is_technician")
    assert codes(waive, "casey") == ("duties.role_missing",)
    assert codes(waive, "avery", "HP-STAGING", " ") == ("reason.missing",)
    waive("avery")
    assert codes(waive, "avery") == ("hold_point.waived",)
    assert holds(number, yard.clock.now())["HP-STAGING"].state is HoldState.WAIVED
    view = tickets.ticket(number)
    content = replace(view.content, plan="Another plan.")
    request.edit(yard.actor("iris"), yard.clock, number, content, version=view.version)
    assert holds(number, yard.clock.now())["HP-STAGING"].state is HoldState.FAILED


def test_an_attached_staging_test_counts_as_attached(yard: Yard) -> None:
    number = ready(yard, risk=Risk.HIGH)
    for kind in ("staging.tested", "rollback.tested"):
        told = Told("document", "Tried on fs-test.", supports=kind)
        file = io.BytesIO(b"Installed and restarted twice.")
        attach_evidence.attach_file(yard.actor("max"), yard.clock, number, told, name="staging.txt", file=file)
    assert open_as(yard, number).state is State.OPEN
    facts = {fact.kind: fact.grade for fact in evidence.facts(ticket=number)}
    assert facts["staging.tested"] is evidence.Grade.ATTACHED


def test_what_only_the_system_captures_is_not_attached(yard: Yard) -> None:
    number = yard.submitted().number

    def attach(kind: str, asset: str = "", key: str = "max") -> None:
        with evidence.act(yard.actor(key), yard.clock) as act:
            tickets.attach(act, number, kind=kind, file=ref, reason="See the file.", asset_id=asset)

    ref = kept()
    assert codes(attach, "baseline.before") == ("fact.captured_only",)
    assert codes(attach, "staging.tested", yard.printer) == ("scope.other_asset",)
    assert codes(attach, "staging.tested", "", "erin") == ("ticket.not_yours",)


def test_who_changed_the_ticket_does_not_approve_it(yard: Yard) -> None:
    grant = personnel.grant_role(yard.shop.ids["avery"], Role.IT_LEAD, actor=yard.actor("iris"), clock=yard.clock)
    personnel.confirm_role(grant.id, actor=yard.actor("casey"), clock=yard.clock)
    yard.clock.advance(hours=25)
    view = yard.submitted()
    view = request.edit(
        yard.actor("avery"), yard.clock, view.number, replace(view.content, plan="My own plan."), version=view.version
    )
    refused = codes(
        approve.approve, yard.actor("avery"), yard.clock, view.number, role=ApprovalRole.APPROVER,
        content_hash=view.content_hash, reason="I like it.",
    )  # fmt: skip
    assert refused == ("duties.is_editor",)
    assert tickets.waiting_for(view.number, yard.clock.now())[ApprovalRole.APPROVER] == ()


def test_nobody_decides_twice_in_one_role(yard: Yard) -> None:
    view = yard.submitted()

    def decide() -> object:
        return approve.approve(
            yard.actor("avery"), yard.clock, view.number, role=ApprovalRole.APPROVER, content_hash=view.content_hash,
            reason="Fine.",
        )  # fmt: skip

    decide()
    assert codes(decide) == ("approval.given",)
    assert tickets.waiting_for(view.number, yard.clock.now()) == {ApprovalRole.CUI_OWNER: (yard.shop.ids["casey"],)}


def test_the_cui_owner_is_not_asked_where_no_cui_is(yard: Yard) -> None:
    view = yard.submitted(
        assets=(TicketAsset(yard.printer, ""),), method=tickets.Method.ON_SITE,
        maintenance_type=MaintenanceType.PREVENTIVE,
    )  # fmt: skip
    assert set(tickets.waiting_for(view.number, yard.clock.now())) == {ApprovalRole.APPROVER}
    refused = codes(
        approve.approve, yard.actor("casey"), yard.clock, view.number, role=ApprovalRole.CUI_OWNER,
        content_hash=view.content_hash, reason="Fine.",
    )  # fmt: skip
    assert refused == ("approval.not_needed",)


def test_a_refusal_ends_the_ticket_and_frees_nobody(yard: Yard) -> None:
    view = yard.submitted()
    words = {"role": ApprovalRole.APPROVER, "content_hash": view.content_hash}
    assert codes(approve.refuse, yard.actor("avery"), yard.clock, view.number, reason="", **words) == (
        "reason.missing",
    )
    assert codes(approve.refuse, yard.actor("casey"), yard.clock, view.number, reason="No.!", **words) == (
        "role.missing",
    )
    ended = approve.refuse(yard.actor("avery"), yard.clock, view.number, reason="Not this week.", **words)
    assert ended.state is State.REJECTED
    assert ended.approvals[0].verdict is tickets.Verdict.REFUSED
