"""The words of tickets as plain values: states, classes, types, views. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.rollback_terms import RollbackPlan


class State(StrEnum):
    """Where a ticket stands in its life (design section 4)."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    SCHEDULED = "scheduled"
    OPEN = "open"
    VERIFYING = "verifying"
    CLOSED = "closed"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"
    ROLLED_BACK = "rolled_back"
    EXPIRED = "expired"


FINAL_STATES = frozenset({State.CLOSED, State.REJECTED, State.WITHDRAWN, State.ROLLED_BACK, State.EXPIRED})


class WorkClass(StrEnum):
    """How much ceremony the work needs."""

    TICKET = "ticket"
    STANDARD = "standard"
    CAMPAIGN = "campaign"
    QUICK_LOG = "quick_log"


class MaintenanceType(StrEnum):
    """Why the work is done (SP 800-171r2 3.7.1 discussion); emergency is a flag, not a type."""

    PREVENTIVE = "preventive"
    CORRECTIVE = "corrective"
    ADAPTIVE = "adaptive"
    PERFECTIVE = "perfective"


class Risk(StrEnum):
    """How much can go wrong; high asks for staging and a tried rollback."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"


class Action(StrEnum):
    """What is done; authorisations and vendor agreements permit actions by these words."""

    PATCH = "patch"
    CONFIGURE = "configure"
    DIAGNOSE = "diagnose"
    REPAIR = "repair"
    INSPECT = "inspect"
    REPLACE = "replace"
    RESTORE = "restore"


class Method(StrEnum):
    """How the asset is reached."""

    SSH = "ssh"
    EXTERNAL = "external"
    ON_SITE = "on_site"
    UNATTENDED = "unattended"


class Duty(StrEnum):
    """What a person does in one ticket."""

    TECHNICIAN = "technician"
    ESCORT = "escort"


class ApprovalRole(StrEnum):
    """In which role an approval was given."""

    APPROVER = "approver"
    CUI_OWNER = "cui_owner"


class ApprovalKind(StrEnum):
    """Before the work, the word of an authoriser in an emergency, or the ratification after it."""

    PRIOR = "prior"
    EMERGENCY = "emergency"
    RATIFICATION = "ratification"
    TEMPLATE = "template"


class Verdict(StrEnum):
    """One person's decision."""

    APPROVED = "approved"
    REFUSED = "refused"


class EmergencyBasis(StrEnum):
    """How the authoriser of an emergency gave the word (design section 4)."""

    IN_PERSON = "in_person"
    CALL_BACK = "call_back"
    STANDING_AUTHORITY = "standing_authority"


class Before(StrEnum):
    """Which act a hold point stands before."""

    APPROVE = "approve"
    OPEN = "open"
    CLOSE = "close"


class HoldState(StrEnum):
    """What a hold point says now; flagged passes and shows amber."""

    PASSED = "passed"
    FAILED = "failed"
    FLAGGED = "flagged"
    WAIVED = "waived"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a session under the ticket may do: terminal, commands, files each way, rsync (3.1.12[b])."""

    terminal: bool = True
    command: bool = True
    to_target: bool = True
    from_target: bool = True
    rsync: bool = True


@dataclass(frozen=True, slots=True)
class TicketAsset:
    """An asset of the ticket and the connection through which it is reached (empty for on-site work)."""

    asset_id: str
    connection_id: str


@dataclass(frozen=True, slots=True)
class Content:
    """What a person writes in a ticket: everything that is later frozen, before names are resolved.

    Without an `allowance` the usual one for these assets and people is kept.
    """

    title: str
    maintenance_type: MaintenanceType
    action: Action
    method: Method
    plan: str
    impact: str
    rollback: str
    window: Window
    assets: tuple[TicketAsset, ...]
    technicians: tuple[str, ...] = ()
    escort: str = ""
    pool_id: str = ""
    agreement_id: str = ""
    items: tuple[str, ...] = ()
    risk: Risk = Risk.MODERATE
    expected_paths: tuple[str, ...] = ()
    conflicts_with: tuple[str, ...] = ()
    allowance: Allowance | None = None
    rollback_plan: RollbackPlan | None = None


@dataclass(frozen=True, slots=True)
class TicketUse:
    """The use of a sealed account, for the ticket that is made of it; `requester` answers for it until it is closed."""

    seal: str
    asset: str
    account: str
    at: datetime
    requester: str
    at_console: bool


@dataclass(frozen=True, slots=True)
class ApprovalView:
    """One decision on one exact content."""

    id: int
    role: ApprovalRole
    kind: ApprovalKind
    verdict: Verdict
    person: str
    content_hash: str
    reason: str
    basis: str
    at: datetime
    void_at: datetime | None
    signed: bool


@dataclass(frozen=True, slots=True)
class HoldPointView:
    """A hold point as a page shows it: state, sentence, next step, control reference, the entries behind it."""

    id: str
    before: Before
    label: str
    state: HoldState
    sentence: str
    next_step: str
    control: str
    codes: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    deferrable: bool = False


@dataclass(frozen=True, slots=True)
class MeterRow:
    """One line of the evidence meter: a required fact kind, for an asset or the whole ticket."""

    kind: str
    asset_id: str
    state: str
    grade: str
    entry: str


@dataclass(frozen=True, slots=True)
class CommentView:
    """A remark on a ticket."""

    author: str
    text: str
    at: datetime


class ExtensionState(StrEnum):
    """What became of more time that was asked for; lapsed when the window ended or other time was asked for first."""

    WAITING = "waiting"
    GRANTED = "granted"
    REFUSED = "refused"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class ExtensionDecisionView:
    """One person's decision on more time."""

    role: ApprovalRole
    verdict: Verdict
    person: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class ExtensionView:
    """More time that was asked for: from which end to which, by whom, why, and what became of it."""

    id: str
    ticket: str
    person: str
    until_before: datetime
    until: datetime
    reason: str
    at: datetime
    by_terminal: bool
    state: ExtensionState
    by_self: bool = False
    decisions: tuple[ExtensionDecisionView, ...] = ()

    @property
    def minutes(self) -> int:
        """How much more time it is."""
        return int((self.until - self.until_before).total_seconds() // 60)


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket as everyone outside this app sees it."""

    number: str
    work_class: WorkClass
    emergency: bool
    state: State
    content: Content
    content_hash: str
    requester: str
    created_at: datetime
    state_at: datetime
    version: int
    template_id: str = ""
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    ratify_until: datetime | None = None
    finding: str = ""
    approvals: tuple[ApprovalView, ...] = field(default=())
    extended_until: datetime | None = None

    @property
    def window(self) -> Window:
        """The approved or asked window, extensions included; what was approved is `content.window`."""
        asked = self.content.window
        return asked if self.extended_until is None else Window(asked.from_, self.extended_until)

    @property
    def title(self) -> str:
        """One line that says what is done."""
        return self.content.title

    @property
    def technicians(self) -> tuple[str, ...]:
        """Person ids of those who do the work."""
        return self.content.technicians

    @property
    def escort(self) -> str:
        """Person id of the escort, empty for none."""
        return self.content.escort

    @property
    def assets(self) -> tuple[TicketAsset, ...]:
        """The assets and their connections."""
        return self.content.assets

    @property
    def allowance(self) -> Allowance:
        """What sessions may do; everything under a ticket from before this was asked."""
        return self.content.allowance or Allowance()

    @property
    def is_final(self) -> bool:
        """True when nothing can change any more."""
        return self.state in FINAL_STATES
