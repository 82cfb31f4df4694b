"""Appending entries to the log; the head is moved once and last in an act.

The order of statements matters: an act collects its entries in memory and this module writes them as the last thing
before the commit, because a head locked in mid-transaction deadlocks (evidence.md 2.2: 59 deadlocks in 360, then none).
Where the log stands is known from `watch`, which read it when the act's turn came; nobody else appends meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from quarterdeck.config.api import load
from quarterdeck.evidence.models import Artifact, ArtifactUse, LedgerTile
from quarterdeck.evidence.rows import StoredRow, insert_rows, move_head
from quarterdeck.evidence.terms import ArtifactRef, JsonValue, ObjectRef
from quarterdeck.evidence.watch import LedgerWatch, Written
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck_verify.entry import encode, leaf_hash
from quarterdeck_verify.merkle import TILE_WIDTH, build_tile, completed_tiles, tile_nodes

CLOCK_TOLERANCE = timedelta(seconds=5)


class DuplicateEvent(Exception):
    """The event id is in the ledger already: the act was done before, nothing is written again."""


@dataclass(slots=True)
class Draft:
    """An entry before its place in the chain is known."""

    event_id: str
    event: str
    object: ObjectRef
    ticket: str | None
    data: dict[str, JsonValue]
    artifacts: tuple[ArtifactRef, ...]
    closes_ticket: bool = False


def refuse_backward_clock(at: datetime, last: datetime | None) -> None:
    """Raise Refused when `at` lies behind the ledger's last time: nothing opens behind it (attacks.md row 18)."""
    if last is not None and at < last - CLOCK_TOLERANCE:
        raise Refused(
            refuse(
                "clock.behind",
                f"This machine's clock ({rfc3339(at)}) is behind the ledger's last entry ({rfc3339(last)}).",
                "Set the clock right (chrony or NTP), then try again.",
            )
        )


def flush(log: LedgerWatch, actor: Actor, at: datetime, drafts: Sequence[Draft]) -> list[Written]:
    """Append the drafts as one batch inside the caller's transaction and return what was written.

    Raises DuplicateEvent, and Refused(ledger.altered) when rows or head are not where `log` ends.
    """
    _refuse_known(log, drafts)
    last = log.last_at
    if last is not None and at < last:
        at = last
    written = _written(log, actor, at, drafts)
    frontier = log.frontier()
    rows: list[StoredRow] = []
    for draft, entry in zip(drafts, written, strict=True):
        rows.append(
            (frontier.size, draft.event_id, draft.event, draft.ticket, entry.fields["ticket_seq"], actor.id,
             draft.object.type, draft.object.id, entry.leaf, entry.body)
        )  # fmt: skip
        frontier.append(entry.leaf)
    if not insert_rows(rows, at):
        log.altered(log.size)
    _name_artifacts(log.size, drafts)
    _write_tiles(log, [entry.leaf for entry in written])
    tip = written[-1].leaf
    if not move_head((log.size, log.tip), (frontier.size, tip), frontier.serialise(), at):
        log.altered(log.size)
    return written


def _refuse_known(log: LedgerWatch, drafts: Sequence[Draft]) -> None:
    new = {draft.event_id for draft in drafts}
    known = sorted(event_id for event_id in new if log.find.by_id(event_id) is not None)
    if known or len(new) < len(drafts):
        raise DuplicateEvent(", ".join(known) or "twice in one act")


def _written(log: LedgerWatch, actor: Actor, at: datetime, drafts: Sequence[Draft]) -> list[Written]:
    written: list[Written] = []
    origin, ts, who = load().ledger_origin, rfc3339(at), {"id": actor.id, "kind": actor.kind.value, "auth": actor.auth}
    tip, tickets = log.tip.hex(), dict[str, tuple[int, str]]()
    for seq, draft in enumerate(drafts, log.size):
        count, last = None, None
        if draft.ticket is not None:
            count, last = tickets.get(draft.ticket) or log.ticket_place(draft.ticket)
            if draft.closes_ticket:
                draft.data |= {"count": count, "head": last}
            count += 1
        fields: dict[str, JsonValue] = {
            "v": 1, "log": origin, "seq": seq, "prev": tip, "event_id": draft.event_id, "ts": ts, "actor": who,
            "event": draft.event, "ticket": draft.ticket, "ticket_seq": count, "ticket_prev": last,
            "object": {"type": draft.object.type, "id": draft.object.id}, "data": draft.data,
            "artifacts": [_told(ref) for ref in draft.artifacts],
        }  # fmt: skip
        body = encode(fields)
        leaf = leaf_hash(body)
        tip = leaf.hex()
        if draft.ticket is not None and count is not None:
            tickets[draft.ticket] = (count, tip)
        written.append(Written(fields, body, leaf))
    return written


def _told(ref: ArtifactRef) -> dict[str, JsonValue]:
    return {"sha256": ref.sha256, "size": ref.size, "role": ref.role, "name": ref.name}


def _name_artifacts(first: int, drafts: Sequence[Draft]) -> None:
    uses = [(seq, ref) for seq, draft in enumerate(drafts, first) for ref in draft.artifacts]
    if not uses:
        return
    Artifact.objects.bulk_create(
        {
            ref.sha256: Artifact(
                sha256=ref.sha256, size=ref.size, media_type=ref.media_type, may_contain_cui=ref.may_contain_cui
            )
            for _, ref in reversed(uses)
        }.values(),
        ignore_conflicts=True,
    )
    # The same bytes may have been named before where nothing handles CUI: the mark is only ever put on.
    marked = [ref.sha256 for _, ref in uses if ref.may_contain_cui]
    if marked:
        Artifact.objects.filter(sha256__in=marked, may_contain_cui=False).update(may_contain_cui=True)
    ArtifactUse.objects.bulk_create(
        ArtifactUse(entry_id=seq, artifact_id=ref.sha256, role=ref.role, name=ref.name) for seq, ref in uses
    )


def _write_tiles(log: LedgerWatch, leaves: Sequence[bytes]) -> None:
    size = log.size + len(leaves)
    node = tile_nodes(log.tile, lambda index: leaves[index - log.size] if index >= log.size else log.leaf(index))
    for filled in range(log.size - log.size % TILE_WIDTH + TILE_WIDTH, size + 1, TILE_WIDTH):
        for level, number in completed_tiles(filled):
            LedgerTile.objects.create(level=level, number=number, data=build_tile(node, level, number))
