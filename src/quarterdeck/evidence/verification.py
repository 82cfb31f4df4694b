"""`qd ledger verify`: the whole log read again from its stored bytes; never re-serialised to verify."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from quarterdeck.evidence.comparing import (
    KeyClaim,
    Outside,
    check_files,
    check_kept,
    check_signatures,
    read_succession,
)
from quarterdeck.evidence.growing import GrowingTree
from quarterdeck.evidence.models import Checkpoint, LedgerHead
from quarterdeck.evidence.rows import StoredRow, rows_from, told_by
from quarterdeck.evidence.short_way import ShortWay
from quarterdeck_verify import checkpoint as checkpoint_format
from quarterdeck_verify.entry import NO_HASH, decode, leaf_hash
from quarterdeck_verify.merkle import Frontier
from quarterdeck_verify.package import KEY_REPLACED, KEY_ROTATED, REPLACEMENT_ROLE, ROTATION_ROLE

MOST_PROBLEMS = 50
_NO_END = 2**62
# Entries that say that a file was destroyed by two people: the tombstone stays, the file is gone on purpose.
GIVEN_UP = frozenset({"artifact.disposed", "artifact.redacted"})
_KEY_CHANGES = {KEY_ROTATED: ROTATION_ROLE, KEY_REPLACED: REPLACEMENT_ROLE}
_READ_WHOLE = GIVEN_UP | set(_KEY_CHANGES)


@dataclass(slots=True)
class LedgerReport:
    """What was read and what is wrong with it; no problem means the log is whole.

    `covered` is how many entries a checkpoint from outside confirms; `notes` say what was brought and was of no use.
    `tickets` counts the entries of each ticket.
    """

    size: int = 0
    root: str = ""
    checkpoints: int = 0
    files: int = 0
    covered: int = 0
    tickets: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, problem: str) -> None:
        """Note a problem, up to a bound that keeps a broken log readable."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


def verify_ledger(progress: Callable[[int], None] = lambda done: None, outside: Outside | None = None) -> LedgerReport:
    """Check every entry's bytes, chain, ticket chain, columns, time and tree, every tile and every kept checkpoint.

    With `outside` also what is held elsewhere: checkpoints, the pinned signers, and every file that an entry names.
    """
    outside = outside or Outside()
    roots, found = dict(Checkpoint.objects.values_list("size", "root")), dict[int, str]()
    reading, sizes = _Reading(), outside.sizes.union(roots)
    report = reading.report
    for rows in _all_rows():
        for row in rows:
            reading.read(row)
            if report.size in sizes:
                found[report.size] = reading.tree.root().hex()
        progress(report.size)
    report.root, report.tickets = reading.tree.root().hex(), reading.tickets
    for size in sorted(roots):
        if found.get(size, roots[size]) != roots[size]:
            report.add(f"checkpoint {size} does not fit the entries before it")
    for level, number in reading.tree.broken:
        report.add(f"tile {level}/{number} is missing, or not that of the entries")
    _check_heads(report, reading.tip, roots)
    known = read_succession(report.add, reading.key_claims)
    report.covered = check_kept(report.add, report.notes, outside, report.size, found, known)
    check_signatures(report.add, report.notes, outside, known, report.covered)
    report.files = check_files(report.add, outside, reading.files, reading.given_up)
    return report


def _all_rows() -> Iterator[list[StoredRow]]:
    first = 0
    while rows := rows_from(first, _NO_END):
        yield rows
        first = rows[-1][0] + 1


