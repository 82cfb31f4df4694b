"""Monitoring plans: proposing one, everything that is approved in one view, the decision, the end."""

import json
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from quarterdeck.access import api as access
from quarterdeck.access.api import ENDING_ROLES, LONGEST_CADENCE_HOURS, SHORTEST_CADENCE_HOURS, PlanState, PlanView
from quarterdeck.baselines import api as baselines
from quarterdeck.entrypoints.web import stepup, zones
from quarterdeck.entrypoints.web.approving import DECIDERS, DecisionForm
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.ticket_forms import MomentField, ReasonForm, TimedForm
from quarterdeck.entrypoints.web.told_changes import in_words
from quarterdeck.entrypoints.web.watching import PLAN_WORDS, every, finding_shown, run_shown
from quarterdeck.entrypoints.web.words import called
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetView, ConnectionView
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.api import ApprovalRole, Verdict
from quarterdeck.workflows import keep_plans
from quarterdeck.workflows.watch_state import may_read_findings, watch_state

RUNS = 30


class PlanForm(TimedForm):
    """What is measured, how often, how long, and why."""

    connection = forms.ChoiceField(label="Measured over")
    cadence_hours = forms.IntegerField(
        label="Every how many hours", min_value=SHORTEST_CADENCE_HOURS, max_value=LONGEST_CADENCE_HOURS, initial=24,
        help_text="24 is once a day; every watched file is read each time.",
    )  # fmt: skip
    valid_until = MomentField(label="Until", help_text="A year at most, for example +26w or 31 May 2027.")
    reason = forms.CharField(label="Why", max_length=2000, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, *arguments: Any, asset: AssetView, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        taken = {plan.connection for plan in access.plans(asset=asset.id) if plan.is_live}
        self.fields["connection"] = forms.ChoiceField(
            label="Measured over",
            choices=[(one.id, _way(one)) for one in asset.connections if one.id not in taken],
        )


def _way(one: ConnectionView) -> str:
    return f"{one.target_account}@{one.address}:{one.port}, {', '.join(one.watched_roots) or 'no folder watched'}"


@page(Role.IT_LEAD)
def plan_propose(request: HttpRequest, seen: Visitor, asset_id: str) -> HttpResponse:
    """Propose monitoring of an asset."""
    asset = inventory.asset(asset_id)
    now = seen.now
    form = PlanForm(
        posted(request), asset=asset, zone=zones.zone_of(request), now=now,
        initial={"valid_until": (now + timedelta(days=180)).strftime("%d %b %Y %H:%M")},
    )  # fmt: skip
    context: dict[str, Any] = {
        "form": form, "asset": asset, "heading": f"Monitor {asset.hostname} between tickets", "button": "Propose",
    }  # fmt: skip
    if request.method == "POST" and form.is_valid():
        said = form.cleaned_data
        try:
            made = keep_plans.propose(
                seen.actor, CLOCK, asset=asset_id, connection=said["connection"], cadence_hours=said["cadence_hours"],
                valid_until=said["valid_until"], reason=said["reason"],
            )  # fmt: skip
            messages.success(request, "Proposed. Two other people decide on exactly what stands here.")
            return redirect("monitoring_plan", made.id)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "assets/form.html", context)


@page()
def plan_page(request: HttpRequest, seen: Visitor, plan_id: str) -> HttpResponse:
    """Show all that is approved and take the decision; a content other than the one shown is answered with 409."""
    plan = access.plan(plan_id)
    roles = _roles_for(seen, plan_id)
    form = DecisionForm(posted(request), roles=roles)
    code = stepup.code_form(request, seen) if roles else None
    extra: dict[str, Any] = {"form": form, "code_form": code, "may_decide": bool(roles)}
    status = 200
    if request.method == "POST" and roles and form.is_valid():
        if request.POST.get("content_hash", "") != plan.content_hash:
            extra, status = extra | {"moved": True}, 409
        elif code is None:
            try:
                return _decided(request, seen, plan, form)
            except Refused as refused:
                moved = "content.moved" in refused.decision.codes
                extra |= {"moved": True} if moved else {"refused": refused.decision}
                status = 409 if moved else 200
    shown = _shown(seen, access.plan(plan_id), zones.zone_of(request))
    return render(request, "monitoring/plan.html", shown | extra, status=status)


