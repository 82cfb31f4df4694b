"""`qd ledger verify`: the whole log read again from its stored bytes; never re-serialised to verify."""

from collections.abc import Callable
from dataclasses import dataclass, field

from quarterdeck.evidence.ledger import head
from quarterdeck.evidence.models import Checkpoint, LedgerEntry
from quarterdeck_verify import checkpoint as checkpoint_format
from quarterdeck_verify.entry import NO_HASH, decode, leaf_hash
from quarterdeck_verify.merkle import Frontier

MOST_PROBLEMS = 50


@dataclass(slots=True)
class LedgerReport:
    """What was read and what is wrong with it; no problem means the log is whole."""

    size: int = 0
    root: str = ""
    checkpoints: int = 0
    problems: list[str] = field(default_factory=list)

    def add(self, problem: str) -> None:
        """Note a problem, up to a bound that keeps a broken log readable."""
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(problem)


def verify_ledger(progress: Callable[[int], None] = lambda done: None) -> LedgerReport:
    """Check every entry's bytes, chain, ticket chain, columns and tree, and every kept checkpoint against the tree."""
    report = LedgerReport()
    roots = dict(Checkpoint.objects.values_list("size", "root"))
    frontier = Frontier()
    tip = NO_HASH
    tickets: dict[str, tuple[int, str]] = {}
    for row in LedgerEntry.objects.order_by("seq").iterator(chunk_size=1000):
        leaf = leaf_hash(bytes(row.body))
        _check_row(row, leaf, report, tip, tickets)
        frontier.append(leaf)
        report.size, tip = report.size + 1, leaf.hex()
        if report.size in roots and frontier.root().hex() != roots[report.size]:
            report.add(f"checkpoint {report.size} does not fit the entries before it")
        if report.size % 1000 == 0:
            progress(report.size)
    report.root = frontier.root().hex()
    _check_heads(report, roots)
    return report


def _check_row(
    row: LedgerEntry, leaf: bytes, report: LedgerReport, tip: str, tickets: dict[str, tuple[int, str]]
) -> None:
    where = f"entry {row.seq}"
    if row.seq != report.size:
        report.add(f"{where}: entry {report.size} is missing before it")
        report.size = row.seq
    if bytes(row.leaf) != leaf:
        report.add(f"{where}: its bytes do not fit its leaf hash")
    try:
        told = decode(bytes(row.body))
    except (ValueError, KeyError, TypeError) as error:
        report.add(f"{where}: not a canonical entry ({error})")
        return
    ticket, ticket_seq = told["ticket"], told["ticket_seq"]
    columns = (row.seq, row.event_id, row.event, row.ticket, row.ticket_seq, row.actor_id)
    if (
        columns != (told["seq"], told["event_id"], told["event"], ticket, ticket_seq, told["actor"]["id"])
        or {"type": row.object_type, "id": row.object_id} != told["object"]
    ):
        report.add(f"{where}: its columns say something else than its bytes")
    if told["prev"] != tip:
        report.add(f"{where}: does not follow the entry before it")
    if ticket is not None:
        seq, last = tickets.get(ticket, (0, NO_HASH))
        if (ticket_seq, told["ticket_prev"]) != (seq + 1, last):
            report.add(f"{where}: {ticket} has a hole before its entry {ticket_seq}")
        tickets[ticket] = (ticket_seq or 0, leaf.hex())


def _check_heads(report: LedgerReport, roots: dict[int, str]) -> None:
    now = head()
    if now.size < report.size or (now.size == report.size and now.root.hex() != report.root):
        report.add("the ledger's head does not fit its entries")
    if now.size > report.size:
        report.add(f"the head counts {now.size} entries, {report.size} are there")
    for size in roots:
        if size > report.size:
            report.add(f"checkpoint {size} is newer than the last entry: entries were removed or the database is older")
    for row in Checkpoint.objects.order_by("size"):
        report.checkpoints += 1
        try:
            told = checkpoint_format.parse(bytes(row.body))
        except ValueError as error:
            report.add(f"checkpoint {row.size}: {error}")
            continue
        if (told.size, told.root.hex()) != (row.size, row.root):
            report.add(f"checkpoint {row.size}: its text says something else than its row")
