"""Somebody with the database's file writes rows (attacks.md rows 1 and 28): nothing opens, nobody gets in.

The rows are written by raw SQL, past the guard and past the append-only triggers.
"""

import json
from datetime import timedelta

import pytest
from tests import ticket_steps
from tests.append_only import database_in_hand
from tests.ticket_steps import BEFORE_OPEN, TICKER, bring, codes, holds, kept, to_window
from tests.ticket_yard import Yard

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, HoldState, State
from quarterdeck.workflows import approve, open_window, request
from quarterdeck_verify.entry import leaf_hash

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords
TICKET = "UPDATE tickets_maintenanceticket SET "


def by_hand(statement: str, *values: object) -> None:
    with database_in_hand() as cursor:
        cursor.execute(statement, list(values))


def admitted(yard: Yard, number: str, key: str = "max") -> bool:
    return tickets.may_admit(number, yard.shop.ids[key], yard.server, yard.clock.now()).allowed


@pytest.mark.parametrize("state", [s for s in State if s is not State.OPEN])
def test_a_state_written_by_hand_opens_nothing(yard: Yard, state: State) -> None:
    view = yard.submitted() if state is not State.SUBMITTED else yard.scheduled()
    to_window(yard, view.number)
    bring(yard, view.number, BEFORE_OPEN)
    by_hand(TICKET + "state = %s, opened_at = window_from", state.value)
    assert not admitted(yard, view.number)
    assert "ticket.unsealed" in tickets.may_measure(view.number, yard.server).codes
    assert codes(open_window.open_ticket, yard.actor("max"), yard.clock, view.number) == ("ticket.unsealed",)


@pytest.mark.parametrize(
    "statement",
    [
        TICKET + "state = 'open', opened_at = window_from",
        TICKET + "window_until = '2030-01-01 00:00:00'",
        TICKET + "content_hash = 'ab'",
        TICKET + "emergency = 1",
        TICKET + "work_class = 'quick_log'",
        TICKET + "method = 'on_site'",
        "UPDATE tickets_maintenanceticket SET requester_id ="
        " (SELECT id FROM personnel_person WHERE name LIKE 'Avery%%')",
        TICKET + "finding = 'none'",
        "UPDATE tickets_ticketassetrow SET connection_id = NULL",
        "DELETE FROM tickets_ticketperson",
        "UPDATE tickets_ticketperson SET person_id = (SELECT id FROM personnel_person WHERE name LIKE 'Avery%%')"
        " WHERE duty = 'technician'",
        "DELETE FROM tickets_ticketitem",
    ],
)
def test_no_verb_takes_a_ticket_changed_by_hand(yard: Yard, statement: str) -> None:
    number = yard.scheduled().number
    to_window(yard, number)
    bring(yard, number, BEFORE_OPEN)
    by_hand(statement)
    for key in ("max", "avery", "iris"):
        assert not admitted(yard, number, key)
    assert codes(open_window.open_ticket, yard.actor("max"), yard.clock, number) == ("ticket.unsealed",)
    assert codes(request.withdraw, yard.actor("iris"), yard.clock, number, "Odd.") == ("ticket.unsealed",)
    with evidence.act(TICKER, yard.clock) as act:
        assert codes(tickets.end_work, act, number) == ("ticket.unsealed",)
        assert codes(tickets.lock, act, number) == ("ticket.unsealed",)


def test_a_state_written_by_hand_is_not_led_on_by_the_schedule(yard: Yard) -> None:
    number = request.request(yard.actor("iris"), yard.clock, yard.content()).number
    by_hand(TICKET + "state = 'approved'")
    with evidence.act(yard.actor("iris"), yard.clock) as act:
        assert codes(tickets.schedule, act, number, ()) == ("ticket.unsealed",)


def forge_approval(number: str, person: str, role: str, content: str, entry: str = "ev_forged") -> None:
    by_hand(
        "INSERT INTO tickets_approval (ticket_id, role, kind, verdict, person_id, content_hash, reason, basis, at,"
        " signed, entry) VALUES (%s, %s, 'prior', 'approved', %s, %s, 'sure', '', '2026-11-23 14:00:00', 0, %s)",
        number, role, person, content, entry,
    )  # fmt: skip


@pytest.mark.parametrize("borrowed", ["none", "another role", "another ticket", "a remark"])
def test_approvals_written_by_hand_count_for_nothing(yard: Yard, borrowed: str) -> None:
    view = yard.submitted()
    entry = "ev_forged"
    if borrowed == "another role":
        view = give(yard, view.number, "avery", "approver")
        entry = entry_of(view.number, "approval.recorded")
    elif borrowed == "another ticket":
        entry = entry_of(yard.scheduled(title="Other", window=later(yard)).number, "approval.recorded")
    elif borrowed == "a remark":
        request.comment(yard.actor("casey"), yard.clock, view.number, "Hm.")
        entry = entry_of(view.number, "ticket.commented")
    forge_approval(view.number, yard.shop.ids["casey"], "cui_owner", view.content_hash, entry)
    assert ApprovalRole.CUI_OWNER not in {a.role for a in tickets.ticket(view.number).approvals}
    assert ApprovalRole.CUI_OWNER in tickets.waiting_for(view.number, yard.clock.now())
    assert "approval.no_cui_owner" in holds(view.number, yard.clock.now())["HP-APPROVED"].codes


