"""The look ahead: what is wrong half an hour before the window is shown by the hold points and told in time."""

from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
from tests import ticket_steps
from tests.access_signer import near_signer
from tests.ticket_steps import BEFORE_OPEN, TICKER, bring, holds
from tests.ticket_yard import Yard

from quarterdeck.adapters.gate_readiness import GateReadiness
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, refuse
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import HoldState
from quarterdeck.workflows.check_ahead import EVENT, look_ahead

pytestmark = pytest.mark.django_db
yard, quick_passwords = ticket_steps.yard, ticket_steps.quick_passwords
FULL = refuse("disk.under_floor", "0.2 GB are free for recordings; the floor is 1.0 GB.", "Make room on that disk.")


@dataclass
class Outside:
    """The gate and the targets as a test wants them."""

    gate: Decision = ALLOWED
    greets: bool = True
    asked: list[int] = field(default_factory=list)

    def look(self) -> Decision:
        return self.gate

    def speaks_ssh(self, address: str, port: int) -> bool:
        self.asked.append(port)
        return self.greets


def before_window(yard: Yard, minutes: float) -> str:
    now = yard.clock.now()
    number = yard.scheduled(window=Window(now + timedelta(hours=2), now + timedelta(hours=5))).number
    wait = tickets.ticket(number).window.from_ - yard.clock.now()
    yard.clock.advance(seconds=wait.total_seconds() - 60 * minutes)
    return number


def told(yard: Yard, name: str) -> list[str]:
    found = tickets.notices(yard.shop.ids[name])
    return [one.text for one in found if "window opens" in one.subject]


def state_of(yard: Yard, number: str, hold_point: str) -> HoldState:
    return holds(number, yard.clock.now())[hold_point].state


def look(yard: Yard, outside: Outside) -> int:
    return look_ahead(TICKER, yard.clock, outside, outside)


def test_a_full_disk_is_told_in_time_and_shown_by_the_hold_point(yard: Yard) -> None:
    number = before_window(yard, 29)
    bring(yard, number, BEFORE_OPEN)
    assert state_of(yard, number, "HP-RECORDER") is HoldState.PASSED
    assert look(yard, Outside(FULL)) == 1
    assert state_of(yard, number, "HP-RECORDER") is HoldState.FAILED
    view = tickets.ticket(number)
    for person in {*view.technicians, *(one.person for one in view.approvals)}:
        texts = [one.text for one in tickets.notices(person)]
        assert any("0.2 GB are free for recordings" in text and "Make room" in text for text in texts)


def test_a_silent_target_is_named_and_its_hold_point_fails(yard: Yard) -> None:
    number = before_window(yard, 20)
    bring(yard, number, BEFORE_OPEN)
    look(yard, Outside(greets=False))
    assert state_of(yard, number, "HP-PRECHECK") is HoldState.FAILED
    assert any("does not answer on its ssh port" in text for text in told(yard, "max"))


def test_nothing_is_looked_at_too_early_too_often_or_too_late(yard: Yard) -> None:
    before_window(yard, 45)
    outside = Outside()
    assert look(yard, outside) == 0
    yard.clock.advance(minutes=20)
    assert look(yard, outside) == 1
    assert look(yard, outside) == 0
    yard.clock.advance(minutes=11)
    assert look(yard, outside) == 1
    yard.clock.advance(minutes=15)
    assert look(yard, outside) == 0
    assert told(yard, "max") == []


def test_the_same_trouble_is_told_once_and_its_end_too(yard: Yard) -> None:
    number = before_window(yard, 28)
    look(yard, Outside(FULL))
    yard.clock.advance(minutes=10)
    look(yard, Outside(FULL))
    assert len(told(yard, "max")) == 1
    yard.clock.advance(minutes=10)
    look(yard, Outside())
    assert any("ready again" in one.subject for one in tickets.notices(yard.shop.ids["max"]))
    codes = [entry.data["codes"] for entry in evidence.entries(events=(EVENT,)) if entry.ticket == number]
    assert codes == [["disk.under_floor"], ["disk.under_floor"], []]


def test_every_part_is_really_tried(yard: Yard, tmp_path: Path) -> None:
    def gone() -> object:
        raise Refused(refuse("sealer.gone", "The sealer does not answer."))

    signer = near_signer(tmp_path / "signer", yard.clock)
    fine = GateReadiness(_Healthy(), tmp_path, 1, signer, lambda: None, yard.clock)
    assert fine.look().allowed
    assert GateReadiness(_Healthy(), tmp_path, 1 << 60, signer, gone, yard.clock).look().codes == (
        "disk.under_floor",
        "sealer.gone",
    )
    yard.clock.set_wall(yard.clock.now().replace(year=2020))
    assert set(fine.look().codes) == {"signer.not_ready", "clock.behind"}


class _Healthy:
    def health(self) -> Decision:
        return ALLOWED
