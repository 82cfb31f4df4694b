"""Going back where it must not: the wrong person, no second factor, another ticket's snapshot, twice, half done."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop
from tests.access_signer import NearSigner, fresh_key, near_signer
from tests.append_only import database_in_hand
from tests.attack.test_tickets_races import at_once, database
from tests.clock import StillClock
from tests.run_room import Repository, ToldProgram, approved, do, propose, result, stats

from quarterdeck.access import api as access
from quarterdeck.adapters.run_room import RunFolders
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Product, Snapshot, Source, Verification
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Outcome
from quarterdeck.kernel.actors import OPERATOR, Actor, ActorKind, system
from quarterdeck.kernel.decision import Refused
from quarterdeck.runs import api as runs
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Work
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import RollbackPlan, RollbackStep, StepKind
from quarterdeck.workflows import close_ticket, read_rollback, request, roll_back
from quarterdeck.workflows.do_captures import do_next_capture
from quarterdeck.workflows.prepare_ticket import Instruments
from quarterdeck.workflows.revert_snapshot import SnapshotReverter
from quarterdeck.workflows.take_snapshot import snapshot_for_ticket, take_snapshot

__all__ = ["database"]
pytestmark = pytest.mark.django_db(transaction=True)
TICKER = system("ticker")


class Died(BaseException):
    """The process was killed."""


class Disk:
    """A disk with snapshots; fulfils SnapshotMaker. `meanwhile` happens in the middle of a revert."""

    def __init__(self) -> None:
        self.now, self.kept, self.pending, self.reverts = "before", dict[str, tuple[str, int]](), False, 0
        self.meanwhile: Callable[[], object] = lambda: None

    def take(self, source: Source, name: str, now: datetime) -> Snapshot:
        self.kept[name] = (self.now, len(self.kept))
        return Snapshot(name, now, 0, encrypted=None)

    def look(self, source: Source, snapshot: str) -> Verification:
        if snapshot not in self.kept:
            return Verification(False, "The snapshot is gone.", b"gone")
        if self.pending:
            return Verification(False, "Still made.", b"pending", pending=True)
        return Verification(True, "It is there.", b"there", identity=str(self.kept[snapshot][1]))

    def revert(self, source: Source, snapshot: str, now: datetime) -> Verification:
        self.reverts += 1
        self.meanwhile()
        self.now = self.kept[snapshot][0]
        return Verification(True, "Put back.", b"put back", identity=str(self.kept[snapshot][1]))


class Bench:
    """A server with a disk, tickets on it, and the ticker's two loops."""

    def __init__(self, clock: StillClock, folder: Path) -> None:
        self.clock, self.disk = clock, Disk()
        self.shop: Shop = make_shop(clock, {"web01": Place()})
        authorise(self.shop, "sam")
        self.room = RunFolders(folder / "runs")
        self.program = ToldProgram(self.room)
        self.signer: NearSigner = near_signer(folder / "signer", clock)
        self.repository = Repository(folder / "books")
        source = Source("", self.shop.asset, Product.BTRFS, "/srv/data", "", timedelta(hours=24), path="/srv/snapshots")
        with evidence.act(self.shop.actor("iris"), clock) as act:
            backups.set_source(act, source)
        self.makers = {Product.BTRFS: self.disk}
        self.number = ""

    def ticket(self, *steps: RollbackStep, opened: bool = True, snapshot: bool = True, **changes: object) -> str:
        plan = RollbackPlan(30, "The page is gone", steps or (self.step(),))
        self.number = approved_ticket(self.shop, rollback_plan=plan, **changes)
        self.clock.advance(seconds=1)
        if snapshot:
            snapshot_for_ticket(self.number, self.shop.asset, makers=self.makers, actor=TICKER, clock=self.clock)
        self.clock.advance(seconds=1)
        if opened:
            with evidence.act(self.shop.actor("sam"), self.clock) as act:
                tickets.open_ticket(act, self.number)
            self.disk.now = "broken"
        self.clock.advance(seconds=1)
        return self.number

    def step(self, kind: StepKind = StepKind.SNAPSHOT, item: str = "") -> RollbackStep:
        asset = "" if kind is StepKind.MANUAL else self.shop.asset
        return RollbackStep("Go back", self.shop.people["sam"], kind, asset, item)

    def begin(self, who: str = "sam", actor: Actor | None = None) -> tickets.RollbackView:
        by = actor or self.shop.actor(who)
        return roll_back.begin(by, self.clock, self.number, reason="The page is gone.", room=self.room)

    def again(self, who: str = "sam", actor: Actor | None = None) -> tickets.RollbackView:
        return roll_back.ask_again(actor or self.shop.actor(who), self.clock, self.number, room=self.room)

    def tick(self) -> None:
        self.clock.advance(seconds=1)
        reverters = {StepKind.SNAPSHOT: SnapshotReverter(self.makers, TICKER, self.clock)}
        tools = Instruments(None, None, None, {}, None, reverters=reverters)  # type: ignore[arg-type]
        do_next_capture(TICKER, self.clock, lambda: tools)
        do(self.shop, self.signer, self.program)

    @property
    def first(self) -> tickets.StepView:
        seen = tickets.rollback_of(self.number)
        assert seen is not None
        return seen.steps[0]

    def failed_with(self) -> tuple[str, ...]:
        self.begin()
        self.tick()
        assert self.first.state == "failed"
        assert self.disk.now == "broken"
        assert read_rollback.standing(self.number).said[1], "a person reads why"
        return self.first.codes


