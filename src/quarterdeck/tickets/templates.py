"""Standard work: a template whose exact content approver and CUI owner approved in advance, for at most 90 days."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, JsonValue, Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.allowances import allowance_of
from quarterdeck.tickets.models import Approval, MaintenanceTicket, StandardTemplate, TemplateApproval
from quarterdeck.tickets.moving import locked, move
from quarterdeck.tickets.notices import scheduled_words, tell
from quarterdeck.tickets.pictures import blocking, judge
from quarterdeck.tickets.requesting import check_content, new_row, require_known, same_content
from quarterdeck.tickets.rollback_terms import plan_from
from quarterdeck.tickets.rules import CUI_PREAPPROVAL, readable, require_reason, usable_title
from quarterdeck.tickets.snapshot import content_hash, plain, snapshot
from quarterdeck.tickets.standing import MOVING_ROLES, require_role, require_step_up
from quarterdeck.tickets.terms import (
    Action,
    Allowance,
    ApprovalKind,
    ApprovalRole,
    Before,
    Content,
    MaintenanceType,
    Method,
    Risk,
    TicketAsset,
    Verdict,
    WorkClass,
)

_ROLE_OF = {ApprovalRole.APPROVER: Role.APPROVER, ApprovalRole.CUI_OWNER: Role.CUI_OWNER}


@dataclass(frozen=True, slots=True)
class TemplateView:
    """A template: what it does, who approved it until when."""

    id: str
    name: str
    content: Content
    content_hash: str
    window_hours: int
    author: str
    approved: tuple[tuple[ApprovalRole, str, datetime], ...]
    withdrawn: bool


def add_template(act: Act, name: str, content: Content, *, window_hours: int) -> str:
    """Register standard work and return the template's id; it needs its approvals before it can be used."""
    require_role(act, [Role.IT_LEAD])
    require_known(content)
    all_of(
        [
            require_that(0 < len(name.strip()) <= 120, "name.missing", "The template has no name.", "Give it one."),
            require_that(
                not StandardTemplate.objects.filter(name=name.strip()).exists(),
                "name.taken",
                "There is a template of this name.",
                "Choose another name.",
            ),
            usable_title(content.title),
            readable(name, content.plan, content.impact, content.rollback, *content.expected_paths),
            require_that(
                1 <= window_hours <= 12, "window.length", "Standard work takes 1 to 12 hours.", "Choose its hours."
            ),
            require_that(
                content.risk is not Risk.HIGH,
                "template.high_risk",
                "High-risk work is never standard.",
                "Request a ticket each time.",
            ),
        ]
    ).require()
    document = _document(replace(content, allowance=allowance_of(content)))
    row = StandardTemplate.objects.create(
        id=new_id("st"),
        name=name.strip(),
        content=document,
        content_hash=content_hash(document),
        window_hours=window_hours,
        author_id=act.actor.id,
        created_at=act.at,
    )
    act.record(
        "template.added",
        evidence.ObjectRef("template", row.id),
        data={"content": row.content_hash, "row": _digest(row)},
    )
    return row.id


def approve_template(act: Act, template_id: str, *, role: ApprovalRole, shown_hash: str, reason: str) -> None:
    """Approve exactly this template for 90 days; author and approvers are different people, both roles two people."""
    require_role(act, [_ROLE_OF[role]])
    require_step_up(act)
    require_reason(reason)
    row = _find(template_id)
    same_content(row.content_hash, shown_hash)
    standing = {a[0]: a[1] for a in _approved(row, act.at)}
    all_of(
        [
            require_that(
                act.actor.id != row.author_id, "duties.is_requester", "You wrote this template.", "Ask somebody else."
            ),
            require_that(
                act.actor.id not in _working(_content(row)), "duties.is_technician", "You do this work.", "Ask another."
            ),
            require_that(
                act.actor.id != row.content["escort"], "duties.is_escort", "You escort this work.", "Ask another."
            ),
            _in_force(row),
            require_that(
                all(person != act.actor.id for other, person in standing.items() if other is not role),
                "duties.same_person",
                "You approved it in the other role.",
                "A second person must.",
            ),
        ]
    ).require()
    entry = act.record(
        "template.approved",
        evidence.ObjectRef("template", row.id),
        data={"role": role.value, "content": row.content_hash, "reason": act.commitment(reason)},
    )
    TemplateApproval.objects.create(
        template=row,
        role=role.value,
        person_id=act.actor.id,
        content_hash=row.content_hash,
        reason=reason,
        at=act.at,
        valid_until=act.at + CUI_PREAPPROVAL,
        entry=entry,
    )


