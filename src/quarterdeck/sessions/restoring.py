"""Putting the row of a running session right by the entry that began it (attacks.md row 28)."""

from quarterdeck.evidence.api import ObjectRef, last_entry
from quarterdeck.sessions.models import MaintenanceSession
from quarterdeck.sessions.terms import SessionKind


def put_right(row: MaintenanceSession) -> None:
    """Give a gate session's row back what the entry of its beginning says, in every field; nothing is saved."""
    told = last_entry(("session.began",), object=ObjectRef("session", row.id))
    if told is None:
        raise ValueError("the session has not begun through the gate")
    row.kind, row.ticket_id, row.asset_id = SessionKind.GATE.value, str(told.ticket), str(told.data["asset"])
    row.person_id, row.grant_id, row.serial = (
        str(told.data["person"]),
        str(told.data["grant"]),
        int(told.data["serial"]),
    )
    row.work, row.source = str(told.data["work"]), str(told.data["source"])
    row.protocol, row.began_at = str(told.data.get("protocol", "")), told.at
    row.account = row.entry_point = row.explained_by = row.explanation = ""
    row.explained_at = None
