"""Words of a maintenance session that the gate's processes share: kinds, end reasons, what admission asks and answers.

Pure data: the gate's forker and children import this and must not load Django.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from quarterdeck.sessions.files import FILE_CODE as FILE_CODE
from quarterdeck.sessions.files import Change as Change
from quarterdeck.sessions.files import Direction as Direction
from quarterdeck.sessions.files import FileChange as FileChange
from quarterdeck.sessions.files import Files as Files
from quarterdeck.sessions.files import FileTally as FileTally
from quarterdeck.sessions.files import FileTransfer as FileTransfer
from quarterdeck.sessions.files import Protocol as Protocol
from quarterdeck.sessions.files import SeenChange as SeenChange
from quarterdeck.sessions.files import SeenTransfer as SeenTransfer
from quarterdeck.sessions.files import Stage as Stage
from quarterdeck.sessions.files import Told as Told
from quarterdeck.sessions.files import Unhashed as Unhashed
from quarterdeck.sessions.files import decode_told as decode_told
from quarterdeck.sessions.files import encode_told as encode_told
from quarterdeck.sessions.files import files_in as files_in
from quarterdeck.sessions.files import tally as tally
from quarterdeck.sessions.supervision import Order as Order
from quarterdeck.sessions.supervision import OrderKind as OrderKind
from quarterdeck.sessions.supervision import Supervision as Supervision
from quarterdeck.sessions.supervision import escort_sentence as escort_sentence
from quarterdeck.sessions.supervision import harmless as harmless
from quarterdeck.sessions.supervision import order_sentence as order_sentence
from quarterdeck.sessions.supervision import watcher_sentence as watcher_sentence
from quarterdeck.sessions.telling import file_lines as file_lines
from quarterdeck.tickets.terms import Allowance as Allowance


class SessionKind(StrEnum):
    """How the work was done; only `gate` is captured by us, the others are entered by a person."""

    GATE = "gate"
    EXTERNAL = "external"
    ON_SITE = "on_site"
    UNATTENDED = "unattended"


class SessionState(StrEnum):
    """`interrupted`: the end was not observed, or the row was written by hand meanwhile; red until it is explained."""

    RUNNING = "running"
    ENDED = "ended"
    INTERRUPTED = "interrupted"


class Work(StrEnum):
    """What was asked for on one channel."""

    TERMINAL = "terminal"
    COMMAND = "command"
    TRANSFER = "transfer"


class Denied(StrEnum):
    """What the gate's `sshd` refused inside a connection."""

    FORWARDING = "forwarding"
    SUBSYSTEM = "subsystem"
    CHANNELS = "channels"


class EndReason(StrEnum):
    """Why a session ended."""

    COMPLETED = "completed"
    DISCONNECTED = "disconnected"
    WINDOW_ENDED = "window_ended"
    REVOKED = "revoked"
    GATE_STOPPED = "gate_stopped"
    RECORDER_FAILED = "recorder_failed"
    DATABASE_UNAVAILABLE = "database_unavailable"
    TARGET_UNREACHABLE = "target_unreachable"
    TARGET_REFUSED = "target_refused"
    HOST_IDENTITY = "host_identity"
    ADMISSION_WITHDRAWN = "admission_withdrawn"
    BROKEN_PROTOCOL = "broken_protocol"
    NOT_ALLOWED = "not_allowed"
    ENDED_BY_PERSON = "ended_by_person"
    IDLE = "idle"
    INTERRUPTED = "interrupted"
    ROW_ALTERED = "row_altered"


@dataclass(frozen=True, slots=True)
class Presented:
    """What a connection presents: the certificate's blob is the only claim that admission believes."""

    certificate: bytes
    source: str
    work: Work
    command_sha256: str = ""
    protocol: Protocol | None = None


@dataclass(frozen=True, slots=True)
class Admitted:
    """The answer to an admitted channel: whom, where to, until when (aware UTC), how long beyond, to do what.

    `escort` names the escort without whom nothing passes (3.7.6[a]), empty where the work needs none.
    A terminal ends after `idle_seconds` without a key; 0 never. Without `screen` the recording has no picture.
    """

    session: str
    ticket: str
    person: str
    asset: str
    address: str
    port: int
    account: str
    host_identity: str
    serial: int
    at: datetime
    window_until: datetime
    grace_seconds: int
    allowance: Allowance
    handles_cui: bool = True
    escort: str = ""
    idle_seconds: int = 0
    screen: bool = True
    revoked_host_keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the holder of an entry certificate may stay; `until` and `grace_seconds` follow extensions."""

    may_stay: bool
    until: datetime
    grace_seconds: int
    reason: EndReason = EndReason.REVOKED
    sentence: str = ""


@dataclass(frozen=True, slots=True)
class StreamSum:
    """Bytes that passed on one stream and their SHA-256 (hex), empty where each file has its own."""

    size: int = 0
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known when a gate session has ended; moments are aware UTC, None means not proven."""

    session: str
    reason: EndReason
    state: SessionState
    session_terminated: datetime | None
    network_terminated: datetime | None
    exit_status: int | None = None
    recording: Path | None = None
    lines: int = 0
    head: str = ""
    streams: dict[str, StreamSum] = field(default_factory=dict)
    files: FileTally = field(default_factory=FileTally)


@dataclass(frozen=True, slots=True)
class SessionView:
    """A session as others see it; moments are aware UTC, `recording` is an artifact's SHA-256 or empty."""

    id: str
    ticket: str
    kind: SessionKind
    state: SessionState
    person: str
    asset: str
    grant: str
    serial: int | None
    work: str
    source: str
    began_at: datetime
    ended_at: datetime | None
    end_reason: str
    session_terminated_at: datetime | None
    network_terminated_at: datetime | None
    exit_status: int | None
    recording: str
    lines: int
    head: str
    streams: dict[str, dict[str, object]]
    entry_point: str
    account: str
    explained_by: str
    explained_at: datetime | None
    explanation: str
    protocol: str = ""
    files: dict[str, int] = field(default_factory=dict)

    @property
    def session_terminated(self) -> bool:
        """True when the end of the work itself is known."""
        return self.session_terminated_at is not None

    @property
    def network_terminated(self) -> bool:
        """True when the connection was proven gone."""
        return self.network_terminated_at is not None

    @property
    def explained(self) -> bool:
        """True when a person explained why it was interrupted."""
        return bool(self.explained_by)