def _working(content: Content) -> frozenset[str]:
    members = personnel.pool(content.pool_id).members if content.pool_id else ()
    return frozenset(content.technicians) | frozenset(members)


def _in_force(row: StandardTemplate) -> Decision:
    return require_that(
        row.withdrawn_at is None, "template.withdrawn", "This template is withdrawn.", "Request a ticket."
    )


def withdraw_template(act: Act, template_id: str) -> None:
    """Withdraw a template; tickets made from it stay as they are."""
    require_role(act, [Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER])
    row = _find(template_id)
    _in_force(row).require()
    row.withdrawn_at = act.at
    row.save(update_fields=["withdrawn_at"])
    act.record("template.withdrawn", evidence.ObjectRef("template", row.id), data={"row": _digest(row)})


def prepare_standard(template_id: str, window_from: datetime) -> Content:
    """Return the content that a ticket from this template has in a window from `window_from`."""
    row = _find(template_id)
    return replace(_content(row), window=Window(window_from, window_from + timedelta(hours=row.window_hours)))


def request_standard(act: Act, template_id: str, window_from: datetime) -> str:
    """Create a scheduled ticket from a template in one step; Refused(template.no_*) when its approvals ran out."""
    require_role(act, MOVING_ROLES)
    row = _find(template_id)
    content = prepare_standard(template_id, window_from)
    check_content(act, content)
    # Who asks for the work does not count as approver of it, and an approval must last until the work is over.
    approved = [
        given
        for given in _approved(row, act.at)
        if given[1] not in _working(content) | {act.actor.id, content.escort} and given[2] >= content.window.until
    ]
    _require_approvals(row, content, {role for role, _, _ in approved})
    ticket = new_row(act, content, WorkClass.STANDARD, emergency=False)
    ticket.template = row
    ticket.content_hash = content_hash(snapshot(ticket))
    ticket.save()
    blocking(judge(ticket, act.at, Before.APPROVE)).require()
    move(act, ticket, "submit", data={"template": row.id, "template_content": row.content_hash})
    for role, person, _ in approved:
        _inherit(act, ticket, row, role, person)
    move(act, ticket, "approve")
    told = _concerned(ticket, content)
    entry = move(act, ticket, "schedule", data={"told": list(told)})
    tell(act, ticket, told, *scheduled_words(content.window))
    act.fact("notice.given", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=ticket.number)
    return ticket.number


def _concerned(ticket: MaintenanceTicket, content: Content) -> tuple[str, ...]:
    owners = [inventory.asset(named.asset_id).owner for named in content.assets]
    people = [ticket.requester_id, *sorted(_working(content)), content.escort, *owners]
    return tuple(dict.fromkeys(person for person in people if person))


def _inherit(act: Act, ticket: MaintenanceTicket, row: StandardTemplate, role: ApprovalRole, person: str) -> None:
    told: dict[str, JsonValue] = {
        "role": role.value,
        "kind": ApprovalKind.TEMPLATE.value,
        "verdict": Verdict.APPROVED.value,
        "content": ticket.content_hash,
    }
    entry = act.record(
        "approval.inherited",
        evidence.ObjectRef("ticket", ticket.number),
        ticket=ticket.number,
        data={"approval": told, "authoriser": person, "template": row.id},
    )
    act.fact("approval.recorded", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED, ticket=ticket.number,
             detail={"role": role.value, "template": row.id})  # fmt: skip
    Approval.objects.create(
        ticket=ticket,
        role=role.value,
        kind=ApprovalKind.TEMPLATE.value,
        verdict=Verdict.APPROVED.value,
        person_id=person,
        content_hash=ticket.content_hash,
        reason=f"Standard work: {row.name}",
        at=act.at,
        entry=entry,
    )


def _require_approvals(row: StandardTemplate, content: Content, given: set[ApprovalRole]) -> None:
    wanted = {ApprovalRole.APPROVER}
    if any(inventory.asset(named.asset_id).handles_cui for named in content.assets):
        wanted.add(ApprovalRole.CUI_OWNER)
    all_of(
        refuse(
            f"template.no_{role}",
            f"'{row.name}' has no approval by a {role.replace('_', ' ').replace('cui', 'CUI')} that holds here.",
            "Have the template approved again by somebody who does not ask for or do this work; it lasts 90 days.",
        )
        for role in sorted(wanted - given)
    ).require()
    _in_force(row).require()


