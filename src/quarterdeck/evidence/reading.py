"""Reading entries: found by what their bytes said when this process first read them, fetched, and compared with that.

Every function raises Refused(ledger.altered) where the database holds something else than was written; see `watch`.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import takewhile

from quarterdeck.evidence.terms import Entry, LedgerHead, ObjectRef
from quarterdeck.evidence.watch import entry_of, ledger
from quarterdeck_verify import merkle
from quarterdeck_verify.entry import decode, leaf_hash


def entries(
    *,
    ticket: str | None = None,
    events: Sequence[str] = (),
    object: ObjectRef | None = None,  # noqa: A002  the field's name in an entry
    from_seq: int = 0,
    until_seq: int | None = None,
) -> Iterator[Entry]:
    """Yield entries in order, read in chunks; `until_seq` is not included."""
    log = ledger()
    until = log.size if until_seq is None else min(until_seq, log.size)
    if ticket is None and object is None and not events:
        yield from log.fetch(range(from_seq, until))
        return
    found = takewhile(lambda seq: seq >= from_seq, log.find.newest_first(events, ticket, object))
    yield from log.fetch([seq for seq in found if seq < until][::-1])


def last_entry(
    events: Sequence[str],
    *,
    ticket: str | None = None,
    object: ObjectRef | None = None,  # noqa: A002
) -> Entry | None:
    """Return the newest entry of these events about this ticket or object, None when there is none."""
    log = ledger()
    newest = next(log.find.newest_first(events, ticket, object), None) if events else None
    return None if newest is None else next(log.fetch([newest]))


def entry(event_id: str) -> Entry | None:
    """Return the entry with this event id."""
    return entries_of([event_id]).get(event_id)


def entries_of(event_ids: Collection[str]) -> dict[str, Entry]:
    """Return the entries with these event ids, by event id; those that the log does not have are left out."""
    log = ledger()
    wanted = {log.find.by_id(event_id) for event_id in event_ids} - {None}
    return {found.event_id: found for found in log.fetch(sorted(seq for seq in wanted if seq is not None))}


def read_entry(body: bytes) -> Entry:
    """Return the entry that these canonical bytes are; ValueError when they are not canonical."""
    return entry_of(decode(body), body, leaf_hash(body))


def head() -> LedgerHead:
    """Return size, root, tip and last time of the log as committed now."""
    return ledger().head()


def leaf(seq: int) -> bytes | None:
    """Return the leaf hash of an entry, None for one that the log does not have."""
    log = ledger()
    return log.leaf(seq) if 0 <= seq < log.size else None


def ticket_head(ticket: str) -> tuple[int, str]:
    """Return how many entries the ticket has and the leaf hash (hex) of its last, 64 zeros for none."""
    return ledger().ticket_place(ticket)


def node_reader() -> Callable[[int, int], bytes]:
    """Return a getter of the tree's inner hashes (height, index): ask it for many proofs."""
    return ledger().node


def inclusion_proof(seq: int, size: int) -> list[bytes]:
    """Return the RFC 6962 audit path of entry `seq` in the log as it was at `size`."""
    return merkle.inclusion_proof(node_reader(), seq, size)


def consistency_proof(old: int, size: int) -> list[bytes]:
    """Return the RFC 6962 proof that the log at `old` is a prefix of the log at `size`."""
    return merkle.consistency_proof(node_reader(), old, size)
