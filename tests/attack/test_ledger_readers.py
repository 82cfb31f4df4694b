"""Somebody with the database file hides an entry, so that an older one counts: what does each reader believe?

Attacks.md rows 14 and 28. Each attack is tried on a process that runs (it has read the ledger before) and on one that
starts afterwards. The rows that the hidden entry told of are set back as well, as a careful attacker does.
"""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from tests import ticket_steps
from tests.access_shop import authorise, make_shop, open_ticket
from tests.access_signer import near_signer
from tests.api_caller import Caller
from tests.app.test_sessions_admission import Gate
from tests.append_only import database_in_hand
from tests.clock import StillClock
from tests.ticket_steps import BEFORE_OPEN, TICKER, bring, codes, to_window
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck.access import api as access
from quarterdeck.config.api import load
from quarterdeck.entrypoints.supervisor.findings import Grade
from quarterdeck.entrypoints.supervisor.ledger_checks import running_findings
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome, act
from quarterdeck.evidence.watch import forget, ledger
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State
from quarterdeck.workflows import close_ticket, open_window, request
from quarterdeck_verify.entry import decode
from quarterdeck_verify.merkle import Frontier

pytestmark = pytest.mark.django_db(transaction=True)
quick_passwords = ticket_steps.quick_passwords
yard = ticket_steps.yard

# Ways to hide the newest entry of an event; the columns are those by which rows were once looked up.
HIDINGS = {
    "its event": "UPDATE evidence_ledgerentry SET event = 'x.hidden' WHERE seq = %s",
    "its object": "UPDATE evidence_ledgerentry SET object_id = 'ag_other' WHERE seq = %s",
    "its ticket": "UPDATE evidence_ledgerentry SET ticket = 'MT-2026-00999', ticket_seq = 1 WHERE seq = %s",
    "its event id": "UPDATE evidence_ledgerentry SET event_id = 'ev_other' WHERE seq = %s",
    "its place": "UPDATE evidence_ledgerentry SET seq = seq + 100000 WHERE seq = %s",
    "the row": "DELETE FROM evidence_ledgerentry WHERE seq = %s",
}
REMEMBERED = pytest.mark.parametrize("started_after", [False, True], ids=["it runs", "it starts afterwards"])
HIDDEN = pytest.mark.parametrize("how", HIDINGS)
HIDDEN_ONCE = pytest.mark.parametrize("how", ["its object", "its event", "the row"])  # where a page takes its time


def by_hand(statement: str, *values: object) -> None:
    with database_in_hand() as cursor:
        cursor.execute("PRAGMA foreign_keys = OFF") if cursor.db.vendor == "sqlite" else None
        cursor.execute(statement, list(values))
        assert cursor.rowcount > 0
        cursor.execute("PRAGMA foreign_keys = ON") if cursor.db.vendor == "sqlite" else None


def hide(how: str, events: list[str], *, started_after: bool) -> None:
    """Hide the newest entry of these events; a process that starts afterwards has read nothing yet."""
    found = evidence.last_entry(events)
    assert found is not None
    by_hand(HIDINGS[how], found.seq)
    if started_after:
        forget()


def rows(table: str) -> Callable[[], None]:
    """Remember a table's rows; the call sets them back."""
    with database_in_hand() as cursor:
        cursor.execute(f"SELECT * FROM {table}")  # noqa: S608
        columns, kept = [one[0] for one in cursor.description], cursor.fetchall()

    def back() -> None:
        sets = ", ".join(f'"{column}" = %s' for column in columns)
        for row in kept:
            by_hand(f'UPDATE {table} SET {sets} WHERE "{columns[0]}" = %s', *row, row[0])  # noqa: S608

    return back


