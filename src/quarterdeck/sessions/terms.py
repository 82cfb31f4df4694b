"""Words of a maintenance session that the gate's processes share: kinds, end reasons, what admission asks and answers.

Pure data: the gate's forker and children import this and must not load Django.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class SessionKind(StrEnum):
    """How the work was done; only `gate` is captured by us, the others are entered by a person."""

    GATE = "gate"
    EXTERNAL = "external"
    ON_SITE = "on_site"
    UNATTENDED = "unattended"


class SessionState(StrEnum):
    """`interrupted` means that the end was not observed: red until it is explained."""

    RUNNING = "running"
    ENDED = "ended"
    INTERRUPTED = "interrupted"


class Work(StrEnum):
    """What was asked for on one channel."""

    TERMINAL = "terminal"
    COMMAND = "command"
    TRANSFER = "transfer"


class Direction(StrEnum):
    """Which way a file went."""

    TO_TARGET = "to_target"
    FROM_TARGET = "from_target"


class Change(StrEnum):
    """What was done to a file or folder besides writing it."""

    REMOVED = "removed"
    RENAMED = "renamed"
    LINKED = "linked"
    PERMISSIONS = "permissions"
    OWNER = "owner"
    TRUNCATED = "truncated"
    FOLDER_MADE = "folder_made"
    FOLDER_REMOVED = "folder_removed"


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the ticket lets a session do: terminal, commands, files to the target, files from it (3.1.12[b])."""

    terminal: bool = True
    command: bool = True
    to_target: bool = True
    from_target: bool = True


@dataclass(frozen=True, slots=True)
class FileTransfer:
    """A file that went through the gate, or was refused.

    `sha256` is of the whole content and empty where the stream could not tell it (*not sequential*). `whole` says that
    the end of a file that was read was seen. `failed` counts parts that the target refused to write or read.
    """

    path: str
    direction: Direction
    size: int = 0
    sha256: str = ""
    sequential: bool = False
    opened: bool = False
    closed: bool = False
    failed: int = 0
    whole: bool = False
    refused: bool = False


@dataclass(frozen=True, slots=True)
class FileChange:
    """Something done to a file or folder; `done` is False when the target refused it."""

    change: Change
    path: str
    to: str = ""
    detail: str = ""
    done: bool = False


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
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class Presented:
    """What a connection presents: the certificate's blob is the only claim that admission believes."""

    certificate: bytes
    source: str
    work: Work
    command_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Admitted:
    """The answer to an admitted channel: whom, where to, until when (aware UTC) and how long beyond."""

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
    handles_cui: bool = True


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
    """Bytes that passed on one stream and their SHA-256 (hex)."""

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
