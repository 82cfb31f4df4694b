"""The words of access: purposes, states, a grant and a monitoring plan as plain values."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from quarterdeck.controls.api import PERIODICALLY_MAX_DAYS
from quarterdeck.tickets.terms import ApprovalRole, Verdict

LONGEST_GRANT = timedelta(hours=12)
LONGEST_MEASUREMENT = timedelta(hours=1)
GRANT_EVENTS = ("access.granted", "access.certificate_bound", "access.revoked", "access.ended")
SERIAL_EVENT = "access.certificate_used"
HOST_SIGNED = "host_certificate.signed"
SERIAL_EVENTS = ("access.certificate_bound", SERIAL_EVENT, HOST_SIGNED)
EPOCH_EVENT = "access.epoch_begun"
TAKING_EVENTS = ("access.revoked", "revocation.ordered", EPOCH_EVENT)
# A standing authority is looked at again at least as often as anything "periodic": a year at most (32 CFR 170.4).
LONGEST_PLAN = timedelta(days=PERIODICALLY_MAX_DAYS)
# Every watched byte is read each time: more often than that is a matter for file events, less often no monitoring.
SHORTEST_CADENCE_HOURS, LONGEST_CADENCE_HOURS = 4, 31 * 24
PLAN_DECIDED = "monitoring_plan.decided"
PLAN_EVENTS = (
    "monitoring_plan.proposed", "monitoring_plan.approved", "monitoring_plan.rejected", "monitoring_plan.ended",
    "monitoring_plan.expired", "monitoring_plan.voided",
)  # fmt: skip


class Purpose(StrEnum):
    """What a grant is for: a person's work, a run that a person ordered, our measuring, a standing monitoring plan."""

    WORK = "work"
    RUN = "run"
    MEASURE = "measure"
    MONITOR = "monitor"


# What the gate lets in: people at work, and the runs that a person ordered.
ENTERING = (Purpose.WORK, Purpose.RUN)


class GrantState(StrEnum):
    """Active until it is revoked (taken away) or ended (no longer needed); both are final."""

    ACTIVE = "active"
    REVOKED = "revoked"
    ENDED = "ended"


class PlanState(StrEnum):
    """Life of a monitoring plan; all but the first two are final, and what is final is proposed anew."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    ENDED = "ended"
    EXPIRED = "expired"
    VOID = "void"


class RuleState(StrEnum):
    """A sudo rule on a target: placed, not placed, withdrawn (read back), or left because withdrawing failed."""

    PLACED = "placed"
    FAILED = "failed"
    WITHDRAWN = "withdrawn"
    LEFT = "left"


@dataclass(frozen=True, slots=True)
class SudoRuleView:
    """A ticket's sudo rule on one asset; `standing` are rules without an end that sudo lists, `said` why it failed."""

    ticket: str
    asset: str
    connection: str
    account: str
    state: RuleState
    until: datetime | None
    sha256: str
    standing: tuple[str, ...]
    others: tuple[str, ...]
    said: str
    tries: int
    tried_at: datetime
    entry: str

    @property
    def may_be_there(self) -> bool:
        """True while nobody has read back that it is gone."""
        return self.state in (RuleState.PLACED, RuleState.LEFT)


@dataclass(frozen=True, slots=True)
class PlanFields:
    """What a monitoring plan says: the place, the collector, how often and how long, and why."""

    asset: str
    connection: str
    collector_sha256: str
    cadence_hours: int
    valid_until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class PlanDecisionView:
    """One person's decision on the exact content of a monitoring plan."""

    person: str
    role: ApprovalRole
    verdict: Verdict
    reason: str
    at: datetime
    entry: str


@dataclass(frozen=True, slots=True)
class PlanView:
    """A standing authority for the system to measure one asset through one connection.

    `differences` says what a void plan's names mean now and meant then; `decisions` are those that the ledger carries.
    """

    id: str
    asset: str
    connection: str
    collector_sha256: str
    cadence_hours: int
    valid_until: datetime
    reason: str
    proposer: str
    proposed_at: datetime
    state: PlanState
    state_at: datetime
    content_hash: str
    epoch: int
    ended_by: str
    end_reason: str
    differences: tuple[dict[str, str], ...]
    decisions: tuple[PlanDecisionView, ...]

    @property
    def is_live(self) -> bool:
        """True while it waits for decisions or is in force."""
        return self.state in (PlanState.PROPOSED, PlanState.APPROVED)

    @property
    def cadence(self) -> timedelta:
        """How long after one measurement the next is due."""
        return timedelta(hours=self.cadence_hours)


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant as others see it; `serial` is None before its certificate.

    For work, run and measure it stands under a ticket, for monitor under a plan: the other of the two is empty.
    `person` is empty for measure and monitor. `collector_sha256` names what may run with it: collector or runbook.
    """

    id: str
    ticket: str
    person: str
    asset: str
    connection: str
    purpose: Purpose
    public_key: str
    fingerprint: str
    serial: int | None
    cert_sha256: str
    valid_from: datetime
    valid_until: datetime
    window_until: datetime
    state: GrantState
    epoch: int
    collector_sha256: str
    mfa_at: datetime | None
    ended_at: datetime | None
    end_reason: str
    plan: str = ""
