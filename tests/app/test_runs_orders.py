"""Runs through the app's own verbs: who proposes, approves and orders; check before real; queued; what is refused."""

import io
import tarfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from tests.access_shop import Place, Shop, approved_ticket, authorise, make_shop
from tests.access_signer import NearSigner, near_signer
from tests.clock import StillClock
from tests.run_room import Repository, ToldProgram, approved, do, propose, result, stats

from quarterdeck.access import api as access
from quarterdeck.adapters.run_room import RunFolders
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import open_guard
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.runs import api as runs
from quarterdeck.runs.api import Mode, RunbookView, RunState, RunView
from quarterdeck.runs.models import Run, Runbook
from quarterdeck.tickets import api as tickets
from quarterdeck.tools import api as tools
from quarterdeck.workflows import close_ticket, keep_runbooks, order_runs
from quarterdeck.workflows.read_run import read_report

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(clock: StillClock) -> Shop:
    made = make_shop(clock, {"web01": Place()})
    authorise(made, "sam")
    return made


@pytest.fixture
def signer(tmp_path: Path, clock: StillClock) -> NearSigner:
    return near_signer(tmp_path / "signer", clock)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "books")


@pytest.fixture
def room(tmp_path: Path) -> RunFolders:
    return RunFolders(tmp_path / "runs")


@pytest.fixture
def program(room: RunFolders) -> ToldProgram:
    return ToldProgram(room)


@pytest.fixture
def book(shop: Shop, repository: Repository) -> RunbookView:
    return approved(shop, repository, repository.commit())


def opened(shop: Shop, book: RunbookView, **changes: object) -> str:
    number = approved_ticket(shop, items=(book.item,), **changes)  # type: ignore[arg-type]
    with evidence.act(shop.actor("sam"), shop.clock) as current:
        tickets.open_ticket(current, number)
    return number


def order(
    shop: Shop, room: RunFolders, book: RunbookView, *, who: str = "sam", unattended: bool = False,
    mode: Mode = Mode.CHECK, actor: Actor | None = None,
) -> tuple[RunView, ...]:  # fmt: skip
    wanted = order_runs.Wanted(book.id, mode, unattended)
    return order_runs.order_runs(actor or shop.actor(who), shop.clock, shop.ticket, wanted, room)


def codes(call: Callable[[], object]) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        call()
    return caught.value.decision.codes


def test_a_runbook_is_the_tree_of_a_commit_as_one_file(shop: Shop, repository: Repository) -> None:
    commit = repository.commit()
    made = propose(shop, repository, commit)
    with tarfile.open(fileobj=io.BytesIO(evidence.read_artifact(made.sha256))) as tar:
        assert tar.getnames() == [".quarterdeck-runbook", "patch.yml"]
    assert (made.commit, made.state, made.signature.value) == (commit, "proposed", "none")
    assert codes(lambda: propose(shop, repository, commit)) == ("runbook.known",)


def test_another_person_approves_exactly_what_was_shown(shop: Shop, repository: Repository) -> None:
    made = propose(shop, repository, repository.commit())

    def decide(who: str, sha256: str = made.sha256) -> RunbookView:
        return keep_runbooks.decide(shop.actor(who), shop.clock, made.id, approve=True, sha256=sha256, reason="Read.")

    assert "role.missing" in codes(lambda: decide("iris"))
    assert codes(lambda: decide("avery", "0" * 64)) == ("runbook.other_content",)
    done = decide("avery")
    item = tools.item(done.item)
    assert (item.kind, item.sha256, item.listed_by) == ("mechanism", made.sha256, shop.people["avery"])
    assert codes(lambda: decide("avery")) == ("runbook.decided",)


def test_check_mode_comes_first_then_the_real_run(
    shop: Shop, room: RunFolders, signer: NearSigner, program: ToldProgram, book: RunbookView
) -> None:
    number = opened(shop, book)
    assert codes(lambda: order(shop, room, book, mode=Mode.REAL)) == ("run.check_first",)
    [check] = order(shop, room, book)
    assert (room.folder(check.id) / "id").stat().st_mode & 0o777 == 0o600
    assert do(shop, signer, program)
    assert runs.run(check.id).state is RunState.PASSED
    [real] = order(shop, room, book, mode=Mode.REAL)
    assert real.after == check.id
    assert do(shop, signer, program)
    done = runs.run(real.id)
    assert (done.state, done.message) == (RunState.PASSED, "0 tasks changed something.")
    assert [played.check for played in program.played] == [True, False]
    assert evidence.read_artifact(book.sha256) == program.played[0].archive
    assert "ansible_user" not in program.played[0].inventory.replace("leave ansible_user unset", "")
    assert not room.folder(real.id).exists()
    assert [access.grant(place.grant).state for place in done.places] == [access.GrantState.ENDED]
    facts = {(fact.kind, fact.outcome.value) for fact in evidence.facts(ticket=number)}
    assert {("run.checked", "passed"), ("run.done", "passed"), ("mfa.used", "passed")} <= facts
    report = read_report(shop.actor("sam"), shop.clock, real.id)
    assert report["runbook"]["commit"] == book.commit
    assert [line["status"] for line in report["lines"]] == ["changed"]