@pytest.fixture
def present(settings: object) -> Yard:
    """A yard of today: the pages take their time from the machine."""
    settings.PASSWORD_HASHERS = ticket_steps.FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def refusal(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes


def changed_after_approval(yard: Yard) -> tuple[str, Callable[[], None]]:
    """A ticket in its window whose approvals an edit voided, which an attacker hides; and what sets its rows back."""
    now, planned = yard.clock.now(), yard.content().window
    number = yard.scheduled(window=type(planned)(now, now + planned.length)).number
    bring(yard, number, BEFORE_OPEN)
    view = tickets.ticket(number)
    back = [rows("tickets_maintenanceticket"), rows("tickets_approval")]
    request.edit(yard.actor("iris"), yard.clock, number, view.content, version=view.version)

    def set_back() -> None:
        for one in back:
            one()

    return number, set_back


@HIDDEN
@REMEMBERED
def test_opening_believes_no_voided_approval(yard: Yard, how: str, started_after: bool) -> None:
    number, set_back = changed_after_approval(yard)
    hide(how, ["ticket.edited"], started_after=started_after)
    set_back()
    assert codes(open_window.open_ticket, yard.actor("max"), yard.clock, number) in (
        ("ledger.altered",), ("ticket.unsealed",),
    )  # fmt: skip
    assert open_tickets() == []


def open_tickets() -> list[str]:
    """The tickets that entries say were opened, whatever the database answers to those who ask by column."""
    with database_in_hand() as cursor:
        cursor.execute("SELECT body FROM evidence_ledgerentry ORDER BY seq")
        told = [decode(bytes(body)) for (body,) in cursor.fetchall()]
    return [one["ticket"] for one in told if one["event"] == "ticket.opened"]


@HIDDEN_ONCE
@REMEMBERED
def test_the_web_opens_nothing(present: Yard, how: str, started_after: bool) -> None:
    number, set_back = changed_after_approval(present)
    max_ = sign_in(present.shop, "max")
    hide(how, ["ticket.edited"], started_after=started_after)
    set_back()
    answer = max_.post(f"/tickets/{number}/open/", follow=True)
    assert "is open" not in text_of(answer)
    assert open_tickets() == []
    if started_after:
        assert answer.status_code == 503
        assert "Entry" in text_of(answer)
        assert "changed or taken away" in text_of(answer)


@HIDDEN_ONCE
@REMEMBERED
def test_the_web_takes_no_approval_by_a_revived_approver(present: Yard, how: str, started_after: bool) -> None:
    view = present.submitted()
    avery = sign_in(present.shop, "avery")
    page = avery.get(f"/tickets/{view.number}/decide/")
    assert page.status_code == 200
    back = rows("personnel_rolegrant")
    given = next(g for g in personnel.role_grants(present.shop.ids["avery"]) if g.role is Role.APPROVER)
    personnel.revoke_role(given.id, actor=present.actor("iris"), clock=present.clock)
    assert avery.get(f"/tickets/{view.number}/decide/").status_code == 403
    hide(how, ["role.revoked"], started_after=started_after)
    back()
    decision = {
        "content_hash": view.content_hash, "role": "approver", "reason": "Trust me.", "verdict": "approved",
    }  # fmt: skip
    avery.post(f"/tickets/{view.number}/decide/", decision)
    with database_in_hand() as cursor:
        cursor.execute("SELECT count(*) FROM tickets_approval")
        assert cursor.fetchone() == (0,)


@HIDDEN_ONCE
@REMEMBERED
def test_the_api_opens_nothing(present: Yard, how: str, started_after: bool) -> None:
    number, set_back = changed_after_approval(present)
    max_ = Caller(present.shop, "max")
    hide(how, ["ticket.edited"], started_after=started_after)
    set_back()
    told = max_.call("post", f"/tickets/{number}/open")
    assert told.json()["refused"][0]["code"] in ("ledger.altered", "ticket.unsealed", "approval.no_approver")
    assert open_tickets() == []


@HIDDEN_ONCE
@REMEMBERED
def test_the_api_believes_no_withdrawn_token(present: Yard, how: str, started_after: bool) -> None:
    avery = Caller(present.shop, "avery")
    back = rows("personnel_apitoken")
    personnel.revoke_token(avery.headers["authorization"].removeprefix("Bearer "), clock=present.clock)
    assert avery.call("get", "/tickets").status_code == 401
    hide(how, ["token.revoked"], started_after=started_after)
    back()
    told = avery.call("get", "/tickets")
    assert told.status_code in (401, 409)
    assert told.json()["refused"][0]["code"] in ("token.missing", "ledger.altered")


def test_doctor_says_what_is_wrong(yard: Yard) -> None:
    hide("its object", ["role.granted", "person.added", "asset.added"], started_after=True)
    (finding,) = running_findings(load(), yard.clock)
    assert (finding.topic, finding.grade) == ("ledger", Grade.WRONG)
    assert "was changed or taken away" in finding.sentence


@pytest.fixture
def gate(clock: StillClock, tmp_path: Path) -> Gate:
    shop = make_shop(clock)
    authorise(shop, "sam")
    open_ticket(shop)
    return Gate(shop, near_signer(tmp_path / "signer", clock))


def revived(gate: Gate, how: str, *, started_after: bool) -> None:
    """Withdraw Sam's access, then hide that and set the grant back."""
    back = rows("access_accessgrant")
    with act(gate.shop.actor("iris"), gate.shop.clock) as current:
        access.revoke_for(current, ticket=gate.shop.ticket, reason="left.the.vendor")
    assert "access.revoked" in gate.refusal()
    hide(how, ["access.revoked"], started_after=started_after)
    back()


@HIDDEN
@REMEMBERED
def test_the_gate_admits_nobody_on_a_revived_grant(gate: Gate, how: str, started_after: bool) -> None:
    revived(gate, how, started_after=started_after)
    assert set(gate.refusal()) & {"ledger.altered", "row.altered"}


@HIDDEN
@REMEMBERED
def test_the_gate_lets_no_session_stay_on_a_revived_grant(gate: Gate, how: str, started_after: bool) -> None:
    admitted = gate.admit()
    revived(gate, how, started_after=started_after)
    assert not may_stay(gate)
    assert not gate.desk.recheck(admitted.session).allowed
    assert refusal(lambda: gate.desk.certify(admitted.session, "ecdsa-sha2-nistp256 AAAA"))


def may_stay(gate: Gate) -> bool:
    """False also when there is no good read: then the warden ends every session two seconds later."""
    try:
        gate.desk.change_counter()
        return gate.desk.standing([gate.serial])[gate.serial].may_stay
    except Refused:
        return False


@HIDDEN
@REMEMBERED
def test_the_signer_signs_nothing_for_a_revived_grant(gate: Gate, how: str, started_after: bool) -> None:
    admitted = gate.admit()
    grant = access.grants(ticket=gate.shop.ticket)[0].id
    revived(gate, how, started_after=started_after)
    signed = len(gate.signer.signer._log.lines)  # type: ignore[union-attr]
    key = access.grant(grant).public_key if not started_after else "ecdsa-sha2-nistp256 AAAA"
    assert refusal(lambda: gate.signer.target(grant, admitted.session, key))
    assert refusal(lambda: gate.signer.entry(grant))
    assert len(gate.signer.signer._log.lines) == signed  # type: ignore[union-attr]


@HIDDEN
@REMEMBERED
def test_the_ticker_ends_no_window_twice(yard: Yard, how: str, started_after: bool) -> None:
    """The end of the work is hidden and the ticket set back to open: its second end would be the ticker's word."""
    number = ticket_steps.opened(yard)
    back = rows("tickets_maintenanceticket")
    yard.clock.advance(hours=3)
    assert close_ticket.end_windows(TICKER, yard.clock) == 1
    hide(how, ["ticket.work_ended"], started_after=started_after)
    back()
    with suppress(Refused):  # the loop logs it and goes on
        assert close_ticket.end_windows(TICKER, yard.clock) == 0
    with database_in_hand() as cursor:
        cursor.execute("SELECT body FROM evidence_ledgerentry ORDER BY seq")
        told = [decode(bytes(body))["event"] for (body,) in cursor.fetchall()]
    assert told.count("ticket.work_ended") == (0 if how == "the row" else 1)
    assert not tickets_admit(yard, number)


def tickets_admit(yard: Yard, number: str) -> bool:
    try:
        return tickets.may_admit(number, yard.shop.ids["max"], yard.server, yard.clock.now()).allowed
    except Refused:
        return False


def test_a_window_moved_by_hand_is_found_by_the_ticker_and_admits_nobody(yard: Yard) -> None:
    """The ticker finds due windows by the row's column: one that was moved away is compared with its entry."""
    number = ticket_steps.opened(yard)
    assert close_ticket.report_altered_tickets(TICKER, yard.clock) == []
    by_hand("UPDATE tickets_maintenanceticket SET window_until = '2031-01-01 00:00:00'")
    yard.clock.advance(hours=3)
    assert close_ticket.end_windows(TICKER, yard.clock) == 0
    assert not tickets_admit(yard, number)
    for _ in range(3):
        assert close_ticket.report_altered_tickets(TICKER, yard.clock) == [number]
        yard.clock.advance(minutes=5)
    (told,) = evidence.entries(events=["act.refused"], ticket=number)
    assert told.data["codes"] == ["ticket.unsealed"]


@HIDDEN
@REMEMBERED
def test_a_hidden_failure_lets_no_older_fact_count(yard: Yard, how: str, started_after: bool) -> None:
    number = yard.scheduled().number
    to_window(yard, number)
    bring(yard, number, BEFORE_OPEN)
    bring(yard, number, ["backup.verified"], outcome=Outcome.FAILED)
    hide(how, ["checks.ran"], started_after=started_after)
    refused = codes(open_window.open_ticket, yard.actor("max"), yard.clock, number)
    assert set(refused) & {"ledger.altered", "backup.verified.failed"}
    assert open_tickets() == []


def test_a_person_whose_login_was_closed_stays_out(yard: Yard) -> None:
    back = [rows("personnel_person"), rows("personnel_rolegrant")]
    personnel.deactivate_person(yard.shop.ids["avery"], actor=yard.actor("iris"), clock=yard.clock)
    hide("its object", ["person.deactivated"], started_after=False)
    for one in back:
        one()
    assert refusal(lambda: personnel.is_standing(yard.shop.ids["avery"])) == ("ledger.altered",) or not (
        personnel.is_standing(yard.shop.ids["avery"])
    )


@pytest.fixture
def shown(yard: Yard) -> int:
    """A ledger that this process has read to its end; its size."""
    return evidence.head().size


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence_ledgerentry SET body = (SELECT body FROM evidence_ledgerentry WHERE seq = 6) WHERE seq = 7",
        "UPDATE evidence_ledgerentry SET leaf = body WHERE seq = 7",
        "UPDATE evidence_ledgerentry SET actor_id = 'pe_other' WHERE seq = 7",
        "UPDATE evidence_ledgerentry SET ticket = 'MT-2026-00001', ticket_seq = 77 WHERE seq = 7",
        "DELETE FROM evidence_ledgerentry WHERE seq = 7",
    ],
)
@REMEMBERED
def test_an_entry_that_nobody_asks_for_is_missed_in_its_turn(shown: int, statement: str, started_after: bool) -> None:
    by_hand(statement)
    if started_after:
        forget()
        assert refusal(evidence.head) == ("ledger.altered",)
        return
    assert evidence.head().size == shown, "not read yet"
    with pytest.raises(Refused):
        for _ in range(shown // 64 + 2):  # from wherever it stands, once around
            ledger().reread(64)
    assert refusal(evidence.head) == ("ledger.altered",)


def cut(keep: int) -> None:
    """Take the newest entries away and set the head back, so that everything fits again."""
    frontier = Frontier()
    kept = list(evidence.entries(until_seq=keep))
    for one in kept:
        frontier.append(one.leaf)
    with database_in_hand() as cursor:
        cursor.execute("DELETE FROM evidence_ledgerentry WHERE seq >= %s", [keep])
        cursor.execute(
            "UPDATE evidence_ledgerhead SET size = %s, tip = %s, frontier = %s",
            [keep, kept[-1].leaf, frontier.serialise()],
        )


def test_who_runs_sees_a_ledger_that_was_cut_and_writes_nothing_more(yard: Yard) -> None:
    size = evidence.head().size
    cut(size - 2)
    assert refusal(evidence.head) == ("ledger.altered",)
    with pytest.raises(Refused) as caught, act(TICKER, yard.clock) as current:
        current.record("asset.changed", evidence.ObjectRef("asset", yard.server))
    assert caught.value.decision.codes == ("ledger.altered",)


def test_who_starts_afterwards_does_not_see_a_clean_cut_but_the_signer_does(gate: Gate) -> None:
    """What the database alone cannot tell: the signer's own memory, the sealer's and the anchors are for this."""
    admitted = gate.admit()
    gate.desk.certify(admitted.session, access.grants(ticket=gate.shop.ticket)[0].public_key)
    cut(evidence.head().size - 2)
    forget()
    assert evidence.head().size
    grant = access.grants(ticket=gate.shop.ticket)[0].id
    assert refusal(lambda: gate.signer.target(grant, admitted.session, "ecdsa-sha2-nistp256 AAAA")) == ("ledger.older",)


def test_a_rewritten_tail_of_the_same_length_is_seen_by_who_runs(yard: Yard) -> None:
    size = evidence.head().size
    cut(size - 1)
    forget()
    with act(TICKER, yard.clock) as current:
        current.record("asset.forged", evidence.ObjectRef("asset", yard.server))
    forged = evidence.head()
    forget()
    assert evidence.head() == forged, "to a process that starts it is simply the ledger"
    by_hand("UPDATE evidence_ledgerhead SET tip = %s", b"\1" * 32)
    assert refusal(evidence.head) == ("ledger.altered",)


def test_the_state_of_a_closed_ticket_is_no_secret_way_in(yard: Yard) -> None:
    number = ticket_steps.closed(yard)
    assert tickets.ticket(number).state is State.CLOSED
    hide("its ticket", ["ticket.closed"], started_after=False)
    by_hand("UPDATE tickets_maintenanceticket SET state = 'open'")
    assert not tickets_admit(yard, number)
