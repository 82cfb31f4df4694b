"""Reading more time that was asked for: what waits, who decided and what became of it, from sealed entries alone."""

from collections.abc import Mapping
from datetime import datetime

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry, ObjectRef
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets.deciding import ROLE_OF
from quarterdeck.tickets.models import Extension, MaintenanceTicket
from quarterdeck.tickets.pictures import sealed_view, workers
from quarterdeck.tickets.policies import policy
from quarterdeck.tickets.rows import find, view
from quarterdeck.tickets.sealing import editors
from quarterdeck.tickets.terms import (
    ApprovalRole,
    ExtensionDecisionView,
    ExtensionState,
    ExtensionView,
    State,
    TicketView,
    Verdict,
)

ASKED, DECIDED, REFUSED, EXTENDED = "extension.asked", "extension.decided", "extension.refused", "ticket.extended"


def extensions(number: str) -> list[ExtensionView]:
    """Return every extension that was asked for under the ticket, oldest first, as the sealed entries tell of it."""
    asked = list(evidence.entries(ticket=number, events=[ASKED]))
    rows = {row.id: row for row in Extension.objects.filter(id__in=[entry.object.id for entry in asked])}
    found = [rows[entry.object.id] for entry in asked if _is_sealed(rows.get(entry.object.id), entry)]
    waiting = waiting_row(number)
    granted = {str(e.data.get("extension")): e for e in evidence.entries(ticket=number, events=[EXTENDED])}
    refused = {entry.object.id for entry in evidence.entries(ticket=number, events=[REFUSED])}
    views = []
    for row in found:
        state = ExtensionState.LAPSED
        if row.id in granted:
            state = ExtensionState.GRANTED
        elif row.id in refused:
            state = ExtensionState.REFUSED
        elif waiting is not None and waiting.id == row.id:
            state = ExtensionState.WAITING
        by_self = row.id in granted and granted[row.id].data.get("by_self") is True
        views.append(extension_view(row, state, by_self=by_self, decisions=_told(row)))
    return views


def extension_waits_for(number: str, at: datetime) -> dict[ApprovalRole, tuple[str, ...]]:
    """Return for each decision that the waiting extension lacks the people who can take it; empty when none waits."""
    asked = waiting_row(number)
    if asked is None:
        return {}
    given = approvals_of(asked.id)
    free = free_deciders(sealed_view(find(number)), at)
    busy: set[str] = set()
    if not policy().flag("one_independent_person_may_hold_both_roles"):
        busy = {entry.actor_id for entry in given.values()}
    return {role: tuple(p for p in people if p not in busy) for role, people in free.items() if role not in given}


def waiting_row(number: str) -> Extension | None:
    """Return the extension that waits for a decision; a row that is not what its entry says is Refused(row.altered)."""
    last = evidence.last_entry([ASKED, REFUSED, EXTENDED], ticket=number)
    if last is None or last.event != ASKED:
        return None
    ticket = view(find(number))
    if ticket.state is not State.OPEN:
        return None
    row = Extension.objects.filter(id=last.object.id).first()
    if not _is_sealed(row, last):
        raise Refused(
            refuse(
                "row.altered",
                "An extension differs from its entry in the ledger.",
                "Stop and tell the IT lead: somebody wrote into the database.",
            )
        )
    return row


def approvals_of(extension_id: str) -> dict[ApprovalRole, Entry]:
    """Return the approvals of an extension by role, from the ledger alone."""
    found = {}
    for entry in evidence.entries(object=ObjectRef("extension", extension_id), events=[DECIDED]):
        said = entry.data.get("decision")
        if isinstance(said, Mapping) and said.get("verdict") == Verdict.APPROVED.value:
            found[ApprovalRole(str(said["role"]))] = entry
    return found


def wanted_roles(row: MaintenanceTicket) -> list[ApprovalRole]:
    """Return the roles that decide on more time: those that approve the ticket itself."""
    cui = row.asset_rows.filter(asset__handles_cui=True).exists() and not row.emergency
    return [ApprovalRole.APPROVER, *([ApprovalRole.CUI_OWNER] if cui else [])]


def who_decides(number: str) -> str:
    """Say who decides on more time for this ticket: 'An approver decides', or both where it handles CUI."""
    both = ApprovalRole.CUI_OWNER in wanted_roles(find(number))
    return "An approver and the CUI owner decide" if both else "An approver decides"


def free_deciders(ticket: TicketView, at: datetime) -> dict[ApprovalRole, tuple[str, ...]]:
    """Return for each role that decides who holds it and has no part in the work."""
    busy = workers(ticket) | {ticket.requester, ticket.escort} | editors(ticket.number)
    return {
        role: tuple(who for who in personnel.holders(ROLE_OF[role], at) if who not in busy)
        for role in wanted_roles(find(ticket.number))
    }


def extension_digest(row: Extension) -> str:
    """Return the hash of what was asked for."""
    return evidence.row_digest(
        {
            "id": row.id,
            "ticket": row.ticket_id,
            "person": row.person_id,
            "until_before": rfc3339(row.until_before),
            "until": rfc3339(row.until),
            "reason": row.reason,
            "at": rfc3339(row.at),
        }
    )


def extension_view(
    row: Extension, state: ExtensionState, *, by_self: bool, decisions: tuple[ExtensionDecisionView, ...]
) -> ExtensionView:
    """Return a row as a value; what became of it comes from the ledger."""
    return ExtensionView(
        id=row.id,
        ticket=row.ticket_id,
        person=row.person_id,
        until_before=row.until_before,
        until=row.until,
        reason=row.reason,
        at=row.at,
        by_terminal=row.by_terminal,
        state=state,
        by_self=by_self,
        decisions=decisions,
    )


def _told(row: Extension) -> tuple[ExtensionDecisionView, ...]:
    """Return the decisions on an extension that an entry of the same person carries, with their words."""
    known = list(evidence.entries(object=ObjectRef("extension", row.id), events=[DECIDED]))
    words = {one.entry: one.reason for one in row.decision_rows.all()}
    found = []
    for entry in known:
        said = entry.data.get("decision")
        if isinstance(said, Mapping):
            found.append(
                ExtensionDecisionView(
                    ApprovalRole(str(said["role"])),
                    Verdict(str(said["verdict"])),
                    entry.actor_id,
                    words.get(entry.event_id, ""),
                    entry.at,
                )
            )
    return tuple(found)


def _is_sealed(row: Extension | None, entry: Entry) -> bool:
    return row is not None and entry.data.get("row") == extension_digest(row) and entry.actor_id == row.person_id


def is_vendors(ticket: TicketView) -> bool:
    """True when somebody of a vendor may do this ticket's work."""
    kinds = (personnel.person(who).kind for who in workers(ticket))
    return bool(ticket.content.pool_id) or personnel.PersonKind.VENDOR in kinds
