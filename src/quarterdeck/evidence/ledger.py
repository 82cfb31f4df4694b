"""Appending entries to the log and reading them back; the head is locked once and last in an act.

The order of statements matters: an act collects its entries in memory and this module writes them as the last thing
before the commit, because a head locked in mid-transaction deadlocks (evidence.md 2.2: 59 deadlocks in 360, then none).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError

from quarterdeck.config.api import load
from quarterdeck.evidence.models import (
    Artifact,
    ArtifactUse,
    LedgerEntry,
    LedgerHead,
    LedgerTile,
)
from quarterdeck.evidence.terms import ArtifactRef, Entry, JsonValue, ObjectRef
from quarterdeck.evidence.terms import LedgerHead as Head
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import parse_rfc3339, rfc3339
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck_verify.entry import NO_HASH, decode, encode, leaf_hash
from quarterdeck_verify.merkle import TILE_WIDTH, Frontier, build_tile, completed_tiles, tile_nodes

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


def _head_row() -> LedgerHead:
    row, _ = LedgerHead.objects.select_for_update().get_or_create(
        id=1, defaults={"size": 0, "tip": b"\0" * 32, "frontier": Frontier().serialise()}
    )
    return row


def refuse_backward_clock(at: datetime) -> None:
    """Raise Refused when `at` lies behind the ledger's last time: nothing opens behind it (attacks.md row 18)."""
    last = LedgerHead.objects.filter(id=1).values_list("last_at", flat=True).first()
    if last is not None and at < last - CLOCK_TOLERANCE:
        raise Refused(
            refuse(
                "clock.behind",
                f"This machine's clock ({rfc3339(at)}) is behind the ledger's last entry ({rfc3339(last)}).",
                "Set the clock right (chrony or NTP), then try again.",
            )
        )


def flush(actor: Actor, at: datetime, drafts: Sequence[Draft]) -> list[Entry]:
    """Append the drafts as one batch inside the caller's transaction and return the entries."""
    head = _head_row()
    if head.last_at is not None and at < head.last_at:
        refuse_backward_clock(at)
        at = head.last_at
    frontier = Frontier.deserialise(bytes(head.frontier))
    tip = bytes(head.tip)
    tickets: dict[str, tuple[int, str]] = {}
    rows: list[LedgerEntry] = []
    entries: list[Entry] = []
    for draft in drafts:
        ticket_seq, ticket_prev = _ticket_place(draft.ticket, tickets)
        if draft.closes_ticket and ticket_seq is not None:
            draft.data |= {"count": ticket_seq - 1, "head": ticket_prev}
        body = encode(_document(actor, at, draft, frontier.size, tip.hex(), ticket_seq, ticket_prev))
        leaf = leaf_hash(body)
        if draft.ticket is not None:
            tickets[draft.ticket] = (ticket_seq or 0, leaf.hex())
        rows.append(_row(actor, at, draft, frontier.size, ticket_seq, body, leaf))
        entries.append(entry_of(body, leaf))
        frontier.append(leaf)
        tip = leaf
    _insert(rows, drafts)
    _write_tiles(head.size, frontier.size)
    LedgerHead.objects.filter(id=1).update(size=frontier.size, tip=tip, frontier=frontier.serialise(), last_at=at)
    return entries


def _ticket_place(ticket: str | None, known: Mapping[str, tuple[int, str]]) -> tuple[int | None, str | None]:
    if ticket is None:
        return None, None
    if ticket in known:
        seq, leaf = known[ticket]
        return seq + 1, leaf
    last = LedgerEntry.objects.filter(ticket=ticket).order_by("-ticket_seq").values_list("ticket_seq", "leaf").first()
    return (1, NO_HASH) if last is None else (int(last[0] or 0) + 1, bytes(last[1]).hex())


def _document(
    actor: Actor, at: datetime, draft: Draft, seq: int, prev: str, ticket_seq: int | None, ticket_prev: str | None
) -> dict[str, JsonValue]:
    return {
        "v": 1,
        "log": load().ledger_origin,
        "seq": seq,
        "prev": prev,
        "event_id": draft.event_id,
        "ts": rfc3339(at),
        "actor": {"id": actor.id, "kind": actor.kind.value, "auth": actor.auth},
        "event": draft.event,
        "ticket": draft.ticket,
        "ticket_seq": ticket_seq,
        "ticket_prev": ticket_prev,
        "object": {"type": draft.object.type, "id": draft.object.id},
        "data": draft.data,
        "artifacts": [
            {"sha256": ref.sha256, "size": ref.size, "role": ref.role, "name": ref.name} for ref in draft.artifacts
        ],
    }


