"""Rollbacks: a plan in steps is approved, the clock runs, steps are done by people and by what reverts, the end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from tests import ticket_steps
from tests.api_caller import Caller
from tests.clock import StillClock
from tests.shop import FAST_HASHER
from tests.ticket_steps import BEFORE_OPEN, TICKER, bring, to_window
from tests.ticket_yard import Yard, build_yard
from tests.web_shop_floor import RealClock, running_window
from tests.web_visitor import sign_in, text_of

from quarterdeck.adapters.run_room import RunFolders
from quarterdeck.entrypoints.web import rollback_fields
from quarterdeck.evidence.api import Outcome, act, entries, facts, read_artifact, store_artifact
from quarterdeck.kernel.decision import Decision, Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import RollbackPlan, RollbackStep, State, StepKind, StepState
from quarterdeck.tickets.ports import Reverted
from quarterdeck.tools import api as tools
from quarterdeck.workflows import close_ticket, open_window, roll_back
from quarterdeck.workflows.do_captures import do_next_capture
from quarterdeck.workflows.prepare_ticket import Instruments

pytestmark = pytest.mark.django_db(transaction=True)
ROOM = RunFolders(Path("/nonexistent"))  # no step of these plans plays a playbook
SUMMARY = "The share did not start; the old configuration is back; the vendor looks into it."


@pytest.fixture
def yard(settings) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER
    return build_yard(StillClock())


def codes(call: Callable[..., object], *arguments: object, **named: object) -> tuple[str, ...]:
    with pytest.raises(Refused) as refused:
        call(*arguments, **named)
    return tuple(refused.value.decision.codes)


def plan(yard: Yard, *steps: RollbackStep, **changes: object) -> RollbackPlan:
    usual = (RollbackStep("Put smb.conf back", yard.shop.ids["max"]),)
    return replace(RollbackPlan(30, "The share does not answer", steps or usual), **changes)


def opened(yard: Yard, made: RollbackPlan | None = None, **changes: object) -> str:
    number = yard.scheduled(rollback_plan=made or plan(yard), **changes).number
    to_window(yard, number)
    bring(yard, number, BEFORE_OPEN)
    open_window.open_ticket(yard.actor("max"), yard.clock, number)
    return number


def begin(yard: Yard, number: str, who: str = "max") -> tickets.RollbackView:
    return roll_back.begin(yard.actor(who), yard.clock, number, reason="The share does not answer.", room=ROOM)


class FolderReverter:
    """Takes a folder back to a copy, as a snapshot's revert does; tells how it went with the list of names."""

    def __init__(self, folder: Path, copy: Path) -> None:
        self.folder, self.copy = folder, copy

    def may_revert(self, *, ticket: str, asset_id: str) -> Decision:
        return Decision()

    def revert(self, *, ticket: str, asset_id: str) -> Reverted:
        if not self.copy.exists():
            return Reverted(False, "The snapshot is not there.")
        for one in self.folder.iterdir():
            one.unlink()
        for one in self.copy.iterdir():
            (self.folder / one.name).write_bytes(one.read_bytes())
        listing = "\n".join(sorted(one.name for one in self.folder.iterdir())).encode()
        stored = store_artifact(
            listing, media_type="text/plain", role="rollback", name="revert.txt", may_contain_cui=False
        )
        return Reverted(True, "The snapshot of before the work is back.", stored)


def run_job(yard: Yard, reverter: FolderReverter | None = None) -> bool:
    reverters = {} if reverter is None else {StepKind.SNAPSHOT: reverter}
    tools_ = Instruments(None, None, None, {}, None, reverters=reverters)  # type: ignore[arg-type]
    return do_next_capture(TICKER, yard.clock, lambda: tools_)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"minutes": 0}, "rollback.time_box"),
        ({"minutes": 100_000}, "rollback.time_box"),
        ({"trigger": " "}, "rollback.texts"),
        ({"steps": ()}, "rollback.texts"),
        ({"steps": (RollbackStep("Put it back", ""),)}, "rollback.owner"),
        ({"steps": (RollbackStep("Revert", "pe_1", StepKind.SNAPSHOT),)}, "rollback.asset"),
        ({"boot_media": "it_other"}, "rollback.boot_media"),
    ],
)
def test_a_plan_says_what_a_rollback_needs(yard: Yard, changes: dict[str, object], code: str) -> None:
    assert code in codes(yard.submitted, rollback_plan=plan(yard, **changes))


def test_a_playbook_step_names_a_mechanism_of_the_ticket(yard: Yard) -> None:
    step = RollbackStep("Run it", yard.shop.ids["max"], StepKind.PLAYBOOK, yard.server, "it_other")
    assert codes(yard.submitted, rollback_plan=plan(yard, step)) == ("rollback.playbook",)