def later(yard: Yard):
    window = yard.content().window
    return type(window)(window.from_ + timedelta(hours=5), window.until + timedelta(hours=5))


def entry_of(number: str, event: str) -> str:
    found = evidence.last_entry([event], ticket=number)
    assert found is not None
    return found.event_id


def give(yard: Yard, number: str, key: str, role: str) -> tickets.TicketView:
    view = tickets.ticket(number)
    return approve.approve(
        yard.actor(key), yard.clock, number, role=ApprovalRole(role), content_hash=view.content_hash, reason="Fine."
    )


def test_an_approval_that_an_edit_voided_is_not_revived_by_hand(yard: Yard) -> None:
    view = yard.scheduled()
    request.edit(yard.actor("iris"), yard.clock, view.number, view.content, version=view.version)
    assert tickets.ticket(view.number).content_hash == view.content_hash, "changed there and back: the same content"
    by_hand("UPDATE tickets_approval SET void_at = NULL")
    assert [a for a in tickets.ticket(view.number).approvals if a.void_at is None] == []
    assert set(holds(view.number, yard.clock.now())["HP-APPROVED"].codes) == {
        "approval.no_approver", "approval.no_cui_owner",
    }  # fmt: skip


def test_the_approver_of_an_approval_changed_by_hand(yard: Yard) -> None:
    view = yard.scheduled()
    by_hand("UPDATE tickets_approval SET person_id = %s", yard.shop.ids["quinn"])
    assert tickets.ticket(view.number).approvals == ()


def test_an_approval_by_somebody_whose_role_was_written_by_hand(yard: Yard) -> None:
    view = yard.submitted()
    mallory = yard.shop.add("Mallory")
    by_hand(copy_of_grant(), mallory)
    assert Role.APPROVER not in personnel.roles_of(mallory, yard.clock.now())
    refused = codes(
        approve.approve, Actor(mallory, ActorKind.PERSON, "mfa", yard.clock.now()), yard.clock, view.number,
        role=ApprovalRole.APPROVER, content_hash=view.content_hash, reason="Trust me.",
    )  # fmt: skip
    assert refused == ("duties.role_missing",)


def copy_of_grant() -> str:
    """A statement that copies an approver's role for another person, whatever columns the table has."""
    with database_in_hand() as cursor:
        cursor.execute("SELECT * FROM personnel_rolegrant LIMIT 0")
        columns = [column[0] for column in cursor.description]
    values = ["'rg_forged'" if c == "id" else "%s" if c == "person_id" else c for c in columns]
    return (
        f"INSERT INTO personnel_rolegrant ({', '.join(columns)}) SELECT {', '.join(values)}"  # noqa: S608  names of columns
        " FROM personnel_rolegrant WHERE role = 'approver' LIMIT 1"
    )


def test_waivers_written_by_hand(yard: Yard) -> None:
    view = yard.scheduled(risk=tickets.Risk.HIGH)
    number = view.number
    to_window(yard, number)
    by_hand(
        "INSERT INTO tickets_waiver (ticket_id, hold_point, person_id, reason, content_hash, at, entry)"
        " VALUES (%s, 'HP-STAGING', %s, 'sure', %s, '2026-11-23 14:00:00', %s)",
        number, yard.shop.ids["avery"], view.content_hash, entry_of(number, "approval.recorded"),
    )  # fmt: skip
    found = holds(number, yard.clock.now())
    for point in ("HP-STAGING", "HP-BACKUP", "HP-PRECHECK", "HP-SOLE-PATH", "HP-BASELINE", "HP-RECORDER"):
        assert found[point].state is HoldState.FAILED, point
    assert {row.state for row in tickets.evidence_meter(number, yard.clock.now())} == {"missing"}


def test_a_failed_fact_turned_into_a_passed_one(yard: Yard) -> None:
    number = yard.scheduled().number
    to_window(yard, number)
    bring(yard, number, BEFORE_OPEN, outcome=evidence.Outcome.FAILED)
    told = evidence.last_entry(["checks.ran"], ticket=number)
    assert told is not None
    forged = told.body.replace(b'"failed"', b'"passed"')
    by_hand(
        "UPDATE evidence_ledgerentry SET body = %s, leaf = %s WHERE seq = %s", forged, leaf_hash(forged), told.seq
    )
    by_hand("UPDATE evidence_ledgerhead SET tip = %s", leaf_hash(forged))
    assert codes(tickets.hold_points, number, yard.clock.now()) == ("ledger.altered",)


