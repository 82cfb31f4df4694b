"""The register of reimage plans, and the fact that a ticket's workstation is covered by one."""

from dataclasses import replace

from quarterdeck.backups import reimage_rules as rules
from quarterdeck.backups.models import ReimageCover, ReimagePlanRow
from quarterdeck.backups.proving import fits_ticket
from quarterdeck.backups.terms import Product, ReimagePlan
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, JsonValue, ObjectRef, Outcome, last_entry, row_digest
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets

EVENTS = ("reimage_plan.set", "reimage_plan.ended")


def set_reimage_plan(act: Act, plan: ReimagePlan, steps: str, document: ArtifactRef) -> ReimagePlan:
    """Register or replace the plan of an image; the IT lead's act. `document` holds the steps, stored before."""
    tickets.has_role(act.actor, [Role.IT_LEAD], act.at).require()
    personnel.person(plan.owner)
    kinds = [inventory.asset(one).asset_kind.value for one in plan.assets]
    assets = tuple(sorted(set(plan.assets)))
    made = replace(plan, id=new_id("rp"), steps_sha256=document.sha256, assets=assets, active=True)
    rules.check_reimage(made, steps, kinds, act.at).require()
    ReimagePlanRow.objects.filter(image=made.image, active=True).update(active=False)
    ReimagePlanRow.objects.create(
        id=made.id,
        image=made.image,
        version=made.version,
        owner_id=made.owner,
        tested_at=made.tested_at,
        review_by=made.review_by,
        steps_sha256=made.steps_sha256,
    )
    for one in made.assets:
        ReimageCover.objects.create(plan_id=made.id, asset_id=one)
    act.record(
        "reimage_plan.set",
        ObjectRef("reimage_plan", made.id),
        data={"assets": len(made.assets), "row": plan_digest(made)},
        artifacts=(document,),
    )
    return made


def end_reimage_plan(act: Act, plan_id: str) -> None:
    """End a plan; the IT lead's act. Its assets then need a backup or another plan."""
    tickets.has_role(act.actor, [Role.IT_LEAD], act.at).require()
    found = reimage_plan(plan_id)
    ReimagePlanRow.objects.filter(pk=found.id).update(active=False)
    act.record("reimage_plan.ended", ObjectRef("reimage_plan", found.id), data={"assets": len(found.assets)})


def plan_digest(plan: ReimagePlan) -> str:
    """Return the digest of a plan's fields that its entry carries."""
    assets: list[JsonValue] = list(plan.assets)
    return row_digest(
        {
            "id": plan.id,
            "image": plan.image,
            "version": plan.version,
            "owner": plan.owner,
            "tested": rfc3339(plan.tested_at),
            "review": rfc3339(plan.review_by),
            "steps": plan.steps_sha256,
            "assets": assets,
        }
    )


def reimage_plan(plan_id: str) -> ReimagePlan:
    """Return a plan in force; Refused when there is none, or its row is not what the ledger says of it."""
    row = ReimagePlanRow.objects.filter(pk=plan_id, active=True).first()
    if row is None:
        raise Refused(refuse("backup.no_reimage_plan", "There is no such reimage plan in force.", "Set one."))
    found = _plan(row)
    sealed = last_entry(list(EVENTS), object=ObjectRef("reimage_plan", row.id))
    rules.plan_is_sealed(sealed is not None and sealed.data.get("row") == plan_digest(found)).require()
    return found


def reimage_plans() -> list[ReimagePlan]:
    """Return the plans in force by image."""
    return [_plan(row) for row in ReimagePlanRow.objects.filter(active=True).order_by("image")]


def reimage_plan_of(asset: str) -> ReimagePlan | None:
    """Return the plan in force that covers the asset and counts longest, None without one."""
    rows = ReimagePlanRow.objects.filter(active=True, covers__asset_id=asset)
    found = sorted((_plan(row) for row in rows), key=rules.counts_until)
    return reimage_plan(found[-1].id) if found else None


def _plan(row: ReimagePlanRow) -> ReimagePlan:
    covers = ReimageCover.objects.filter(plan_id=row.id).order_by("asset_id")
    assets = tuple(covers.values_list("asset_id", flat=True))
    return ReimagePlan(
        row.id, row.image, row.version, row.owner_id, row.tested_at, row.review_by, row.steps_sha256, assets, row.active
    )


def record_reimage_plan(act: Act, *, ticket: str, asset: str) -> ReimagePlan:
    """Record that a ticket's workstation is brought back by its plan of the register; grade attached.

    Raises Refused for servers, assets without a plan, and plans that no longer count.
    """
    tickets.lock(act, ticket)
    fits_ticket(ticket, asset)
    plan = reimage_plan_of(asset)
    rules.may_use(plan, inventory.asset(asset).asset_kind.value, act.at).require()
    assert plan is not None  # noqa: S101  the rule refuses without one
    entry = act.record(
        "backup.plan_attached",
        ObjectRef("reimage_plan", plan.id),
        ticket=ticket,
        data={"asset": asset, "product": Product.REIMAGE.value, "until": rfc3339(rules.counts_until(plan)),
              "steps": plan.steps_sha256},
    )  # fmt: skip
    act.fact(
        "backup.verified",
        entry=entry,
        outcome=Outcome.PASSED,
        grade=Grade.ATTACHED,
        ticket=ticket,
        asset=asset,
        valid_until=rules.counts_until(plan),
        detail={"product": Product.REIMAGE.value},
    )
    return plan
