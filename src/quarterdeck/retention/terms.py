"""The words of keeping: classes, rules, holds, proposals as plain values. Pure."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class KeptClass(StrEnum):
    """What kind of evidence a file is, for how long it is kept."""

    LOG = "log"
    RECORDING = "recording"
    TICKET = "ticket"
    ORGANISATION = "organisation"


CLASS_LABELS = {
    KeptClass.LOG: "Logs",
    KeptClass.RECORDING: "Recordings and screenshots",
    KeptClass.TICKET: "Evidence of tickets",
    KeptClass.ORGANISATION: "The organisation's own",
}
_LOGS = frozenset({
    "target-log", "commands", "session_log", "session-log", "backup_log", "attached_backup_log", "attached_event_log",
    "attached_tlog", "attached_sudo_io", "attached_integrity",
})  # fmt: skip
_RECORDINGS = frozenset({"recording", "transcript", "attached_recording", "attached_screenshot"})
# A copy without what had to go is kept like the file that it is made from.
REDACTED_ROLE = "redacted_copy"


def class_of(role: str, *, of_ticket: bool) -> KeptClass:
    """Return the class of a file by its role in the entry that names it."""
    if role in _LOGS:
        return KeptClass.LOG
    if role in _RECORDINGS:
        return KeptClass.RECORDING
    return KeptClass.TICKET if of_ticket else KeptClass.ORGANISATION


@dataclass(frozen=True, slots=True)
class Rule:
    """How long a class is kept by policy: days from arrival, years from closing, and until when contracts want it."""

    kept: KeptClass
    days: int = 0
    closing_years: int = 6
    contract_until: date | None = None


class Standing(StrEnum):
    """Where a file stands."""

    KEPT = "kept"
    ENDLESS = "endless"
    HELD = "held"
    PROPOSED = "proposed"
    DUE = "due"
    REDACTED = "redacted"
    DISPOSED = "disposed"


@dataclass(frozen=True, slots=True)
class Kept:
    """A stored file, how long it is kept, why (`because`), and what stands in the way of its end."""

    sha256: str
    name: str
    size: int
    classes: tuple[KeptClass, ...]
    tickets: tuple[str, ...]
    arrived: datetime
    until: datetime | None
    because: str
    holds: tuple[str, ...]
    standing: Standing
    may_contain_cui: bool


class HoldScope(StrEnum):
    """What a legal hold holds."""

    EVERYTHING = "everything"
    TICKET = "ticket"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold: nothing that it holds is disposed of or redacted until somebody releases it, with a reason."""

    id: str
    scope: HoldScope
    of: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str = ""
    released_at: datetime | None = None
    released_because: str = ""

    @property
    def stands(self) -> bool:
        """True until it is released."""
        return self.released_at is None

    def holds(self, sha256: str, tickets: tuple[str, ...]) -> bool:
        """True when it stands and is about this file."""
        if not self.stands:
            return False
        if self.scope is HoldScope.EVERYTHING:
            return True
        return self.of == sha256 if self.scope is HoldScope.FILE else self.of in tickets


class EndKind(StrEnum):
    """How a file ends: after its time, or at any time because what is in it must not be kept."""

    DISPOSAL = "disposal"
    REDACTION = "redaction"


class ProposalState(StrEnum):
    """How a proposal stands."""

    WAITING = "waiting"
    CONFIRMED = "confirmed"
    REFUSED = "refused"
    LAPSED = "lapsed"


@dataclass(frozen=True, slots=True)
class Proposal:
    """One person's proposal to end files; a second person confirms or refuses it. `copy` is a redacted derivative."""

    id: str
    kind: EndKind
    files: tuple[str, ...]
    reason: str
    by: str
    at: datetime
    state: ProposalState
    decided_by: str = ""
    decided_at: datetime | None = None
    copy: str = ""
