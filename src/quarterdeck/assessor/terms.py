"""The words of exports as plain values. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from quarterdeck.attachments.terms import SCREEN_ROLES


class ScopeKind(StrEnum):
    """What a package is about."""

    TICKET = "ticket"
    SET = "set"
    PERIOD = "period"
    ASSESSMENT = "assessment"


class Envelope(StrEnum):
    """What recordings of assets that handle CUI are encrypted to in a package; without one they stay here."""

    NONE = "none"
    PASSPHRASE = "passphrase"  # noqa: S105  the word for a kind
    CERTIFICATE = "certificate"
    AGE = "age"


class OrderState(StrEnum):
    """How far the making of a package is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class ConsentState(StrEnum):
    """How the CUI owner stands to recordings of a ticket leaving in packages; only a given one lets them."""

    UNDECIDED = "undecided"
    ASKED = "asked"
    GIVEN = "given"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


class Population(StrEnum):
    """What a sample is drawn from: tickets that are over, by what an assessor wants to see of them."""

    CLOSED_CUI = "closed_cui"
    CLOSED = "closed"
    EMERGENCY = "emergency"


# Roles of artifacts that show what a person saw and typed: they leave only with consent where CUI may be on them.
CONSENT_ROLES = SCREEN_ROLES | {
    "recording", "transcript", "session_log", "commands", "target-log", "redacted_copy",
}  # fmt: skip


class AssessmentKind(StrEnum):
    """Who assessed (32 CFR 170.15 to 170.18)."""

    SELF = "self"
    C3PAO = "c3pao"
    DIBCAC = "dibcac"


@dataclass(frozen=True, slots=True)
class AssessmentView:
    """An assessment: the packages that the assessor got, the tickets it used, every CMMC status date told, by whom."""

    id: str
    kind: AssessmentKind
    packages: tuple[str, ...]
    tickets: tuple[str, ...]
    status_dates: tuple[datetime, ...]
    by: str
    at: datetime

    @property
    def status_at(self) -> datetime | None:
        """The newest told status date, None before there is one."""
        return self.status_dates[-1] if self.status_dates else None


@dataclass(frozen=True, slots=True)
class ConsentView:
    """The standing of the consent for one ticket; `person` and `at` are of the last word, `recordings` it is about."""

    ticket: str
    state: ConsentState
    person: str
    at: datetime | None
    recordings: int


@dataclass(frozen=True, slots=True)
class SampleView:
    """A sample that was drawn: from how many, by which seed; `list_sha256` is the artifact that lists them all."""

    seq: int
    at: datetime
    by: str
    population: Population
    seed: str
    size: int
    of: int
    list_sha256: str
    tickets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnswerView:
    """What the organisation answered."""

    by: str
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class QuestionView:
    """What an assessor asked, about a ticket, an objective or nothing in particular, and the answers so far."""

    id: str
    asked_by: str
    asked_at: datetime
    ticket: str
    objective: str
    text: str
    answers: tuple[AnswerView, ...]

    @property
    def is_open(self) -> bool:
        """True until it was answered once."""
        return not self.answers


@dataclass(frozen=True, slots=True)
class KeptBack:
    """A file that does not leave: what it is, of which ticket, and the code of the reason."""

    name: str
    role: str
    ticket: str
    size: int
    reason: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What a package of a scope is of, told before it is made; `bytes` is an estimate of its size."""

    tickets: tuple[str, ...]
    left_out: tuple[str, ...]
    entries: int
    files: int
    bytes: int
    withheld: tuple[KeptBack, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """What a package is of: named tickets, a period [since, until), or an assessment of practices; see `kind`.

    `practices` are those of an assessment, such as `MA.L2-3.7.5`; its period may be open on either side.
    """

    tickets: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    practices: tuple[str, ...] = ()

    @property
    def kind(self) -> ScopeKind:
        """Return the kind of package that this scope makes."""
        if self.practices:
            return ScopeKind.ASSESSMENT
        if self.since is not None or self.until is not None:
            return ScopeKind.PERIOD
        return ScopeKind.TICKET if len(self.tickets) <= 1 else ScopeKind.SET


@dataclass(frozen=True, slots=True)
class Recipient:
    """To whom recordings are encrypted: the public part, and for a passphrase the private key that it locks (PEM)."""

    envelope: Envelope = Envelope.NONE
    public: str = ""
    locked_key: str = ""


@dataclass(frozen=True, slots=True)
class OrderView:
    """A package asked for; `sha256` and `size` are of the finished zip."""

    id: str
    base: str
    scope: Scope
    recipient: Recipient
    ordered_by: str
    ordered_auth: str
    ordered_at: datetime
    state: OrderState
    message: str
    sha256: str
    size: int
    withheld: int
    finished_at: datetime | None
    cancel_asked: bool

    @property
    def file_name(self) -> str:
        """Name of the zip."""
        return f"{self.base}.zip"

    @property
    def kind(self) -> ScopeKind:
        """What kind of package it is."""
        return self.scope.kind

    @property
    def tickets(self) -> tuple[str, ...]:
        """The tickets that were named."""
        return self.scope.tickets

    @property
    def since(self) -> datetime | None:
        """Beginning of the period."""
        return self.scope.since

    @property
    def until(self) -> datetime | None:
        """End of the period, not included."""
        return self.scope.until