@pytest.fixture
def filed(clock: StillClock, tmp_path: Path, database: Path) -> Bench:
    """The bench on a database in a file, as in production."""
    return Bench(clock, tmp_path)


@pytest.fixture
def bench(clock: StillClock, tmp_path: Path) -> Bench:
    return Bench(clock, tmp_path)


def codes(call: Callable[..., object], *arguments: object, **named: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return tuple(refused.value.decision.codes)


def stale(bench: Bench, who: str = "sam") -> Actor:
    return Actor(bench.shop.people[who], ActorKind.PERSON, "mfa", bench.clock.now() - timedelta(minutes=11))


def test_a_snapshot_is_gone_back_to_once_and_the_ledger_tells_it(bench: Bench) -> None:
    bench.ticket()
    bench.begin()
    bench.tick()
    assert (bench.first.state, bench.first.captured, bench.disk.now, bench.disk.reverts) == ("done", True, "before", 1)
    assert backups.snapshots(bench.number)[0].state == "reverted"
    assert evidence.facts(ticket=bench.number, kinds=["rollback.performed"])[-1].outcome is Outcome.PASSED
    told = [one.event for one in evidence.entries(ticket=bench.number)]
    assert told[-2:] == ["rollback.step", "snapshot.reverted"]
    assert bench.first.evidence
    assert codes(bench.begin) == ("rollback.begun",)
    assert codes(bench.again) == ("rollback.nothing_by_itself",)
    bench.tick()
    assert bench.disk.reverts == 1


@pytest.mark.parametrize("who", ["avery", "casey", "max"])
def test_who_does_not_work_on_the_ticket_goes_back_to_nothing(bench: Bench, who: str) -> None:
    bench.ticket()
    assert codes(bench.begin, who)
    assert tickets.rollback_of(bench.number) is None
    bench.begin()
    bench.disk.kept.clear()
    bench.tick()
    assert codes(bench.again, who)
    assert codes(roll_back.stop, bench.shop.actor(who), bench.clock, bench.number, room=bench.room)
    bench.tick()
    assert bench.disk.reverts == 0


def test_the_operator_and_our_processes_begin_none(bench: Bench) -> None:
    bench.ticket()
    assert codes(bench.begin, actor=OPERATOR)
    assert codes(bench.begin, actor=TICKER)


def test_without_a_fresh_second_factor_nothing_is_begun_or_repeated(bench: Bench) -> None:
    bench.ticket()
    assert codes(bench.begin, actor=stale(bench)) == ("step_up.needed",)
    bench.begin()
    bench.disk.kept.clear()
    bench.tick()
    assert codes(bench.again, actor=stale(bench)) == ("step_up.needed",)


def test_outside_of_open_work_no_rollback_begins_and_none_goes_on(bench: Bench) -> None:
    bench.ticket(opened=False)
    assert codes(bench.begin) == ("rollback.not_now",)
    with evidence.act(bench.shop.actor("sam"), bench.clock) as act:
        tickets.open_ticket(act, bench.number)
    assert codes(roll_back.ask_again, bench.shop.actor("sam"), bench.clock, bench.number, room=bench.room) == (
        "rollback.not_begun",
    )
    tickets.ask_capture(bench.number, read_rollback.ROLL_BACK, actor=TICKER, clock=bench.clock)
    bench.tick()
    assert bench.disk.reverts == 0, "a job that somebody put into the table reverts nothing"


def test_a_ticket_that_took_no_snapshot_uses_no_other_tickets(bench: Bench) -> None:
    bench.ticket(opened=False)
    request.withdraw(bench.shop.actor("iris"), bench.clock, bench.number, "Another ticket does it.")
    bench.ticket(snapshot=False)
    assert bench.failed_with() == ("snapshot.none",)


def test_another_tickets_snapshot_moved_here_by_hand_is_refused(bench: Bench) -> None:
    bench.ticket(opened=False)
    request.withdraw(bench.shop.actor("iris"), bench.clock, bench.number, "Another ticket does it.")
    bench.ticket(snapshot=False)
    with database_in_hand() as cursor:
        cursor.execute("UPDATE backups_ticketsnapshot SET ticket_id = %s", [bench.number])
    assert bench.failed_with() == ("snapshot.unsealed",)


@pytest.mark.parametrize(
    ("happens", "code"),
    [
        (lambda disk: disk.kept.clear(), "snapshot.not_whole"),
        (lambda disk: disk.kept.update({name: ("wrong", 99) for name in disk.kept}), "snapshot.altered"),
    ],
)
def test_a_snapshot_that_is_gone_or_replaced_is_refused(
    bench: Bench, happens: Callable[[Disk], None], code: str
) -> None:
    bench.ticket()
    happens(bench.disk)
    assert bench.failed_with() == (code,)
    refusals = [one.data["codes"] for one in evidence.entries(ticket=bench.number, events=["act.refused"])]
    assert [code] in refusals


def test_a_pending_snapshot_is_waited_for_by_a_person(bench: Bench) -> None:
    bench.disk.pending = True
    bench.ticket()
    assert bench.failed_with() == ("snapshot.pending",)
    bench.disk.pending = False
    bench.again()
    bench.tick()
    assert (bench.first.state, bench.disk.now) == ("done", "before")


def test_a_snapshot_of_after_the_damage_is_not_the_one(bench: Bench) -> None:
    bench.ticket()
    bench.clock.advance(minutes=5)
    take_snapshot(bench.number, bench.shop.asset, makers=bench.makers, actor=bench.shop.actor("sam"), clock=bench.clock)
    assert [one[0] for one in bench.disk.kept.values()] == ["before", "broken"]
    bench.begin()
    bench.tick()
    assert bench.disk.now == "before"


def test_a_kill_in_the_middle_is_told_as_lost_and_repeated_by_a_person_alone(bench: Bench) -> None:
    def die() -> None:
        raise Died

    bench.ticket()
    bench.begin()
    bench.disk.meanwhile = die
    with pytest.raises(Died):
        bench.tick()
    assert bench.first.state == "under_way"
    say = roll_back.say_step
    assert codes(say, bench.shop.actor("sam"), bench.clock, bench.number, 1, done=True, said="It is back.") == (
        "rollback.step_under_way",
    )
    bench.clock.advance(minutes=3)
    bench.disk.meanwhile = lambda: None
    bench.tick()
    assert (bench.first.state, bench.first.codes) == ("failed", ("rollback.step_lost",))
    assert bench.disk.reverts == 1, "nobody but a person tries again"
    assert not evidence.facts(ticket=bench.number, kinds=["rollback.performed"])
    bench.again()
    bench.tick()
    assert (bench.first.state, bench.disk.now) == ("done", "before")


def test_nobody_is_let_in_while_the_asset_goes_back(bench: Bench) -> None:
    bench.ticket()
    given = give(bench, bench.number)
    asked: list[tuple[str, ...]] = []

    def enter() -> None:
        found = tickets.may_admit(bench.number, bench.shop.people["sam"], bench.shop.asset, bench.clock.now())
        asked.append(tuple(found.codes))

    bench.disk.meanwhile = enter
    bench.begin()
    bench.tick()
    assert asked == [("rollback.under_way",)]
    assert access.grant(given).state == "revoked"
    assert tickets.may_admit(bench.number, bench.shop.people["sam"], bench.shop.asset, bench.clock.now()).allowed


def give(bench: Bench, number: str) -> str:
    with evidence.act(bench.shop.actor("sam"), bench.clock) as act:
        return access.create_grant(
            act, ticket=number, person=bench.shop.people["sam"], asset=bench.shop.asset,
            connection=bench.shop.connection, purpose=access.Purpose.WORK, public_key=fresh_key(),
            valid_from=bench.clock.now(), valid_until=bench.clock.now() + timedelta(hours=1),
        ).id  # fmt: skip


def session(bench: Bench, number: str) -> str:
    with evidence.act(bench.shop.actor("sam"), bench.clock) as act:
        return sessions.begin(
            act, ticket=number, person=bench.shop.people["sam"], asset=bench.shop.asset, grant=give_later(bench),
            serial=7, work=Work.TERMINAL, source="192.0.2.1",
        ).id  # fmt: skip


def give_later(bench: Bench) -> str:
    return access.grants(ticket=bench.number)[0].id


def test_it_waits_until_the_sessions_on_the_asset_have_ended(bench: Bench) -> None:
    bench.ticket()
    give(bench, bench.number)
    session(bench, bench.number)
    bench.begin()
    for _ in range(3):
        bench.tick()
    assert (bench.first.state, bench.disk.reverts) == ("clearing", 0)
    assert "sessions to end" in tickets.jobs(bench.number)[0].message
    roll_back.stop(bench.shop.actor("sam"), bench.clock, bench.number, room=bench.room)
    assert (bench.first.state, bench.first.codes) == ("failed", ("rollback.stopped",))
    bench.tick()
    assert bench.disk.reverts == 0


def test_a_playbook_runs_once_in_its_turn_in_the_name_of_who_began(bench: Bench) -> None:
    book = approved(bench.shop, bench.repository, bench.repository.commit())
    bench.ticket(bench.step(StepKind.MANUAL), bench.step(StepKind.PLAYBOOK, book.item), items=(book.item,))
    bench.begin()
    bench.tick()
    assert not bench.program.played, "its turn has not come"
    roll_back.say_step(bench.shop.actor("sam"), bench.clock, bench.number, 1, done=True, said="Stopped it.")
    bench.tick()
    bench.tick()
    [order] = bench.program.played
    assert not order.check
    seen = tickets.rollback_of(bench.number)
    assert [one.state for one in seen.steps] == ["done", "done"]
    [run] = runs.runs(bench.number)
    assert (run.rollback_step, run.ordered_by) == (2, bench.shop.people["sam"])
    assert runs.check_run(run.id).allowed


def test_a_playbook_edited_after_approval_is_not_played(bench: Bench) -> None:
    book = approved(bench.shop, bench.repository, bench.repository.commit())
    edited = propose(bench.shop, bench.repository, bench.repository.commit("- hosts: all\n"), name="Edited")
    bench.ticket(bench.step(StepKind.PLAYBOOK, book.item), items=(book.item,))
    with database_in_hand() as cursor:
        cursor.execute("UPDATE runs_runbook SET sha256 = %s WHERE id = %s", [edited.sha256, book.id])
    bench.begin()
    bench.tick()
    assert not bench.program.played
    assert codes(bench.again) == ("runbook.unsealed",)


def test_a_run_whose_step_was_changed_by_hand_is_not_played(bench: Bench) -> None:
    book = approved(bench.shop, bench.repository, bench.repository.commit())
    bench.ticket(bench.step(StepKind.PLAYBOOK, book.item), items=(book.item,))
    bench.begin()
    with database_in_hand() as cursor:
        cursor.execute("UPDATE runs_run SET rollback_step = 9")
    bench.tick()
    assert not bench.program.played


def test_a_playbook_that_fails_or_was_lost_is_a_failed_step(bench: Bench) -> None:
    book = approved(bench.shop, bench.repository, bench.repository.commit())
    bench.ticket(bench.step(StepKind.PLAYBOOK, book.item), items=(book.item,))
    bench.program.events = [result("runner_on_failed"), stats(failures={"web01": 1})]
    bench.begin()
    bench.tick()
    assert (bench.first.state, bench.first.codes) == ("failed", ("run.failed",))

    def die() -> None:
        raise Died

    bench.program.meanwhile = die
    bench.again()
    with pytest.raises(Died):
        bench.tick()
    assert bench.first.state == "under_way"
    assert codes(bench.again) == ("rollback.step_under_way",)
    bench.clock.advance(minutes=3)
    bench.program.meanwhile = lambda: None
    bench.tick()
    assert (bench.first.state, bench.first.codes) == ("failed", ("run.interrupted",))


def test_a_mechanism_that_is_no_runbook_is_left_to_people(bench: Bench) -> None:
    bench.ticket(bench.step(StepKind.PLAYBOOK, bench.shop.item), items=(bench.shop.item,))
    bench.begin()
    assert codes(bench.again) == ("rollback.no_runbook",)


def test_what_was_measured_before_is_measured_again_before_the_end(bench: Bench) -> None:
    bench.ticket()
    with evidence.act(TICKER, bench.clock) as act:
        entry = act.record("checks.ran", evidence.ObjectRef("ticket", bench.number), ticket=bench.number)
        for kind in ("baseline.before", "baseline.after"):
            act.fact(kind, entry=entry, outcome=Outcome.PASSED, grade=evidence.Grade.CAPTURED, ticket=bench.number,
                     asset=bench.shop.asset)  # fmt: skip
    bench.begin()
    bench.tick()
    close_ticket.end_work(bench.shop.actor("sam"), bench.clock, bench.number)
    words = "The new page did not load; the old one is back."
    close = close_ticket.close
    assert "rollback.not_measured" in codes(
        close, bench.shop.actor("iris"), bench.clock, bench.number, summary=words, rolled_back=True
    )


@pytest.mark.slow
def test_two_who_press_at_once_begin_one(filed: Bench) -> None:
    filed.ticket()
    both = at_once(lambda: filed.begin("sam"), lambda: filed.begin("iris"))
    assert sum(isinstance(one, tickets.RollbackView) for one in both) == 1, both
    assert ("rollback.begun",) in both
    filed.tick()
    filed.tick()
    assert filed.disk.reverts == 1


@pytest.mark.slow
def test_two_who_press_again_at_once_repeat_it_once(filed: Bench) -> None:
    book = approved(filed.shop, filed.repository, filed.repository.commit())
    filed.ticket(filed.step(StepKind.PLAYBOOK, book.item), items=(book.item,))
    filed.program.events = [result("runner_on_failed"), stats(failures={"web01": 1})]
    filed.begin()
    filed.tick()
    both = at_once(filed.again, filed.again)
    assert sum(isinstance(one, tickets.RollbackView) for one in both) == 1, both
    assert len([one for one in runs.runs(filed.number) if not one.is_over]) == 1


def test_plans_stay_as_they_were_approved(bench: Bench) -> None:
    bench.ticket()
    plan = tickets.ticket(bench.number).content.rollback_plan
    longer = replace(plan, minutes=600).as_dict()
    with database_in_hand() as cursor:
        cursor.execute("UPDATE tickets_maintenanceticket SET rollback_plan = %s", [json.dumps(longer)])
    assert codes(bench.begin) == ("ticket.unsealed",)
