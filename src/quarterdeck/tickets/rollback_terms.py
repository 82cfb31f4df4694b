"""Words of a rollback: its plan as steps with owner, time box and trigger, and how one that was begun goes on. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any


class StepKind(StrEnum):
    """How a step is done: by a person, by reverting a snapshot, or by running a registered playbook."""

    MANUAL = "manual"
    SNAPSHOT = "snapshot"
    PLAYBOOK = "playbook"


class StepState(StrEnum):
    """What became of a step of a rollback that was begun.

    `clearing`: nobody is let in, and sessions on the asset are ended, before it is touched; `under_way`: it is touched.
    """

    WAITING = "waiting"
    CLEARING = "clearing"
    UNDER_WAY = "under_way"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class RollbackStep:
    """One step: what is done, by whom; a snapshot names its asset, a playbook its item of the register too."""

    text: str
    owner: str
    kind: StepKind = StepKind.MANUAL
    asset: str = ""
    item: str = ""


@dataclass(frozen=True, slots=True)
class RollbackPlan:
    """How to go back: when (`trigger`), within how many minutes, by which steps.

    `boots` says that kernel or firmware changes; `boot_media` is the register item from which the system starts then.
    """

    minutes: int
    trigger: str
    steps: tuple[RollbackStep, ...]
    boots: bool = False
    boot_media: str = ""

    @property
    def time_box(self) -> timedelta:
        """How long the rollback may take."""
        return timedelta(minutes=self.minutes)

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as it is kept and frozen."""
        return {
            "minutes": self.minutes,
            "trigger": self.trigger,
            "boots": self.boots,
            "boot_media": self.boot_media,
            "steps": [
                {"text": one.text, "owner": one.owner, "kind": one.kind.value, "asset": one.asset, "item": one.item}
                for one in self.steps
            ],
        }


def plan_from(told: Mapping[str, Any] | None) -> RollbackPlan | None:
    """Return the plan that `as_dict` wrote, None for none."""
    if not told:
        return None
    steps = tuple(RollbackStep(**{**one, "kind": StepKind(one["kind"])}) for one in told["steps"])
    return RollbackPlan(told["minutes"], told["trigger"], steps, told["boots"], told["boot_media"])


@dataclass(frozen=True, slots=True)
class StepView:
    """A step of a rollback and what became of it; `by` is empty while it waits.

    `codes` say why it failed where a rule of ours refused, `evidence` is the SHA-256 of what it left as proof.
    """

    number: int
    step: RollbackStep
    state: StepState
    by: str = ""
    at: datetime | None = None
    captured: bool = False
    codes: tuple[str, ...] = ()
    evidence: str = ""


@dataclass(frozen=True, slots=True)
class RollbackView:
    """A rollback that was begun: by whom, when, until when it may take, and its steps; the ledger alone tells it."""

    ticket: str
    begun_by: str
    begun_at: datetime
    until: datetime
    steps: tuple[StepView, ...]
    overrun_told: bool

    @property
    def is_done(self) -> bool:
        """True when every step is done."""
        return all(one.state is StepState.DONE for one in self.steps)

    @property
    def next_step(self) -> StepView | None:
        """The first step that is not done, None when all are."""
        return next((one for one in self.steps if one.state is not StepState.DONE), None)

    @property
    def ended_at(self) -> datetime | None:
        """When the last step was done, None while one waits or failed."""
        return max((one.at or self.begun_at for one in self.steps), default=self.begun_at) if self.is_done else None

    def left(self, at: datetime) -> timedelta:
        """Return how much of the time box is left at a moment, negative once it is overrun."""
        return self.until - (self.ended_at or at)
