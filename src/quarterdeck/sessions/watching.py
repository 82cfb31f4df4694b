"""Who watches a running session, and whether the escort is there: leases of seconds, evidence of begin and end.

An escort's presence counts while three things hold: the lease of the open page, the ledger's newest word on it
(`escort.arrived`), and the person's standing as the ticket's escort. Whoever writes leases into the database without
an entry lets nobody work (attacks.md row 28).
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from quarterdeck.evidence.api import Act, ObjectRef, entries
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import rules
from quarterdeck.sessions.models import SessionWatch
from quarterdeck.sessions.reading import find, runs
from quarterdeck.tickets import api as tickets

MOST_WATCHERS = 8
# Who does the work has places apart, so that nobody keeps escort and IT lead out by opening pages (3.7.6[a]).
MOST_WORKERS = 4
SEEN_FOR = timedelta(seconds=10)
PRESENT_FOR = timedelta(seconds=10)
SAME_WATCH = timedelta(minutes=10)
KEPT_FOR = timedelta(hours=1)
ARRIVED, LEFT = "escort.arrived", "escort.left"


def watch(act: Act, session_id: str) -> str:
    """Begin to watch and return the lease's id; the caller decided on reading. Recorded once in ten minutes."""
    row = find(session_id, lock=True)
    workers = tickets.workers(tickets.ticket(row.ticket_id))
    works = act.actor.id in workers
    there = SessionWatch.objects.filter(session_id=session_id, seen_until__gt=act.at)
    there = there.filter(person_id__in=workers) if works else there.exclude(person_id__in=workers)
    most = MOST_WORKERS if works else MOST_WATCHERS
    rules.may_watch(running=runs(session_id), watching=there.count(), most=most).require()
    SessionWatch.objects.filter(seen_until__lt=act.at - KEPT_FOR).delete()
    made = SessionWatch(
        id=new_id("wa"), session=row, person_id=act.actor.id, began_at=act.at, seen_until=act.at + SEEN_FOR
    )
    made.save(force_insert=True)
    ref = ObjectRef("session", session_id)
    told = [entry for entry in entries(object=ref, events=("session.watched",)) if entry.actor_id == act.actor.id]
    if not told or act.at - told[-1].at >= SAME_WATCH:
        act.record("session.watched", ref, ticket=row.ticket_id, data={"watch": made.id})
    return made.id


def prolong(watch_id: str, now: datetime) -> None:
    """Keep the lease of an open page for some more seconds."""
    SessionWatch.objects.filter(id=watch_id).update(seen_until=now + SEEN_FOR)


def stop_watching(watch_id: str, now: datetime) -> None:
    """End the lease of a page that was closed; an escort's presence ends with it, and the gate records that."""
    SessionWatch.objects.filter(id=watch_id, seen_until__gt=now).update(seen_until=now)
    SessionWatch.objects.filter(id=watch_id, present_until__gt=now).update(present_until=now)


def stay(watch_id: str, person: str, now: datetime) -> bool:
    """Prolong the escort's presence; False when it has lapsed, so that it must begin anew with an entry."""
    row = SessionWatch.objects.filter(id=watch_id, person_id=person, present_until__gt=now).first()
    if row is None or not _arrived(row):
        return False
    return bool(SessionWatch.objects.filter(id=watch_id).update(present_until=now + PRESENT_FOR))


def arrive(act: Act, watch_id: str) -> None:
    """The escort says to be present at the open page that this lease belongs to (800-171A 3.7.6[a]).

    The page keeps its own lease up: the lease of a closed one lets nobody be present without looking.
    """
    mine = SessionWatch.objects.select_for_update().filter(id=watch_id, person_id=act.actor.id)
    row = mine.filter(seen_until__gt=act.at).first()
    if row is None:
        raise Refused(refuse("watch.unknown", "You do not watch this session.", "Open its live page."))
    session = find(row.session_id, lock=True)
    tickets.may_escort(session.ticket_id, act.actor.id, act.at).require()
    row.present_until = act.at + PRESENT_FOR
    row.save(update_fields=["present_until"])
    act.record(ARRIVED, ObjectRef("session", session.id), ticket=session.ticket_id, data={"watch": watch_id})


def lapse(act: Act, session_id: str) -> None:
    """Record presences at this session's ticket whose lease is over; a second time there is nothing to record."""
    ticket = find(session_id).ticket_id
    rows = SessionWatch.objects.select_for_update().filter(session__ticket_id=ticket, present_until__isnull=False)
    for row in rows:
        if row.present_until is not None and row.present_until > act.at and _counts(row, ticket, act.at):
            continue
        arrived = _arrived(row)
        SessionWatch.objects.filter(id=row.id).update(present_until=None)
        if arrived:
            data = {"watch": row.id, "person": row.person_id}
            act.record(LEFT, ObjectRef("session", row.session_id), ticket=ticket, data=data)


def watched(session_ids: Collection[str], now: datetime) -> dict[str, tuple[str, ...]]:
    """Return for these sessions the names of the people who watch them now, each once, longest first."""
    rows = SessionWatch.objects.filter(session_id__in=session_ids, seen_until__gt=now).order_by("began_at", "id")
    found: dict[str, dict[str, str]] = {}
    for row in rows.select_related("person"):
        found.setdefault(row.session_id, {})[row.person_id] = row.person.name
    return {session: tuple(people.values()) for session, people in found.items()}


def escorted(tickets_: Collection[str], now: datetime) -> dict[str, dict[str, str]]:
    """Return for these tickets the sessions, running or just ended, at which an escort is present, and who it is."""
    rows = SessionWatch.objects.filter(session__ticket_id__in=tickets_, present_until__gt=now, seen_until__gt=now)
    found: dict[str, dict[str, str]] = {}
    for row in rows.select_related("session", "person").order_by("began_at", "id"):
        ticket = row.session.ticket_id
        if row.session_id not in found.get(ticket, {}) and _counts(row, ticket, now):
            found.setdefault(ticket, {})[row.session_id] = row.person.name
    return found


def has_said(ticket: str, person: str) -> bool:
    """True when this person was present at a session of this ticket before: coming back needs no new word."""
    return any(entry.actor_id == person for entry in entries(ticket=ticket, events=(ARRIVED,)))


def _counts(row: SessionWatch, ticket: str, now: datetime) -> bool:
    return (
        _arrived(row)
        and personnel.is_standing(row.person_id)
        and tickets.may_escort(ticket, row.person_id, now).allowed
    )


def _arrived(row: SessionWatch) -> bool:
    """True when the newest entry about this lease says that its person arrived."""
    ref = ObjectRef("session", row.session_id)
    told = [one for one in entries(object=ref, events=(ARRIVED, LEFT)) if one.data.get("watch") == row.id]
    return bool(told) and told[-1].event == ARRIVED and told[-1].actor_id == row.person_id