def _row(
    actor: Actor, at: datetime, draft: Draft, seq: int, ticket_seq: int | None, body: bytes, leaf: bytes
) -> LedgerEntry:
    return LedgerEntry(
        seq=seq,
        event_id=draft.event_id,
        body=body,
        leaf=leaf,
        at=at,
        event=draft.event,
        ticket=draft.ticket,
        ticket_seq=ticket_seq,
        actor_id=actor.id,
        object_type=draft.object.type,
        object_id=draft.object.id,
    )


def _insert(rows: list[LedgerEntry], drafts: Sequence[Draft]) -> None:
    known = set(LedgerEntry.objects.filter(event_id__in=[r.event_id for r in rows]).values_list("event_id", flat=True))
    if known:
        raise DuplicateEvent(", ".join(sorted(known)))
    try:
        LedgerEntry.objects.bulk_create(rows, batch_size=500)
    except IntegrityError as error:
        raise DuplicateEvent(str(error)) from error
    uses = [(row, ref) for row, draft in zip(rows, drafts, strict=True) for ref in draft.artifacts]
    for _, ref in uses:
        Artifact.objects.get_or_create(
            sha256=ref.sha256,
            defaults={"size": ref.size, "media_type": ref.media_type, "may_contain_cui": ref.may_contain_cui},
        )
    ArtifactUse.objects.bulk_create(
        ArtifactUse(entry_id=row.seq, artifact_id=ref.sha256, role=ref.role, name=ref.name) for row, ref in uses
    )


def _write_tiles(old_size: int, size: int) -> None:
    for filled in range(old_size - old_size % TILE_WIDTH + TILE_WIDTH, size + 1, TILE_WIDTH):
        node = node_reader()
        for level, number in completed_tiles(filled):
            LedgerTile.objects.create(level=level, number=number, data=build_tile(node, level, number))


def node_reader() -> Callable[[int, int], bytes]:
    """Return a getter of the tree's inner hashes (height, index); full tiles are read once, leaves 256 at a time."""
    tiles: dict[tuple[int, int], bytes | None] = {}
    leaves: dict[int, bytes] = {}

    def tile(level: int, number: int) -> bytes | None:
        if (level, number) not in tiles:
            data = LedgerTile.objects.filter(level=level, number=number).values_list("data", flat=True).first()
            tiles[level, number] = None if data is None else bytes(data)
        return tiles[level, number]

    def leaf(index: int) -> bytes:
        if index not in leaves:
            first = index - index % TILE_WIDTH
            rows = LedgerEntry.objects.filter(seq__gte=first, seq__lt=first + TILE_WIDTH)
            leaves.update((seq, bytes(found)) for seq, found in rows.values_list("seq", "leaf"))
        return leaves[index]

    return tile_nodes(tile, leaf)


def entry_of(body: bytes, leaf: bytes) -> Entry:
    """Return the entry that these canonical bytes are; ValueError when they are not canonical."""
    document = decode(body)
    return Entry(
        seq=document["seq"],
        event_id=document["event_id"],
        at=parse_rfc3339(document["ts"]),
        event=document["event"],
        ticket=document["ticket"],
        ticket_seq=document["ticket_seq"],
        actor_id=document["actor"]["id"],
        actor_kind=document["actor"]["kind"],
        actor_auth=document["actor"]["auth"],
        object=ObjectRef(document["object"]["type"], document["object"]["id"]),
        data=document["data"],
        artifacts=tuple(document["artifacts"]),
        body=body,
        leaf=leaf,
    )


def read_entry(body: bytes) -> Entry:
    """Return the entry that these canonical bytes are; ValueError when they are not canonical."""
    return entry_of(body, leaf_hash(body))


