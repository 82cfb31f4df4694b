"""Monitoring plans as values: what they froze, whether a row is what the ledger says, whether they are in force."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from quarterdeck.access import plan_rules, rules
from quarterdeck.access.models import MonitoringPlan, PlanDecision
from quarterdeck.access.reading import current_epoch
from quarterdeck.access.terms import (
    PLAN_DECIDED,
    PLAN_EVENTS,
    PlanDecisionView,
    PlanFields,
    PlanState,
    PlanView,
)
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry, JsonValue, ObjectRef
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, State, Verdict

# Of an asset only what decides about reaching and protecting it: owner or system may change under a standing plan.
_FROZEN = ("id", "active", "hostname", "category", "handles_cui", "connection")
_WORKING = frozenset({State.OPEN, State.VERIFYING})


def plan_object(plan_id: str) -> ObjectRef:
    """Return how entries name a plan."""
    return ObjectRef("monitoring_plan", plan_id)


def plan_content(said: PlanFields, proposer: str) -> dict[str, JsonValue]:
    """Return everything that a decision on such a plan is about, resolved from the inventory as it is now."""
    frozen = inventory.frozen_asset(said.asset, said.connection)
    return {
        "v": 1,
        "asset": {name: frozen[name] for name in _FROZEN},
        "collector_sha256": said.collector_sha256,
        "cadence_hours": said.cadence_hours,
        "valid_until": rfc3339(said.valid_until),
        "reason": said.reason,
        "proposer": proposer,
    }


def content_of(row: MonitoringPlan) -> dict[str, JsonValue]:
    """Return what the plan's names mean at this moment."""
    said = PlanFields(
        row.asset_id, row.connection_id, row.collector_sha256, row.cadence_hours, row.valid_until, row.reason
    )
    return plan_content(said, row.proposer_id)


def find(plan_id: str, *, lock: bool = False) -> MonitoringPlan:
    """Return the plan's row, locked for the rest of the act when asked; Refused(plan.unknown)."""
    rows = MonitoringPlan.objects.select_for_update() if lock else MonitoringPlan.objects
    row = rows.filter(id=plan_id).first() if plan_id.isidentifier() else None
    if row is None:
        raise Refused(refuse("plan.unknown", "There is no such monitoring plan.", "See the asset's page."))
    return row


def plan(plan_id: str) -> PlanView:
    """Return one plan; Refused(plan.unknown)."""
    return plan_view(find(plan_id))


def plans(*, asset: str = "", states: Sequence[PlanState] = ()) -> list[PlanView]:
    """Return plans, newest first, of one asset or of all."""
    rows = MonitoringPlan.objects.order_by("-proposed_at", "-id")
    if asset:
        rows = rows.filter(asset_id=asset)
    if states:
        rows = rows.filter(state__in=[state.value for state in states])
    return [plan_view(row) for row in rows]


def plan_view(row: MonitoringPlan) -> PlanView:
    """Return the row as a value, without decisions that no sealed entry carries."""
    return PlanView(
        id=row.id,
        asset=row.asset_id,
        connection=row.connection_id,
        collector_sha256=row.collector_sha256,
        cadence_hours=row.cadence_hours,
        valid_until=row.valid_until,
        reason=row.reason,
        proposer=row.proposer_id,
        proposed_at=row.proposed_at,
        state=PlanState(row.state),
        state_at=row.state_at,
        content_hash=row.content_hash,
        epoch=row.epoch,
        ended_by=row.ended_by,
        end_reason=row.end_reason,
        differences=tuple(dict(one) for one in row.differences),
        decisions=_sealed_decisions(row),
    )


def _sealed_decisions(row: MonitoringPlan) -> tuple[PlanDecisionView, ...]:
    given = list(row.decision_rows.order_by("at", "pk"))
    known = evidence.entries_of([one.entry for one in given])
    return tuple(
        PlanDecisionView(one.person_id, ApprovalRole(one.role), Verdict(one.verdict), one.reason, one.at, one.entry)
        for one in given
        if _is_carried(row, one, known.get(one.entry))
    )


def _is_carried(row: MonitoringPlan, said: PlanDecision, sealed: Entry | None) -> bool:
    """True when the entry is this person's own word on this plan and this content."""
    return (
        sealed is not None
        and sealed.event == PLAN_DECIDED
        and sealed.object == plan_object(row.id)
        and (sealed.actor_kind, sealed.actor_id) == ("person", said.person_id)
        and said.content_hash == row.content_hash
        and bool(
            sealed.data.get("decision") == {"role": said.role, "verdict": said.verdict, "content": said.content_hash}
        )
    )


