"""What tickets look like on the wire: typed bodies in, typed views out."""

from datetime import datetime

from ninja import Schema
from pydantic import ConfigDict, Field

from quarterdeck.entrypoints.api.allowance_schemas import AllowanceIn, AllowanceOut
from quarterdeck.entrypoints.api.moments import Moment, notice_hours
from quarterdeck.entrypoints.api.rollback_schemas import RollbackPlanIn
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import (
    Action,
    ApprovalRole,
    ApprovalView,
    Content,
    EmergencyBasis,
    MaintenanceType,
    Method,
    Risk,
    TicketAsset,
    TicketView,
)


class ReasonOut(Schema):
    """One reason of a refusal."""

    code: str
    sentence: str
    next_step: str


class RefusedOut(Schema):
    """A refusal: every reason that stands against the act."""

    refused: list[ReasonOut]


class PlaceIn(Schema):
    """An asset and the connection through which it is reached; no connection for on-site work."""

    asset: str
    connection: str = ""


class ContentIn(Schema):
    """What a person writes in a ticket; moments with an offset, for example 2026-11-23T18:00:00-05:00."""

    # A mistyped field must not be left out in silence: what it meant would be missing from what is approved.
    model_config = ConfigDict(extra="forbid")

    title: str = Field(max_length=400)
    maintenance_type: MaintenanceType
    action: Action
    method: Method = Method.SSH
    plan: str = ""
    impact: str = ""
    rollback: str = ""
    window_from: Moment
    window_until: Moment
    assets: list[PlaceIn] = []
    technicians: list[str] = []
    escort: str = ""
    pool: str = ""
    agreement: str = ""
    items: list[str] = []
    risk: Risk = Risk.MODERATE
    expected_paths: list[str] = []
    conflicts_with: list[str] = []
    allowance: AllowanceIn = AllowanceIn()
    rollback_plan: RollbackPlanIn | None = None

    def content(self) -> Content:
        """Return the body as a ticket's content."""
        content = Content(
            title=self.title,
            maintenance_type=self.maintenance_type,
            action=self.action,
            method=self.method,
            plan=self.plan,
            impact=self.impact,
            rollback=self.rollback,
            window=Window(self.window_from, self.window_until),
            assets=tuple(TicketAsset(place.asset, place.connection) for place in self.assets),
            technicians=tuple(self.technicians),
            escort=self.escort,
            pool_id=self.pool,
            agreement_id=self.agreement,
            items=tuple(self.items),
            risk=self.risk,
            expected_paths=tuple(self.expected_paths),
            conflicts_with=tuple(self.conflicts_with),
            rollback_plan=self.rollback_plan.plan() if self.rollback_plan else None,
        )
        return self.allowance.put_into(content)


class RequestIn(ContentIn):
    """A new ticket."""

    emergency: bool = False


class EditIn(ContentIn):
    """A changed ticket: `version` is the one that was read."""

    version: int


class QuickLogIn(ContentIn):
    """A small on-site chore written down afterwards."""

    method: Method = Method.ON_SITE
    changed_configuration: bool = False


class StandardIn(Schema):
    """A ticket from a pre-approved template."""

    template: str
    window_from: Moment


class DecisionIn(Schema):
    """A decision in a role on the content whose hash was shown."""

    role: ApprovalRole
    content_hash: str = Field(pattern="^[0-9a-f]{64}$")
    reason: str


class ApproveIn(DecisionIn):
    """An approval; signed when `signature` is an armored SSHSIG over `statement`, which the server gave out."""

    statement: str = ""
    signature: str = Field(default="", max_length=8000)


class StatementOut(Schema):
    """The text that a signed approval signs, and the namespace of the signature."""

    statement: str
    content_hash: str
    namespace: str


class EmergencyIn(Schema):
    """The word of a named authoriser."""

    authoriser: str
    basis: EmergencyBasis
    content_hash: str = Field(pattern="^[0-9a-f]{64}$")
    reason: str


class RatifyIn(Schema):
    """Ratification of an emergency after it."""

    role: ApprovalRole
    ratified: bool
    reason: str


class WaiveIn(Schema):
    """A hold point that may pass, and why."""

    hold_point: str
    reason: str


class ReasonIn(Schema):
    """Just a reason."""

    reason: str


class TextIn(Schema):
    """Just a text."""

    text: str


class CloseIn(Schema):
    """How it went."""

    summary: str
    rolled_back: bool = False


