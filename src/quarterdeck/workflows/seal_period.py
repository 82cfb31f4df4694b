"""Sealing a month: after its end the ledger records how far every ticket of the month had come, so that none is missed.

A package of the month is held against this entry by the verifier: a ticket that it leaves out shows (attacks.md row 6).
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry, JsonMap, JsonValue, ObjectRef
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock

SEALED = "period.sealed"
# An entry takes 65,535 bytes; a head is about 130.
HEADS_PER_ENTRY = 400
# An act that began before the end of the month may still be under way.
GRACE = timedelta(minutes=1)


def seal_due_periods(actor: Actor, clock: Clock) -> list[str]:
    """Seal every month that is over and not sealed yet, the oldest first; returns them, such as `2026-11`."""
    done: list[str] = []
    while (due := _due(clock.now())) is not None:
        month, from_seq = due
        heads, until_seq = _heads(month, from_seq)
        parts = [heads[i : i + HEADS_PER_ENTRY] for i in range(0, len(heads), HEADS_PER_ENTRY)] or [[]]
        with evidence.act(actor, clock) as act:
            for number, part in enumerate(parts, 1):
                data: dict[str, JsonValue] = {
                    "period": month,
                    "heads": list(part),
                    "part": number,
                    "parts": len(parts),
                    "tickets": len(heads),
                    "until_seq": until_seq,
                }
                # A fixed event id: a month is sealed once, whoever tries.
                act.record(SEALED, ObjectRef("period", month), data=data, event_id=f"ev_period_{month}_{number}")
        done.append(month)
    return done


def _due(now: datetime) -> tuple[str, int] | None:
    """Return the oldest month that is over and not sealed, and the number of the first entry in it."""
    last = evidence.last_entry([SEALED])
    if last is None:
        first = next(evidence.entries(until_seq=1), None)
        if first is None:
            return None
        month, from_seq = f"{first.at:%Y-%m}", 0
    else:
        month, from_seq = f"{end_of(str(last.data['period'])):%Y-%m}", int(last.data["until_seq"])
    return (month, from_seq) if now >= end_of(month) + GRACE else None


def _heads(month: str, from_seq: int) -> tuple[Sequence[JsonMap], int]:
    """Return the head of each ticket as it was at the month's end, and the number of the first entry after it."""
    end, until_seq = end_of(month), from_seq
    newest: dict[str, JsonMap] = {}
    for entry in _before(end, from_seq):
        until_seq = entry.seq + 1
        if entry.ticket is not None:
            newest[entry.ticket] = {"ticket": entry.ticket, "count": entry.ticket_seq, "head": entry.leaf.hex()}
    return [newest[number] for number in sorted(newest)], until_seq


def _before(end: datetime, from_seq: int) -> Iterator[Entry]:
    for entry in evidence.entries(from_seq=from_seq):
        if entry.at >= end:
            return
        yield entry


def end_of(month: str) -> datetime:
    """Return the first moment (UTC) after a month such as `2026-11`."""
    year, number = int(month[:4]), int(month[5:7])
    return datetime(year + 1, 1, 1, tzinfo=UTC) if number == 12 else datetime(year, number + 1, 1, tzinfo=UTC)
