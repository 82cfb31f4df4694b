"""Locking: what a ticket left behind is kept against everybody from its closing on; before, against accidents.

The store gives every file a first GOVERNANCE lock. Walking the ledger once, this asks for COMPLIANCE for the artifacts
of each ticket that has closed, until the later of what retention decided and six years after the closing (design
section 6). A wish is written down after the commit and brought to the store until the store has taken it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry
from quarterdeck.evidence.ports import EvidenceStore, LockMode
from quarterdeck.kernel.clock import Clock
from quarterdeck.retention import api as retention
from quarterdeck.tickets.api import CLOSING_EVENTS

YEARS = 6
AHEAD = timedelta(days=366)
STEP = 500
PLACE = "locked_to"


def keep_until(closed_at: datetime, decided: datetime | None) -> datetime:
    """Return the later of six years after the closing and what retention decided."""
    # A ticket that closed on 29 February is kept a day longer rather than shorter.
    day = closed_at.replace(month=3, day=1) if (closed_at.month, closed_at.day) == (2, 29) else closed_at
    six_years = day.replace(year=day.year + YEARS)
    return six_years if decided is None else max(six_years, decided)


def ask_for_locks(clock: Clock, store: EvidenceStore) -> int:
    """Walk on through the ledger and ask for the locks of tickets that closed; returns how many were asked for."""
    if not store.pins:
        return 0
    kept = evidence.noted(PLACE, store.name)
    place = 0 if kept is None else int(kept[0].get("seq", 0))
    walked = list(islice(evidence.entries(from_seq=place), STEP))
    if not walked:
        return 0
    asked = 0
    for entry in walked:
        for sha256, closed_at in _to_lock(entry):
            if evidence.given_up(sha256) is None:
                known = evidence.artifact(sha256)
                decided = None if known is None else known.retain_until
                evidence.retain(sha256, keep_until(closed_at, decided), LockMode.COMPLIANCE)
                asked += 1
    evidence.note(PLACE, store.name, {"seq": walked[-1].seq + 1}, clock.now())
    return asked


def mirror_keeping(clock: Clock, store: EvidenceStore) -> int:
    """Tell the store which files are on legal hold and what retention has moved later; returns how many changed."""
    if not store.pins:
        return 0
    changed = 0
    for one in retention.kept_files(clock.now()):
        known = evidence.lock_of(one.sha256)
        if known is None or evidence.given_up(one.sha256) is not None:
            continue
        if known.wanted_hold != bool(one.holds):
            evidence.hold(one.sha256, on=bool(one.holds))
            changed += 1
        if known.wanted_mode is LockMode.COMPLIANCE:
            later = later_lock(known.wanted_until, one.until, clock.now())
            if later is not None:
                evidence.retain(one.sha256, later, LockMode.COMPLIANCE)
                changed += 1
    return changed


def later_lock(locked: datetime | None, kept: datetime | None, now: datetime) -> datetime | None:
    """Return until when a file is to be locked, None when its lock reaches far enough.

    What is kept without an end so far (an assessment has no status date yet) must not become removable meanwhile: its
    lock is moved on by a year when half a year of it is left.
    """
    if kept is None:
        return now + AHEAD if locked is None or locked < now + AHEAD / 2 else None
    return kept if locked is None or kept > locked else None


def _to_lock(entry: Entry) -> Iterator[tuple[str, datetime]]:
    """Yield hash and closing time: of the whole ticket at its closing, of what is added to a closed one later."""
    if entry.ticket is None:
        return
    if entry.event in CLOSING_EVENTS:
        for before in evidence.entries(ticket=entry.ticket):
            if before.seq <= entry.seq:
                yield from ((str(item["sha256"]), entry.at) for item in before.artifacts)
    elif entry.artifacts:
        closing = evidence.last_entry(list(CLOSING_EVENTS), ticket=entry.ticket)
        if closing is not None and closing.seq < entry.seq:
            yield from ((str(item["sha256"]), closing.at) for item in entry.artifacts)
