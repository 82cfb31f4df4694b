"""Baselines, comparisons and drift items as plain values."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.baselines.diff import ChangeKind
from quarterdeck.baselines.receiver import Header
from quarterdeck.baselines.rules import Disposition, DriftClass, Phase, Severity
from quarterdeck.baselines.watch_rules import RunOutcome
from quarterdeck.evidence.terms import ArtifactRef


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one asset's measurement gave, its artifacts stored already; moments are ours, aware UTC."""

    manifest: ArtifactRef
    posture: ArtifactRef
    account: ArtifactRef
    header: Header
    entries: int
    unreadable: int
    hashed: int
    blind_roots: int
    started_at: datetime
    finished_at: datetime
    texts: ArtifactRef | None = None
    carried: int = 0
    exports: tuple[ArtifactRef, ...] = ()

    @property
    def artifacts(self) -> tuple[ArtifactRef, ...]:
        """All that was stored of it, in the order in which its entry names them."""
        texts = () if self.texts is None else (self.texts,)
        return (self.manifest, self.posture, self.account, *texts, *self.exports)


@dataclass(frozen=True, slots=True)
class BaselineView:
    """A recorded baseline; `manifest_sha256` is its identity and names the artifact with the manifest.

    It belongs to a ticket or, between tickets, to a monitoring plan: the other of the two is empty.
    """

    id: str
    ticket: str
    asset: str
    connection: str
    phase: Phase
    manifest_sha256: str
    posture_sha256: str
    account_sha256: str
    entries: int
    unreadable: int
    hashed: int
    complete: bool
    collector_sha256: str
    started_at: datetime
    finished_at: datetime
    entry: str
    plan: str = ""


@dataclass(frozen=True, slots=True)
class RunView:
    """One attempt to measure under a monitoring plan; `baseline` is empty and `said` tells why when it failed."""

    plan: str
    asset: str
    outcome: RunOutcome
    said: str
    started_at: datetime
    finished_at: datetime
    baseline: str
    entry: str


@dataclass(frozen=True, slots=True)
class DriftLine:
    """One difference before it becomes a row: a file, a posture fact, or many collapsed into one line."""

    source: str
    path: bytes
    kind: ChangeKind
    drift_class: DriftClass
    severity: Severity
    codes: tuple[str, ...]
    package: str
    count: int
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The difference between two baselines of one asset, not yet recorded; `document` lists every change."""

    before: BaselineView
    after: BaselineView
    lines: tuple[DriftLine, ...]
    touched: int
    posture: Mapping[str, str]
    document: bytes
    rules_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Monitored:
    """A measurement under a plan, compared and not yet recorded: a comparison for each gap between tickets.

    `explaining` are the tickets whose declarations were counted; `told` says how it could be compared: `compared`,
    `first` for the asset's first baseline, `other_folders` where the one before watched others.
    """

    baseline: BaselineView
    measured: Measurement
    comparisons: tuple[Comparison, ...]
    explaining: tuple[str, ...]
    told: str


@dataclass(frozen=True, slots=True)
class DriftItemView:
    """One difference as pages and packages show it; `path` is escaped, safe on any screen."""

    id: int
    ticket: str
    asset: str
    source: str
    path: str
    path_bytes: bytes
    kind: ChangeKind
    drift_class: DriftClass
    severity: Severity
    codes: tuple[str, ...]
    package: str
    count: int
    disposition: Disposition | None
    disposed_by: str
    disposed_at: datetime | None
    reason_sha256: str
    explained_by: str = ""

    @property
    def is_open(self) -> bool:
        """True while somebody still has to explain it."""
        return self.drift_class is not DriftClass.EXPECTED and self.disposition is None


@dataclass(frozen=True, slots=True)
class DriftView:
    """A comparison with its items: the newest of one asset of a ticket, or a finding between tickets (`plan`)."""

    ticket: str
    asset: str
    before: BaselineView
    after: BaselineView
    items: tuple[DriftItemView, ...]
    touched: int
    document_sha256: str
    compared_at: datetime
    entry: str
    id: int = 0
    plan: str = ""

    @property
    def open_items(self) -> tuple[DriftItemView, ...]:
        """The items that still wait for an explanation."""
        return tuple(item for item in self.items if item.is_open)
