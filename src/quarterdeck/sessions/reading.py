"""Sessions as values, and whether a row is what the ledger says of it."""

from collections.abc import Sequence

from quarterdeck.evidence.api import JsonValue, ObjectRef, entries, last_entry, row_digest
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse
from quarterdeck.sessions import rules
from quarterdeck.sessions.models import MaintenanceSession
from quarterdeck.sessions.terms import SessionKind, SessionState, SessionView

EVENTS = (
    "session.began",
    "session.ended",
    "session.interrupted",
    "session.disconnected",
    "session.written_down",
    "session.explained",
)
LIFE = ("session.began", "session.ended", "session.interrupted")
_MOMENTS = ("began_at", "ended_at", "session_terminated_at", "network_terminated_at", "explained_at")
_PLAIN = (
    "id", "serial", "work", "source", "end_reason", "exit_status", "lines", "head", "streams", "account", "entry_point",
    "explained_by", "explanation",
)  # fmt: skip
# Filled only where files went through; a row of before, or of other work, keeps the digest that its entry carries.
_OF_FILES = ("protocol", "files")
_NAMED = ("ticket", "person", "asset", "grant", "recording")


def find(session_id: str, *, lock: bool = False) -> MaintenanceSession:
    """Return the row, locked for the rest of the act when asked; Refused(session.unknown) when there is none."""
    rows = MaintenanceSession.objects.select_for_update() if lock else MaintenanceSession.objects.all()
    row = rows.filter(id=session_id).first()
    if row is None:
        raise Refused(refuse("session.unknown", "There is no such session.", "Look at the ticket's sessions."))
    return row


def view(row: MaintenanceSession) -> SessionView:
    """Return the row as a value."""
    same = {name: getattr(row, name) for name in (*_PLAIN, *_OF_FILES, *_MOMENTS)}
    return SessionView(
        ticket=row.ticket_id,
        kind=SessionKind(row.kind),
        state=SessionState(row.state),
        person=row.person_id or "",
        asset=row.asset_id,
        grant=row.grant_id,
        recording=row.recording_sha256,
        **same,
    )


def session(session_id: str) -> SessionView:
    """Return one session; Refused(session.unknown) when there is none."""
    return view(find(session_id))


def sessions(ticket: str) -> list[SessionView]:
    """Return the sessions of a ticket, oldest first."""
    return [view(row) for row in MaintenanceSession.objects.filter(ticket_id=ticket).order_by("began_at", "id")]


def all_sessions() -> list[SessionView]:
    """Return every session, oldest first."""
    return [view(row) for row in MaintenanceSession.objects.order_by("began_at", "id")]


def running() -> list[SessionView]:
    """Return every session that has begun and not ended, oldest first."""
    rows = MaintenanceSession.objects.filter(state=SessionState.RUNNING.value)
    return [view(row) for row in rows.order_by("began_at", "id")]


def still_connected() -> Sequence[str]:
    """Return ids of ended gate sessions whose network connection is not proven to be gone."""
    rows = MaintenanceSession.objects.filter(kind=SessionKind.GATE.value, network_terminated_at__isnull=True)
    return list(rows.exclude(state=SessionState.RUNNING.value).order_by("id").values_list("id", flat=True))


def digest_of(seen: SessionView) -> str:
    """Return the digest of every field of a session; free text counts, and only its hash leaves."""
    fields: dict[str, JsonValue] = {name: getattr(seen, name) for name in (*_PLAIN, *_NAMED)}
    fields |= {name: getattr(seen, name) for name in _OF_FILES if getattr(seen, name)}
    fields |= {"kind": seen.kind.value, "state": seen.state.value}
    for name in _MOMENTS:
        moment = getattr(seen, name)
        fields[name] = None if moment is None else rfc3339(moment)
    return row_digest(fields)


def check_all(ticket: str) -> Decision:
    """Return whether every session of the ticket is what the ledger says, and none that began was taken away."""
    rows = sessions(ticket)
    told = {entry.object.id for entry in entries(ticket=ticket, events=("session.began", "session.written_down"))}
    whole = rules.none_is_missing(told - {row.id for row in rows})
    return all_of([*(check_row(row) for row in rows), whole])


def unended() -> list[str]:
    """Return ids of gate sessions that began and have not ended, by the ledger whatever their rows say."""
    open_ones: dict[str, None] = {}
    for entry in entries(events=LIFE):
        if entry.event == "session.began":
            open_ones[entry.object.id] = None
        else:
            open_ones.pop(entry.object.id, None)
    rows = MaintenanceSession.objects.filter(id__in=list(open_ones)).values_list("id", flat=True)
    return list(rows.order_by("began_at", "id"))


def runs(session_id: str) -> bool:
    """True when the ledger says that a gate session began and has not ended, whatever its row says."""
    about = ObjectRef("session", session_id)
    told = last_entry(LIFE, object=about)
    return told is not None and told.event == "session.began"


def check_row(seen: SessionView) -> Decision:
    """Return whether the session is what its newest entry says."""
    sealed = last_entry(EVENTS, object=ObjectRef("session", seen.id))
    return rules.row_is_sealed(digest_of(seen), None if sealed is None else sealed.data.get("row_digest"))