def _approved(row: StandardTemplate, at: datetime) -> tuple[tuple[ApprovalRole, str, datetime], ...]:
    """Return the approvals in force whose sealed entry says the same and whose person still holds the role."""
    found: dict[ApprovalRole, tuple[ApprovalRole, str, datetime]] = {}
    for approval in row.approval_rows.filter(valid_until__gt=at, content_hash=row.content_hash).order_by("at"):
        sealed = evidence.entry(approval.entry)
        role = ApprovalRole(approval.role)
        if (
            sealed is not None
            and sealed.actor_id == approval.person_id
            and sealed.data.get("content") == row.content_hash
            and sealed.data.get("role") == role.value
            and _ROLE_OF[role] in personnel.roles_of(approval.person_id, at)
        ):
            found[role] = (role, approval.person_id, approval.valid_until)
    return tuple(found.values())


def template(template_id: str, at: datetime) -> TemplateView:
    """Return a template with the approvals in force."""
    row = _find(template_id)
    return TemplateView(
        row.id,
        row.name,
        _content(row),
        row.content_hash,
        row.window_hours,
        row.author_id,
        _approved(row, at),
        row.withdrawn_at is not None,
    )


def templates(at: datetime) -> list[TemplateView]:
    """Return all templates by name."""
    return [
        template(template_id, at)
        for template_id in StandardTemplate.objects.order_by("name").values_list("id", flat=True)
    ]


def _find(template_id: str) -> StandardTemplate:
    row = StandardTemplate.objects.filter(id=template_id).first()
    if row is None:
        raise Refused(refuse("template.unknown", "There is no such template.", "See Tickets, New, Standard work."))
    sealed = evidence.last_entry(
        ["template.added", "template.withdrawn"], object=evidence.ObjectRef("template", row.id)
    )
    require_that(
        sealed is not None and sealed.data.get("row") == _digest(row),
        "template.unsealed",
        "The template was changed outside Quarterdeck.",
        "Tell the IT lead.",
    ).require()
    return row


def _digest(row: StandardTemplate) -> str:
    return evidence.row_digest(
        {
            "id": row.id,
            "name": row.name,
            "content": row.content,
            "content_hash": row.content_hash,
            "window_hours": row.window_hours,
            "author": row.author_id,
            "withdrawn": row.withdrawn_at is not None,
        }
    )


def _document(content: Content) -> dict[str, JsonValue]:
    document = plain(content)
    if not isinstance(document, dict):
        raise TypeError("a content is a view")
    left_out = {"window", "conflicts_with", *(() if content.rollback_plan else ("rollback_plan",))}
    return {key: value for key, value in document.items() if key not in left_out}


def _content(row: StandardTemplate) -> Content:
    told = row.content
    return Content(
        title=told["title"],
        maintenance_type=MaintenanceType(told["maintenance_type"]),
        action=Action(told["action"]),
        method=Method(told["method"]),
        plan=told["plan"],
        impact=told["impact"],
        rollback=told["rollback"],
        window=Window(row.created_at, row.created_at + timedelta(hours=row.window_hours)),
        assets=tuple(TicketAsset(a["asset_id"], a["connection_id"]) for a in told["assets"]),
        technicians=tuple(told["technicians"]),
        escort=told["escort"],
        pool_id=told["pool_id"],
        agreement_id=told["agreement_id"],
        items=tuple(told["items"]),
        risk=Risk(told["risk"]),
        expected_paths=tuple(told["expected_paths"]),
        # A template from before says nothing of it: its tickets get what is usual.
        allowance=Allowance(**told["allowance"]) if told.get("allowance") else None,
        rollback_plan=plan_from(told.get("rollback_plan")),
    )


def keep_snapshot(act: Act, number: str, frozen: ArtifactRef) -> None:
    """Keep the stored snapshot of a standard ticket beside it; it must be what the inherited approvals are about."""
    row = locked(act, number)
    same_content(row.content_hash, frozen.sha256)
    row.snapshot_sha256 = frozen.sha256
    row.save(update_fields=["snapshot_sha256"])
    act.record(
        "snapshot.kept",
        evidence.ObjectRef("ticket", number),
        ticket=number,
        data={"content": frozen.sha256},
        artifacts=[frozen],
    )