class _Reading:
    """How far the log was read: tree, end of the chain, end of each ticket's chain, and what was wrong."""

    def __init__(self) -> None:
        self.report = LedgerReport()
        self.tree = GrowingTree()
        self._way = ShortWay()
        self.files: dict[str, tuple[int, str]] = {}
        self.given_up: set[str] = set()
        self.key_claims: list[KeyClaim] = []

    @property
    def tip(self) -> str:
        """The leaf hash (hex) of the entry that was read last."""
        return self._way.tip

    @property
    def tickets(self) -> dict[str, int]:
        """How many entries of each ticket were read."""
        return {number: count for number, (count, _) in self._way.tickets.items()}

    def read(self, row: StoredRow) -> None:
        """Take the next row."""
        report, seq, leaf, body = self.report, row[0], row[8], row[9]
        whole = type(body) is bytes and seq == report.size and sha256(b"\0" + body).digest() == leaf
        if whole and self._way.takes(row):
            self.tree.append(leaf)
            report.size += 1
            return
        told = told_by(row)
        if seq != report.size:
            report.add(f"entry {seq}: entry {report.size} is missing before it")
            report.size = seq
        if told is None:
            # Why not? The long way, which also finds the leaf that the bytes have.
            leaf, told = self._explained(row)
        if told is not None:
            self._follow(seq, told, leaf)
            self._remember(seq, told)
        self.tree.append(leaf)
        report.size, self._way.tip = report.size + 1, leaf.hex()

    def _follow(self, seq: int, told: dict[str, Any], leaf: bytes) -> None:
        way = self._way
        if told["prev"] != way.tip:
            self.report.add(f"entry {seq}: does not follow the entry before it")
        if told["ts"] < way.ts:
            self.report.add(f"entry {seq}: its time is before that of the entry before it")
        way.ts = told["ts"]
        ticket = told["ticket"]
        if ticket is not None:
            count, last = way.tickets.get(ticket, (0, NO_HASH))
            place = told["ticket_seq"]
            if place != count + 1 or told["ticket_prev"] != last:
                self.report.add(f"entry {seq}: {ticket} has a hole before its entry {place}")
            way.tickets[ticket] = (place, leaf.hex())

    def _remember(self, seq: int, told: dict[str, Any]) -> None:
        for item in told["artifacts"]:
            self.files.setdefault(item["sha256"], (seq, item["name"]))
            if _KEY_CHANGES.get(told["event"]) == item["role"]:
                self.key_claims.append(KeyClaim(seq, told["event"], item["sha256"]))
        if told["event"] not in _READ_WHOLE:
            self._way.learn(told)
        if told["event"] in GIVEN_UP:
            self.given_up.add(told["object"]["id"])

    def _explained(self, row: StoredRow) -> tuple[bytes, dict[str, Any] | None]:
        where, body = f"entry {row[0]}", _octets(row[9])
        leaf = leaf_hash(body)
        if row[8] != leaf:
            self.report.add(f"{where}: its bytes do not fit its leaf hash")
        try:
            told = decode(body)
        except ValueError as error:
            self.report.add(f"{where}: not a canonical entry ({error})")
            return leaf, None
        if told_by((*row[:8], leaf, body)) is None:
            self.report.add(f"{where}: its columns say something else than its bytes")
        return leaf, told


def _octets(stored: object) -> bytes:
    """Return what is stored as bytes; SQLite also keeps text or nothing where somebody wrote it by hand."""
    if isinstance(stored, str):
        return stored.encode("utf-8", "surrogateescape")
    return stored if isinstance(stored, bytes) else b""


def _check_heads(report: LedgerReport, tip: str, roots: dict[int, str]) -> None:
    row = LedgerHead.objects.filter(id=1).first()
    size = 0 if row is None else row.size
    if size > report.size:
        report.add(f"the head counts {size} entries, {report.size} are there")
    elif size < report.size or (row is not None and not _ends_there(row, report.root, tip)):
        report.add("the ledger's head does not fit its entries")
    for signed in roots:
        if signed > report.size:
            report.add(
                f"checkpoint {signed} is newer than the last entry: entries were removed or the database is older"
            )
    for kept in Checkpoint.objects.order_by("size"):
        report.checkpoints += 1
        try:
            told = checkpoint_format.parse(bytes(kept.body))
        except ValueError as error:
            report.add(f"checkpoint {kept.size}: {error}")
            continue
        if (told.size, told.root.hex()) != (kept.size, kept.root):
            report.add(f"checkpoint {kept.size}: its text says something else than its row")


def _ends_there(row: LedgerHead, root: str, tip: str) -> bool:
    try:
        return bytes(row.tip).hex() == tip and Frontier.deserialise(bytes(row.frontier)).root().hex() == root
    except (ValueError, TypeError):
        return False
