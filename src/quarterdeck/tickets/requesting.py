"""Requesting and changing a ticket: request, edit, submit, withdraw, expire, quick log, comment."""

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Decision, Refused, all_of, require_that
from quarterdeck.kernel.ids import ticket_number
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.allowances import allowance_of
from quarterdeck.tickets.models import (
    Approval,
    Comment,
    MaintenanceTicket,
    TicketAssetRow,
    TicketCounter,
    TicketItem,
    TicketPerson,
)
from quarterdeck.tickets.moving import locked, move, record
from quarterdeck.tickets.notices import tell
from quarterdeck.tickets.pictures import duty_of, takes_part, workers
from quarterdeck.tickets.rows import view
from quarterdeck.tickets.rules import (
    may_log_quick,
    may_move,
    may_write,
    readable,
    require_reason,
    usable_title,
    well_formed,
)
from quarterdeck.tickets.snapshot import content_hash, snapshot
from quarterdeck.tickets.standing import MOVING_ROLES, require_process, require_role
from quarterdeck.tickets.terms import Content, Duty, Risk, State, WorkClass
from quarterdeck.tools import api as tools

_REMARKING = frozenset({Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER})


def request(act: Act, content: Content, *, work_class: WorkClass = WorkClass.TICKET, emergency: bool = False) -> str:
    """Create a draft and return its number; Refused for an unusable window, unknown assets, people or items."""
    require_role(act, MOVING_ROLES)
    require_that(
        work_class in {WorkClass.TICKET, WorkClass.CAMPAIGN},
        "work_class.other_act",
        "Standard work comes from its template, and a quick log is written down when the work is over.",
        "Use the act of that kind of work.",
    ).require()
    check_content(act, content)
    row = new_row(act, content, work_class, emergency=emergency)
    record(act, row, "ticket.requested", data={"class": work_class.value, "emergency": emergency})
    return row.number


def check_content(act: Act, content: Content) -> None:
    """Raise Refused naming whatever does not exist, then for what is badly formed."""
    require_known(content)
    vendor = bool(content.pool_id) or any(
        personnel.person(person_id).kind == personnel.PersonKind.VENDOR for person_id in content.technicians
    )
    well_formed(content, vendor=vendor, now=act.at).require()


def require_known(content: Content) -> None:
    """Raise Refused naming every asset, person, item, pool and agreement that does not exist."""
    all_of(reason for call in _lookups(content) for reason in _reasons(call)).require()


def _lookups(content: Content) -> list[Callable[[], object]]:
    people = [*content.technicians, *([content.escort] if content.escort else [])]
    return [
        *(partial(inventory.frozen_asset, named.asset_id, named.connection_id or None) for named in content.assets),
        *(partial(personnel.person, person_id) for person_id in people),
        *(partial(tools.item, item_id) for item_id in content.items),
        *([partial(personnel.pool, content.pool_id)] if content.pool_id else []),
        *([partial(personnel.agreement, content.agreement_id)] if content.agreement_id else []),
    ]


def _reasons(call: Callable[[], object]) -> list[Decision]:
    try:
        call()
    except Refused as refusal:
        return [refusal.decision]
    return []


def new_row(
    act: Act, content: Content, work_class: WorkClass, *, emergency: bool, requester: str = ""
) -> MaintenanceTicket:
    """Take the next contiguous number and return the new draft's row; its requester is who acts, or another person."""
    counter, _ = TicketCounter.objects.select_for_update().get_or_create(year=act.at.year)
    counter.last += 1
    counter.save()
    row = MaintenanceTicket(
        number=ticket_number(act.at.year, counter.last),
        work_class=work_class.value,
        emergency=emergency,
        state=State.DRAFT.value,
        state_at=act.at,
        requester_id=requester or act.actor.id,
        created_at=act.at,
    )
    write_content(row, content, is_new=True)
    return row


