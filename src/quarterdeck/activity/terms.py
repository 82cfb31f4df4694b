"""Logins, readings of logs, commands of sessions and break-glass accounts as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

ROTATE_WITHIN = timedelta(days=1)
LONGEST_SEAL = timedelta(days=366)


class How(StrEnum):
    """How somebody came in."""

    CERTIFICATE = "certificate"
    KEY = "key"
    PASSWORD = "password"  # noqa: S105  a word, no secret
    OTHER = "other"
    CONSOLE = "console"
    SU = "su"


class Verdict(StrEnum):
    """What a login is; all but the first are findings."""

    TICKETED = "ticketed"
    NO_CERTIFICATE = "no_certificate"
    FOREIGN_CERTIFICATE = "foreign_certificate"
    UNKNOWN_SERIAL = "unknown_serial"
    OTHER_ASSET = "other_asset"
    USED_TWICE = "used_twice"
    OUT_OF_TIME = "out_of_time"
    CONSOLE = "console"
    CHANGED_USER = "changed_user"


class Gap(StrEnum):
    """Why a reading does not say everything; NONE when nothing is missing."""

    NONE = ""
    NOT_READ = "not_read"
    NO_LOG = "no_log"
    BEGINS_LATE = "begins_late"
    JUMPS = "jumps"
    CUT = "cut"
    NOT_ITSELF = "not_itself"
    SESSION_MISSING = "session_missing"
    SHIPPED = "shipped"


class SealState(StrEnum):
    """A break-glass account: sealed, used and not yet rotated, or retired."""

    SEALED = "sealed"
    USED = "used"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class SeenLogin:
    """A login as a target's log tells it, nothing of it believed yet; `pid` is that of the server's process."""

    at: datetime
    how: How
    account: str
    source: str
    pid: int
    text: str
    serial: int | None = None
    key_id: str = ""
    authority: str = ""


@dataclass(frozen=True, slots=True)
class KnownSerial:
    """A target certificate that the ledger explains."""

    serial: int
    at: datetime
    asset: str
    session: str = ""


@dataclass(frozen=True, slots=True)
class Judged:
    """A login and what it is; `break_glass` names the sealed account that it used."""

    login: SeenLogin
    verdict: Verdict
    break_glass: str = ""


@dataclass(frozen=True, slots=True)
class TargetLog:
    """What the collector's `logs` mode answered, checked and typed; `offset` is target clock minus ours."""

    source: str
    logins: tuple[SeenLogin, ...]
    gap: Gap
    said: str
    offset: timedelta
    commands: tuple["SeenCommand", ...]
    audit_sessions: Mapping[int, int]
    audit_said: str
    sudo_said: str
    password_days: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SeenCommand:
    """A command that the target's own log holds; `ses` is its audit session, None for sudo's log."""

    at: datetime
    origin: str
    argv: tuple[str, ...]
    run_as: str
    cwd: str = ""
    tty: str = ""
    exit_status: int | None = None
    ses: int | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A terminal or command session as commands are matched to it; `serials` of its target certificates."""

    session: str
    began_at: datetime
    ended_at: datetime
    serials: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """What the target's log says of one session; without a source `said` tells why it is not available."""

    session: str
    commands: tuple[SeenCommand, ...]
    sources: tuple[str, ...]
    exact: bool
    said: str

    @property
    def available(self) -> bool:
        """True when the target's log speaks of it, be it to say that nothing ran."""
        return bool(self.sources)


@dataclass(frozen=True, slots=True)
class ReadingView:
    """One reading of an asset's login log, for a ticket or under a monitoring plan."""

    id: str
    asset: str
    ticket: str
    plan: str
    since: datetime
    until: datetime
    source: str
    gap: Gap
    said: str
    logins: int
    findings: int
    document: str
    entry: str


@dataclass(frozen=True, slots=True)
class LoginView:
    """A login that matches no ticket; `text` is the log's line, escaped; open until a person explained it."""

    id: str
    asset: str
    ticket: str
    plan: str
    at: datetime
    how: How
    verdict: Verdict
    account: str
    source: str
    text: str
    break_glass: str
    explained_by: str
    explained_at: datetime | None
    explained_ticket: str
    reason_sha256: str
    entry: str

    @property
    def is_open(self) -> bool:
        """True while nobody has explained it."""
        return not self.explained_by


@dataclass(frozen=True, slots=True)
class CommandsView:
    """What is known of the commands of a session; `document` is the artifact that lists them."""

    session: str
    ticket: str
    sources: tuple[str, ...]
    count: int
    exact: bool
    said: str
    document: str
    at: datetime
    entry: str
    attached: bool = False


@dataclass(frozen=True, slots=True)
class BreakGlassView:
    """A sealed account of an asset; `due_at` is when its credential must have been changed."""

    id: str
    asset: str
    account: str
    place: str
    state: SealState
    sealed_by: str
    sealed_at: datetime
    used_at: datetime | None
    due_at: datetime
    verified: bool
    entry: str
    ticket: str = ""

    def is_overdue(self, at: datetime) -> bool:
        """True when its credential should have been changed by `at`."""
        return self.state is not SealState.RETIRED and at > self.due_at
