"""The acts on monitoring plans: propose, decide, end, and what time or a changed register does. Row and entry together.

Two people allow the system to reach a target while nobody is there (800-171A 3.1.12[a][c], 3.4.5[g]); both decide on
the hash that was shown, and any later change of what it froze takes the authority away.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from quarterdeck.access import plan_rules
from quarterdeck.access.granting import revoke_for
from quarterdeck.access.models import MonitoringPlan, PlanDecision
from quarterdeck.access.plan_reading import (
    approvals,
    check_row,
    content_of,
    find,
    plan_content,
    plan_digest,
    plan_object,
    plan_view,
)
from quarterdeck.access.reading import current_epoch
from quarterdeck.access.terms import PLAN_DECIDED, PlanFields, PlanState, PlanView
from quarterdeck.evidence.api import Act, ArtifactRef, JsonValue
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import ActorKind
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, Verdict

ENDING_ROLES = (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER)
_EVENT_OF_ACT = {
    "approve": "monitoring_plan.approved",
    "reject": "monitoring_plan.rejected",
    "end": "monitoring_plan.ended",
    "expire": "monitoring_plan.expired",
    "void": "monitoring_plan.voided",
}


def propose_plan(act: Act, said: PlanFields, *, snapshot: ArtifactRef) -> str:
    """Propose monitoring of one asset and return the plan's id; `snapshot` is the stored frozen content.

    Refused: not the IT lead, a cadence or end out of bounds, nothing watched, no host key pinned, a plan that is alive
    already, and a roster in which two other people cannot be found (800-171A 3.1.4[b]).
    """
    tickets.has_role(act.actor, [Role.IT_LEAD], act.at).require()
    tickets.require_reason(said.reason)
    seen, place = inventory.asset(said.asset), inventory.connection(said.connection)
    all_of(
        (
            plan_rules.well_formed(said.cadence_hours, said.valid_until, act.at),
            plan_rules.can_be_watched(active=seen.active, watched_roots=place.watched_roots),
            inventory.may_connect(place),
            inventory.check_row(said.asset, said.connection),
            _two_can_decide(act, handles_cui=seen.handles_cui),
            _none_is_alive(said.connection),
        )
    ).require()
    content = tickets.content_hash(plan_content(said, act.actor.id))
    plan_rules.is_what_was_shown(content, snapshot.sha256).require()
    row = MonitoringPlan(
        id=new_id("mo"),
        asset_id=said.asset,
        connection_id=said.connection,
        collector_sha256=said.collector_sha256,
        cadence_hours=said.cadence_hours,
        valid_until=said.valid_until,
        reason=said.reason,
        proposer_id=act.actor.id,
        proposed_at=act.at,
        state_at=act.at,
        content_hash=snapshot.sha256,
        epoch=current_epoch(),
    )
    row.save(force_insert=True)
    _record(act, row, "monitoring_plan.proposed", {"reason": act.commitment(said.reason)}, (snapshot,))
    return row.id


def _two_can_decide(act: Act, *, handles_cui: bool) -> Decision:
    """Find the two deciders in today's roster, with the same eyes as for a ticket that the proposer requests."""
    if handles_cui:
        needs = personnel.DutyNeeds(cui=True)
        return personnel.duties(requester=act.actor.id, technicians=(), needs=needs, at=act.at).decision
    approvers, owners = (
        [person for person in personnel.holders(role, act.at) if person != act.actor.id]
        for role in (Role.APPROVER, Role.CUI_OWNER)
    )
    return plan_rules.has_two_deciders(approvers, owners)


def _none_is_alive(connection: str) -> Decision:
    live = [PlanState.PROPOSED.value, PlanState.APPROVED.value]
    return require_that(
        not MonitoringPlan.objects.filter(connection_id=connection, state__in=live).exists(),
        "plan.exists",
        "This connection has a monitoring plan already.",
        "End that one first, or leave it as it is.",
    )


