"""What the gate asks of running sessions every second, in a handful of questions however many sessions run."""

from collections.abc import Collection
from datetime import datetime

from quarterdeck.evidence.api import ObjectRef, last_entry
from quarterdeck.sessions import rules
from quarterdeck.sessions.models import MaintenanceSession
from quarterdeck.sessions.orders import orders, orders_since
from quarterdeck.sessions.terms import SessionState, SessionView, Supervision, Work
from quarterdeck.sessions.watching import escorted, watched


def supervision(session_ids: Collection[str], now: datetime) -> dict[str, Supervision]:
    """Return for each of these sessions that runs its orders, its watchers and whether its escort is there."""
    rows = MaintenanceSession.objects.filter(id__in=session_ids, state=SessionState.RUNNING.value)
    running = list(rows.order_by("began_at", "id").values_list("id", "ticket_id", "work"))
    if not running:
        return {}
    ids = [session for session, _, _ in running]
    first = last_entry(("session.began",), object=ObjectRef("session", ids[0]))
    given = orders_since(0 if first is None else first.seq, ids)
    names, present = watched(ids, now), escorted({ticket for _, ticket, _ in running}, now)
    return {
        session: Supervision(
            tuple(given.get(session, ())), names.get(session, ()), _covers(session, work, present.get(ticket, {}))
        )
        for session, ticket, work in running
    }


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
