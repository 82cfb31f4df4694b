"""The whole ledger read again, and what is missing in it though nothing was altered; the screens show the last time.

It is what the verifier does with a package (attacks.md rows 6, 8, 16), done on all entries: hashes, chains, tree,
checkpoints; ticket numbers that the ledger does not know; sessions without a recording; certificates without a session.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry, ObjectRef, act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.kernel.ids import ticket_number
from quarterdeck_verify.gaps import Gap, find_gaps
from quarterdeck_verify.story import OF_SESSIONS, Story

CHECKED = "ledger.checked"
NOTE = "ledger check"
MOST = 500
# A session may run and a certificate wait for its session; a window is at most twelve hours long.
YOUNG = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class LedgerCheck:
    """What was found, and when; `problems` are contradictions, `missing` is what one would expect to be there."""

    at: datetime
    size: int
    problems: tuple[str, ...]
    missing: tuple[Gap, ...]
    missing_total: int


def last_check() -> LedgerCheck | None:
    """Return the last whole check, None before the first.

    What was found lies in a row that anybody with the database can write; its entry holds the hash and the counts, and
    a row that is another, or gone, is itself a contradiction.
    """
    kept = evidence.noted(NOTE, "")
    try:
        sealed = evidence.last_entry([CHECKED])
    except Refused as refused:
        return _shown(kept, str(refused))
    if sealed is None:
        return _shown(kept, "")
    # A check that broke off on an altered ledger leaves a later row and no entry: it holds contradictions then.
    later = kept is not None and kept[1] > sealed.at and bool(kept[0].get("problems"))
    if later or (kept is not None and sealed.data.get("found") in (None, _digest(kept[0]))):
        return _shown(kept, "")
    counts = f"{sealed.data['problems']} contradictions and {sealed.data['missing']} missing"
    return _shown(
        kept or (_told(int(str(sealed.data["entries"])), [], []), sealed.at),
        f"What the last check found was written over in the database; the ledger says {counts}.",
    )


def _shown(kept: tuple[dict[str, Any], datetime] | None, wrong: str) -> LedgerCheck | None:
    if kept is None:
        return None
    told, at = kept
    missing = tuple(Gap(**one) for one in told["missing"])
    problems = (*((wrong,) if wrong else ()), *told["problems"])
    return LedgerCheck(at, told["size"], problems, missing, told["missing_total"])


def check(actor: Actor, clock: Clock, going_on: Callable[[int, int, int], bool]) -> str:
    """Read everything, keep what was found and record that it was done; raises Cancelled when it is to stop."""
    total = evidence.head().size

    def progress(done: int) -> None:
        if not going_on(done, max(total, done), 0):
            raise evidence.Cancelled

    progress(0)
    report = evidence.verify_ledger(progress)
    missing = list(missing_tickets(report.tickets))
    if report.problems:
        # Before anything is read that refuses an altered ledger: what was found must not be lost to that.
        evidence.note(NOTE, "", _told(report.size, report.problems, missing), clock.now())
    missing += missing_around_sessions(clock.now())
    told = _told(report.size, report.problems, missing)
    data: dict[str, evidence.JsonValue] = {"entries": report.size, "problems": len(report.problems)}
    data |= {"missing": len(missing), "found": _digest(told)}
    with act(actor, clock) as current:
        evidence.note(NOTE, "", told, current.at)
        current.record(CHECKED, ObjectRef("ledger", "head"), data=data)
    return f"{report.size} entries read, {len(report.problems)} contradictions, {len(missing)} missing."


def _told(size: int, problems: list[str], missing: list[Gap]) -> dict[str, Any]:
    shown = [asdict(gap) for gap in missing[:MOST]]
    return {"size": size, "problems": problems, "missing": shown, "missing_total": len(missing)}


def _digest(told: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def missing_tickets(known: dict[str, int]) -> Iterator[Gap]:
    """Yield each ticket number below the highest of its year that no entry is of: numbers are given out in a row."""
    for year in sorted({number[:7] for number in known}):
        there = {int(number[8:]) for number in known if number.startswith(year)}
        for number in sorted(set(range(1, max(there))) - there):
            where = ticket_number(int(year[3:]), number)
            yield Gap("ticket.missing", where, "Later numbers were given out, and no entry is of this one.")


def missing_around_sessions(now: datetime) -> list[Gap]:
    """Return sessions without recording, end or explanation, and certificates without session, older than a day."""
    story, old = Story(), -1
    for entry in evidence.entries(events=OF_SESSIONS):
        story.add(_fields(entry))
        if entry.at <= now - YOUNG:
            old = entry.seq
    unfinished = ("session.open", "certificate.unused", "certificate.session")
    return [gap for gap in find_gaps(story) if gap.seq <= old or gap.code not in unfinished]


def _fields(entry: Entry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "event": entry.event,
        "ticket": entry.ticket,
        "actor": {"id": entry.actor_id},
        "object": {"id": entry.object.id},
        "data": entry.data,
        "artifacts": entry.artifacts,
    }