def _roles_for(seen: Visitor, plan_id: str) -> list[ApprovalRole]:
    if not seen.has(*DECIDERS):
        return []
    waiting = access.plan_waits_for(plan_id, seen.now)
    return [role for role, people in waiting.items() if seen.person.id in people]


def _decided(request: HttpRequest, seen: Visitor, plan: PlanView, form: DecisionForm) -> HttpResponse:
    said = form.cleaned_data
    verdict = Verdict.REFUSED if request.POST.get("verdict", "") == "refused" else Verdict.APPROVED
    after = keep_plans.decide(
        seen.actor, CLOCK, plan.id, role=ApprovalRole(said["role"]), verdict=verdict,
        content_hash=request.POST["content_hash"], reason=said["reason"],
    )  # fmt: skip
    word = "refused" if verdict is Verdict.REFUSED else "approved"
    waits = " It takes a second person." if after.state is PlanState.PROPOSED else ""
    messages.success(request, f"You {word} the monitoring plan.{waits}")
    return redirect("monitoring_plan", plan.id)


def _shown(seen: Visitor, plan: PlanView, zone: ZoneInfo) -> dict[str, Any]:
    """Return everything that a decider reads, in reading order, and how the plan has gone since."""
    names, state = Names(), watch_state(plan, seen.now)
    code, word = PLAN_WORDS[plan.state]
    frozen = access.frozen_plan(plan.id)
    reads = may_read_findings(seen.roles).allowed
    return {
        "plan": plan,
        "asset": names.assets.get(plan.asset),
        "code": code,
        "word": word,
        "every": every(plan),
        "place": _place(frozen),
        "proposer": names.person(plan.proposer),
        "decisions": [
            {"name": names.person(one.person), "role": called(one.role.value), "verdict": one.verdict.value,
             "reason": one.reason, "at": one.at}
            for one in plan.decisions
        ],
        "waits": _waits(seen, plan, names),
        "diff": in_words(list(state.changes) or [dict(one) for one in plan.differences], names, zone),
        "state": state,
        "runs": [run_shown(run) for run in baselines.runs(plan.id, RUNS)],
        "findings": [finding_shown(one, names) for one in baselines.findings(plan=plan.id)] if reads else [],
        "snapshot_text": json.dumps(frozen, indent=2, ensure_ascii=False, sort_keys=True),
        "ended_by": names.person(plan.ended_by) if plan.ended_by else "",
        "may_end": plan.is_live and seen.has(*ENDING_ROLES),
        "end_form": ReasonForm(),
        "is_proposer": plan.proposer == seen.person.id,
    }  # fmt: skip


def _place(frozen: dict[str, Any]) -> list[tuple[str, str]]:
    asset, link = frozen["asset"], frozen["asset"]["connection"]
    return [
        ("Category", called(asset["category"])),
        ("Handles CUI", "yes" if asset["handles_cui"] else "no"),
        ("Reached at", f"{link['target_account']}@{link['address']}, port {link['port']}"),
        ("Elevation", called(link["elevation"])),
        ("Host identity", link["host_identity"]),
        ("Watched folders", ", ".join(link["watched_roots"])),
        ("Collector (SHA-256)", frozen["collector_sha256"]),
    ]


def _waits(seen: Visitor, plan: PlanView, names: Names) -> list[str]:
    return [
        f"{called(role.value)[:1].upper()}{called(role.value)[1:]}: "
        + (" or ".join(names.person(one) for one in people) or "nobody can; name a deputy or an external approver")
        for role, people in access.plan_waits_for(plan.id, seen.now).items()
    ]


@page(*ENDING_ROLES)
@require_POST
def plan_end(request: HttpRequest, seen: Visitor, plan_id: str) -> HttpResponse:
    """End a plan at once."""
    keep_plans.end(seen.actor, CLOCK, plan_id, reason=request.POST.get("reason", ""))
    messages.success(request, "Ended. Nothing is measured under it any more.")
    return redirect("monitoring_plan", plan_id)