def entries(
    *,
    ticket: str | None = None,
    events: Sequence[str] = (),
    object: ObjectRef | None = None,  # noqa: A002  the field's name in an entry
    from_seq: int = 0,
    until_seq: int | None = None,
) -> Iterator[Entry]:
    """Yield entries in order, read in chunks; `until_seq` is not included."""
    rows = LedgerEntry.objects.filter(seq__gte=from_seq).order_by("seq")
    if ticket is not None:
        rows = rows.filter(ticket=ticket)
    if events:
        rows = rows.filter(event__in=list(events))
    if object is not None:
        rows = rows.filter(object_type=object.type, object_id=object.id)
    if until_seq is not None:
        rows = rows.filter(seq__lt=until_seq)
    for body, leaf in rows.values_list("body", "leaf").iterator(chunk_size=500):
        yield entry_of(bytes(body), bytes(leaf))


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A row of the ledger as it is stored: the entry's bytes and leaf, and the columns by which entries are found."""

    seq: int
    event_id: str
    event: str
    ticket: str | None
    ticket_seq: int | None
    actor_id: str
    object_type: str
    object_id: str
    leaf: bytes
    body: bytes


def stored_rows(until_seq: int) -> Iterator[StoredRow]:
    """Yield the rows before `until_seq` in order, nothing of them believed: for who checks them."""
    rows = LedgerEntry.objects.filter(seq__lt=until_seq).order_by("seq").values_list(
        "seq", "event_id", "event", "ticket", "ticket_seq", "actor_id", "object_type", "object_id", "leaf", "body"
    )
    for seq, event_id, event, ticket, ticket_seq, actor, kind, object_id, leaf, body in rows.iterator(chunk_size=1000):
        yield StoredRow(
            seq, event_id, event, ticket, ticket_seq, actor, kind, object_id, _octets(leaf), _octets(body)
        )  # fmt: skip


def _octets(stored: bytes | memoryview | str) -> bytes:
    """Return what is stored as bytes; SQLite also keeps the text that somebody wrote into the column by hand."""
    return stored.encode("utf-8", "surrogateescape") if isinstance(stored, str) else bytes(stored)


def last_entry(
    events: Sequence[str],
    *,
    ticket: str | None = None,
    object: ObjectRef | None = None,  # noqa: A002
) -> Entry | None:
    """Return the newest entry of these events about this ticket or object, None when there is none."""
    rows = LedgerEntry.objects.filter(event__in=list(events)).order_by("-seq")
    if ticket is not None:
        rows = rows.filter(ticket=ticket)
    if object is not None:
        rows = rows.filter(object_type=object.type, object_id=object.id)
    found = rows.values_list("body", "leaf").first()
    return None if found is None else entry_of(bytes(found[0]), bytes(found[1]))


def entry(event_id: str) -> Entry | None:
    """Return the entry with this event id."""
    found = LedgerEntry.objects.filter(event_id=event_id).values_list("body", "leaf").first()
    return None if found is None else entry_of(bytes(found[0]), bytes(found[1]))


def entries_of(event_ids: Collection[str]) -> dict[str, Entry]:
    """Return the entries with these event ids, by event id; those that the log does not have are left out."""
    found: dict[str, Entry] = {}
    wanted = sorted(set(event_ids))
    for start in range(0, len(wanted), 500):
        rows = LedgerEntry.objects.filter(event_id__in=wanted[start : start + 500])
        for event_id, body, leaf in rows.values_list("event_id", "body", "leaf"):
            found[event_id] = entry_of(bytes(body), bytes(leaf))
    return found


def head() -> Head:
    """Return size, root, tip and last time of the log as committed now."""
    row = LedgerHead.objects.filter(id=1).first()
    if row is None:
        return Head(0, Frontier().root(), b"\0" * 32, None)
    return Head(row.size, Frontier.deserialise(bytes(row.frontier)).root(), bytes(row.tip), row.last_at)


def ticket_head(ticket: str) -> tuple[int, str]:
    """Return how many entries the ticket has and the leaf hash (hex) of its last, 64 zeros for none."""
    row = LedgerEntry.objects.filter(ticket=ticket).order_by("-ticket_seq").values_list("ticket_seq", "leaf").first()
    return (0, NO_HASH) if row is None else (int(row[0] or 0), bytes(row[1]).hex())
