"""What a rollback looks like on the wire: its plan in a ticket's content, and one that was begun."""

from datetime import datetime

from ninja import Schema
from pydantic import ConfigDict, Field

from quarterdeck.tickets.api import RollbackPlan, RollbackStep, StepKind
from quarterdeck.workflows.read_rollback import CameBack, RollbackStanding


class RollbackStepIn(Schema):
    """A step; `owner` is a person id. A snapshot step names its asset, a playbook step its register item too."""

    model_config = ConfigDict(extra="forbid")

    text: str
    owner: str
    kind: StepKind = StepKind.MANUAL
    asset: str = ""
    item: str = ""


class RollbackPlanIn(Schema):
    """How to go back: when, within how many minutes, by which steps; for kernel and firmware from which boot media."""

    model_config = ConfigDict(extra="forbid")

    minutes: int = Field(ge=1, le=1440)
    trigger: str
    steps: list[RollbackStepIn] = Field(min_length=1, max_length=40)
    boots: bool = False
    boot_media: str = ""

    def plan(self) -> RollbackPlan:
        """Return the body as a plan."""
        steps = tuple(RollbackStep(**step.dict()) for step in self.steps)
        return RollbackPlan(self.minutes, self.trigger, steps, self.boots, self.boot_media)

    @classmethod
    def of(cls, plan: RollbackPlan | None) -> "RollbackPlanIn | None":
        """Return a plan as it goes over the wire."""
        return None if plan is None else cls(**plan.as_dict())


class StepOut(Schema):
    """A step and what became of it; `said` is what it does now or how it went, `run` the run that plays its playbook.

    `codes` say which rule refused it, `evidence` is the SHA-256 of what it left as proof.
    """

    number: int
    text: str
    owner: str
    kind: str
    state: str
    by: str
    at: datetime | None
    captured: bool
    codes: list[str]
    said: str
    run: str
    evidence: str


class RollbackOut(Schema):
    """A rollback that was begun; `seconds_left` is negative once the time box is overrun.

    `waits`: what comes next by itself was asked for and is not over; `may_repeat`: it can be asked for again.
    `came_back` and `differences` are what measuring after the last step said against the baseline before.
    """

    ticket: str
    begun_by: str
    begun_at: datetime
    until: datetime
    ended_at: datetime | None
    seconds_left: int
    waits: bool
    may_repeat: bool
    came_back: CameBack
    differences: int
    steps: list[StepOut]

    @classmethod
    def of(cls, stands: RollbackStanding, now: datetime) -> "RollbackOut":
        """Return a rollback as it goes over the wire."""
        view = stands.view
        return cls(
            waits=stands.waits,
            may_repeat=stands.may_repeat,
            came_back=stands.came_back,
            differences=stands.differences,
            ticket=view.ticket,
            begun_by=view.begun_by,
            begun_at=view.begun_at,
            until=view.until,
            ended_at=view.ended_at,
            seconds_left=int(view.left(now).total_seconds()),
            steps=[
                StepOut(
                    number=one.number,
                    text=one.step.text,
                    owner=one.step.owner,
                    kind=one.step.kind,
                    state=one.state,
                    by=one.by,
                    at=one.at,
                    captured=one.captured,
                    codes=list(one.codes),
                    said=stands.said.get(one.number, ""),
                    run=stands.runs.get(one.number, ""),
                    evidence=one.evidence,
                )
                for one in view.steps
            ],
        )


class StepIn(Schema):
    """What became of a step, and how."""

    model_config = ConfigDict(extra="forbid")

    done: bool
    said: str = Field(max_length=2000)


class StagingIn(Schema):
    """The ticket under which it was tried."""

    model_config = ConfigDict(extra="forbid")

    ticket: str