def write_content(row: MaintenanceTicket, content: Content, *, is_new: bool = False) -> None:
    """Put a content into a ticket's rows."""
    window = content.window.in_utc()
    row.title, row.plan, row.impact, row.rollback = (
        content.title.strip(),
        content.plan,
        content.impact,
        content.rollback,
    )
    row.maintenance_type, row.action = content.maintenance_type.value, content.action.value
    row.method, row.risk = content.method.value, content.risk.value
    row.window_from, row.window_until = window.from_, window.until
    row.pool_id, row.agreement_id = content.pool_id or None, content.agreement_id or None
    row.expected_paths, row.conflicts_with = list(content.expected_paths), sorted(content.conflicts_with)
    row.allowance = asdict(allowance_of(content))
    row.rollback_plan = None if content.rollback_plan is None else content.rollback_plan.as_dict()
    row.save(force_insert=is_new)
    for rows in (row.asset_rows, row.person_rows, row.item_rows):
        rows.all().delete()
    TicketAssetRow.objects.bulk_create(
        TicketAssetRow(ticket=row, asset_id=a.asset_id, connection_id=a.connection_id or None) for a in content.assets
    )
    duties = [(person, Duty.TECHNICIAN) for person in dict.fromkeys(content.technicians)]
    duties += [(content.escort, Duty.ESCORT)] if content.escort else []
    TicketPerson.objects.bulk_create(TicketPerson(ticket=row, person_id=p, duty=d.value) for p, d in duties)
    TicketItem.objects.bulk_create(TicketItem(ticket=row, item_id=item) for item in dict.fromkeys(content.items))
    if not is_new:
        row.refresh_from_db()  # forgets the assets, people and items that were read before


def _moved_by(act: Act, number: str) -> MaintenanceTicket:
    """Return the ticket's row, locked, for somebody who may move it."""
    require_role(act, MOVING_ROLES)
    row = locked(act, number)
    takes_part(view(row), act.actor, act.at).require()
    return row


def edit(act: Act, number: str, content: Content, *, version: int) -> int:
    """Change a ticket before opening and return its new version; approvals given so far become void.

    Refused(ticket.edited_meanwhile) when somebody else changed it since `version` was read.
    """
    row = _moved_by(act, number)
    all_of(
        [
            may_move("edit", State(row.state)),
            require_that(
                row.version == version,
                "ticket.edited_meanwhile",
                f"{number} was changed by somebody else while you were editing it.",
                "Load it again, look at the change, and enter yours once more; nothing of theirs was lost.",
            ),
            require_that(
                row.work_class == WorkClass.TICKET,
                "ticket.from_template",
                "Standard work is as its template says.",
                "Withdraw it and request an ordinary ticket.",
            ),
        ]
    ).require()
    check_content(act, content)
    voided = Approval.objects.filter(ticket=row, void_at__isnull=True).update(void_at=act.at)
    write_content(row, content)
    row.version += 1
    if row.content_hash:
        row.content_hash = content_hash(snapshot(row))
    move(act, row, "edit", data={"voided_approvals": voided})
    return row.version


def submit(act: Act, number: str, frozen: ArtifactRef) -> str:
    """Submit the draft with its frozen snapshot (stored before the act) and return the content hash to approve."""
    row = _moved_by(act, number)
    may_move("submit", State(row.state)).require()
    document = snapshot(row)
    same_content(content_hash(document), frozen.sha256)
    row.content_hash = row.snapshot_sha256 = frozen.sha256
    entry = move(act, row, "submit", artifacts=[frozen])
    tell(
        act,
        row,
        _deciders(act, row),
        "waits for your decision",
        f"Work is asked for from {row.window_from:%Y-%m-%d %H:%M} to {row.window_until:%H:%M} UTC and waits for "
        "your decision.\n",
    )
    if row.impact.strip():
        act.fact("impact.analysed", entry=entry, outcome=Outcome.PASSED, grade=Grade.ATTACHED, ticket=number)
    return row.content_hash


def _deciders(act: Act, row: MaintenanceTicket) -> list[str]:
    """Return who can decide: holders of the deciding roles who neither asked for the work nor do or escort it."""
    seen = view(row)
    busy = workers(seen) | {seen.requester, seen.escort}
    roles = [Role.APPROVER, *([Role.CUI_OWNER] if row.asset_rows.filter(asset__handles_cui=True).exists() else [])]
    return [person for role in roles for person in personnel.holders(role, act.at) if person not in busy]


