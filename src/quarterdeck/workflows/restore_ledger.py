"""Going on with a ledger that is not the one that was sealed last: a restored backup, a database put back by hand, or
a sealer that lost its memory. Only by an explicit act: the sealer agrees first, then the ledger says what happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from quarterdeck.access import api as access
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import LedgerHead, ObjectRef
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.workflows.change_key import record_change, store_statement
from quarterdeck.workflows.seal_checkpoint import BATCH, KeyChange, Sealer, SealerStatus, forgot, seal
from quarterdeck_verify.merkle import EMPTY_ROOT, range_hash


class RestoringSealer(Sealer, Protocol):
    """The sealer, which also accepts another state of the log when it is asked to."""

    def states(self) -> list[tuple[int, str]]:
        """Return (size, root) of what was signed, newest first."""

    def restore(self, base: tuple[int, str], size: int, bodies: Sequence[bytes], root: str) -> tuple[KeyChange, ...]:
        """Accept a ledger that continues `base`."""

    def adopt(self, start: int, bodies: Sequence[bytes], root: str, *, last: bool) -> tuple[KeyChange, ...]:
        """Take a ledger that the sealer does not remember."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What was agreed: how (`continued`, `restored`, `adopted`), the size taken, and how many sealed entries are lost.

    `common_size` is up to where both are the same; `changes` are the changes of keys that were recorded with it.
    """

    how: str
    size: int
    lost: int
    common_size: int
    changes: tuple[KeyChange, ...]


def look(sealer: Sealer) -> tuple[SealerStatus, Decision | None]:
    """Return the sealer's status, and why this ledger is not the one that it sealed. Reads only; Refused(sealer.*)."""
    kept = kept_size()  # before the status: what is kept here, the sealer signed before
    status = sealer.status()
    return status, mismatch(status.size if status.remembers else 0, status.root, kept)


def kept_size() -> int:
    """Return the size of the newest checkpoint that the database keeps, 0 for none."""
    kept = evidence.latest_checkpoint()
    return 0 if kept is None else kept.size


def mismatch(size: int, root: str, kept: int) -> Decision | None:
    """Say why this ledger is not the one of which `size` entries with `root` were sealed; None when it is."""
    head = evidence.head()
    if kept > size:
        return forgot(size, kept)
    if head.size < size:
        return refuse(
            "sealer.rolled_back",
            f"The sealer signed {size} entries, the ledger here holds {head.size}: this database is older than what "
            "was sealed, or entries were removed.",
            "If you put a copy back: `qd ledger adopt` takes it, voids all access and says so in the ledger. Otherwise "
            "keep the machine as it is and compare with the checkpoints that were mailed.",
        )
    if root_at(size) != root:
        return refuse(
            "sealer.inconsistent",
            f"The first {size} entries of this ledger are not those that the sealer signed.",
            "Keep the machine as it is and compare with the checkpoints that were mailed. If an old copy was put back "
            "and went on: `qd ledger adopt`.",
        )
    return None


def restore(
    sealer: RestoringSealer, about: ObjectRef, *, actor: Actor, clock: Clock, untouched: bool = False
) -> Restored:
    """Agree with the sealer, begin a new epoch of access, record `ledger.restored` and seal; Refused if they disagree.

    `untouched`: nobody wrote to this database since it was copied, so each of its entries was sealed.
    """
    head = evidence.head()
    status = sealer.status()
    done = _agree(sealer, head, status, untouched=untouched)
    statements = [store_statement(change) for change in done.changes]
    with evidence.act(actor, clock) as act:
        access.begin_epoch(act, "restored")
        for person in personnel.people():
            personnel.revoke_tokens(act, person.id)
        act.record(
            "ledger.restored",
            about,
            data={
                "how": done.how,
                "restored_size": head.size,
                "restored_root": head.root.hex(),
                "common_size": done.common_size,
                "abandoned_size": status.size,
                "abandoned_root": status.root,
                "lost_entries": done.lost,
            },
        )
        for change, statement in zip(done.changes, statements, strict=True):
            record_change(act, change, statement)
    seal(sealer, reason="key")
    return done


def root_at(size: int) -> str:
    """Return the root over the first `size` entries of this ledger, which has at least so many."""
    return range_hash(evidence.node_reader(), 0, size).hex() if size else EMPTY_ROOT.hex()


def _agree(sealer: RestoringSealer, head: LedgerHead, status: SealerStatus, *, untouched: bool) -> Restored:
    if head.size and (not status.remembers or status.size == 0):
        return Restored("adopted", head.size, 0, 0, _adopted(sealer, head))
    if mismatch(status.size, status.root, kept_size()) is None:
        return Restored("continued", head.size, 0, status.size, ())
    base = next(((size, root) for size, root in sealer.states() if size <= head.size and root_at(size) == root),
                (0, EMPTY_ROOT.hex()))  # fmt: skip
    bodies = [entry.body for entry in evidence.entries(from_seq=base[0])]
    changes = sealer.restore(base, head.size, bodies, head.root.hex())
    same = head.size if untouched else base[0]
    return Restored("restored", head.size, max(status.size - same, 0), min(same, status.size), changes)


def _adopted(sealer: RestoringSealer, head: LedgerHead) -> tuple[KeyChange, ...]:
    entries = evidence.entries(until_seq=head.size)
    start, changes = 0, tuple[KeyChange, ...]()
    while start < head.size:
        bodies = [entry.body for entry in islice(entries, BATCH)]
        start += len(bodies)
        last = start == head.size
        changes = sealer.adopt(start - len(bodies), bodies, head.root.hex() if last else "", last=last)
    return changes