@pytest.mark.parametrize("column", ["rows", "settings"])
def test_a_policy_written_by_hand_stops_everything(yard: Yard, column: str) -> None:
    number = yard.scheduled().number
    weaker = json.dumps([] if column == "rows" else {"one_independent_person_may_hold_both_roles": True})
    by_hand(f"UPDATE tickets_policyversion SET {column} = %s", weaker)  # noqa: S608
    assert codes(tickets.policy) == ("policy.unsealed",)
    assert codes(tickets.hold_points, number, yard.clock.now()) == ("policy.unsealed",)
    assert codes(open_window.open_ticket, yard.actor("max"), yard.clock, number) == ("policy.unsealed",)


def test_a_next_version_of_the_policy_written_by_hand(yard: Yard) -> None:
    number = yard.scheduled().number
    by_hand(
        "INSERT INTO tickets_policyversion (version, rows, settings, adopted_at, adopted_by, digest)"
        " VALUES (2, '[]', '{}', '2026-11-23 14:00:00', 'operator', 'ab')"
    )
    assert codes(tickets.hold_points, number, yard.clock.now()) == ("policy.unsealed",)


def test_a_template_written_by_hand(yard: Yard) -> None:
    with evidence.act(yard.actor("iris"), yard.clock) as act:
        template = tickets.add_template(act, "Patches", yard.content(), window_hours=2)
    shown = tickets.template(template, yard.clock.now())
    for key, role in (("avery", ApprovalRole.APPROVER), ("casey", ApprovalRole.CUI_OWNER)):
        by_hand(
            "INSERT INTO tickets_templateapproval (template_id, role, person_id, content_hash, reason, at, valid_until,"
            " entry) VALUES (%s, %s, %s, %s, 'sure', '2026-11-23 14:00:00', '2027-01-01 00:00:00', 'ev_forged')",
            template, role.value, yard.shop.ids[key], shown.content_hash,
        )  # fmt: skip
    soon = yard.clock.now() + timedelta(minutes=5)
    refused = codes(request.request_standard, yard.actor("max"), yard.clock, template, soon)
    assert refused == ("template.no_approver", "template.no_cui_owner")
    by_hand("UPDATE tickets_standardtemplate SET window_hours = 12")
    assert codes(request.request_standard, yard.actor("max"), yard.clock, template, soon) == ("template.unsealed",)


@pytest.mark.parametrize("actor", [OPERATOR, TICKER, Actor("pe_nobody", ActorKind.PERSON, "mfa")])
def test_whoever_is_at_the_shell_requests_approves_opens_and_closes_nothing(yard: Yard, actor: Actor) -> None:
    """Row 1: every verb as the operator, a process and an invented person, on tickets in the right state."""
    draft = request.request(yard.actor("iris"), yard.clock, yard.content(title="Draft", window=later(yard)))
    asked = yard.submitted()
    frozen, reason = kept(role="snapshot"), "Because I can."
    words = {"role": ApprovalRole.APPROVER, "content_hash": asked.content_hash, "reason": reason}
    attempts = (
        lambda act: tickets.request(act, yard.content()),
        lambda act: tickets.log_quick(act, yard.content(), changed_configuration=False),
        lambda act: tickets.edit(act, draft.number, draft.content, version=1),
        lambda act: tickets.submit(act, draft.number, frozen),
        lambda act: tickets.refreeze(act, asked.number, frozen),
        lambda act: tickets.withdraw(act, draft.number, reason),
        lambda act: tickets.approve(act, asked.number, **words),
        lambda act: tickets.refuse_ticket(act, asked.number, **words),
        lambda act: tickets.waive(act, asked.number, hold_point="HP-NOTICE", reason=reason),
        lambda act: tickets.comment(act, asked.number, reason),
        lambda act: tickets.confirm_escort(act, asked.number),
        lambda act: tickets.attach(act, asked.number, kind="staging.tested", file=frozen, reason=reason),
        lambda act: tickets.add_template(act, "Mine", yard.content(), window_hours=1),
        lambda act: tickets.adopt_policy(act, ()),
    )
    for attempt in attempts:
        with evidence.act(actor, yard.clock) as act:
            assert codes(attempt, act)
    number = ticket_steps.opened(yard, window=later(yard))
    for attempt in (
        lambda act: tickets.end_work(act, number),
        lambda act: tickets.ratify(act, number, role=ApprovalRole.APPROVER, approve_it=True, reason=reason),
        lambda act: tickets.close(act, number, rolled_back=False, summary=frozen),
        lambda act: tickets.open_ticket(act, number),
        lambda act: tickets.reopen(act, number),
    ):
        with evidence.act(actor, yard.clock) as act:
            assert codes(attempt, act)
    assert tickets.ticket(number).state is State.OPEN
    assert not tickets.may_admit(number, actor.id, yard.server, yard.clock.now()).allowed
