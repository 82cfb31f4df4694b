"""Words of backups as plain values: sources, snapshots, verifications, proofs, drills. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Product(StrEnum):
    """Where backup evidence comes from; a job log and a reimage plan are attached, not captured."""

    RESTIC = "restic"
    BORG = "borg"
    PG_DUMP = "pg_dump"
    PG_BASE = "pg_base"
    FILES = "files"
    BTRFS = "btrfs"
    QCOW2 = "qcow2"
    EBS = "ebs"
    AMI = "ami"
    VSPHERE = "vsphere"
    VSS = "vss"
    JOB_LOG = "job_log"
    REIMAGE = "reimage"


class Use(StrEnum):
    """What a source is for: one that brings the asset back from outside it, or a point on it to go back to."""

    BACKUP = "backup"
    SNAPSHOT = "snapshot"


# These lie on the disk or the hypervisor they protect: points to go back to, which prove no backup.
SNAPSHOTS_ONLY = frozenset({Product.BTRFS, Product.QCOW2, Product.VSPHERE, Product.VSS})
# These can be made by us when a ticket asks for one.
CAN_SNAPSHOT = SNAPSHOTS_ONLY | {Product.EBS, Product.AMI, Product.PG_DUMP, Product.PG_BASE}
CAN_DRILL = frozenset({Product.RESTIC, Product.PG_DUMP, Product.FILES})


def use_of(product: Product) -> Use:
    """Return what a source of this product is for. EBS snapshots and images lie outside the machine: backups."""
    return Use.SNAPSHOT if product in SNAPSHOTS_ONLY else Use.BACKUP


class Depth(StrEnum):
    """How much of the stored data a verification reads back."""

    ALL = "all"
    SAMPLE = "sample"
    STRUCTURE = "structure"


@dataclass(frozen=True, slots=True)
class Source:
    """Where an asset's backups are. `credential_file` is the path of a file on this server, never a secret itself.

    `offline` names the copy that no network reaches, `offline_days` how long it keeps, `contract_days` what is owed.
    """

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
    offline: str = ""
    offline_days: int = 0
    contract_days: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One backup as its product names it; `taken_at` aware UTC, `size` in bytes when restored (0: not told)."""

    id: str
    taken_at: datetime
    size: int
    encrypted: bool | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What a verification found: `verified` only when the product read back and checked; `log` is its own output.

    `pending`: the product still works on it, neither good nor bad. `identity` is what the product gives a snapshot
    once and never again; another one under the same name differs in it. Empty where its name is that already.
    """

    verified: bool
    sentence: str
    log: bytes
    pending: bool = False
    identity: str = ""


@dataclass(frozen=True, slots=True)
class BucketLock:
    """What a backup bucket itself says: Object Lock on, default mode and days, versions kept."""

    locked: bool
    mode: str
    days: int
    versions: bool


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
    lock: BucketLock | None = None
    offline_enough: bool | None = None


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


class Maker(StrEnum):
    """What wrote a job log that a person hands in."""

    VEEAM = "veeam"
    WINDOWS_SERVER_BACKUP = "windows_server_backup"
    VSS = "vss"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class LogTold:
    """What a person says of a job log: which product wrote it and when the job ended, aware UTC."""

    maker: Maker
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class LogRead:
    """What the log itself says of that; `host` is empty where it names no machine."""

    maker: Maker
    ended_at: datetime
    host: str


@dataclass(frozen=True, slots=True)
class ReimagePlan:
    """How workstations are imaged anew: image and version, owner, when it was tried last, which assets it covers."""

    id: str
    image: str
    version: str
    owner: str
    tested_at: datetime
    review_by: datetime
    steps_sha256: str
    assets: tuple[str, ...]
    active: bool = True


class SnapshotState(StrEnum):
    """Where a snapshot that a ticket took stands."""

    PENDING = "pending"
    COMPLETE = "complete"
    FAILED = "failed"
    REVERTED = "reverted"


@dataclass(frozen=True, slots=True)
class TakenSnapshot:
    """A snapshot taken under a ticket, as recorded; `name` is the product's own."""

    id: str
    ticket: str
    asset: str
    source: str
    product: Product
    name: str
    taken_at: datetime
    state: SnapshotState
    sentence: str
    entry: str


class Against(StrEnum):
    """What a restore is compared with."""

    SOURCE = "source"
    BASELINE = "baseline"


@dataclass(frozen=True, slots=True)
class Digest:
    """SHA-256 of a file or of a table's ordered rows; `changed_at` when it last changed, None where nobody knows."""

    sha256: str
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back: digests by original path or table, and the product's words."""

    digests: Mapping[str, Digest]
    log: bytes


@dataclass(frozen=True, slots=True)
class Compared:
    """How what came back differs from what it is held against: names, sorted; `newer` changed after the backup."""

    same: int
    different: tuple[str, ...]
    missing: tuple[str, ...]
    newer: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """How often a restore of an asset is tried, to which scratch place, and what it is compared with."""

    id: str
    asset: str
    against: Against
    scratch: str
    every: timedelta
    since: datetime
    active: bool = True


@dataclass(frozen=True, slots=True)
class Drill:
    """One tried restore and what came of it."""

    id: str
    plan: str
    asset: str
    product: Product
    snapshot: str
    started_at: datetime
    finished_at: datetime
    passed: bool
    same: int
    different: int
    missing: int
    newer: int
    sentence: str
    log_sha256: str
    entry: str


@dataclass(frozen=True, slots=True)
class Register:
    """One line of the register of drills: the plan, when the next is due, whether that is past, the newest drill."""

    plan: DrillPlan
    due_at: datetime
    overdue: bool
    newest: Drill | None
