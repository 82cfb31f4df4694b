"""A ticket that is over takes nothing more, whatever the verb; remarks, the meter, who reads, what changed."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from tests import ticket_steps
from tests.ticket_steps import BEFORE_OPEN, TICKER, bring, closed, codes, kept, opened, to_window
from tests.ticket_yard import Yard

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome
from quarterdeck.evidence.guard import open_guard
from quarterdeck.inventory import api as inventory
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, EmergencyBasis, Reading, State
from quarterdeck.tickets.models import TicketPerson
from quarterdeck.workflows import approve, request

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords


def verbs(yard: Yard, number: str) -> dict[str, tuple[object, Callable[[evidence.Act], object]]]:
    """Every verb that writes to a ticket, with the person who might do it."""
    view = tickets.ticket(number)
    document = tickets.snapshot_bytes(tickets.current_snapshot(number))
    frozen = evidence.store_artifact(
        document, media_type="application/json", role="snapshot", name="s.json", may_contain_cui=True
    )
    file, shown = kept(), view.content_hash
    iris, max_, avery, erin = (yard.actor(key) for key in ("iris", "max", "avery", "erin"))
    role, reason = ApprovalRole.APPROVER, "For the record."
    word = {"authoriser": yard.shop.ids["avery"], "basis": EmergencyBasis.IN_PERSON}
    return {
        "edit": (iris, lambda act: tickets.edit(act, number, view.content, version=view.version)),
        "submit": (iris, lambda act: tickets.submit(act, number, frozen)),
        "refreeze": (iris, lambda act: tickets.refreeze(act, number, frozen)),
        "approve": (avery, lambda act: tickets.approve(act, number, role=role, content_hash=shown, reason=reason)),
        "refuse": (avery, lambda act: tickets.refuse_ticket(act, number, role=role, content_hash=shown, reason=reason)),
        "authorise": (
            avery, lambda act: tickets.authorise_emergency(act, number, content_hash=shown, reason=reason, **word),
        ),
        "ratify": (avery, lambda act: tickets.ratify(act, number, role=role, approve_it=True, reason=reason)),
        "waive": (avery, lambda act: tickets.waive(act, number, hold_point="HP-STAGING", reason=reason)),
        "schedule": (avery, lambda act: tickets.schedule(act, number, ())),
        "withdraw": (iris, lambda act: tickets.withdraw(act, number, reason)),
        "expire": (TICKER, lambda act: tickets.expire(act, number)),
        "open": (max_, lambda act: tickets.open_ticket(act, number)),
        "end_work": (max_, lambda act: tickets.end_work(act, number)),
        "reopen": (max_, lambda act: tickets.reopen(act, number)),
        "close": (iris, lambda act: tickets.close(act, number, rolled_back=False, summary=file)),
        "roll_back": (iris, lambda act: tickets.close(act, number, rolled_back=True, summary=file)),
        "confirm_escort": (erin, lambda act: tickets.confirm_escort(act, number)),
        "attach": (
            max_, lambda act: tickets.attach(act, number, kind="staging.tested", file=file, reason=reason),
        ),
        "comment": (iris, lambda act: tickets.comment(act, number, "One more thing.")),
    }  # fmt: skip


ENDS = {
    "closed": closed,
    "withdrawn": lambda yard: withdrawn(yard),
    "rejected": lambda yard: rejected(yard),
    "expired": lambda yard: expired(yard),
}


def withdrawn(yard: Yard) -> str:
    return request.withdraw(yard.actor("iris"), yard.clock, yard.submitted().number, "No longer needed.").number


def rejected(yard: Yard) -> str:
    view = yard.submitted()
    return approve.refuse(
        yard.actor("avery"), yard.clock, view.number, role=ApprovalRole.APPROVER, content_hash=view.content_hash,
        reason="Not this week.",
    ).number  # fmt: skip


def expired(yard: Yard) -> str:
    number = yard.submitted().number
    yard.clock.advance(hours=3)
    with evidence.act(TICKER, yard.clock) as act:
        tickets.expire(act, number)
    return number


@pytest.mark.parametrize("end", sorted(ENDS))
def test_nothing_is_written_to_a_ticket_that_is_over(yard: Yard, end: str) -> None:
    number = ENDS[end](yard)
    entries = len(list(evidence.entries(ticket=number)))
    state = tickets.ticket(number).state
    for name, (actor, verb) in verbs(yard, number).items():

        def attempt(actor=actor, verb=verb) -> None:
            with evidence.act(actor, yard.clock) as act:
                verb(act)

        assert set(codes(attempt)) & {"state.wrong", "ticket.closed"}, name
    assert tickets.ticket(number).state is state
    assert len(list(evidence.entries(ticket=number))) == entries


def test_the_closing_entry_carries_count_and_head(yard: Yard) -> None:
    number = closed(yard)
    *before, last = evidence.entries(ticket=number)
    assert last.event == "ticket.closed"
    assert (last.data["count"], last.data["head"]) == (len(before), before[-1].leaf.hex())
    assert {fact.kind for fact in evidence.facts(ticket=number)} >= {"maintenance.performed", "change.logged"}


def test_a_rolled_back_ticket_says_that_its_maintenance_failed(yard: Yard) -> None:
    number = ticket_steps.verified(yard, opened(yard))
    view = ticket_steps.close_ticket.close(
        yard.actor("iris"), yard.clock, number, summary="Did not work, put back.", rolled_back=True
    )
    assert view.state is State.ROLLED_BACK
    (fact,) = evidence.facts(ticket=number, kinds=["maintenance.performed"])
    assert fact.outcome is Outcome.FAILED


def test_remarks(yard: Yard) -> None:
    number = yard.submitted().number
    request.comment(yard.actor("max"), yard.clock, number, "Reboot is not needed.")
    (said,) = tickets.comments(number)
    assert (said.author, said.text) == (yard.shop.ids["max"], "Reboot is not needed.")
    entry = evidence.last_entry(["ticket.commented"], ticket=number)
    assert entry is not None
    assert b"Reboot" not in entry.body
    assert evidence.openings([entry.data["text"]])[entry.data["text"]][1] == "Reboot is not needed."
    for text in ("", " ", "x" * 4001):
        assert codes(request.comment, yard.actor("max"), yard.clock, number, text) == ("comment.length",)
    assert codes(request.comment, yard.actor("max"), yard.clock, number, "half \ud800") == ("text.unreadable",)
    assert codes(request.comment, yard.actor("quinn"), yard.clock, number, "I was here.") == ("role.missing",)


def test_the_meter_tells_missing_present_stale_and_failed(yard: Yard) -> None:
    number = yard.scheduled().number
    to_window(yard, number)

    def meter() -> dict[str, str]:
        return {row.kind: row.state for row in tickets.evidence_meter(number, yard.clock.now())}

    assert set(meter().values()) == {"missing"}
    bring(yard, number, BEFORE_OPEN)
    bring(yard, number, ["precheck.disk"], outcome=Outcome.FAILED)
    with evidence.act(TICKER, yard.clock) as act:
        entry = act.record("backup.proved", evidence.ObjectRef("ticket", number), ticket=number)
        act.fact(
            "backup.verified", entry=entry, outcome=Outcome.PASSED, grade=evidence.Grade.CAPTURED, ticket=number,
            asset=yard.server, valid_until=yard.clock.now(),
        )  # fmt: skip
    yard.clock.advance(minutes=1)
    found = meter()
    assert (found["precheck.disk"], found["backup.verified"], found["baseline.before"]) == (
        "failed",
        "stale",
        "present",
    )
    assert found["baseline.after"] == "missing"


ALL, LEAD, PEOPLE = set(Reading), {Role.IT_LEAD, Role.ASSESSOR}, {Reading.TICKET, Reading.RECORDING, Reading.BASELINE}


@pytest.mark.parametrize("role", list(Role))
def test_who_reads_what(role: Role) -> None:
    reads = {what for what in Reading if tickets.may_read(what, roles={role}, takes_part=False).allowed}
    expected = ALL if role in LEAD else PEOPLE if role in {Role.APPROVER, Role.CUI_OWNER} else set()
    assert reads == expected
    part = {what for what in Reading if tickets.may_read(what, roles={role}, takes_part=True).allowed}
    assert part == expected | PEOPLE
    assert tickets.may_read(Reading.PACKAGE, roles=(), takes_part=True).codes == ("reading.denied",)


def test_people_of_a_ticket_read_it_and_lists_show_no_other(yard: Yard) -> None:
    number = yard.submitted().number
    now = yard.clock.now()
    mona = yard.shop.add("Mona")
    for key, reads in (("max", True), ("erin", True), ("quinn", True), ("mona", False)):
        assert tickets.reading_of(number, yard.shop.ids[key], now).allowed is reads, key
        assert bool(tickets.tickets(person_id=yard.shop.ids[key], at=now)) is reads
    with open_guard():
        TicketPerson.objects.create(ticket_id=number, person_id=mona, duty="technician")
    assert not tickets.reading_of(number, mona, now, Reading.RECORDING).allowed, "a row written by hand reads nothing"


def test_what_changed_since_it_was_frozen_is_shown_field_by_field(yard: Yard) -> None:
    view = yard.scheduled()
    assert tickets.changes_since_frozen(view.number) == []
    connection = inventory.connection(yard.connection).fields
    inventory.set_connection(
        yard.server, replace(connection, port=2222), actor=yard.actor("iris"), clock=yard.clock,
        connection_id=yard.connection,
    )  # fmt: skip
    inventory.change_asset(yard.server, {"handles_cui": True, "criticality": "high"}, actor=yard.actor("iris"),
                           clock=yard.clock)  # fmt: skip
    found = {one["field"]: (one["old"], one["new"]) for one in tickets.changes_since_frozen(view.number)}
    assert found == {
        "assets.fs01.example.test.connection.port": ("2200", "2222"),
        "assets.fs01.example.test.criticality": ("moderate", "high"),
    }
    again = request.freeze_again(yard.actor("iris"), yard.clock, view.number)
    assert again.state is State.SUBMITTED
    assert all(approval.void_at for approval in again.approvals)
    assert tickets.changes_since_frozen(view.number) == []
