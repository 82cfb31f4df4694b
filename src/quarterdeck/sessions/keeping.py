"""Keeping sessions: begin, end, disconnect, explain, write down; every row's digest stands in its entries."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, JsonValue, Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.sessions import rules
from quarterdeck.sessions.models import MaintenanceSession
from quarterdeck.sessions.reading import check_row, digest_of, find, runs, view
from quarterdeck.sessions.restoring import put_right
from quarterdeck.sessions.terms import Ending, EndReason, Protocol, SessionKind, SessionState, SessionView, Work
from quarterdeck.tickets import api as tickets


def begin(
    act: Act,
    *,
    ticket: str,
    person: str,
    asset: str,
    grant: str,
    serial: int,
    work: Work,
    source: str,
    command_sha256: str = "",
    protocol: Protocol | None = None,
) -> SessionView:
    """Begin a gate session in the act that admits it; the caller has decided and holds the ticket's lock."""
    row = MaintenanceSession(
        id=new_id("se"),
        ticket_id=ticket,
        kind=SessionKind.GATE.value,
        state=SessionState.RUNNING.value,
        person_id=person,
        asset_id=asset,
        grant_id=grant,
        serial=serial,
        work=work.value,
        protocol=protocol.value if protocol else "",
        source=source,
        began_at=act.at,
    )
    row.save(force_insert=True)
    data: dict[str, JsonValue] = {
        "grant": grant,
        "serial": serial,
        "work": work.value,
        "person": person,
        "source": source,
        "command": act.commitment(command_sha256) if command_sha256 else None,
        **({"protocol": protocol.value} if protocol else {}),
    }
    _record(act, row, "session.began", data)
    return view(row)


def end(act: Act, ending: Ending, recording: ArtifactRef | None) -> SessionView:
    """End a gate session with what is known; a second end, as the ledger tells it, changes nothing.

    A row that somebody wrote into meanwhile is put right and the session is red: interrupted, until it is explained.
    """
    row = MaintenanceSession.objects.select_for_update().get(id=ending.session)
    if not runs(row.id):
        return view(row)
    altered = not check_row(view(row)).allowed
    row.state, row.end_reason = ending.state.value, ending.reason.value
    if altered:
        put_right(row)
        row.state, row.end_reason = SessionState.INTERRUPTED.value, EndReason.ROW_ALTERED.value
    row.ended_at = max(row.began_at, ending.session_terminated or act.at)
    row.session_terminated_at, row.network_terminated_at = ending.session_terminated, ending.network_terminated
    row.exit_status, row.lines, row.head = ending.exit_status, ending.lines, ending.head
    row.streams = {name: asdict(stream) for name, stream in ending.streams.items()}
    row.files = asdict(ending.files) if ending.files else {}
    row.recording_sha256 = "" if recording is None else recording.sha256
    row.save()
    event = "session.ended" if row.state == SessionState.ENDED.value else "session.interrupted"
    data: dict[str, JsonValue] = {
        "reason": row.end_reason,
        **({"observed": ending.reason.value} if altered else {}),
        "exit_status": ending.exit_status,
        "lines": ending.lines,
        "head": ending.head,
        "session_terminated": _moment(row.session_terminated_at),
        "network_terminated": _moment(row.network_terminated_at),
        # Sizes only: the hash of a small stream tells its content to whoever can guess it (attacks.md row 19).
        "bytes": {name: stream.size for name, stream in ending.streams.items()},
        **({"files": dict(row.files)} if row.files else {}),
    }
    _record(act, row, event, data, () if recording is None else (recording,))
    return view(row)


def disconnect(act: Act, session_ids: Sequence[str], at: datetime) -> None:
    """Record that the network connection of ended sessions is gone: its sshd process is no more."""
    for row in MaintenanceSession.objects.select_for_update().filter(
        id__in=list(session_ids), network_terminated_at__isnull=True, ended_at__isnull=False
    ):
        if runs(row.id):
            continue  # ended by a hand, not by the gate: its end tells of the connection as well
        row.network_terminated_at = at
        row.save(update_fields=["network_terminated_at"])
        _record(act, row, "session.disconnected", {"network_terminated": _moment(at)})


