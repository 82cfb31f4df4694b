"""Restore drills: plans set by the IT lead, restores really tried when due, compared, recorded; overdue ones told."""

from collections.abc import Mapping
from datetime import timedelta

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import (
    Against,
    BackupProduct,
    Compared,
    Digest,
    Drill,
    DrillPlan,
    Product,
    ProductFailed,
    Restored,
    Restorer,
    Snapshot,
    Source,
)
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.workflows.refusals import refusals_recorded

Restorers = Mapping[Product, Restorer]
Products = Mapping[Product, BackupProduct]
_NAMES_KEPT = 1000


def set_plan(
    actor: Actor,
    clock: Clock,
    *,
    asset: str,
    scratch: str,
    against: Against = Against.SOURCE,
    every: timedelta = backups.QUARTERLY,
) -> DrillPlan:
    """Set how often a restore of the asset is tried; Refused for all but the IT lead, or for a plan that can't run."""
    with refusals_recorded(actor, clock, "drill_plan.keep"), evidence.act(actor, clock) as act:
        return backups.set_plan(act, DrillPlan("", asset, against, scratch, every, clock.now()))


def end_plan(actor: Actor, clock: Clock, plan: str) -> None:
    """End a plan; Refused for anybody but the IT lead."""
    with refusals_recorded(actor, clock, "drill_plan.keep"), evidence.act(actor, clock) as act:
        backups.end_plan(act, plan)


def ask_drill(actor: Actor, clock: Clock, plan: str) -> DrillPlan:
    """Ask for a drill now; Refused for anybody but the IT lead. Restoring takes minutes, so the ticker does it."""
    with refusals_recorded(actor, clock, "restore.drill"), evidence.act(actor, clock) as act:
        return backups.ask_drill(act, plan)


def run_next_drill(actor: Actor, clock: Clock, products: Products, restorers: Restorers) -> bool:
    """Run the drill that has been due longest, if any; return whether there was one.

    A plan or source that is not what the ledger says of it holds up no other drill; it is told when no other is due.
    """
    now = clock.now()
    refused: Refused | None = None
    for line in backups.register(now):
        if line.due_at > now:
            continue
        try:
            run_drill(actor, clock, line.plan.id, products=products, restorers=restorers)
        except Refused as refusal:
            refused = refused or refusal
        else:
            return True
    if refused is not None:
        raise refused
    return False


def run_drill(actor: Actor, clock: Clock, plan_id: str, *, products: Products, restorers: Restorers) -> Drill:
    """Restore an asset's newest backup to the scratch place, compare, clean up, and record what came of it.

    What fails is a drill too: it is recorded as failed with its sentence, and tried again the next day.
    """
    plan, started = backups.plan(plan_id), clock.now()
    source = backups.source(plan.asset)
    snapshot: Snapshot | None = None
    compared: Compared | None = None
    log = b""
    try:
        source = _drillable(source, restorers)
        restorer = restorers[source.product]
        snapshot = products[source.product].latest_snapshot(source)
        if snapshot is None:
            raise ProductFailed("There is no backup of this asset to restore.")
        restored = restorer.restore(source, snapshot, plan.scratch)
        expected = _expected(plan, source, snapshot, restored, restorer)
        compared = backups.compare(restored.digests, expected, snapshot.taken_at)
        decision, log = backups.came_back(compared), restored.log + _told(compared)
    except ProductFailed as failed:
        decision = refuse("drill.failed", str(failed), "Correct it; the drill is tried again tomorrow.")
        log = f"{failed}\n".encode()
    kept = evidence.store_artifact(
        log,
        media_type="text/plain",
        role="backup_log",
        name=f"drill-{plan.asset}.log",
        may_contain_cui=inventory.asset(plan.asset).handles_cui,
    )
    with evidence.act(actor, clock) as act:
        return backups.record_drill(
            act,
            plan,
            product=source.product if source else Product.RESTIC,
            snapshot=snapshot.id if snapshot else "",
            started_at=started,
            compared=compared,
            decision=decision,
            log=kept,
        )


def _drillable(source: Source | None, restorers: Restorers) -> Source:
    if source is None or source.product not in restorers:
        raise ProductFailed("The asset has no backup source that can be drilled any more.")
    return source


def _expected(
    plan: DrillPlan, source: Source, snapshot: Snapshot, restored: Restored, restorer: Restorer
) -> Mapping[str, Digest]:
    if plan.against is Against.SOURCE:
        return restorer.source_digests(source, snapshot)
    known = baselines.newest_digests(plan.asset)
    # A baseline holds more than the backup covers: what is held against the restore lies in the source's path.
    root = source.path.rstrip("/") + "/" if source.path else ""
    return {
        path: Digest(sha256, changed)
        for path, (sha256, changed) in known.items()
        if (path.startswith(root) if root else path in restored.digests)
    }


def _told(compared: Compared) -> bytes:
    """Return the comparison as text, each kind of name up to a limit, so that a log stays readable."""
    lines = [f"same: {compared.same}"]
    for word, names in (
        ("different", compared.different),
        ("missing", compared.missing),
        ("changed after the backup", compared.newer),
    ):
        lines.append(f"{word}: {len(names)}")
        lines += [f"  {name!r}" for name in names[:_NAMES_KEPT]]
    return ("\n".join(lines) + "\n").encode()
