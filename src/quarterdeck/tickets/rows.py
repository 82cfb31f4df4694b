"""Reading tickets' rows into views."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC

from django.db.models import QuerySet

from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.kernel.windows import Window
from quarterdeck.tickets.models import Approval, MaintenanceTicket
from quarterdeck.tickets.rollback_terms import plan_from
from quarterdeck.tickets.terms import (
    Action,
    Allowance,
    ApprovalKind,
    ApprovalRole,
    ApprovalView,
    Content,
    Duty,
    MaintenanceType,
    Method,
    Risk,
    State,
    TicketAsset,
    TicketView,
    Verdict,
    WorkClass,
)

RELATED = ("asset_rows", "person_rows", "item_rows", "approval_rows")


def find(number: str, *, lock: bool = False) -> MaintenanceTicket:
    """Return the ticket's row, locked for the rest of the act when asked; Refused(ticket.unknown)."""
    rows = MaintenanceTicket.objects.select_for_update() if lock else MaintenanceTicket.objects
    row = rows.filter(number=number).prefetch_related(*RELATED).first()
    if row is None:
        raise Refused(refuse("ticket.unknown", f"There is no ticket {number[:20]}.", "Look for it under Tickets."))
    return row


def approval_view(row: Approval) -> ApprovalView:
    """Return an approval as a view."""
    return ApprovalView(
        row.pk,
        ApprovalRole(row.role),
        ApprovalKind(row.kind),
        Verdict(row.verdict),
        row.person_id,
        row.content_hash,
        row.reason,
        row.basis,
        row.at,
        row.void_at,
        row.signed,
    )


def _allowance(kept: Mapping[str, object]) -> Allowance:
    """Return what a row says that sessions may do; what it does not say they may not."""
    return Allowance(**{one.name: kept.get(one.name) is True for one in fields(Allowance)})


def content_of(row: MaintenanceTicket) -> Content:
    """Return what the ticket says, as a person wrote it."""
    people = list(row.person_rows.all())
    return Content(
        title=row.title,
        maintenance_type=MaintenanceType(row.maintenance_type),
        action=Action(row.action),
        method=Method(row.method),
        plan=row.plan,
        impact=row.impact,
        rollback=row.rollback,
        window=Window(row.window_from.astimezone(UTC), row.window_until.astimezone(UTC)),
        assets=tuple(
            sorted(
                (TicketAsset(a.asset_id, a.connection_id or "") for a in row.asset_rows.all()), key=lambda a: a.asset_id
            )
        ),
        technicians=tuple(sorted(p.person_id for p in people if p.duty == Duty.TECHNICIAN)),
        escort=next((p.person_id for p in people if p.duty == Duty.ESCORT), ""),
        pool_id=row.pool_id or "",
        agreement_id=row.agreement_id or "",
        items=tuple(sorted(item.item_id for item in row.item_rows.all())),
        risk=Risk(row.risk),
        expected_paths=tuple(row.expected_paths),
        conflicts_with=tuple(row.conflicts_with),
        allowance=None if row.allowance is None else _allowance(row.allowance),
        rollback_plan=plan_from(row.rollback_plan),
    )


def view(row: MaintenanceTicket) -> TicketView:
    """Return the whole ticket as a view; prefetch RELATED for lists."""
    return TicketView(
        number=row.number,
        work_class=WorkClass(row.work_class),
        emergency=row.emergency,
        state=State(row.state),
        content=content_of(row),
        content_hash=row.content_hash,
        requester=row.requester_id,
        created_at=row.created_at,
        state_at=row.state_at,
        version=row.version,
        template_id=row.template_id or "",
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        ratify_until=row.ratify_until,
        finding=row.finding,
        extended_until=None if row.extended_until is None else row.extended_until.astimezone(UTC),
        approvals=tuple(approval_view(a) for a in sorted(row.approval_rows.all(), key=lambda a: a.pk)),
    )


def prefetched() -> QuerySet[MaintenanceTicket]:
    """Return the query that lists read views from."""
    return MaintenanceTicket.objects.prefetch_related(*RELATED)
