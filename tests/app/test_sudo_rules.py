"""What became of a ticket's sudo rule: rows and facts, what stands against closing, the page, the API."""

from datetime import timedelta

import pytest
from tests.api_caller import Caller
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck.access import api as access
from quarterdeck.access.api import RuleFailed, RuleSeen, RuleState, SudoRuleView
from quarterdeck.access.models import SudoRuleRow
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome, act
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.keep_elevation import keep_rules, withdraw_rules

pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")
STANDING = "(ALL) ALL <script>alert(1)</script>"


class Target:
    """Fulfils ElevationChannel for a target that is there, away, or that keeps what it should give up."""

    def __init__(self) -> None:
        self.away = self.keeps = False
        self.asked: list[str] = []
        self.standing: tuple[str, ...] = ()

    def allow(self, *, ticket: str, asset_id: str, connection_id: str) -> RuleSeen:
        return self._answer("allow", ticket)

    def withdraw(self, *, ticket: str, asset_id: str, connection_id: str) -> RuleSeen:
        if self.keeps:
            raise RuleFailed("The rule is still there after it was withdrawn.")
        return self._answer("withdraw", ticket)

    def _answer(self, action: str, ticket: str) -> RuleSeen:
        self.asked.append(action)
        if self.away:
            raise RuleFailed("The target could not be reached.")
        placed = action == "allow"
        return RuleSeen(placed, tickets.ticket(ticket).window.until, "ab" * 32 if placed else "", self.standing, ())


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def opened(yard: Yard) -> str:
    """A sealed ticket with a window; rows of rules ask for no more."""
    return yard.scheduled().number


def place(yard: Yard, number: str, state: RuleState, seen: RuleSeen | None = None, said: str = "") -> SudoRuleView:
    with act(TICKER, yard.clock) as current:
        return access.record_rule(
            current, state, ticket=number, asset=yard.server, connection=yard.connection, account="maint", seen=seen,
            said=said,
        )  # fmt: skip


def seen(yard: Yard, number: str, *standing: str) -> RuleSeen:
    return RuleSeen(True, tickets.ticket(number).window.until, "ab" * 32, standing, ())


def outcome(number: str, kind: str) -> Outcome:
    return evidence.facts(ticket=number, kinds=[kind])[-1].outcome


def test_from_placed_to_withdrawn(yard: Yard) -> None:
    number = opened(yard)
    rule = place(yard, number, RuleState.PLACED, seen(yard, number))
    assert access.check_rule(rule).allowed
    assert rule.may_be_there
    assert outcome(number, "elevation.only") is Outcome.PASSED
    assert access.rules_are_over(number, yard.clock.now()).codes == ("sudo.left",)
    target = Target()
    target.keeps = True
    (said,) = withdraw_rules(TICKER, yard.clock, number, target)
    assert "still there" in said
    assert outcome(number, "elevation.withdrawn") is Outcome.FAILED
    assert access.rules_are_over(number, tickets.ticket(number).window.until + timedelta(seconds=1)).allowed
    target.keeps = False
    assert withdraw_rules(TICKER, yard.clock, number, target) == []
    assert outcome(number, "elevation.withdrawn") is Outcome.PASSED
    assert access.rules_are_over(number, yard.clock.now()).allowed
    assert keep_rules(TICKER, yard.clock, target) == 0


def test_a_rule_that_could_not_be_renewed_stays_what_it_was(yard: Yard) -> None:
    number = opened(yard)
    place(yard, number, RuleState.PLACED, seen(yard, number))
    rule = place(yard, number, RuleState.FAILED, said="The target could not be reached.")
    assert (rule.state, rule.tries) == (RuleState.PLACED, 1)
    assert outcome(number, "elevation.timed") is Outcome.FAILED


def test_waits_grow_and_stop_growing(yard: Yard) -> None:
    number = opened(yard)
    for _ in range(12):
        rule = place(yard, number, RuleState.FAILED, said="Away.")
    assert not access.is_due_again(rule, rule.tried_at + timedelta(minutes=14))
    assert access.is_due_again(rule, rule.tried_at + timedelta(minutes=15))


def test_a_row_made_by_hand_holds_up_closing(yard: Yard) -> None:
    """attacks.md row 28."""
    number = opened(yard)
    place(yard, number, RuleState.PLACED, seen(yard, number))
    with open_guard():
        SudoRuleRow.objects.filter(ticket_id=number).update(state="withdrawn")
    assert "sudo.unsealed" in access.rules_are_over(number, yard.clock.now()).codes


def test_a_row_taken_away_by_hand_holds_up_closing(yard: Yard) -> None:
    """attacks.md row 28."""
    number = opened(yard)
    place(yard, number, RuleState.PLACED, seen(yard, number))
    with open_guard():
        SudoRuleRow.objects.filter(ticket_id=number).delete()
    assert "row.missing" in access.rules_are_over(number, yard.clock.now()).codes


def test_the_ticket_shows_it_and_no_rule_acts(yard: Yard) -> None:
    number = opened(yard)
    place(yard, number, RuleState.PLACED, seen(yard, number, STANDING))
    page = sign_in(yard.shop, "iris").get(f"/tickets/{number}/?tab=sessions")
    assert "Root by sudo" in text_of(page)
    assert "Standing rule" in text_of(page)
    assert b"<script>alert(1)" not in page.content
    (told,) = Caller(yard.shop, "quinn").call("get", f"/tickets/{number}/sudo-rules").json()
    assert (told["state"], told["standing"]) == ("placed", [STANDING])
    entry = evidence.last_entry(["sudo_rule.placed"])
    assert entry is not None
    assert b"script" not in entry.body
    assert entry.data["standing"] == 1
