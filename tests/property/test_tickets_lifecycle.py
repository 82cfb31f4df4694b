"""The life of a ticket as a state machine: whatever people try, the promises of design section 4 hold."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Grade, Outcome
from quarterdeck.kernel.actors import OPERATOR, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Before, HoldState, State

PEOPLE = st.sampled_from(["iris", "max", "avery", "casey", "quinn", "erin"])
ROLES = st.sampled_from(list(ApprovalRole))
BEFORE_OPEN = (
    "backup.verified", "precheck.reachable", "precheck.disk", "precheck.clock", "precheck.dependencies",
    "precheck.defined", "sole_path.proven", "baseline.before",
)  # fmt: skip
BEFORE_CLOSE = ("baseline.after", "drift.explained", "postcheck.passed", "leftovers.none")
ENDED = ("session.ended", "access.revoked", "network.terminated", "session.recorded")


class Life(RuleBasedStateMachine):
    """One ticket on a CUI server; `yard` is set by the test."""

    yard: Yard
    reached: set[State]

    @initialize()
    def draft(self) -> None:
        self.clock = self.yard.clock
        # A day of its own for each example, so that earlier examples' tickets never clash.
        self.clock.advance(days=20)
        self._authorise()
        with evidence.act(self.yard.actor("iris"), self.clock) as act:
            self.number = tickets.request(act, self.yard.content())
        self.approved_content: dict[ApprovalRole, tuple[str, str]] = {}
        self.ever_open = False

    def _authorise(self) -> None:
        now = self.clock.now()
        iris = self.yard.actor("iris")
        agreement = personnel.add_agreement(
            "Harbor MSP", f"SOW-{now:%Y%m%d%H%M}", permitted_actions=["any"], methods=["any"],
            valid_from=now - timedelta(days=1), valid_until=now + timedelta(days=30), actor=iris, clock=self.clock,
        )
        self.yard.agreement = agreement.id
        personnel.authorise(
            self.yard.shop.ids["max"], actions=["any"], valid_from=now, valid_until=now + timedelta(days=30),
            actor=iris, clock=self.clock, agreement_id=agreement.id, access_authorised=True,
        )

    def view(self) -> tickets.TicketView:
        return tickets.ticket(self.number)

    def attempt(self, who: str, verb, *args: object, **kwargs: object) -> bool:
        actor = OPERATOR if who == "operator" else self.yard.actor(who)
        try:
            with evidence.act(actor, self.clock) as act:
                verb(act, self.number, *args, **kwargs)
        except Refused:
            return False
        return True

    @rule(who=PEOPLE)
    def submit(self, who: str) -> None:
        document = tickets.current_snapshot(self.number)
        ref = evidence.store_artifact(
            tickets.snapshot_bytes(document), media_type="application/json", role="snapshot", name="s.json",
            may_contain_cui=True,
        )
        done = self.attempt(who, tickets.submit, ref)
        assert not done or who in {"iris", "max"}

    @rule(who=PEOPLE, title=st.sampled_from(["Patch it", "Patch it well"]))
    def edit(self, who: str, title: str) -> None:
        before = self.view()
        content = self.yard.content(title=title, window=before.window)
        if self.attempt(who, tickets.edit, content, version=before.version):
            assert before.state in {State.DRAFT, State.SUBMITTED, State.APPROVED, State.SCHEDULED}
            self.approved_content.clear()

    @rule(who=PEOPLE, role=ROLES, stale=st.booleans())
    def approve(self, who: str, role: ApprovalRole, stale: bool) -> None:
        shown = "0" * 64 if stale else self.view().content_hash
        if self.attempt(who, tickets.approve, role=role, content_hash=shown, reason="It is sound."):
            assert not stale
            assert who == {ApprovalRole.APPROVER: "avery", ApprovalRole.CUI_OWNER: "casey"}[role]
            self.approved_content[role] = (who, shown)
        if self.view().state is State.APPROVED:
            assert set(self.approved_content) == set(ApprovalRole)
            with evidence.act(self.yard.actor(who), self.clock) as act:
                tickets.schedule(act, self.number, ())

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)

    @rule(kinds=st.sampled_from([(*BEFORE_OPEN, "recorder.healthy"), BEFORE_CLOSE, ENDED]), good=st.integers(0, 3))
    def facts_arrive(self, kinds: tuple[str, ...], good: int) -> None:
        outcome = Outcome.PASSED if good else Outcome.FAILED
        with evidence.act(system("ticker"), self.clock) as act:
            entry = act.record("checks.ran", evidence.ObjectRef("ticket", self.number))
            for kind in kinds:
                asset = None if kind in {*ENDED, "recorder.healthy"} else self.yard.server
                act.fact(kind, entry=entry, outcome=outcome, grade=Grade.CAPTURED, ticket=self.number, asset=asset)

    @rule(who=st.one_of(PEOPLE, st.just("operator")))
    def open_(self, who: str) -> None:
        holds = tickets.hold_points(self.number, self.clock.now())
        failing = [h for h in holds if h.before is Before.OPEN and h.state is HoldState.FAILED]
        if self.attempt(who, tickets.open_ticket):
            assert who in {"iris", "max"}
            assert not failing
            assert self.view().window.contains(self.clock.now())
            assert set(self.approved_content) == set(ApprovalRole)
            self.ever_open = True

    @rule(who=PEOPLE)
    def end_work(self, who: str) -> None:
        if self.attempt(who, tickets.end_work):
            assert self.ever_open

    @rule(who=PEOPLE)
    def reopen(self, who: str) -> None:
        if self.attempt(who, tickets.reopen):
            assert self.view().window.contains(self.clock.now())

    @rule(who=st.one_of(PEOPLE, st.just("operator")))
    def close(self, who: str) -> None:
        summary = evidence.store_artifact(
            b"Done.", media_type="text/plain", role="summary", name="summary.txt", may_contain_cui=False
        )
        holds = tickets.hold_points(self.number, self.clock.now())
        failing = [h for h in holds if h.before is Before.CLOSE and h.state is HoldState.FAILED]
        if self.attempt(who, tickets.close, rolled_back=False, summary=summary):
            assert self.ever_open
            assert not failing

    @rule(who=PEOPLE)
    def withdraw(self, who: str) -> None:
        if self.attempt(who, tickets.withdraw, "No longer needed."):
            assert not self.ever_open

    @rule()
    def the_sensible_next_act(self) -> None:
        """What people would do: without it random acts seldom get a ticket to its end."""
        state = self.view().state
        if state is State.DRAFT:
            self.submit("iris")
        elif state is State.SUBMITTED:
            self.approve("avery", ApprovalRole.APPROVER, False)
            self.approve("casey", ApprovalRole.CUI_OWNER, False)
        elif state is State.SCHEDULED:
            self.clock.advance(seconds=max(0.0, (self.view().window.from_ - self.clock.now()).total_seconds()))
            self.facts_arrive((*BEFORE_OPEN, "recorder.healthy"), 1)
            self.open_("max")
        elif state is State.OPEN:
            self.end_work("max")
        elif state is State.VERIFYING:
            self.facts_arrive(BEFORE_CLOSE, 1)
            self.facts_arrive(ENDED, 1)
            self.close("iris")
        self.reached.add(self.view().state)

    @invariant()
    @precondition(lambda self: hasattr(self, "number"))
    def the_ledger_tells_the_state(self) -> None:
        moves = [e.data["to"] for e in evidence.entries(ticket=self.number) if "to" in e.data]
        assert moves[-1] == self.view().state

    @invariant()
    @precondition(lambda self: hasattr(self, "number"))
    def nobody_gets_in_unless_open_and_in_the_window(self) -> None:
        now = self.clock.now()
        for key in ("max", "avery"):
            allowed = tickets.may_admit(self.number, self.yard.shop.ids[key], self.yard.server, now).allowed
            if allowed:
                assert key == "max"
                assert self.view().state is State.OPEN
                assert self.view().window.contains(now)

    def teardown(self) -> None:
        if hasattr(self, "number"):
            for entry in evidence.entries(ticket=self.number):
                assert entry.event != "ticket.closed" or entry.data["count"] == (entry.ticket_seq or 0) - 1


@pytest.mark.django_db
def test_the_life_of_a_ticket(clock: StillClock, settings) -> None:
    settings.PASSWORD_HASHERS = FAST_HASHER
    yard = build_yard(clock)

    class OneLife(Life):
        pass

    OneLife.yard, OneLife.reached = yard, set()
    run_state_machine_as_test(OneLife, settings=LIFE)
    assert {State.SCHEDULED, State.OPEN, State.VERIFYING, State.CLOSED} <= OneLife.reached
    assert evidence.verify_ledger().problems == []


LIFE = settings(
    max_examples=15, stateful_step_count=22, deadline=None, suppress_health_check=list(HealthCheck), database=None
)