def explain(act: Act, session_id: str, reason: str) -> None:
    """Explain an interrupted session: IT lead, approver or CUI owner, never its own person."""
    tickets.has_role(act.actor, [Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER], act.at).require()
    tickets.readable(reason).require()
    row = find(session_id, lock=True)
    rules.may_explain(
        SessionState(row.state),
        explained=bool(row.explained_by),
        own_session=row.person_id == act.actor.id,
        reason=reason,
    ).require()
    row.explained_by, row.explained_at, row.explanation = act.actor.id, act.at, reason.strip()
    row.save(update_fields=["explained_by", "explained_at", "explanation"])
    _record(act, row, "session.explained", {"reason": act.commitment(row.explanation)})


def record_manual(
    act: Act,
    *,
    ticket: str,
    kind: SessionKind,
    asset: str,
    person: str,
    began_at: datetime,
    ended_at: datetime,
    account: str,
    how_ended: str,
    entry_point: str = "",
    files: Sequence[ArtifactRef] = (),
) -> SessionView:
    """Write down a session outside the gate (RMM, console, on site, unattended), graded attached."""
    seen = tickets.lock(act, ticket)
    if seen.is_final or asset not in {named.asset_id for named in seen.assets}:
        raise Refused(
            refuse(
                "session.ticket",
                f"{ticket} is closed or does not name this asset.",
                "Write the session down under the ticket that covers it.",
            )
        )
    tickets.has_role(act.actor, tickets.WORKING_ROLES, act.at).require()
    tickets.takes_part(seen, act.actor, act.at).require()
    tickets.readable(account, how_ended).require()
    if entry_point:
        inventory.entry_point(entry_point)  # refuses an id that the register of ways in has not
    _ = personnel.person(person) if person else None  # refuses an id that nobody has
    rules.sound_manual_session(
        kind, began_at=began_at, ended_at=ended_at, now=act.at, account=account, how_ended=how_ended
    ).require()
    row = MaintenanceSession(
        id=new_id("se"),
        ticket_id=ticket,
        kind=kind.value,
        state=SessionState.ENDED.value,
        person_id=person or None,
        asset_id=asset,
        began_at=began_at,
        ended_at=ended_at,
        session_terminated_at=ended_at,
        end_reason="told",
        account=f"{account.strip()}\n\nEnded: {how_ended.strip()}",
        entry_point=entry_point,
    )
    row.save(force_insert=True)
    _seal_written(act, row, outside=rules.is_outside(began_at, ended_at, seen.window), files=files)
    return view(row)


def _seal_written(act: Act, row: MaintenanceSession, *, outside: bool, files: Sequence[ArtifactRef]) -> None:
    data: dict[str, JsonValue] = {
        "person": row.person_id,
        "began": _moment(row.began_at),
        "ended": _moment(row.ended_at),
        "outside_window": outside,
        "account": act.commitment(row.account),
        "entry_point": row.entry_point,
    }
    entry = _record(act, row, "session.written_down", data, files)
    act.fact("session.ended", entry=entry, outcome=Outcome.PASSED, grade=Grade.ATTACHED, ticket=row.ticket_id)


def _moment(at: datetime | None) -> str | None:
    return None if at is None else rfc3339(at)


def _record(
    act: Act, row: MaintenanceSession, event: str, data: dict[str, JsonValue], files: Sequence[ArtifactRef] = ()
) -> str:
    told: dict[str, JsonValue] = {"kind": row.kind, "state": row.state, "asset": row.asset_id, **data}
    told["row_digest"] = digest_of(view(row))
    return act.record(
        event, evidence.ObjectRef("session", row.id), ticket=row.ticket_id, data=told, artifacts=tuple(files)
    )