def test_the_plan_is_part_of_what_is_approved(yard: Yard) -> None:
    with_plan, without = yard.submitted(rollback_plan=plan(yard)), yard.submitted()
    assert tickets.current_snapshot(with_plan.number)["rollback_plan"]["minutes"] == 30
    assert "rollback_plan" not in tickets.current_snapshot(without.number)
    longer = yard.submitted(rollback_plan=plan(yard, minutes=31))
    assert longer.content_hash != with_plan.content_hash
    assert tickets.ticket(with_plan.number).content.rollback_plan == plan(yard)


def test_a_rollback_by_people_from_its_trigger_to_the_end_of_the_ticket(yard: Yard) -> None:
    first = RollbackStep("Put smb.conf back", yard.shop.ids["max"])
    number = opened(yard, plan(yard, first, RollbackStep("Look at the share", yard.shop.ids["iris"])))
    assert codes(begin, yard, number, who="avery") == ("role.missing",)
    begun = begin(yard, number)
    assert begun.until == begun.begun_at + plan(yard).time_box
    assert codes(begin, yard, number) == ("rollback.begun",)
    say = roll_back.say_step
    assert codes(say, yard.actor("max"), yard.clock, number, 2, done=True, said="Looks well.") == (
        "rollback.not_yours",
    )
    yard.clock.advance(minutes=10)
    say(yard.actor("max"), yard.clock, number, 1, done=True, said="It is back.")
    assert facts(ticket=number, kinds=["rollback.performed"]) == []
    seen = say(yard.actor("iris"), yard.clock, number, 2, done=True, said="The share answers.")
    assert seen.is_done
    (fact,) = facts(ticket=number, kinds=["rollback.performed"])
    assert (fact.outcome, fact.detail["minutes"]) == (Outcome.PASSED, 10)
    ticket_steps.verified(yard, number)
    close = close_ticket.close
    assert codes(close, yard.actor("iris"), yard.clock, number, summary=SUMMARY) == ("rollback.was_begun",)
    assert codes(close, yard.actor("iris"), yard.clock, number, summary="Bad.", rolled_back=True) == (
        "summary.after_action",
    )
    assert close(yard.actor("iris"), yard.clock, number, summary=SUMMARY, rolled_back=True).state is State.ROLLED_BACK


def test_a_ticket_does_not_close_as_rolled_back_while_a_step_is_open_or_none_was_begun(yard: Yard) -> None:
    number = opened(yard)
    ticket_steps.verified(yard, number)
    close = close_ticket.close
    ended = {"summary": SUMMARY, "rolled_back": True}
    assert codes(close, yard.actor("iris"), yard.clock, number, **ended) == ("rollback.not_begun",)
    begin(yard, number)
    assert codes(close, yard.actor("iris"), yard.clock, number, **ended) == ("rollback.steps_open",)


def test_the_clock_overruns_once_and_people_are_told(yard: Yard) -> None:
    number = opened(yard)
    begin(yard, number)
    yard.clock.advance(minutes=29)
    assert roll_back.tell_overruns(TICKER, yard.clock) == 0
    yard.clock.advance(minutes=2)
    assert roll_back.tell_overruns(TICKER, yard.clock) == 1
    assert roll_back.tell_overruns(TICKER, yard.clock) == 0
    told = [one.subject for one in tickets.notices(yard.shop.ids["avery"])]
    assert f"{number}: the rollback overruns its time box" in told
    seen = roll_back.say_step(yard.actor("max"), yard.clock, number, 1, done=True, said="It is back at last.")
    assert (seen.is_done, seen.left(yard.clock.now()).total_seconds()) == (True, -60)
    assert facts(ticket=number, kinds=["rollback.performed"])[-1].outcome is Outcome.FAILED


def test_a_snapshot_is_reverted_by_the_ticker_and_recorded_like_any_work(yard: Yard, tmp_path: Path) -> None:
    folder, copy = tmp_path / "now", tmp_path / "then"
    folder.mkdir()
    copy.mkdir()
    (folder / "smb.conf").write_text("broken")
    step = RollbackStep("Revert the snapshot", yard.shop.ids["max"], StepKind.SNAPSHOT, yard.server)
    number = opened(yard, plan(yard, step, RollbackStep("Look at the share", yard.shop.ids["max"])))
    (copy / "smb.conf").write_text("good")
    begin(yard, number)
    assert run_job(yard, FolderReverter(folder, copy))
    assert (folder / "smb.conf").read_text() == "good"
    seen = tickets.rollback_of(number)
    assert [(one.state, one.captured) for one in seen.steps] == [(StepState.DONE, True), (StepState.WAITING, False)]
    *earlier, told = entries(ticket=number, events=["rollback.step"])
    assert [one.data["state"] for one in earlier] == ["clearing", "under_way"]
    assert read_artifact(str(told.artifacts[0]["sha256"])) == b"smb.conf"


