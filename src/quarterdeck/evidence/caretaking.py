"""The store read through, swept and moved. Bytes only; what is found becomes entries in the workflow above."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice

from quarterdeck.evidence.copies import (
    ALTERED,
    MISSING,
    WHOLE,
    copy_row,
    longest_unread,
    note_condition,
    note_copy,
    version_of,
)
from quarterdeck.evidence.models import ArtifactCopy
from quarterdeck.evidence.named import given_up, standing_artifacts
from quarterdeck.evidence.ports import EvidenceStore, NotInStore, StillLocked, StoredObject, StoreFailed
from quarterdeck.kernel.clock import Clock

ROLLING = 30
LEAST_SHARE = 50
ORPHAN_AGE = timedelta(hours=24)
BATCH = 500

# done, total, found -> whether to go on
Progress = Callable[[int, int, int], bool]


class Cancelled(Exception):
    """Somebody asked to stop; what was done until then stands."""


@dataclass(slots=True)
class ScrubReport:
    """What was read: how many, and the hashes whose bytes are others or gone."""

    read: int = 0
    altered: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


@dataclass(slots=True)
class SweepReport:
    """What was removed, what the store keeps although nothing names it, and versions that nobody of ours wrote."""

    removed: int = 0
    octets: int = 0
    locked: int = 0
    strange: int = 0


@dataclass(slots=True)
class MoveReport:
    """What lies in the new store, read back there; `lost` are those that the old store does not have whole."""

    there: int = 0
    copied: int = 0
    lost: list[str] = field(default_factory=list)


def condition_of(store: EvidenceStore, sha256: str) -> str:
    """Read one artifact through and return how it is; StoreFailed when the store does not answer."""
    try:
        found = store.digest(sha256, version_of(store.name, sha256) if store.pins else "")
    except NotInStore:
        return MISSING
    return WHOLE if found == sha256 else ALTERED


def scrub(
    store: EvidenceStore,
    clock: Clock,
    *,
    everything: bool,
    progress: Progress,
    tell: Callable[[str, str], None],
) -> ScrubReport:
    """Read all, or those that were not read for longest (a thirtieth, so that a month sees each once).

    `tell` gets the hash and condition of each as it is read. Raises Cancelled, and StoreFailed when the store is away.
    """
    standing = standing_artifacts()
    total = len(standing)
    if not everything:
        total = min(total, max(LEAST_SHARE, -(-total // ROLLING)))
    report = ScrubReport()
    for sha256 in longest_unread(store.name, standing, total):
        condition = condition_of(store, sha256)
        note_condition(store.name, sha256, condition, clock.now())
        tell(sha256, condition)
        report.read += 1
        if condition == ALTERED:
            report.altered.append(sha256)
        elif condition == MISSING:
            report.missing.append(sha256)
        if not progress(report.read, total, len(report.altered) + len(report.missing)):
            raise Cancelled
    return report


def sweep(store: EvidenceStore, clock: Clock, *, progress: Progress) -> SweepReport:
    """Remove objects that no entry has named for a day. What the store still keeps is counted, not fought.

    A writer stores the file first and names it within seconds; the day is for whoever is slow. What was given up is
    left to its own way of disposal. Strange versions are
    those under the hash of a named artifact that are not the one written down: left alone, they are evidence.
    """
    report, done, border = SweepReport(), 0, clock.now() - ORPHAN_AGE
    named: dict[str, int] | None = None
    for batch in _batches(store.objects()):
        # Asked after the listing began: what is named later was stored later, or stored anew, and is young again.
        named = standing_artifacts() if named is None else named
        hashes = [one.sha256 for one in batch]
        rows = ArtifactCopy.objects.filter(store=store.name, sha256__in=hashes)
        pinned = dict(rows.values_list("sha256", "version"))
        for one in batch:
            if one.sha256 in named:
                report.strange += bool(pinned.get(one.sha256)) and one.version != pinned[one.sha256]
            elif one.stored_at < border and given_up(one.sha256) is None:
                _sweep_one(store, one, report)
        done += len(batch)
        if not progress(done, done, report.removed):
            raise Cancelled
    return report


def _sweep_one(store: EvidenceStore, one: StoredObject, report: SweepReport) -> None:
    try:
        store.remove(one)
    except StillLocked:
        report.locked += 1
        return
    ArtifactCopy.objects.filter(store=store.name, sha256=one.sha256, version=one.version).delete()
    report.removed += 1
    report.octets += one.size


def _batches(objects: Iterator[StoredObject]) -> Iterator[Sequence[StoredObject]]:
    while batch := list(islice(objects, BATCH)):
        yield batch


def move(source: EvidenceStore, target: EvidenceStore, clock: Clock, *, progress: Progress) -> MoveReport:
    """Copy every artifact and read each back where it arrived; begun again it goes on where it was.

    Raises Cancelled, and StoreFailed when one of the stores is away. The source is left as it is.
    """
    report, standing = MoveReport(), standing_artifacts()
    for done, (sha256, size) in enumerate(standing.items(), 1):
        if is_moved(target, sha256, size):
            report.there += 1
        else:
            _move_one(source, target, clock, sha256, report)
        if not progress(done, len(standing), len(report.lost)):
            raise Cancelled
    return report


def is_moved(target: EvidenceStore, sha256: str, size: int) -> bool:
    """True when this store has the artifact and it was read back whole there."""
    row = copy_row(target.name, sha256)
    if row is None or row.condition != WHOLE:
        return False
    return target.size(sha256, row.version) == size


def _move_one(source: EvidenceStore, target: EvidenceStore, clock: Clock, sha256: str, report: MoveReport) -> None:
    if condition_of(source, sha256) != WHOLE:
        report.lost.append(sha256)
        return
    with source.open(sha256, version_of(source.name, sha256) if source.pins else "") as file:
        copy = target.put(file)
    if copy.sha256 != sha256 or target.digest(sha256, copy.version) != sha256:
        raise StoreFailed(
            f"{sha256[:16]}... is not the same in {target.name} as it was in {source.name}.",
            "Look at the network and both stores, then begin again; what is right already is not copied again.",
        )
    note_copy(target.name, copy)
    _take_wishes_along(source.name, target.name, sha256)
    note_condition(target.name, sha256, WHOLE, clock.now())
    report.copied += 1


def _take_wishes_along(source: str, target: str, sha256: str) -> None:
    """What was decided of an artifact holds in the new store too."""
    row = copy_row(source, sha256)
    if row is not None and (row.wanted_mode or row.wanted_hold or row.wanted_gone):
        ArtifactCopy.objects.filter(store=target, sha256=sha256).update(
            wanted_mode=row.wanted_mode,
            wanted_until=row.wanted_until,
            wanted_hold=row.wanted_hold,
            wanted_gone=row.wanted_gone,
            settled=False,
        )


def missing_in(store: EvidenceStore, known_lost: frozenset[str]) -> int:
    """Return how many artifacts this store does not list with their size, those left out that were lost before."""
    listed: dict[str, set[int]] = {}
    for one in store.objects():
        listed.setdefault(one.sha256, set()).add(one.size)
    wanted = standing_artifacts().items()
    return sum(size not in listed.get(sha256, ()) for sha256, size in wanted if sha256 not in known_lost)
