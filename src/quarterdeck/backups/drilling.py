"""Restore drills: plans, tried restores and the register; rows and entries in one act, restoring happens before."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from quarterdeck.backups import drill_rules
from quarterdeck.backups.models import DrillPlanRow, RestoreDrill
from quarterdeck.backups.proving import plain_name, source
from quarterdeck.backups.terms import Against, Compared, Drill, DrillPlan, Product, Register
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, JsonValue, ObjectRef, Outcome, last_entry, row_digest
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, Refused, refuse
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets


def set_plan(act: Act, plan: DrillPlan) -> DrillPlan:
    """Set or replace how often a restore of an asset is tried; the IT lead's act. The first is due at once."""
    tickets.has_role(act.actor, [Role.IT_LEAD], act.at).require()
    inventory.asset(plan.asset)
    found = source(plan.asset)
    made = replace(plan, id=new_id("dp"), since=act.at, active=True)
    drill_rules.check_plan(made, found.product if found else None).require()
    DrillPlanRow.objects.filter(asset_id=made.asset, active=True).update(active=False)
    DrillPlanRow.objects.create(
        id=made.id,
        asset_id=made.asset,
        against=made.against.value,
        scratch=made.scratch,
        every=made.every,
        since=made.since,
    )
    act.record(
        "drill_plan.set",
        ObjectRef("drill_plan", made.id),
        data={"asset": made.asset, "every_days": made.every.days, "row": plan_digest(made)},
    )
    return made


def end_plan(act: Act, plan_id: str) -> None:
    """End a plan; the IT lead's act. The asset then shows as without a plan."""
    tickets.has_role(act.actor, [Role.IT_LEAD], act.at).require()
    found = plan(plan_id)
    DrillPlanRow.objects.filter(pk=found.id).update(active=False)
    act.record("drill_plan.ended", ObjectRef("drill_plan", found.id), data={"asset": found.asset})


def ask_drill(act: Act, plan_id: str) -> DrillPlan:
    """Ask for a drill now, out of turn; the IT lead's act. The ticker tries it at its next look."""
    tickets.has_role(act.actor, [Role.IT_LEAD], act.at).require()
    found = plan(plan_id)
    DrillPlanRow.objects.filter(pk=found.id).update(asked_at=act.at)
    act.record("drill_plan.asked", ObjectRef("drill_plan", found.id), data={"asset": found.asset})
    return found


def plan_digest(plan: DrillPlan) -> str:
    """Return the digest of a plan's fields that its entry carries."""
    return row_digest(
        {
            "id": plan.id,
            "asset": plan.asset,
            "against": plan.against.value,
            "scratch": plan.scratch,
            "every": int(plan.every.total_seconds()),
            "since": rfc3339(plan.since),
        }
    )


def plan(plan_id: str) -> DrillPlan:
    """Return a live plan; Refused when there is none, or its row is not what the ledger says of it."""
    row = DrillPlanRow.objects.filter(pk=plan_id, active=True).first()
    if row is None:
        raise Refused(refuse("drill.no_plan", "There is no such drill plan in force.", "Set a plan on the asset."))
    found = _plan(row)
    sealed = last_entry(["drill_plan.set", "drill_plan.ended"], object=ObjectRef("drill_plan", row.id))
    drill_rules.plan_is_sealed(sealed is not None and sealed.data.get("row") == plan_digest(found)).require()
    return found


def _plan(row: DrillPlanRow) -> DrillPlan:
    return DrillPlan(row.id, row.asset_id, Against(row.against), row.scratch, row.every, row.since, row.active)


def register(now: datetime, *, asset: str = "") -> list[Register]:
    """Return the register of drills: every plan in force with its newest drill, what is due first at the top."""
    rows = DrillPlanRow.objects.filter(active=True)
    rows = rows.filter(asset_id=asset) if asset else rows
    lines = [_line(_plan(row), now) for row in rows]
    return sorted(lines, key=lambda line: (line.due_at, line.plan.asset))


def _line(found: DrillPlan, now: datetime) -> Register:
    tried = RestoreDrill.objects.filter(plan_id=found.id).order_by("-finished_at", "-id")
    newest, good = tried.first(), tried.filter(passed=True).first()
    asked = DrillPlanRow.objects.values_list("asked_at", flat=True).get(pk=found.id)
    due = drill_rules.due_at(found, newest.finished_at if newest else None, bool(newest and newest.passed), asked)
    late = drill_rules.is_overdue(found, good.finished_at if good else None, now)
    return Register(found, due, late, _drill(newest) if newest else None)


def drills(*, asset: str = "", limit: int = 200) -> list[Drill]:
    """Return tried restores, newest first."""
    rows = RestoreDrill.objects.order_by("-finished_at", "-id")
    return [_drill(row) for row in (rows.filter(asset_id=asset) if asset else rows)[:limit]]


def record_drill(
    act: Act,
    found: DrillPlan,
    *,
    product: Product,
    snapshot: str,
    started_at: datetime,
    compared: Compared | None,
    decision: Decision,
    log: ArtifactRef,
) -> Drill:
    """Record a tried restore, good or bad, with the fact `restore.drilled`; Refused when the plan ended meanwhile."""
    plan(found.id)
    counts = _counts(compared)
    drill_id = new_id("dr")
    data: dict[str, JsonValue] = {
        "asset": found.asset,
        "plan": found.id,
        "product": product.value,
        "snapshot": plain_name(snapshot),
        "against": found.against.value,
        "codes": list(decision.codes),
        **counts,
    }
    entry = act.record("restore.drilled", ObjectRef("restore_drill", drill_id), data=data, artifacts=(log,))
    act.fact(
        "restore.drilled",
        entry=entry,
        outcome=Outcome.PASSED if decision.allowed else Outcome.FAILED,
        grade=Grade.CAPTURED,
        asset=found.asset,
        valid_until=act.at + found.every,
        detail={"drill": drill_id, "product": product.value},
    )
    row = RestoreDrill.objects.create(
        id=drill_id,
        plan_id=found.id,
        asset_id=found.asset,
        product=product.value,
        snapshot=snapshot[:200],
        started_at=started_at,
        finished_at=act.at,
        passed=decision.allowed,
        sentence=_sentence(decision),
        log_sha256=log.sha256,
        entry=entry,
        **counts,
    )
    return _drill(row)


def _counts(compared: Compared | None) -> dict[str, int]:
    if compared is None:
        return {"same": 0, "different": 0, "missing": 0, "newer": 0}
    names: dict[str, Sequence[str]] = {
        "different": compared.different,
        "missing": compared.missing,
        "newer": compared.newer,
    }
    return {"same": compared.same, **{name: len(value) for name, value in names.items()}}


def _sentence(decision: Decision) -> str:
    return ("" if decision.allowed else decision.reasons[0].sentence)[:400]


def _drill(row: RestoreDrill) -> Drill:
    return Drill(
        row.id,
        row.plan_id,
        row.asset_id,
        Product(row.product),
        row.snapshot,
        row.started_at,
        row.finished_at,
        row.passed,
        row.same,
        row.different,
        row.missing,
        row.newer,
        row.sentence,
        row.log_sha256,
        row.entry,
    )
