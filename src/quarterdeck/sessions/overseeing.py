"""What the gate asks of running sessions every second, in a handful of questions however many sessions run."""

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache

from quarterdeck.evidence.api import Entry, ObjectRef, last_entry
from quarterdeck.sessions import rules
from quarterdeck.sessions.models import MaintenanceSession
from quarterdeck.sessions.orders import orders, orders_since
from quarterdeck.sessions.reading import runs
from quarterdeck.sessions.terms import SessionState, SessionView, Supervision, Work
from quarterdeck.sessions.watching import escorted, watched


def supervision(session_ids: Collection[str], now: datetime) -> dict[str, Supervision]:
    """Return for each of these sessions that runs its orders, its watchers and whether its escort is there.

    Which run, since when, under which ticket and as what work is the ledger's word: a row that was ended, moved or
    deleted by hand frees nobody from a pause or from the escort (attacks.md row 28).
    """
    begun = [entry for session in _still_running(session_ids) if (entry := _began(session)) is not None]
    if not begun:
        return {}
    ids = [entry.object.id for entry in begun]
    given = orders_since(min(entry.seq for entry in begun), ids)
    names, present = watched(ids, now), escorted({entry.ticket or "" for entry in begun}, now)
    return {
        entry.object.id: Supervision(
            tuple(given.get(entry.object.id, ())),
            names.get(entry.object.id, ()),
            _covers(entry.object.id, str(entry.data.get("work")), present.get(entry.ticket or "", {})),
        )
        for entry in begun
    }


def _still_running(session_ids: Collection[str]) -> list[str]:
    """Return those that run; the ledger is asked only about the others, so that the usual case is one question."""
    rows = MaintenanceSession.objects.filter(id__in=session_ids, state=SessionState.RUNNING.value)
    told = set(rows.values_list("id", flat=True))
    return [session for session in sorted(session_ids) if session in told or runs(session)]


@lru_cache(maxsize=4096)
def _kept(session: str) -> Entry:
    found = last_entry(("session.began",), object=ObjectRef("session", session))
    if found is None:
        raise LookupError(session)
    return found


def _began(session: str) -> Entry | None:
    """Return the entry with which a session began, None for a row without one; entries never change, so it is kept."""
    try:
        return _kept(session)
    except LookupError:
        return None


def supervision_of(seen: SessionView, now: datetime) -> Supervision:
    """Return the same for one session, running or not."""
    present = escorted([seen.ticket], now).get(seen.ticket, {})
    return Supervision(
        tuple(orders(seen.id)), watched([seen.id], now).get(seen.id, ()), _covers(seen.id, seen.work, present)
    )


def _covers(session: str, work: str, present: dict[str, str]) -> str:
    """Return the name of the escort whose presence covers this session, empty for none."""
    covered = rules.covers(terminal=work == Work.TERMINAL, at_session=session in present, at_ticket=bool(present))
    return present.get(session) or next(iter(present.values())) if covered else ""