def test_a_revert_that_fails_is_told_tried_again_and_may_be_done_by_hand(yard: Yard, tmp_path: Path) -> None:
    step = RollbackStep("Revert the snapshot", yard.shop.ids["max"], StepKind.SNAPSHOT, yard.server)
    number = opened(yard, plan(yard, step))
    begin(yard, number)
    assert run_job(yard, FolderReverter(tmp_path, tmp_path / "gone"))
    assert tickets.rollback_of(number).steps[0].state is StepState.FAILED
    assert "not there" in tickets.jobs(number)[0].message
    yard.clock.advance(minutes=1)
    roll_back.ask_again(yard.actor("max"), yard.clock, number, room=ROOM)
    assert run_job(yard)
    assert "by hand" in tickets.jobs(number)[0].message
    seen = roll_back.say_step(yard.actor("max"), yard.clock, number, 1, done=True, said="Restored from the tape.")
    assert (seen.is_done, seen.steps[0].captured) == (True, False)


def test_kernel_and_firmware_need_boot_media_and_a_procedure(yard: Yard) -> None:
    def hold(number: str) -> tuple[str, ...]:
        return {one.id: one for one in tickets.hold_points(number, yard.clock.now())}["HP-RECOVERY"].codes

    kernel = {"expected_paths": ("package:linux-image-amd64",)}
    assert "recovery.no_plan" in hold(yard.submitted(**kernel).number)
    assert "recovery.no_boot_media" in hold(yard.submitted(rollback_plan=plan(yard), **kernel).number)
    media = tools.list_item(
        tools.ItemFields(
            kind=tools.ItemKind.TOOL, name="Rescue stick", version="12.9", sha256="cd" * 32, source="debian.org",
            owner=yard.shop.ids["iris"],
        ),
        actor=yard.actor("iris"), clock=yard.clock,
    )  # fmt: skip
    ready = yard.submitted(
        rollback_plan=plan(yard, boots=True, boot_media=media.id), items=(yard.tool, media.id), **kernel
    ).number
    assert hold(ready) == ("recovery.prepared.missing",)
    file = store_artifact(
        b"On the shelf.", media_type="text/plain", role="attachment", name="a.txt", may_contain_cui=False
    )
    with act(yard.actor("max"), yard.clock) as current:
        tickets.attach(current, ready, kind="recovery.prepared", file=file, reason="The stick starts the server.")
    assert hold(ready) == ()
    assert hold(yard.submitted().number) == ()


def test_over_the_wire(settings) -> None:
    settings.PASSWORD_HASHERS = FAST_HASHER
    yard = build_yard(RealClock())
    number = opened(yard, window=running_window(yard))
    max_, avery = Caller(yard.shop, "max"), Caller(yard.shop, "avery")
    assert (
        max_.call("get", f"/tickets/{number}").json()["ticket"]["rollback_plan"]["trigger"]
        == "The share does not answer"
    )
    assert max_.call("get", f"/tickets/{number}/rollback").json() == []
    assert avery.call("post", f"/tickets/{number}/rollback", {"reason": "I say so, now."}).status_code == 403
    begun = max_.call("post", f"/tickets/{number}/rollback", {"reason": "The share does not answer."}).json()
    assert 0 < begun["seconds_left"] <= 1800
    answer = max_.call("post", f"/tickets/{number}/rollback/steps/1", {"done": True, "said": "The file is back."})
    assert answer.json()["steps"][0]["state"] == "done"
    assert avery.call("get", f"/tickets/{number}/rollback").json()[0]["ended_at"]


def test_on_the_tickets_page(settings) -> None:
    settings.PASSWORD_HASHERS = FAST_HASHER
    yard = build_yard(RealClock())
    number = opened(yard, window=running_window(yard))
    max_ = sign_in(yard.shop, "max")
    seen = text_of(max_.get(f"/tickets/{number}/"))
    assert "decide within" in seen
    assert "Put smb.conf back" in seen
    asked = max_.get(f"/tickets/{number}/rollback/")
    assert "30 minutes from now" in text_of(asked)
    answer = max_.post(f"/tickets/{number}/rollback/", {"reason": "The share does not answer."})
    assert answer.status_code == 302, text_of(answer)
    assert "time box ends in" in text_of(max_.get(f"/tickets/{number}/"))
    max_.post(f"/tickets/{number}/rollback/steps/1/", {"said": "It is back.", "became": "done"})
    assert tickets.rollback_of(number).is_done
    assert "Back in time" in text_of(max_.get(f"/tickets/{number}/"))


def test_typed_into_the_form(yard: Yard) -> None:
    mail = {one.id: one.email for one in personnel.people()}[yard.shop.ids["max"]]
    text = f"{mail}: Put smb.conf back\n{mail}: snapshot fs01.example.test"
    said = {
        "rollback_steps": rollback_fields.checked_steps(text),
        "rollback_minutes": 30,
        "rollback_trigger": "It fails",
    }
    made = rollback_fields.plan_of(said)
    assert [one.kind for one in made.steps] == [StepKind.MANUAL, StepKind.SNAPSHOT]
    assert made.steps[1].asset == yard.server
    assert rollback_fields.initial_of(made)["rollback_steps"] == text
    assert rollback_fields.plan_of({}) is None
    with pytest.raises(ValidationError, match="Step 1"):
        rollback_fields.checked_steps("Put it back")
