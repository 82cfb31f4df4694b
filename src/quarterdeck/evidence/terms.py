"""The words of evidence as plain values: references, entries, facts, heads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

JsonValue: TypeAlias = "bool | int | str | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonMap = Mapping[str, JsonValue]


class Outcome(StrEnum):
    """What a fact says."""

    PASSED = "passed"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Grade(StrEnum):
    """Captured by the system itself, or attached by a person."""

    CAPTURED = "captured"
    ATTACHED = "attached"


STAMPS = "rfc3161"


class AnchorGrade(StrEnum):
    """Whether the holder of an anchor is someone else than the administrator of this server."""

    INDEPENDENT = "independent"
    SAME_ADMINISTRATOR = "same_administrator"


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """What an entry is about: a type of ours and its id."""

    type: str
    id: str


@dataclass(frozen=True, slots=True)
class ArtifactRef:
    """A stored file as an entry names it; `name` is the safe ASCII file name it gets in a package."""

    sha256: str
    size: int
    role: str
    name: str
    media_type: str
    may_contain_cui: bool = True


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """A stored file with its state: present, redacted or disposed."""

    sha256: str
    size: int
    media_type: str
    may_contain_cui: bool
    state: str
    retain_until: datetime | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One appended act; `body` are its canonical bytes, `leaf` their RFC 6962 leaf hash."""

    seq: int
    event_id: str
    at: datetime
    event: str
    ticket: str | None
    ticket_seq: int | None
    actor_id: str
    actor_kind: str
    actor_auth: str
    object: ObjectRef
    data: dict[str, Any]
    artifacts: tuple[dict[str, Any], ...]
    body: bytes
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Fact:
    """What hold points and objective status read; `entry` is the event id of the sealed entry that carries it."""

    kind: str
    ticket: str | None
    asset: str | None
    at: datetime
    valid_until: datetime | None
    outcome: Outcome
    grade: Grade
    entry: str
    detail: dict[str, Any]

    def holds_at(self, moment: datetime) -> bool:
        """True when it passed and is not yet out of date at `moment`."""
        return self.outcome is Outcome.PASSED and (self.valid_until is None or moment <= self.valid_until)


@dataclass(frozen=True, slots=True)
class LedgerHead:
    """Size and root of the log, hash and time of its last entry."""

    size: int
    root: bytes
    tip: bytes
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class CheckpointView:
    """A signed head: the three-line body, its SSHSIG and its signed note."""

    size: int
    root: str
    body: bytes
    sshsig: bytes
    note: bytes
    key_id: str
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class AnchorRouteView:
    """How it stands with one holder; `taken_size` is 0 as long as it took nothing, `sentence` its last failure."""

    id: str
    channel: str
    target: str
    floor: int
    taken_size: int
    taken_at: datetime | None
    failures: int
    failed_at: datetime | None
    sentence: str
    next_try: datetime | None
    asked_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """Proof that a checkpoint left the server through a channel."""

    size: int
    channel: str
    target: str
    grade: AnchorGrade
    sent_at: datetime
    receipt: str

    @property
    def held(self) -> bool:
        """False for a time stamp: its authority keeps nothing, and stamps every version that it is sent."""
        return self.channel != STAMPS


@dataclass(frozen=True, slots=True)
class SealingTroubleView:
    """Why the sealer refuses or what a witness says, since when, and when the IT lead was last told by mail."""

    kind: str
    code: str
    sentence: str
    next_step: str
    since: datetime
    told_at: datetime | None