def test_a_real_run_after_a_failed_or_old_check_is_refused(
    shop: Shop, room: RunFolders, signer: NearSigner, program: ToldProgram, book: RunbookView, clock: StillClock
) -> None:
    opened(shop, book, hours=10)
    program.events = [result("runner_on_unreachable", msg="no route"), stats(dark={"web01": 1})]
    program.status = 4
    [check] = order(shop, room, book)
    do(shop, signer, program)
    seen = runs.run(check.id)
    assert (seen.state, seen.message) == (RunState.FAILED, "Not reached: web01.")
    assert codes(lambda: order(shop, room, book, mode=Mode.REAL)) == ("run.check_not_passed",)
    program.events, program.status = [stats(ok={"web01": 1})], 0
    clock.advance(minutes=1)
    order(shop, room, book)
    do(shop, signer, program)
    clock.advance(hours=5)
    assert codes(lambda: order(shop, room, book, mode=Mode.REAL)) == ("run.check_too_old",)


def test_who_may_order(shop: Shop, room: RunFolders, book: RunbookView, clock: StillClock) -> None:
    number = approved_ticket(shop, items=(book.item,))
    assert codes(lambda: order(shop, room, book)) == ("run.not_open",)
    with evidence.act(shop.actor("sam"), clock) as current:
        tickets.open_ticket(current, number)
    stale = Actor(shop.people["sam"], ActorKind.PERSON, "mfa", clock.now() - timedelta(minutes=11))
    assert codes(lambda: order(shop, room, book, actor=stale)) == ("access.step_up",)
    assert "ticket.not_yours" in codes(lambda: order(shop, room, book, who="iris"))
    assert list(room.folder("ru_" + "a" * 16).parent.iterdir()) == []  # no key is left of what was refused


def test_an_edited_playbook_is_another_runbook_and_voids_the_approval(
    shop: Shop, room: RunFolders, repository: Repository, book: RunbookView
) -> None:
    number = opened(shop, book)
    edited = approved(shop, repository, repository.commit("- hosts: all\n  tasks: [{ping: }]\n"))
    assert edited.sha256 != book.sha256
    assert codes(lambda: order(shop, room, edited)) == ("run.not_named",)
    tools.withdraw_item(book.item, actor=shop.actor("iris"), clock=shop.clock)
    assert "content.changed" in codes(lambda: order(shop, room, book))
    assert tickets.changes_since_frozen(number)


def test_a_queued_run_opens_its_ticket_by_its_order_and_reports(
    shop: Shop, room: RunFolders, signer: NearSigner, program: ToldProgram, book: RunbookView, clock: StillClock
) -> None:
    now = clock.now()
    number = approved_ticket(
        shop, items=(book.item,), window=Window(now + timedelta(hours=8), now + timedelta(hours=9))
    )
    check, real = order(shop, room, book, unattended=True)
    assert (check.mode, real.mode, real.after) == (Mode.CHECK, Mode.REAL, check.id)
    assert not do(shop, signer, program)
    clock.advance(hours=8, minutes=1)
    assert not do(shop, signer, program)  # it waits for the preparation, which it asked for
    job = tickets.take_job(clock)
    assert job is not None
    tickets.finish_job(job.id, failed=False, message="Done.", clock=clock)
    assert do(shop, signer, program)
    [entry] = [one for one in evidence.entries(ticket=number) if one.event == "ticket.opened"]
    assert (entry.actor_id, entry.actor_auth) == (shop.people["sam"], "queued")
    assert do(shop, signer, program)
    assert [runs.run(one.id).state for one in (check, real)] == [RunState.PASSED, RunState.PASSED]
    assert tickets.ticket(number).state is tickets.State.VERIFYING
    assert any(one.subject == f"{number}: run passed" for one in tickets.notices(shop.people["sam"]))


