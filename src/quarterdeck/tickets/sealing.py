"""Rows of tickets against their sealed entries: a row that nobody recorded grants nothing (attacks.md row 28)."""

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import JsonValue
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, require_that
from quarterdeck.tickets.models import Approval, MaintenanceTicket, PolicyVersion, Waiver

ROW_EVENTS = (
    "ticket.requested", "ticket.edited", "ticket.submitted", "ticket.approved", "ticket.rejected", "ticket.scheduled",
    "ticket.withdrawn", "ticket.expired", "ticket.opened", "ticket.work_ended", "ticket.reopened", "ticket.closed",
    "ticket.rolled_back", "ticket.logged", "ticket.ratification_refused",
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
        "assets": sorted([a, c or ""] for a, c in row.asset_rows.values_list("asset_id", "connection_id")),
        "people": sorted([p, d] for p, d in row.person_rows.values_list("person_id", "duty")),
        "items": sorted(row.item_rows.values_list("item_id", flat=True)),
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


def approval_is_sealed(row: Approval) -> bool:
    """True when the approval's entry says the same as its row."""
    sealed = evidence.entry(row.entry)
    if sealed is None or sealed.ticket != row.ticket_id:
        return False
    if (sealed.data.get("authoriser") or sealed.actor_id) != row.person_id:
        return False
    told = sealed.data.get("approval")
    return told == {"role": row.role, "kind": row.kind, "verdict": row.verdict, "content": row.content_hash}


def waiver_is_sealed(row: Waiver) -> bool:
    """True when the waiver's entry says the same as its row."""
    sealed = evidence.entry(row.entry)
    return (
        sealed is not None
        and sealed.actor_id == row.person_id
        and sealed.ticket == row.ticket_id
        and sealed.data.get("waiver") == {"hold_point": row.hold_point, "content": row.content_hash}
    )


def policy_digest(row: PolicyVersion) -> str:
    """Return the hash of a policy version's rows and settings."""
    return evidence.row_digest({"version": row.version, "rows": row.rows, "settings": row.settings})


def policy_is_sealed(row: PolicyVersion) -> bool:
    """True when the entry that adopted the policy carries its hash."""
    sealed = evidence.last_entry(["policy.adopted"], object=evidence.ObjectRef("policy", f"v{row.version}"))
    return sealed is not None and sealed.data.get("row") == policy_digest(row)
