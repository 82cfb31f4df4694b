"""Words of backups as plain values: sources, snapshots, verifications, proofs. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Product(StrEnum):
    """Where backup evidence comes from; a job log and a reimage plan are attached, not captured."""

    RESTIC = "restic"
    JOB_LOG = "job_log"
    REIMAGE = "reimage"


class Depth(StrEnum):
    """How much of the stored data a verification reads back."""

    ALL = "all"
    SAMPLE = "sample"
    STRUCTURE = "structure"


@dataclass(frozen=True, slots=True)
class Source:
    """Where an asset's backups are. `credential_file` is the path of a file on this server, never a secret itself."""

    id: str
    asset: str
    product: Product
    repository: str
    credential_file: str
    max_age: timedelta
    host: str = ""
    path: str = ""
    tag: str = ""
    depth: Depth = Depth.ALL
    active: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One backup as its product names it; `taken_at` aware UTC, `size` in bytes when restored (0: not told)."""

    id: str
    taken_at: datetime
    size: int
    encrypted: bool | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found: `verified` only when the product read back and checked; `log` is its own output."""

    verified: bool
    sentence: str
    log: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What was found out about one asset's newest backup for a ticket, before it is judged and recorded.

    `attached` says that a person handed the words in; `max_age` is how old a backup may be and still count.
    """

    ticket: str
    asset: str
    product: Product
    source_id: str | None
    snapshot: Snapshot | None
    verification: Verification | None
    max_age: timedelta
    attached: bool


@dataclass(frozen=True, slots=True)
class Proof:
    """A recorded proof; `valid_until` is the moment of the backup plus the greatest age allowed."""

    id: str
    ticket: str
    asset: str
    product: Product
    snapshot: str
    taken_at: datetime
    verified_at: datetime
    verified: bool
    encrypted: bool | None
    size: int
    valid_until: datetime
    attached: bool
    sentence: str
    log_sha256: str
    entry: str