def plan_digest(row: MonitoringPlan) -> str:
    """Return the digest of every field of a plan, which its newest entry carries."""
    fields: dict[str, JsonValue] = {
        "id": row.id,
        "asset": row.asset_id,
        "connection": row.connection_id,
        "collector_sha256": row.collector_sha256,
        "cadence_hours": row.cadence_hours,
        "valid_until": rfc3339(row.valid_until),
        "reason": row.reason,
        "proposer": row.proposer_id,
        "proposed_at": rfc3339(row.proposed_at),
        "state": row.state,
        "state_at": rfc3339(row.state_at),
        "content_hash": row.content_hash,
        "epoch": row.epoch,
        "ended_by": row.ended_by,
        "end_reason": row.end_reason,
        "differences": list(row.differences),
    }
    return evidence.row_digest(fields)


def check_row(row: MonitoringPlan) -> Decision:
    """Decide whether the plan's row is what its newest entry sealed (attacks.md row 28)."""
    sealed = evidence.last_entry(PLAN_EVENTS, object=plan_object(row.id))
    return rules.row_is_sealed("monitoring plan", plan_digest(row), sealed.data.get("row") if sealed else None)


def check_plan(plan_id: str) -> Decision:
    """Decide whether the plan's row is what its newest entry sealed."""
    return check_row(find(plan_id))


def plans_are_whole() -> Decision:
    """Decide whether every plan that the ledger tells of is still there: one taken away watches nothing (row 28)."""
    told = {one.object.id for one in evidence.entries(events=["monitoring_plan.proposed"])}
    missing = told - set(MonitoringPlan.objects.filter(id__in=told).values_list("id", flat=True))
    return plan_rules.none_is_missing(len(missing))


def approvals(seen: PlanView) -> list[tuple[str, ApprovalRole]]:
    """Return who approved in which role, by the ledger's word."""
    return [(one.person, one.role) for one in seen.decisions if one.verdict is Verdict.APPROVED]


def may_monitor(plan_id: str, *, asset: str, connection: str, collector_sha256: str, at: datetime) -> Decision:
    """Decide whether the system may measure this place under this plan with this collector at `at`.

    Asked at the grant, by the signer and at every admission; everything is derived from rows that the ledger vouches
    for, and compared with what the inventory says now.
    """
    try:
        row = find(plan_id)
        seen = plan_view(row)
        handles_cui = inventory.asset(row.asset_id).handles_cui
        now = tickets.content_hash(content_of(row))
    except Refused as refusal:
        return refusal.decision
    same = (row.asset_id, row.connection_id, row.collector_sha256) == (asset, connection, collector_sha256)
    return all_of(
        (
            check_row(row),
            plan_rules.is_in_force(seen, current_epoch(), at),
            plan_rules.decisions_suffice(handles_cui, approvals(seen)),
            plan_rules.is_unchanged(now if same else "", row.content_hash),
            plan_rules.no_work_under_way(working_ticket(asset)),
        )
    )


def working_ticket(asset: str) -> str:
    """Return the number of a ticket under which this asset is worked on or verified now, empty for none."""
    found = [one.number for one in tickets.live_tickets_of_asset(asset) if one.state in _WORKING]
    return found[0] if found else ""


def frozen_plan(plan_id: str) -> dict[str, JsonValue]:
    """Return the frozen content that decisions are about."""
    return evidence.parse_fields(evidence.read_artifact(find(plan_id).content_hash))


def changes_since_plan_was_frozen(plan_id: str, collector_sha256: str) -> list[dict[str, str]]:
    """Return what differs between what was frozen and what its names mean now, the installed collector included.

    Authority from before a restore has lost its meaning too, so the epoch counts as one of the differences.
    """
    row = find(plan_id)
    now: Mapping[str, JsonValue] = content_of(row) | {"collector_sha256": collector_sha256}
    moved = []
    if tickets.content_hash(now) != row.content_hash:
        moved += tickets.differences(frozen_plan(plan_id), now)
    if row.epoch != current_epoch():
        moved.append({"field": "epoch", "old": str(row.epoch), "new": str(current_epoch())})
    return moved


def plan_waits_for(plan_id: str, at: datetime) -> dict[ApprovalRole, tuple[str, ...]]:
    """Return for each decision that is still missing the people who can give it; nothing once it is decided."""
    seen = plan(plan_id)
    if seen.state is not PlanState.PROPOSED:
        return {}
    busy = {seen.proposer, *(one.person for one in seen.decisions)}
    handles_cui = inventory.asset(seen.asset).handles_cui
    return {
        role: tuple(person for person in personnel.holders(plan_rules.ROLE_OF[role], at) if person not in busy)
        for role in plan_rules.open_roles(handles_cui, [given for _, given in approvals(seen)])
    }
