"""Monitoring plans and what was found between tickets, over the wire: parse, call one verb or read, answer."""

from django.http import HttpRequest
from ninja import Router

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.access.api import PlanState
from quarterdeck.baselines import api as baselines
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.monitoring_schemas import (
    FindingOut,
    FindingPageOut,
    PlanIn,
    PlanOut,
    PlanPageOut,
    SettleIn,
)
from quarterdeck.entrypoints.api.ticket_schemas import DecisionIn, ReasonIn, RefusedOut
from quarterdeck.kernel.actors import Actor
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets.api import Verdict
from quarterdeck.workflows import keep_inventory, keep_plans, settle_findings, watch_state

router = Router(tags=["monitoring plans"])
findings_router = Router(tags=["findings"])
RUNS = 50


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


def _reader(request: HttpRequest) -> Actor:
    """Return the caller, who holds at least one role; a plan says no more than the inventory does."""
    actor = actor_of(request)
    keep_inventory.may_read(actor, wiring.clock().now()).require()
    return actor


def _may_read_findings(actor: Actor) -> bool:
    return watch_state.may_read_findings(personnel.roles_of(actor.id, wiring.clock().now())).allowed


def _finding_reader(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    watch_state.may_read_findings(personnel.roles_of(actor.id, wiring.clock().now())).require()
    return actor


@router.get("", response=_answers(list[PlanOut]))
def list_plans(request: HttpRequest, asset: str = "", state: PlanState | None = None) -> list[PlanOut]:
    """Return monitoring plans, newest first, of one asset or in one state where asked."""
    _reader(request)
    return [PlanOut.of(view) for view in access.plans(asset=asset, states=[state] if state else ())]


@router.post("", response=_answers(PlanOut))
def propose_plan(request: HttpRequest, body: PlanIn) -> PlanOut:
    """Propose monitoring of an asset; two other people decide on exactly what it means now."""
    view = keep_plans.propose(
        actor_of(request, "write"),
        wiring.clock(),
        asset=body.asset,
        connection=body.connection,
        cadence_hours=body.cadence_hours,
        valid_until=body.valid_until,
        reason=body.reason,
    )
    return PlanOut.of(view)


@router.get("/{plan}", response=_answers(PlanPageOut))
def show_plan(request: HttpRequest, plan: str) -> PlanPageOut:
    """Return one plan with everything that is approved, what it waits for, its newest runs and its findings."""
    actor, now = _reader(request), wiring.clock().now()
    state = watch_state.watch_state(access.plan(plan), now)
    return PlanPageOut.of(
        state,
        dict(access.frozen_plan(plan)),
        {role.value: list(people) for role, people in access.plan_waits_for(plan, now).items()},
        baselines.runs(plan, RUNS),
        baselines.findings(plan=plan) if _may_read_findings(actor) else [],
    )


@router.post("/{plan}/approve", response=_answers(PlanOut))
def approve_plan(request: HttpRequest, plan: str, body: DecisionIn) -> PlanOut:
    """Approve exactly the plan whose hash is sent; the second person's approval puts it in force."""
    return _decided(request, plan, body, Verdict.APPROVED)


@router.post("/{plan}/refuse", response=_answers(PlanOut))
def refuse_plan(request: HttpRequest, plan: str, body: DecisionIn) -> PlanOut:
    """Refuse exactly the plan whose hash is sent; it ends as rejected."""
    return _decided(request, plan, body, Verdict.REFUSED)


def _decided(request: HttpRequest, plan: str, body: DecisionIn, verdict: Verdict) -> PlanOut:
    view = keep_plans.decide(
        actor_of(request, "write"),
        wiring.clock(),
        plan,
        role=body.role,
        verdict=verdict,
        content_hash=body.content_hash,
        reason=body.reason,
    )
    return PlanOut.of(view)


@router.post("/{plan}/end", response=_answers(PlanOut))
def end_plan(request: HttpRequest, plan: str, body: ReasonIn) -> PlanOut:
    """End a plan at once, with its grants."""
    return PlanOut.of(keep_plans.end(actor_of(request, "write"), wiring.clock(), plan, reason=body.reason))


@findings_router.get("", response=_answers(list[FindingOut]))
def list_findings(request: HttpRequest, asset: str = "", open_only: bool = True) -> list[FindingOut]:
    """Return what was found between tickets, newest first; without `open_only` also what is settled."""
    _finding_reader(request)
    return [FindingOut.of(view) for view in baselines.findings(asset, open_only=open_only)]


@findings_router.get("/{finding}", response=_answers(FindingPageOut))
def show_finding(request: HttpRequest, finding: int) -> FindingPageOut:
    """Return one finding with its differences, and the tickets that may explain it."""
    _finding_reader(request)
    return FindingPageOut(
        finding=FindingOut.of(baselines.finding(finding)),
        tickets_in_between=baselines.tickets_in_between(finding),
    )


@findings_router.post("/{finding}/settle", response=_answers(FindingOut))
def settle_finding(request: HttpRequest, finding: int, body: SettleIn) -> FindingOut:
    """Explain differences of a finding, perhaps by a ticket, mark them put back, or keep them as a finding."""
    actor = actor_of(request, "write")
    view = settle_findings.settle_finding(
        finding,
        body.items,
        how=body.disposition,
        reason=body.reason,
        ticket=body.ticket,
        actor=actor,
        clock=wiring.clock(),
    )
    return FindingOut.of(view)
