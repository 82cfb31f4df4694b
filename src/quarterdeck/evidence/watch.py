"""This process's own reading of the ledger: every row once, in order, from its bytes; later what was read, or nothing.

Rows are found by columns that no hash covers, so who asks the database for the newest entry about something believes
whoever last wrote into those columns (attacks.md rows 14 and 28). Here an entry is found by what its own bytes said
when it was first read, and what is then fetched must be those bytes. What was never read is read before any answer:
an answer costs one row of the head, what was appended since, and the entries asked for.

Once a row is not what it was, this process believes nothing more: every reader and every act is refused until somebody
looks, restores and starts it anew.
"""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from django.db import connection

from quarterdeck.evidence.finder import Finder
from quarterdeck.evidence.guard import act_is_open
from quarterdeck.evidence.rows import BATCH, StoredRow, rows_at, rows_from, stored_head, told_by
from quarterdeck.evidence.terms import Entry, LedgerHead, ObjectRef
from quarterdeck.kernel.clock import parse_rfc3339
from quarterdeck.kernel.decision import Decision, Refused, refuse
from quarterdeck_verify.entry import NO_HASH, leaf_hash
from quarterdeck_verify.merkle import HASH_BYTES, TILE_BYTES, TILE_WIDTH, Frontier, tile_nodes

# Who asks for the first entry from somewhere on takes no thousand.
_FIRST_BATCH = 64
# While answers are asked for, old rows are compared again, so many at most in each second: 100,000 in half an hour.
_REREAD, _REREAD_SECONDS = 64, 1.0


@dataclass(frozen=True, slots=True)
class Written:
    """An entry that this process wrote: fields, bytes and leaf hash."""

    fields: dict[str, Any]
    body: bytes
    leaf: bytes


