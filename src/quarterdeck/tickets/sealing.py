"""Rows of tickets against their sealed entries: a row that nobody recorded grants nothing (attacks.md row 28)."""

from collections.abc import Sequence

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry, JsonValue
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, require_that
from quarterdeck.tickets.models import Approval, MaintenanceTicket, PolicyVersion, Waiver

ROW_EVENTS = (
    "ticket.requested", "ticket.edited", "ticket.submitted", "ticket.approved", "ticket.rejected", "ticket.scheduled",
    "ticket.withdrawn", "ticket.expired", "ticket.opened", "ticket.work_ended", "ticket.reopened", "ticket.closed",
    "ticket.rolled_back", "ticket.logged", "ticket.ratification_refused", "ticket.extended",
)  # fmt: skip
CLOSING_EVENTS = frozenset(
    ("ticket.closed", "ticket.rolled_back", "ticket.rejected", "ticket.withdrawn", "ticket.expired", "ticket.logged")
)


def ticket_digest(row: MaintenanceTicket) -> str:
    """Return the hash of everything in a ticket's rows that decides about access."""
    fields: dict[str, JsonValue] = {
        "number": row.number,
        "work_class": row.work_class,
        "emergency": row.emergency,
        "state": row.state,
        "version": row.version,
        "title": row.title,
        "type": row.maintenance_type,
        "action": row.action,
        "method": row.method,
        "risk": row.risk,
        "plan": row.plan,
        "impact": row.impact,
        "rollback": row.rollback,
        "from": rfc3339(row.window_from),
        "until": rfc3339(row.window_until),
        "requester": row.requester_id,
        "pool": row.pool_id,
        "agreement": row.agreement_id,
        "expected_paths": list(row.expected_paths),
        "conflicts_with": list(row.conflicts_with),
        "template": row.template_id,
        "content_hash": row.content_hash,
        "finding": row.finding,
        "opened_at": None if row.opened_at is None else rfc3339(row.opened_at),
        "assets": sorted([a.asset_id, a.connection_id or ""] for a in row.asset_rows.all()),
        "people": sorted([p.person_id, p.duty] for p in row.person_rows.all()),
        "items": sorted(i.item_id for i in row.item_rows.all()),
        **({} if row.allowance is None else {"allowance": dict(row.allowance)}),
        **({} if row.rollback_plan is None else {"rollback_plan": dict(row.rollback_plan)}),
        **({} if row.extended_until is None else {"extended_until": rfc3339(row.extended_until)}),
    }
    return evidence.row_digest(fields)


def check_ticket(row: MaintenanceTicket) -> Decision:
    """Decide whether the ticket's row is what the last sealed entry about it says; refusal `ticket.unsealed`."""
    sealed = evidence.last_entry(ROW_EVENTS, ticket=row.number)
    return require_that(
        sealed is not None and sealed.data.get("row") == ticket_digest(row),
        "ticket.unsealed",
        f"{row.number} was changed outside Quarterdeck: its row is not what the ledger says.",
        "Tell the IT lead: somebody wrote into the database. Compare with the ledger by 'qd ledger verify'.",
    )


def edits_of(number: str) -> list[Entry]:
    """Return the entries by which the content was changed or frozen anew, oldest first."""
    return list(evidence.entries(ticket=number, events=["ticket.edited"]))


def editors(number: str) -> frozenset[str]:
    """Return who changed what the ticket says; freezing it anew, which stores a snapshot, changes nothing."""
    return frozenset(edit.actor_id for edit in edits_of(number) if not edit.artifacts)


def sealed_approvals(row: MaintenanceTicket) -> frozenset[int]:
    """Return the ids of the approvals whose entries say the same as their rows.

    One that a later change of the content voided is not among them, whatever its row says.
    """
    given = list(row.approval_rows.all())
    if not given:
        return frozenset()
    known = evidence.entries_of([approval.entry for approval in given])
    edits = edits_of(row.number)
    return frozenset(
        approval.pk
        for approval in given
        if _is_carried(approval, known.get(approval.entry))
        and (approval.void_at is not None or not _is_voided(approval, known[approval.entry], edits))
    )


def _is_carried(row: Approval, sealed: Entry | None) -> bool:
    if sealed is None or sealed.ticket != row.ticket_id:
        return False
    if (sealed.data.get("authoriser") or sealed.actor_id) != row.person_id:
        return False
    told = sealed.data.get("approval")
    return bool(told == {"role": row.role, "kind": row.kind, "verdict": row.verdict, "content": row.content_hash})


def _is_voided(row: Approval, sealed: Entry, edits: Sequence[Entry]) -> bool:
    later = [edit for edit in edits if edit.seq > sealed.seq]
    return any(not edit.artifacts or edit.data.get("content") != row.content_hash for edit in later)


def sealed_waivers(row: MaintenanceTicket, content: str) -> frozenset[str]:
    """Return the hold points that were waived for this content, as far as the entries say the same as the rows."""
    given = list(Waiver.objects.filter(ticket=row, content_hash=content))
    known = evidence.entries_of([waiver.entry for waiver in given])
    return frozenset(waiver.hold_point for waiver in given if _says_waived(waiver, known.get(waiver.entry)))


def _says_waived(row: Waiver, sealed: Entry | None) -> bool:
    return (
        sealed is not None
        and sealed.actor_id == row.person_id
        and sealed.ticket == row.ticket_id
        and bool(sealed.data.get("waiver") == {"hold_point": row.hold_point, "content": row.content_hash})
    )


def policy_digest(row: PolicyVersion) -> str:
    """Return the hash of a policy version's rows and settings."""
    return evidence.row_digest({"version": row.version, "rows": row.rows, "settings": row.settings})


def policy_is_sealed(row: PolicyVersion) -> bool:
    """True when the entry that adopted the policy carries its hash."""
    sealed = evidence.last_entry(["policy.adopted"], object=evidence.ObjectRef("policy", f"v{row.version}"))
    return sealed is not None and sealed.data.get("row") == policy_digest(row)
