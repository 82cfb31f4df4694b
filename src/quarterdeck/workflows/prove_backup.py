"""Prove that an asset of a ticket can be brought back: ask the product, store its words, then one act."""

from collections.abc import Callable, Mapping
from datetime import timedelta

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import (
    BackupProduct,
    Found,
    JobLogProduct,
    LockReader,
    LogTold,
    Maker,
    Product,
    ProductFailed,
    Proof,
    Source,
)
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ArtifactRef
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.workflows.refusals import refusals_recorded

ReadLog = Callable[[bytes], JobLogProduct]
MOST_LOG_BYTES = 8 << 20
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
    ticket: str, asset: str, *, log: bytes, read: ReadLog, told: LogTold, actor: Actor, clock: Clock
) -> Proof | None:
    """Record what an uploaded job log says (grade attached); a log of a failed job is refused and nothing is kept.

    A list of shadow copies becomes a point to go back to and no proof: then None.
    """
    with refusals_recorded(actor, clock, "backup_log.attach", ticket):
        backups.may_attach(actor, ticket, clock.now()).require()
        try:
            job_log = read(log)
        except ProductFailed as failed:
            raise Refused(refuse("backup.log_refused", str(failed), "Attach the job's own log.")) from failed
        return _prove_by_log(ticket, asset, job_log, told, actor, clock)


def _prove_by_log(
    ticket: str, asset: str, job_log: JobLogProduct, told: LogTold, actor: Actor, clock: Clock
) -> Proof | None:
    backups.log_agrees(told, job_log.said(), inventory.asset(asset).hostname).require()
    known = backups.source(asset)
    age = known.max_age if known else _LOG_AGE
    source = known if known and known.product is Product.JOB_LOG else Source("", asset, Product.JOB_LOG, "", "", age)
    try:
        snapshot = job_log.latest_snapshot(source)
        verification = job_log.verify(source, snapshot) if snapshot else None
    except ProductFailed as failed:
        raise Refused(
            refuse("backup.log_refused", str(failed), "Run the job again and attach the log of one that succeeded.")
        ) from failed
    if told.maker is Maker.VSS and snapshot is not None and verification is not None:
        kept = _kept(asset, verification.log)
        with evidence.act(actor, clock) as act:
            backups.record_shadow(act, ticket=ticket, asset=asset, snapshot=snapshot, max_age=age, log=kept)
        return None
    found = Found(
        ticket, asset, Product.JOB_LOG, source.id or None, snapshot, verification, source.max_age, attached=True,
        offline_enough=backups.offline_enough(source),
    )  # fmt: skip
    return _record(found, actor, clock)


def _record(found: Found, actor: Actor, clock: Clock) -> Proof | None:
    log = _kept(found.asset, found.verification.log if found.verification else _NO_BACKUP)
    with evidence.act(actor, clock) as act:
        return backups.record_proof(act, found, log)


def _kept(asset: str, log: bytes) -> ArtifactRef:
    return evidence.store_artifact(
        log,
        media_type="text/plain",
        role="backup_log",
        name=f"backup-{asset}.log",
        may_contain_cui=inventory.asset(asset).handles_cui,
    )