class DispositionIn(Schema):
    """An explanation of differences: their ids, or all unexplained ones of an asset."""

    items: list[int]
    reason: str


class ApprovalOut(Schema):
    """One decision."""

    role: str
    kind: str
    verdict: str
    person: str
    reason: str
    at: datetime
    content_hash: str
    void: bool

    @classmethod
    def of(cls, view: ApprovalView) -> "ApprovalOut":
        """Return the wire form of a decision."""
        return cls(
            role=view.role,
            kind=view.kind,
            verdict=view.verdict,
            person=view.person,
            reason=view.reason,
            at=view.at,
            content_hash=view.content_hash,
            void=view.void_at is not None,
        )


class TicketOut(Schema):
    """A ticket."""

    number: str
    title: str
    state: str
    work_class: str
    emergency: bool
    maintenance_type: str
    action: str
    method: str
    risk: str
    plan: str
    impact: str
    rollback: str
    window_from: datetime
    window_until: datetime
    approved_until: datetime
    requester: str
    technicians: list[str]
    escort: str
    pool: str
    agreement: str
    assets: list[PlaceIn]
    items: list[str]
    expected_paths: list[str]
    conflicts_with: list[str]
    allowance: AllowanceOut
    rollback_plan: RollbackPlanIn | None
    version: int
    content_hash: str
    approvals: list[ApprovalOut]
    created_at: datetime
    opened_at: datetime | None
    closed_at: datetime | None
    ratify_until: datetime | None
    finding: str
    notice_hours: int

    @classmethod
    def of(cls, view: TicketView) -> "TicketOut":
        """Return the wire form of a ticket."""
        content = view.content
        return cls(
            number=view.number,
            title=view.title,
            state=view.state,
            work_class=view.work_class,
            emergency=view.emergency,
            maintenance_type=content.maintenance_type,
            action=content.action,
            method=content.method,
            risk=content.risk,
            plan=content.plan,
            impact=content.impact,
            rollback=content.rollback,
            window_from=content.window.from_,
            window_until=view.window.until,
            approved_until=content.window.until,
            requester=view.requester,
            technicians=list(content.technicians),
            escort=content.escort,
            pool=content.pool_id,
            agreement=content.agreement_id,
            assets=[PlaceIn(asset=a.asset_id, connection=a.connection_id) for a in content.assets],
            items=list(content.items),
            expected_paths=list(content.expected_paths),
            conflicts_with=list(content.conflicts_with),
            allowance=AllowanceOut.of(view.allowance),
            rollback_plan=RollbackPlanIn.of(content.rollback_plan),
            version=view.version,
            content_hash=view.content_hash,
            approvals=[ApprovalOut.of(approval) for approval in view.approvals],
            created_at=view.created_at,
            opened_at=view.opened_at,
            closed_at=view.closed_at,
            ratify_until=view.ratify_until,
            finding=view.finding,
            notice_hours=notice_hours(view),
        )


class HoldPointOut(Schema):
    """A hold point as it stands now."""

    id: str
    before: str
    label: str
    state: str
    sentence: str
    next_step: str
    control: str
    deferrable: bool
    evidence: list[str]

    @classmethod
    def of(cls, hold: tickets.HoldPointView) -> "HoldPointOut":
        """Return the wire form of a hold point."""
        return cls(
            id=hold.id,
            before=hold.before,
            label=hold.label,
            state=hold.state,
            sentence=hold.sentence,
            next_step=hold.next_step,
            control=hold.control,
            deferrable=hold.deferrable,
            evidence=list(hold.evidence),
        )


class MeterOut(Schema):
    """One line of the evidence meter."""

    kind: str
    asset: str
    state: str
    grade: str
    entry: str


class JobOut(Schema):
    """A capture under way or done."""

    id: int
    kind: str
    state: str
    message: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None

    @classmethod
    def of(cls, job: tickets.JobView) -> "JobOut":
        """Return the wire form of a capture."""
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            message=job.message,
            requested_at=job.requested_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
        )


class TicketPageOut(Schema):
    """A ticket with all that stands around it."""

    ticket: TicketOut
    hold_points: list[HoldPointOut]
    meter: list[MeterOut]
    jobs: list[JobOut]
    changes: list[dict[str, str]]
    waiting_for: dict[str, list[str]]


class EntryOut(Schema):
    """One line of a timeline: an act of the ledger."""

    seq: int
    ticket_seq: int | None
    at: datetime
    event: str
    actor: str
    event_id: str