class LedgerWatch:
    """What was read so far: the leaf hash of every entry, where each is found, and the end of chain and tree."""

    def __init__(self) -> None:
        self.find = Finder()
        self.node = tile_nodes(self.tile, self.leaf)
        self._leaves = bytearray()
        self._frontier = Frontier()
        self._last_ts = ""
        self._refusal: Decision | None = None
        self._lock = threading.Lock()
        self._reread_from, self._reread_at = 0, 0.0

    @property
    def size(self) -> int:
        """How many entries were read."""
        return self._frontier.size

    @property
    def last_at(self) -> datetime | None:
        """The time of the newest entry."""
        return parse_rfc3339(self._last_ts) if self._last_ts else None

    @property
    def tip(self) -> bytes:
        """The leaf hash of the newest entry."""
        return self.leaf(self.size - 1) if self.size else bytes(HASH_BYTES)

    def leaf(self, seq: int) -> bytes:
        """Return the leaf hash of an entry that was read; IndexError for another."""
        if not 0 <= seq < self.size:
            raise IndexError(seq)
        return bytes(self._leaves[seq * HASH_BYTES : (seq + 1) * HASH_BYTES])

    def tile(self, level: int, number: int) -> bytes | None:
        """Return the leaf hashes of a full tile of level 0; the tree's reader makes the others from these."""
        until = (number + 1) * TILE_WIDTH
        if level or until > self.size:
            return None
        return bytes(self._leaves[number * TILE_BYTES : (number + 1) * TILE_BYTES])

    def head(self) -> LedgerHead:
        """Return size, root, tip and last time of what was read."""
        return LedgerHead(self.size, self._frontier.root(), self.tip, self.last_at)

    def frontier(self) -> Frontier:
        """Return the right edge of the tree, to be gone on with."""
        return self._frontier.copy()

    def ticket_place(self, ticket: str) -> tuple[int, str]:
        """Return how many entries the ticket has and the leaf hash (hex) of its last, 64 zeros for none."""
        count, newest = self.find.ticket_place(ticket)
        return count, NO_HASH if newest is None else self.leaf(newest).hex()

    def look(self) -> None:
        """Read what was appended since the last look; Refused(ledger.altered) when it does not go on from there."""
        with self._lock:
            if self._refusal is not None:
                raise Refused(self._refusal)
            # Under the lock: two readers that take turns never see the head go back.
            size, tip = stored_head()
            if size < self.size:
                self._refuse(size)
            while self.size < size:
                rows = rows_from(self.size, size)
                if not rows:
                    self._refuse(self.size)
                for row in rows:
                    self._read(row)
            if tip != self.tip:
                self._refuse(size - 1)
            self._reread_in_turn()

    def _read(self, row: StoredRow) -> None:
        told = told_by(row)
        if told is None or told["seq"] != self.size or told["prev"] != self.tip.hex() or told["ts"] < self._last_ts:
            self._refuse(self.size)
        if told["ticket"] is not None:
            count, last = self.ticket_place(told["ticket"])
            if (told["ticket_seq"], told["ticket_prev"]) != (count + 1, last):
                self._refuse(self.size)
        self._take(told, row[8])

    def _take(self, told: dict[str, Any], leaf: bytes) -> None:
        # In this order: who reads without the lock finds nothing that is not there yet.
        seq = self.size
        self._leaves += leaf
        self._last_ts = told["ts"]
        self._frontier.append(leaf)
        self.find.add(seq, told)

    def appended(self, first: int, written: Sequence[Written]) -> None:
        """Take over what this process itself has committed, unless another thread has read it already."""
        with self._lock:
            if self.size == first:
                for entry in written:
                    self._take(entry.fields, entry.leaf)

    def fetch(self, seqs: Sequence[int]) -> Iterator[Entry]:
        """Yield these entries, in the order given; Refused(ledger.altered) for one that is not what was read."""
        start, count = 0, _FIRST_BATCH
        while wanted := seqs[start : start + count]:
            start, count = start + count, min(2 * count, BATCH)
            if len(wanted) > 1 and wanted[-1] - wanted[0] == len(wanted) - 1:
                rows = rows_from(wanted[0], wanted[-1] + 1)
            else:
                rows = rows_at(wanted)
            found = {row[0]: row for row in rows}
            for seq in wanted:
                row = found.get(seq)
                yield self._again(seq, row)

    def _again(self, seq: int, row: StoredRow | None) -> Entry:
        """Return the entry of a row whose bytes were found canonical when they were first read."""
        told = None if row is None else self._told_again(seq, row)
        if row is None or told is None:
            self.altered(seq)
        return entry_of(told, row[9], row[8])

    def _told_again(self, seq: int, row: StoredRow) -> dict[str, Any] | None:
        """Return the fields of a row; None unless its bytes are those that were read, and its columns say the same."""
        body, leaf = row[9], self.leaf(seq)
        if not isinstance(body, bytes) or row[8] != leaf or leaf_hash(body) != leaf:
            return None
        told: dict[str, Any] = json.loads(body.decode())
        said = (
            seq, told["event_id"], told["event"], told["ticket"], told["ticket_seq"], told["actor"]["id"],
            told["object"]["type"], told["object"]["id"],
        )  # fmt: skip
        return told if row[:8] == said else None

    def reread(self, count: int) -> None:
        """Compare the next `count` old rows with what was read, the first after the last; Refused when one differs."""
        with self._lock:
            self._reread(count)

    def _reread_in_turn(self) -> None:
        # A pace, not a time that is recorded anywhere.
        now = time.monotonic()
        if now >= self._reread_at + _REREAD_SECONDS:
            self._reread_at = now
            self._reread(_REREAD)

    def _reread(self, count: int) -> None:
        first = self._reread_from if self._reread_from < self.size else 0
        until = min(first + count, self.size)
        rows = rows_from(first, until)
        for seq in range(first, until):
            place = seq - first
            if place >= len(rows) or self._told_again(seq, rows[place]) is None:
                self._refuse(seq)
        self._reread_from = until

    def altered(self, seq: int) -> NoReturn:
        """Believe nothing from now on: somebody wrote at entry `seq`; raises Refused(ledger.altered)."""
        with self._lock:
            self._refuse(seq)

    def _refuse(self, seq: int) -> NoReturn:
        self._refusal = refuse(
            "ledger.altered",
            f"Entry {seq} of the ledger was changed or taken away since it was written.",
            "Stop and tell the IT lead: somebody wrote into the database. Run `qd ledger verify`.",
        )
        raise Refused(self._refusal)


def entry_of(told: dict[str, Any], body: bytes, leaf: bytes) -> Entry:
    """Return the entry with these fields, bytes and leaf hash."""
    return Entry(
        seq=told["seq"],
        event_id=told["event_id"],
        at=parse_rfc3339(told["ts"]),
        event=told["event"],
        ticket=told["ticket"],
        ticket_seq=told["ticket_seq"],
        actor_id=told["actor"]["id"],
        actor_kind=told["actor"]["kind"],
        actor_auth=told["actor"]["auth"],
        object=ObjectRef(told["object"]["type"], told["object"]["id"]),
        data=told["data"],
        artifacts=tuple(told["artifacts"]),
        body=body,
        leaf=leaf,
    )


_watches: dict[tuple[str, str, str], LedgerWatch] = {}


def ledger() -> LedgerWatch:
    """Return this process's reading of the ledger, up to now; inside an act, which nobody overtakes, as it began.

    Raises Refused(ledger.altered).
    """
    watch = _watch()
    if not act_is_open.get():
        watch.look()
    return watch


def ledger_in_turn() -> LedgerWatch:
    """Return the reading up to now, for an act whose turn has come; Refused(ledger.altered)."""
    watch = _watch()
    watch.look()
    return watch


def forget() -> None:
    """Read everything anew, as a process does that starts."""
    _watches.clear()


def _watch() -> LedgerWatch:
    settings = connection.settings_dict
    key = (str(settings["NAME"]), settings["HOST"], str(settings["PORT"]))
    return _watches.get(key) or _watches.setdefault(key, LedgerWatch())
