"""Prove that an asset of a ticket can be brought back: ask the product, store its words, then one act."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import BackupProduct, Found, LockReader, Product, ProductFailed, Proof, Source
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse

_LOG_AGE = timedelta(hours=24)
_NO_BACKUP = b"The product lists no backup for this host, path and tag.\n"


def prove_backup(
    ticket: str,
    asset: str,
    *,
    products: Mapping[Product, BackupProduct],
    actor: Actor,
    clock: Clock,
    locks: LockReader | None = None,
) -> Proof | None:
    """Ask the asset's backup product for its newest backup, verify it, record proof and facts (grade captured).

    With `locks`, how the bucket of the backups is locked is read back and recorded too.

    A backup that is too old or not verified is recorded as such and returned with `verified` false; None when there is
    none. Raises Refused when no source is set, the product is not at hand, or it could not be asked.
    """
    source = backups.source(asset)
    product = products.get(source.product) if source else None
    if source is None or product is None:
        raise Refused(
            refuse(
                "backup.no_source",
                "Nobody has said where the backups of this asset are, or this server cannot ask that product.",
                "The IT lead names product and repository on the asset's page, or a job log is attached to the ticket.",
            )
        )
    try:
        snapshot = product.latest_snapshot(source)
        verification = product.verify(source, snapshot) if snapshot else None
        lock = locks.read_lock(source) if locks else None
    except ProductFailed as failed:
        with evidence.act(actor, clock) as act:
            backups.record_unknown(act, ticket=ticket, asset=asset, product=source.product)
        raise Refused(refuse("backup.not_reached", str(failed), "Correct it and prove the backup again.")) from failed
    found = Found(
        ticket, asset, source.product, source.id, snapshot, verification, source.max_age, attached=False,
        lock=lock, offline_enough=backups.offline_enough(source),
    )  # fmt: skip
    return _record(found, actor, clock)


def prove_by_log(
    ticket: str, asset: str, *, job_log: BackupProduct, actor: Actor, clock: Clock, max_age: timedelta = _LOG_AGE
) -> Proof | None:
    """Record what an uploaded job log says (grade attached); a log of a failed job is refused and nothing is kept."""
    source = backups.source(asset)
    if source is None or source.product is not Product.JOB_LOG:
        source = Source("", asset, Product.JOB_LOG, "", "", source.max_age if source else max_age)
    try:
        snapshot = job_log.latest_snapshot(source)
        verification = job_log.verify(source, snapshot) if snapshot else None
    except ProductFailed as failed:
        raise Refused(
            refuse("backup.log_refused", str(failed), "Run the job again and attach the log of one that succeeded.")
        ) from failed
    found = Found(
        ticket, asset, Product.JOB_LOG, source.id or None, snapshot, verification, source.max_age, attached=True
    )
    return _record(found, actor, clock)


def attach_reimage_plan(
    ticket: str, asset: str, *, plan: str, valid_until: datetime, actor: Actor, clock: Clock
) -> None:
    """Attach the plan by which a workstation is imaged anew; its text becomes an artifact (grade attached)."""
    seen = inventory.asset(asset)
    backups.check_reimage(plan, seen.asset_kind.value, valid_until, clock.now()).require()
    document = evidence.store_artifact(
        plan.strip().encode(),
        media_type="text/plain",
        role="reimage_plan",
        name=f"reimage-{asset}.txt",
        may_contain_cui=seen.handles_cui,
    )
    with evidence.act(actor, clock) as act:
        backups.record_reimage_plan(
            act,
            ticket=ticket,
            asset=asset,
            kind=seen.asset_kind.value,
            plan=plan,
            valid_until=valid_until,
            document=document,
        )


def _record(found: Found, actor: Actor, clock: Clock) -> Proof | None:
    log = evidence.store_artifact(
        found.verification.log if found.verification else _NO_BACKUP,
        media_type="text/plain",
        role="backup_log",
        name=f"backup-{found.asset}.log",
        may_contain_cui=inventory.asset(found.asset).handles_cui,
    )
    with evidence.act(actor, clock) as act:
        return backups.record_proof(act, found, log)