def decide_plan(
    act: Act, plan_id: str, *, role: ApprovalRole, verdict: Verdict, content_hash: str, reason: str
) -> PlanState:
    """Approve or refuse exactly the content that was shown; the second person's approval puts the plan in force.

    Refused(content.moved) when the hash shown is not the content now (attacks.md row 27), duties.* (3.1.4),
    plan.decided_already for one person's second word, step_up.needed.
    """
    row = _locked(plan_id)
    all_of(
        (tickets.person_acts(act.actor), tickets.stepped_up(act.actor, act.at), _may_decide_now(row, act.at))
    ).require()
    tickets.require_reason(reason)
    plan_rules.is_what_was_shown(row.content_hash, content_hash).require()
    plan_rules.is_what_was_shown(tickets.content_hash(content_of(row)), content_hash).require()
    handles_cui = inventory.asset(row.asset_id).handles_cui
    _may_decide(act, plan_view(row), role, handles_cui=handles_cui).require()
    said: dict[str, JsonValue] = {"role": role.value, "verdict": verdict.value, "content": content_hash}
    entry = act.record(
        PLAN_DECIDED,
        plan_object(row.id),
        data={"decision": said, "asset": row.asset_id, "reason": act.commitment(reason)},
    )
    before = approvals(plan_view(row))
    PlanDecision.objects.create(
        plan=row,
        role=role.value,
        verdict=verdict.value,
        person_id=act.actor.id,
        content_hash=content_hash,
        reason=reason,
        at=act.at,
        entry=entry,
    )
    if verdict is Verdict.REFUSED:
        _move(act, row, "reject")
    elif plan_rules.is_complete(handles_cui, [*before, (act.actor.id, role)]):
        _move(act, row, "approve")
    return PlanState(row.state)


def _may_decide_now(row: MonitoringPlan, at: datetime) -> Decision:
    return all_of(
        (
            plan_rules.may_move("approve", PlanState(row.state)),
            plan_rules.well_formed(row.cadence_hours, row.valid_until, at),
            require_that(
                row.epoch == current_epoch(),
                "plan.old_epoch",
                "The plan was proposed before Quarterdeck was restored from a backup.",
                "Propose it anew.",
            ),
        )
    )


def _may_decide(act: Act, seen: PlanView, role: ApprovalRole, *, handles_cui: bool) -> Decision:
    person = personnel.person(act.actor.id)
    member = personnel.Member(person.id, personnel.roles_of(person.id, act.at), person.name)
    return all_of(
        (
            personnel.may_decide(member, plan_rules.ROLE_OF[role], requester=seen.proposer, technicians=(), decided={}),
            plan_rules.is_second_person(person.id, [one.person for one in seen.decisions]),
            plan_rules.role_is_wanted(
                role, plan_rules.open_roles(handles_cui, [given for _, given in approvals(seen)])
            ),
        )
    )


def end_plan(act: Act, plan_id: str, reason: str) -> None:
    """End a plan at once: the IT lead, any approver, any CUI owner; its grants are revoked in the same act."""
    tickets.has_role(act.actor, ENDING_ROLES, act.at).require()
    tickets.require_reason(reason)
    row = _locked(plan_id)
    row.ended_by, row.end_reason = act.actor.id, reason
    _move(act, row, "end", {"reason": act.commitment(reason)})


def expire_plan(act: Act, plan_id: str) -> None:
    """Note that a plan's time is over; only the ticker does this."""
    row = _by_process(act, plan_id)
    require_that(act.at >= row.valid_until, "plan.in_date", "The plan is still in date.", "Wait for its end.").require()
    _move(act, row, "expire")


def void_plan(act: Act, plan_id: str, differences: Sequence[Mapping[str, str]]) -> None:
    """Void a plan because what it froze has changed; the entry names the fields, the row keeps old and new."""
    row = _by_process(act, plan_id)
    if not differences:
        raise ValueError("a plan is void because of something")
    row.differences = [dict(one) for one in differences]
    fields: list[JsonValue] = [*sorted({one["field"] for one in differences})]
    _move(act, row, "void", {"fields": fields})


def _by_process(act: Act, plan_id: str) -> MonitoringPlan:
    if act.actor.kind is not ActorKind.SYSTEM:
        raise Refused(
            refuse("actor.not_a_process", "Only the ticker does this, when it is so.", "End the plan instead.")
        )
    return _locked(plan_id)


def _locked(plan_id: str) -> MonitoringPlan:
    row = find(plan_id, lock=True)
    check_row(row).require()
    return row


def _move(act: Act, row: MonitoringPlan, verb: str, data: Mapping[str, JsonValue] | None = None) -> None:
    """Lead the plan on by `verb`; what is not in force any more loses its grants at once."""
    state = PlanState(row.state)
    plan_rules.may_move(verb, state).require()
    row.state, row.state_at = plan_rules.PLAN_TRANSITIONS[verb][state].value, act.at
    row.save()
    _record(act, row, _EVENT_OF_ACT[verb], {"from": state.value, **dict(data or {})})
    if verb != "approve":
        revoke_for(act, plan=row.id, reason=f"plan.{row.state}")


def _record(
    act: Act,
    row: MonitoringPlan,
    event: str,
    data: Mapping[str, JsonValue],
    artifacts: Sequence[ArtifactRef] = (),
) -> None:
    told: dict[str, JsonValue] = {
        "to": row.state,
        "asset": row.asset_id,
        "connection": row.connection_id,
        "content": row.content_hash,
        "row": plan_digest(row),
        **dict(data),
    }
    act.record(event, plan_object(row.id), data=told, artifacts=artifacts)