def refreeze(act: Act, number: str, frozen: ArtifactRef) -> str:
    """Freeze a submitted ticket anew after an edit or after the registers changed; earlier approvals become void."""
    row = _moved_by(act, number)
    may_move("edit", State(row.state)).require()
    same_content(content_hash(snapshot(row)), frozen.sha256)
    voided = (
        Approval.objects.filter(ticket=row, void_at__isnull=True)
        .exclude(content_hash=frozen.sha256)
        .update(void_at=act.at)
    )
    row.content_hash = row.snapshot_sha256 = frozen.sha256
    move(act, row, "edit", data={"voided_approvals": voided}, artifacts=[frozen])
    return row.content_hash


def same_content(now: str, told: str) -> None:
    """Raise Refused(content.moved) unless the content is still the one that was stored or shown."""
    require_that(
        now == told,
        "content.moved",
        "The ticket or something it names has changed since you looked at it.",
        "Load it again, look at the difference, then repeat the act.",
    ).require()


def withdraw(act: Act, number: str, reason: str) -> None:
    """Withdraw a ticket that never opened; requester or IT lead."""
    row = locked(act, number)
    if act.actor.id != row.requester_id:
        require_role(act, [Role.IT_LEAD])
    require_reason(reason)
    move(act, row, "withdraw", data={"reason": act.commitment(reason)})


def expire(act: Act, number: str) -> None:
    """Mark a ticket whose window ended before it opened; done by the ticker."""
    require_process(act)
    row = locked(act, number)
    may_move("expire", State(row.state)).require()
    require_that(
        act.at >= row.window_until, "window.not_over", "The window is not over.", "Wait for its end."
    ).require()
    move(act, row, "expire")


def log_quick(act: Act, content: Content, *, changed_configuration: bool) -> str:
    """Write down a small chore that was done: requested and closed in one entry; Refused(quick_log.*)."""
    require_role(act, [Role.TECHNICIAN, Role.IT_LEAD])
    require_known(content)
    assets = [inventory.asset(named.asset_id) for named in content.assets]
    all_of(
        [
            require_that(bool(assets), "scope.empty", "The log names no asset.", "Name the asset."),
            usable_title(content.title),
            readable(content.plan, content.impact, content.rollback),
            require_that(
                content.window.is_ordered and content.window.until <= act.at,
                "window.not_over",
                "A quick log is about work that is over.",
                "Give the time at which it ended.",
            ),
            *(
                may_log_quick(
                    method=content.method, handles_cui=asset.handles_cui, changed_configuration=changed_configuration
                )
                for asset in assets
            ),
        ]
    ).require()
    content = replace(content, technicians=(act.actor.id,), risk=Risk.LOW)
    row = new_row(act, content, WorkClass.QUICK_LOG, emergency=False)
    row.state, row.opened_at, row.closed_at = State.CLOSED.value, content.window.from_, act.at
    row.content_hash = content_hash(snapshot(row))
    row.save()
    entry = record(act, row, "ticket.logged", data={"changed_configuration": changed_configuration})
    for asset in assets:
        act.fact(
            "maintenance.performed",
            entry=entry,
            outcome=Outcome.PASSED,
            grade=Grade.ATTACHED,
            ticket=row.number,
            asset=asset.id,
        )
    return row.number


def comment(act: Act, number: str, text: str) -> None:
    """Add a remark to a live ticket; its entry carries a commitment only."""
    row = locked(act, number)
    seen, roles = view(row), personnel.roles_of(act.actor.id, act.at)
    all_of(
        [
            require_that(
                bool(roles & _REMARKING)
                or act.actor.id == seen.requester
                or (act.actor.is_person and duty_of(seen, act.actor.id) is not None),
                "role.missing",
                "Remarks are for the people of the ticket and those who decide; assessors read and do not write.",
                "Tell the IT lead.",
            ),
            require_that(
                0 < len(text.strip()) <= 4_000, "comment.length", "A comment has 1 to 4,000 characters.", "Shorten it."
            ),
            readable(text),
            may_write(State(row.state)),
        ]
    ).require()
    Comment.objects.create(ticket=row, author_id=act.actor.id, text=text, at=act.at)
    act.record(
        "ticket.commented", evidence.ObjectRef("ticket", number), ticket=number, data={"text": act.commitment(text)}
    )