def test_a_queued_run_whose_hold_points_stand_is_refused_on_record(
    shop: Shop, room: RunFolders, signer: NearSigner, program: ToldProgram, book: RunbookView, clock: StillClock
) -> None:
    now = clock.now()
    number = approved_ticket(
        shop, items=(book.item,), window=Window(now + timedelta(hours=1), now + timedelta(hours=2))
    )
    check, real = order(shop, room, book, unattended=True)
    tools.withdraw_item(book.item, actor=shop.actor("iris"), clock=clock)
    clock.advance(hours=1, minutes=1)
    do(shop, signer, program)
    job = tickets.take_job(clock)
    assert job is not None
    tickets.finish_job(job.id, failed=True, message="Refused.", clock=clock)
    while do(shop, signer, program):
        pass
    assert [runs.run(one.id).state for one in (check, real)] == [RunState.REFUSED, RunState.REFUSED]
    assert program.played == []
    assert tickets.ticket(number).state is tickets.State.SCHEDULED
    assert any(one.subject == f"{number}: run refused" for one in tickets.notices(shop.people["sam"]))


def test_nobody_opens_by_an_order_that_is_not_theirs(shop: Shop, room: RunFolders, book: RunbookView) -> None:
    number = approved_ticket(shop, items=(book.item,))
    queued, _ = order(shop, room, book, unattended=True)

    def opening(actor: Actor, run: str) -> None:
        with evidence.act(actor, shop.clock) as current:
            tickets.open_for_run(current, number, run)

    sam = shop.people["sam"]
    assert codes(lambda: opening(Actor(sam, ActorKind.PERSON, "queued"), "ru_none")) == ("run.no_order",)
    assert codes(lambda: opening(shop.actor("sam"), queued.id)) == ("run.no_order",)
    iris = Actor(shop.people["iris"], ActorKind.PERSON, "queued")
    assert codes(lambda: opening(iris, queued.id)) == ("run.other_order",)


def test_a_run_whose_process_died_is_interrupted_and_never_begun_again(
    shop: Shop, room: RunFolders, signer: NearSigner, program: ToldProgram, book: RunbookView, clock: StillClock
) -> None:
    opened(shop, book)
    [run] = order(shop, room, book)
    with evidence.act(Actor("ticker", ActorKind.SYSTEM), clock) as current:
        runs.begin_run(current, run.id)
    clock.advance(minutes=3)
    assert not do(shop, signer, program)
    assert runs.run(run.id).state is RunState.INTERRUPTED
    assert [access.grant(place.grant).state for place in run.places] == [access.GrantState.ENDED]
    assert program.played == []


def test_cancel_before_and_while_it_runs(
    shop: Shop, room: RunFolders, signer: NearSigner, program: ToldProgram, book: RunbookView
) -> None:
    opened(shop, book)
    [first] = order(shop, room, book)
    assert order_runs.cancel_run(shop.actor("sam"), shop.clock, first.id, room).state is RunState.CANCELLED
    assert not room.folder(first.id).exists()
    assert codes(lambda: order_runs.cancel_run(shop.actor("sam"), shop.clock, first.id, room)) == ("run.over",)
    [second] = order(shop, room, book)
    program.meanwhile = lambda: order_runs.cancel_run(shop.actor("sam"), shop.clock, second.id, room)
    assert do(shop, signer, program)
    assert runs.run(second.id).state is RunState.CANCELLED


def test_access_that_was_revoked_lets_no_run_begin(
    shop: Shop, room: RunFolders, signer: NearSigner, program: ToldProgram, book: RunbookView
) -> None:
    number = opened(shop, book)
    [run] = order(shop, room, book)
    close_ticket.end_work(shop.actor("sam"), shop.clock, number)
    assert do(shop, signer, program)
    assert runs.run(run.id).state is RunState.REFUSED
    assert program.played == []


def test_rows_written_by_hand_run_nothing(
    shop: Shop, room: RunFolders, signer: NearSigner, program: ToldProgram, book: RunbookView
) -> None:
    opened(shop, book)
    [run] = order(shop, room, book)
    with open_guard():
        Runbook.objects.filter(id=book.id).update(playbook="other.yml")
    do(shop, signer, program)
    assert runs.run(run.id).state is RunState.REFUSED
    with open_guard():
        Runbook.objects.filter(id=book.id).update(playbook="patch.yml")
        Run.objects.filter(id=run.id).update(state="passed")
    assert codes(lambda: order(shop, room, book, mode=Mode.REAL)) == ("run.check_first",)


def test_the_grant_of_a_run_is_bound_to_its_runbook(shop: Shop, room: RunFolders, book: RunbookView) -> None:
    opened(shop, book)
    [run] = order(shop, room, book)
    given = access.grant(run.places[0].grant)
    assert (given.purpose, given.collector_sha256, given.person) == ("run", book.sha256, shop.people["sam"])
    assert personnel.key_of(shop.people["sam"]) is None
    assert access.may_use(given, shop.clock.now()).allowed
    tools.withdraw_item(book.item, actor=shop.actor("iris"), clock=shop.clock)
    assert not access.may_use(given, shop.clock.now()).allowed
