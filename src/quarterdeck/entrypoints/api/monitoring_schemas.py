"""What monitoring plans, their runs and findings look like on the wire."""

from datetime import datetime
from typing import Any

from ninja import Schema
from pydantic import Field

from quarterdeck.access.api import LONGEST_CADENCE_HOURS, SHORTEST_CADENCE_HOURS, PlanView
from quarterdeck.baselines.api import Disposition, DriftView, RunView
from quarterdeck.entrypoints.api.captures import DriftItemOut
from quarterdeck.entrypoints.api.moments import MomentOrDay
from quarterdeck.workflows.watch_state import WatchState


class PlanIn(Schema):
    """A monitoring plan to propose; the collector is the installed one."""

    asset: str
    connection: str
    cadence_hours: int = Field(ge=SHORTEST_CADENCE_HOURS, le=LONGEST_CADENCE_HOURS, default=24)
    valid_until: MomentOrDay
    reason: str


class PlanDecisionOut(Schema):
    """One person's decision."""

    person: str
    role: str
    verdict: str
    reason: str
    at: datetime


class PlanOut(Schema):
    """A monitoring plan."""

    id: str
    asset: str
    connection: str
    collector_sha256: str
    cadence_hours: int
    valid_until: datetime
    reason: str
    proposer: str
    proposed_at: datetime
    state: str
    state_at: datetime
    content_hash: str
    ended_by: str
    end_reason: str
    differences: list[dict[str, str]]
    decisions: list[PlanDecisionOut]

    @classmethod
    def of(cls, view: PlanView) -> "PlanOut":
        """Return the wire form of a plan."""
        plain = ("differences", "decisions")
        named = {name: getattr(view, name) for name in cls.model_fields if name not in plain}
        decisions = [
            PlanDecisionOut(person=one.person, role=one.role, verdict=one.verdict, reason=one.reason, at=one.at)
            for one in view.decisions
        ]
        return cls(**named, differences=list(view.differences), decisions=decisions)


class RunOut(Schema):
    """One attempt to measure; `said` tells why when it failed."""

    outcome: str
    said: str
    started_at: datetime
    finished_at: datetime
    baseline: str

    @classmethod
    def of(cls, view: RunView) -> "RunOut":
        """Return the wire form of a run."""
        return cls(**{name: getattr(view, name) for name in cls.model_fields})


class FindingOut(Schema):
    """What differs between two measurements and no ticket explains."""

    id: int
    asset: str
    plan: str
    measured_before: datetime
    measured_after: datetime
    found_at: datetime
    open_items: int
    items: list[DriftItemOut]

    @classmethod
    def of(cls, view: DriftView) -> "FindingOut":
        """Return the wire form of a finding."""
        return cls(
            id=view.id,
            asset=view.asset,
            plan=view.plan,
            measured_before=view.before.finished_at,
            measured_after=view.after.finished_at,
            found_at=view.compared_at,
            open_items=len(view.open_items),
            items=[DriftItemOut.of(item) for item in view.items],
        )


class FindingPageOut(Schema):
    """A finding, and the tickets whose work lies between its two measurements."""

    finding: FindingOut
    tickets_in_between: list[str]


class PlanPageOut(Schema):
    """A plan with what was frozen, what it waits for, its newest runs and its findings.

    `findings` is empty for who may not read baselines. `waits_for_ticket` holds it up while work is under way.
    """

    plan: PlanOut
    frozen: dict[str, Any]
    changes: list[dict[str, str]]
    waiting_for: dict[str, list[str]]
    genuine: bool
    due_at: datetime | None
    late: bool
    waits_for_ticket: str
    runs: list[RunOut]
    findings: list[FindingOut]

    @classmethod
    def of(
        cls,
        state: WatchState,
        frozen: dict[str, Any],
        waiting_for: dict[str, list[str]],
        runs: list[RunView],
        findings: list[DriftView],
    ) -> "PlanPageOut":
        """Return the wire form of everything about a plan."""
        return cls(
            plan=PlanOut.of(state.plan),
            frozen=frozen,
            changes=list(state.changes),
            waiting_for=waiting_for,
            genuine=state.genuine.allowed,
            due_at=state.due_at,
            late=state.late,
            waits_for_ticket=state.waits_for,
            runs=[RunOut.of(run) for run in runs],
            findings=[FindingOut.of(one) for one in findings],
        )


class SettleIn(Schema):
    """One person's word about differences of a finding; `ticket` names the one that explains them."""

    items: list[int] = Field(min_length=1)
    disposition: Disposition = Disposition.EXPLAINED
    reason: str
    ticket: str = Field(default="", max_length=16)
