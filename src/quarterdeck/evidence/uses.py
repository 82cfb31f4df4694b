"""Which entry names which stored file, and when each ticket ended: read from the entries, gone on with from the last.

The table of uses is for whoever looks with SQL; what decides about keeping and disposing is told by checked bytes.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from quarterdeck.evidence.reading import entries
from quarterdeck.evidence.terms import Entry
from quarterdeck.evidence.watch import ledger


@dataclass(frozen=True, slots=True)
class NamedUse:
    """One naming of a stored file: by which entry, of which ticket, in which role, under which name."""

    seq: int
    event: str
    at: datetime
    ticket: str | None
    about: str
    role: str
    name: str
    size: int


@dataclass(slots=True)
class ArtifactIndex:
    """Every naming of every file by SHA-256, and the time of the entry that ended each ticket."""

    uses: Mapping[str, list[NamedUse]] = field(default_factory=dict)
    endings: Mapping[str, datetime] = field(default_factory=dict)


class _Known:
    """How far one reading of the ledger was indexed."""

    def __init__(self) -> None:
        self.until = 0
        self.uses: dict[str, list[NamedUse]] = {}
        self.endings: dict[str, datetime] = {}

    def take(self, entry: Entry) -> None:
        """Add an entry."""
        for item in entry.artifacts:
            self.uses.setdefault(str(item["sha256"]), []).append(
                NamedUse(
                    entry.seq, entry.event, entry.at, entry.ticket, entry.object.id, str(item["role"]),
                    str(item["name"]), int(item["size"]),
                )
            )  # fmt: skip
        # Only the entry that closes a ticket carries the ticket's count and head before it (ledger format).
        if entry.ticket is not None and {"count", "head"} <= entry.data.keys():
            self.endings[entry.ticket] = entry.at
        self.until = entry.seq + 1


_lock = threading.Lock()
_known: list[tuple[object, _Known]] = []


def artifact_index() -> ArtifactIndex:
    """Return the index up to now, to be read only; Refused(ledger.altered). Reads what was appended since the last."""
    log = ledger()
    with _lock:
        known = next((one for of, one in _known if of is log), None)
        if known is None:
            known = _Known()
            _known[:] = [(log, known)]
        for entry in entries(from_seq=known.until):
            known.take(entry)
        return ArtifactIndex(known.uses, known.endings)
