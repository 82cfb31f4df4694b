"""The signer's own reading of the ledger: every entry by its bytes once, all stored rows anew before each signature.

Rows of the ledger are found by their columns, which no hash covers: an entry whose column is changed by hand would hide
from whoever asks for the newest entry about a grant or a ticket (attacks.md rows 14 and 28).
"""

import hashlib

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import StoredRow
from quarterdeck.kernel.decision import ALLOWED, Decision, refuse
from quarterdeck_verify.entry import NO_HASH, decode, leaf_hash


class LedgerWatch:
    """What the signer has read so far: how many rows, the chain's end, and one digest over all that is stored."""

    def __init__(self) -> None:
        self._epoch, self._count, self._digest = 0, 0, b""

    def look(self, size: int, epoch: int) -> Decision:
        """Read the first `size` rows; refused when one is not sound, is missing, or changed since it was read."""
        if epoch != self._epoch:
            # A restore began a new epoch: everything is read anew.
            self._epoch, self._count, self._digest = epoch, 0, b""
        digest, tip, count = hashlib.sha256(), NO_HASH, 0
        for row in evidence.stored_rows(size):
            if row.seq != count or (count >= self._count and not _is_sound(row, tip)):
                return _altered(row.seq)
            digest.update(repr(row).encode())
            tip, count = row.leaf.hex(), count + 1
            if count == self._count and digest.digest() != self._digest:
                return _altered(None)
        if count != size or count < self._count:
            return _altered(count)
        self._count, self._digest = count, digest.digest()
        return ALLOWED


def _is_sound(row: StoredRow, tip: str) -> bool:
    """True when the row's bytes are its leaf, follow the entry before, and say what its columns say."""
    if leaf_hash(row.body) != row.leaf:
        return False
    try:
        told = decode(row.body)
    except ValueError:
        return False
    said = (
        told["seq"], told["event_id"], told["event"], told["ticket"], told["ticket_seq"], told["actor"]["id"],
        told["object"]["type"], told["object"]["id"], told["prev"],
    )  # fmt: skip
    columns = (
        row.seq, row.event_id, row.event, row.ticket, row.ticket_seq, row.actor_id, row.object_type, row.object_id, tip,
    )  # fmt: skip
    return bool(said == columns)


def _altered(seq: int | None) -> Decision:
    where = "An entry" if seq is None else f"Entry {seq}"
    return refuse(
        "ledger.altered",
        f"{where} of the ledger was changed or taken away since it was written.",
        "Stop and tell the IT lead: somebody wrote into the database. Run `qd ledger verify`.",
    )
