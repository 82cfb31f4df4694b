"""What monitoring says on other pages: the block of an asset, what waits for a person, what is at risk."""

from datetime import timedelta
from typing import Any

from django.urls import reverse

from quarterdeck.access import api as access
from quarterdeck.access.api import PlanState, PlanView
from quarterdeck.baselines.api import DriftView, RunOutcome, RunView
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor
from quarterdeck.entrypoints.web.words import called
from quarterdeck.inventory.api import AssetView
from quarterdeck.personnel.api import Role
from quarterdeck.workflows.watch_state import WatchState, may_read_findings, open_findings, watch_state

SETTLERS = (Role.APPROVER, Role.CUI_OWNER, Role.IT_LEAD)
PLAN_WORDS = {
    PlanState.PROPOSED: ("submitted", "Waiting for approval"),
    PlanState.APPROVED: ("active", "In force"),
    PlanState.REJECTED: ("rejected", "Refused"),
    PlanState.ENDED: ("ended", "Ended"),
    PlanState.EXPIRED: ("ended", "Expired"),
    PlanState.VOID: ("rejected", "Void: what was approved has changed"),
}
_LAPSED = (PlanState.VOID, PlanState.EXPIRED)
_TOLD_FOR = timedelta(days=30)
_RUN_WORDS = {RunOutcome.MEASURED: ("passed", "Measured"), RunOutcome.FAILED: ("unknown", "Not known")}


def run_shown(run: RunView) -> dict[str, Any]:
    """Return one attempt to measure for a page."""
    code, word = _RUN_WORDS[run.outcome]
    return {"code": code, "word": word, "at": run.started_at, "said": run.said}


def finding_shown(finding: DriftView, names: Names) -> dict[str, Any]:
    """Return one finding as a line of a list."""
    left = len(finding.open_items)
    return {
        "url": reverse("finding", args=[finding.id]),
        "asset": names.asset(finding.asset),
        "at": finding.compared_at,
        "open": left,
        "count": sum(item.count for item in finding.items),
        "words": f"{left} unexplained" if left else "All explained",
        "code": "unexplained" if left else "explained",
    }


def plan_shown(state: WatchState, names: Names) -> dict[str, Any]:
    """Return one plan as a line: its state, how often, its last run, and what holds it up."""
    plan = state.plan
    code, word = PLAN_WORDS[plan.state]
    link = next((one for one in _connections(plan, names) if one.id == plan.connection), None)
    return {
        "url": reverse("monitoring_plan", args=[plan.id]),
        "place": f"{link.target_account}@{link.address}:{link.port}" if link else "a connection that is gone",
        "code": code,
        "word": word,
        "every": every(plan),
        "until": plan.valid_until,
        "run": run_shown(state.last_run) if state.last_run else None,
        "due": state.due_at,
        "late": state.late,
        "waits_for": state.waits_for,
        "genuine": state.genuine.allowed,
    }


def _connections(plan: PlanView, names: Names) -> list[Any]:
    asset = names.assets.get(plan.asset)
    return list(asset.connections) if asset else []


def every(plan: PlanView) -> str:
    """Return the cadence in words: `every 24 h`, `every 7 d`."""
    hours = plan.cadence_hours
    return f"every {hours // 24} d" if hours % 24 == 0 and hours > 24 else f"every {hours} h"


def of_asset(asset: AssetView, seen: Visitor, names: Names) -> dict[str, Any]:
    """Return the monitoring block of an asset's page: plans that matter, open findings, what may be done."""
    plans = _newest_of_each_connection(access.plans(asset=asset.id))
    free = {one.id for one in asset.connections} - {plan.connection for plan in plans if plan.is_live}
    reads = may_read_findings(seen.roles).allowed
    return {
        "monitoring": [plan_shown(watch_state(plan, seen.now), names) for plan in plans],
        "monitoring_findings": [finding_shown(one, names) for one in open_findings(asset.id)] if reads else [],
        "may_propose": seen.has(Role.IT_LEAD) and asset.active and bool(free),
    }


def _newest_of_each_connection(newest_first: list[PlanView]) -> list[PlanView]:
    found: dict[str, PlanView] = {}
    for plan in newest_first:
        found.setdefault(plan.connection, plan)
    return list(found.values())


def waiting(seen: Visitor, names: Names) -> list[dict[str, Any]]:
    """Return the plans that this person can decide on and the findings to explain."""
    found = []
    for plan in access.plans(states=(PlanState.PROPOSED,)):
        roles = [role for role, people in access.plan_waits_for(plan.id, seen.now).items() if seen.person.id in people]
        if roles:
            as_ = " or ".join(called(role.value) for role in roles)
            found.append({
                "act": f"Approve monitoring plan as {as_}",
                "about": f"{names.asset(plan.asset)} · {every(plan)} · until {plan.valid_until:%d %b %Y}",
                "url": reverse("monitoring_plan", args=[plan.id]),
                "button": "Decide", "icon": "eye-check", "due": None, "late": False,
            })  # fmt: skip
    if seen.has(*SETTLERS):
        found += [_to_explain(one, names) for one in open_findings()]
    return found


def _to_explain(finding: DriftView, names: Names) -> dict[str, Any]:
    shown = finding_shown(finding, names)
    left = shown["open"]
    return {
        "act": f"Explain drift found on {shown['asset']}",
        "about": f"{left} {'difference' if left == 1 else 'differences'} that no ticket explains",
        "url": shown["url"],
        "button": "Explain",
        "icon": "arrows-diff",
        "due": None,
        "late": False,
    }


def waited_for(seen: Visitor, names: Names) -> list[dict[str, Any]]:
    """Return whom the proposer of a plan waits for."""
    found = []
    for plan in access.plans(states=(PlanState.PROPOSED,)):
        if plan.proposer != seen.person.id:
            continue
        for role, people in access.plan_waits_for(plan.id, seen.now).items():
            who = " or ".join(names.person(person) for person in people)
            found.append({
                "what": f"Monitoring of {names.asset(plan.asset)}: {called(role.value)}",
                "who": who or "nobody can: name a deputy or an external approver",
                "since": plan.proposed_at, "url": reverse("monitoring_plan", args=[plan.id]),
            })  # fmt: skip
    return found


def risks(seen: Visitor, names: Names) -> list[dict[str, str]]:
    """Return plans that measure nothing although they are to, rows that the ledger does not know, what became void."""
    if not seen.has(*SETTLERS):
        return []
    found = [
        {"what": "Monitoring is not whole", "why": reason.sentence, "url": reverse("assets")}
        for reason in access.plans_are_whole().reasons
    ]
    for plan in _newest_of_each_connection(access.plans()):
        url, host = reverse("monitoring_plan", args=[plan.id]), names.asset(plan.asset)
        if plan.state in _LAPSED and seen.now - plan.state_at < _TOLD_FOR:
            why = f"{PLAN_WORDS[plan.state][1]}. Propose it anew, or leave it ended."
            found.append({"what": f"{host} is not monitored any more", "why": why, "url": url})
        if plan.state is not PlanState.APPROVED:
            continue
        state = watch_state(plan, seen.now)
        if not state.genuine.allowed:
            why = state.genuine.reasons[0].sentence
            found.append({"what": f"Monitoring of {host} is not to be believed", "why": why, "url": url})
        elif state.late:
            said = state.last_run.said if state.last_run and state.last_run.said else "It is overdue by a cadence."
            found.append({"what": f"{host} is not measured between tickets", "why": said, "url": url})
    return found
