"""Sources and proofs: rows and entries in one act; asking the product happens before, outside the act."""

from dataclasses import replace
from datetime import datetime, timedelta

from django.db.models import QuerySet

from quarterdeck.backups import rules
from quarterdeck.backups.models import BackupProof, BackupSource
from quarterdeck.backups.terms import SNAPSHOTS_ONLY, Depth, Found, Product, Proof, Snapshot, Source, Use, use_of
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, JsonValue, ObjectRef, Outcome, last_entry, row_digest
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets


def set_source(act: Act, source: Source) -> Source:
    """Register or replace where an asset's backups or snapshots are (one active source for each); the IT lead's act.

    `source.id` is ignored and made anew: an earlier source becomes inactive, so that old proofs keep theirs. A restic
    or borg source without a host means the asset's own host name: a backup of another host proves nothing about it.
    """
    tickets.has_role(act.actor, [Role.IT_LEAD], act.at).require()
    asset = inventory.asset(source.asset)
    host = source.host or (asset.hostname if source.product in (Product.RESTIC, Product.BORG) else "")
    made = replace(source, id=new_id("bs"), host=host, active=True)
    rules.check_source(made).require()
    _active(made.asset, use_of(made.product)).update(active=False)
    BackupSource.objects.create(
        id=made.id,
        asset_id=made.asset,
        product=made.product.value,
        repository=made.repository,
        credential_file=made.credential_file,
        host=made.host,
        path=made.path,
        tag=made.tag,
        depth=made.depth.value,
        max_age=made.max_age,
        offline=made.offline,
        offline_days=made.offline_days,
        contract_days=made.contract_days,
    )
    act.record(
        "backup_source.set",
        ObjectRef("backup_source", made.id),
        data={"asset": made.asset, "product": made.product.value, "row": source_digest(made)},
    )
    return made


def source_digest(source: Source) -> str:
    """Return the digest of a source's fields that its entry carries; what came later is in it only where it is said."""
    later: dict[str, JsonValue] = {
        "offline": source.offline,
        "offline_days": source.offline_days,
        "contract_days": source.contract_days,
    }
    return row_digest(
        {
            **{name: value for name, value in later.items() if value},
            "id": source.id,
            "asset": source.asset,
            "product": source.product.value,
            "repository": source.repository,
            "credential_file": source.credential_file,
            "host": source.host,
            "path": source.path,
            "tag": source.tag,
            "depth": source.depth.value,
            "max_age": int(source.max_age.total_seconds()),
        }
    )


def _active(asset: str, use: Use) -> QuerySet[BackupSource]:
    rows = BackupSource.objects.filter(asset_id=asset, active=True)
    of_snapshots = [one.value for one in SNAPSHOTS_ONLY]
    return rows.filter(product__in=of_snapshots) if use is Use.SNAPSHOT else rows.exclude(product__in=of_snapshots)


def source(asset: str, use: Use = Use.BACKUP) -> Source | None:
    """Return the active source of an asset's backups or snapshots; Refused when it is not what the ledger says."""
    row = _active(asset, use).first()
    if row is None:
        return None
    return sealed_source(row)


def source_of(source_id: str) -> Source:
    """Return one source, also a former one; Refused when it is not what the ledger says."""
    return sealed_source(BackupSource.objects.get(pk=source_id))


def sealed_source(row: BackupSource) -> Source:
    """Return a source's row as a value; Refused when it is not what the ledger says."""
    found = _source(row)
    sealed = last_entry(["backup_source.set"], object=ObjectRef("backup_source", row.id))
    rules.source_is_sealed(sealed is not None and sealed.data.get("row") == source_digest(found)).require()
    return found


def sources() -> list[Source]:
    """Return all active sources of backups, by asset."""
    of_snapshots = [one.value for one in SNAPSHOTS_ONLY]
    rows = BackupSource.objects.filter(active=True).exclude(product__in=of_snapshots).order_by("asset_id")
    return [_source(row) for row in rows]


def snapshot_sources() -> list[Source]:
    """Return all active sources of snapshots, by asset."""
    of_snapshots = [one.value for one in SNAPSHOTS_ONLY]
    rows = BackupSource.objects.filter(active=True, product__in=of_snapshots).order_by("asset_id")
    return [_source(row) for row in rows]


def _source(row: BackupSource) -> Source:
    return Source(
        id=row.id,
        asset=row.asset_id,
        product=Product(row.product),
        repository=row.repository,
        credential_file=row.credential_file,
        max_age=row.max_age,
        host=row.host,
        path=row.path,
        tag=row.tag,
        depth=Depth(row.depth),
        active=row.active,
        offline=row.offline,
        offline_days=row.offline_days,
        contract_days=row.contract_days,
    )


def record_proof(act: Act, found: Found, log: ArtifactRef) -> Proof | None:
    """Record what was found out about an asset's backup, good or bad, and the facts that hold points read.

    Returns None when there was no backup at all (the fact says failed). Raises Refused when the asset is not in the
    ticket or the ticket has ended.
    """
    tickets.lock(act, found.ticket)
    fits_ticket(found.ticket, found.asset)
    if found.attached:
        may_attach(act.actor, found.ticket, act.at).require()
    snapshot = found.snapshot
    decision = rules.may_rely_on(snapshot, found.verification, act.at, found.max_age)
    proof_id = new_id("bp")
    data: dict[str, JsonValue] = {"asset": found.asset, "product": found.product.value, "codes": list(decision.codes)}
    if snapshot is not None:
        data |= {"taken": rfc3339(snapshot.taken_at), "size": snapshot.size, "snapshot": plain_name(snapshot.id)}
    if found.lock is not None:
        data["lock"] = {"mode": found.lock.mode, "days": found.lock.days, "versions": found.lock.versions}
    entry = act.record(
        "backup.proven" if decision.allowed else "backup.found_wanting",
        ObjectRef("backup_proof", proof_id),
        ticket=found.ticket,
        data=data,
        artifacts=(log,),
    )
    _tell(act, found, entry, proof_id, decision)
    if snapshot is None:
        return None
    row = BackupProof.objects.create(
        id=proof_id,
        ticket_id=found.ticket,
        asset_id=found.asset,
        source_id=found.source_id,
        product=found.product.value,
        snapshot=snapshot.id[:200],
        taken_at=snapshot.taken_at,
        verified_at=act.at,
        verified=decision.allowed,
        encrypted=snapshot.encrypted,
        size=snapshot.size,
        valid_until=snapshot.taken_at + found.max_age,
        attached=found.attached,
        sentence=("" if decision.allowed else decision.reasons[0].sentence)[:400],
        log_sha256=log.sha256,
        recorded_at=act.at,
        entry=entry,
    )
    return proof_view(row)


def _tell(act: Act, found: Found, entry: str, proof_id: str, decision: Decision) -> None:
    snapshot = found.snapshot
    grade = Grade.ATTACHED if found.attached else Grade.CAPTURED
    act.fact(
        "backup.verified",
        entry=entry,
        outcome=_outcome(decision),
        grade=grade,
        ticket=found.ticket,
        asset=found.asset,
        valid_until=None if snapshot is None else snapshot.taken_at + found.max_age,
        detail={"proof": proof_id, "product": found.product.value},
    )
    told = {
        "backup.encrypted": None if snapshot is None else snapshot.encrypted,
        "backup.locked": None if found.lock is None else found.lock.locked and found.lock.versions,
    }
    for kind, value in told.items():
        _tell_word(act, found, entry, kind, value, grade)
    # What is kept offline is a person's word in the source, read by nobody.
    _tell_word(act, found, entry, "backup.offline", found.offline_enough, Grade.ATTACHED)


def _outcome(decision: Decision) -> Outcome:
    """Return failed for a backup that doesn't count; one that is only not ready yet is not known."""
    if decision.allowed:
        return Outcome.PASSED
    return Outcome.UNKNOWN if set(decision.codes) == {"backup.pending"} else Outcome.FAILED


def _tell_word(act: Act, found: Found, entry: str, kind: str, value: bool | None, grade: Grade) -> None:
    if value is None:
        return
    act.fact(
        kind,
        entry=entry,
        outcome=Outcome.PASSED if value else Outcome.FAILED,
        grade=grade,
        ticket=found.ticket,
        asset=found.asset,
    )


def record_unknown(act: Act, *, ticket: str, asset: str, product: Product) -> None:
    """Record that the product could not be asked: the fact is not known, which no hold point passes."""
    tickets.lock(act, ticket)
    fits_ticket(ticket, asset)
    entry = act.record(
        "backup.not_reached",
        ObjectRef("asset", asset),
        ticket=ticket,
        data={"asset": asset, "product": product.value},
    )
    act.fact("backup.verified", entry=entry, outcome=Outcome.UNKNOWN, grade=Grade.CAPTURED, ticket=ticket, asset=asset)


def may_attach(actor: Actor, ticket: str, now: datetime) -> Decision:
    """Refuse whoever hands in evidence of a backup without working on the ticket; people do that, no machine."""
    return all_of(
        (
            tickets.has_role(actor, tickets.WORKING_ROLES, now),
            tickets.takes_part(tickets.ticket(ticket), actor, now),
        )
    )


def record_shadow(
    act: Act, *, ticket: str, asset: str, snapshot: Snapshot, max_age: timedelta, log: ArtifactRef
) -> None:
    """Record an attached list of shadow copies: a point to go back to beside its disk, which proves no backup."""
    tickets.lock(act, ticket)
    fits_ticket(ticket, asset)
    may_attach(act.actor, ticket, act.at).require()
    rules.is_fresh_enough(snapshot.taken_at, act.at, max_age).require()
    entry = act.record(
        "snapshot.attached",
        ObjectRef("asset", asset),
        ticket=ticket,
        data={"asset": asset, "product": Product.VSS.value, "taken": rfc3339(snapshot.taken_at),
              "snapshot": plain_name(snapshot.id)},
        artifacts=(log,),
    )  # fmt: skip
    act.fact(
        "snapshot.taken",
        entry=entry,
        outcome=Outcome.PASSED,
        grade=Grade.ATTACHED,
        ticket=ticket,
        asset=asset,
        valid_until=snapshot.taken_at + max_age,
        detail={"product": Product.VSS.value},
    )


def proofs(*, ticket: str | None = None, asset: str | None = None) -> list[Proof]:
    """Return proofs, newest first."""
    rows = BackupProof.objects.order_by("-recorded_at", "-id")
    if ticket is not None:
        rows = rows.filter(ticket_id=ticket)
    if asset is not None:
        rows = rows.filter(asset_id=asset)
    return [proof_view(row) for row in rows]


def proof_view(row: BackupProof) -> Proof:
    """Return the row as a value."""
    return Proof(
        id=row.id,
        ticket=row.ticket_id,
        asset=row.asset_id,
        product=Product(row.product),
        snapshot=row.snapshot,
        taken_at=row.taken_at,
        verified_at=row.verified_at,
        verified=row.verified,
        encrypted=row.encrypted,
        size=row.size,
        valid_until=row.valid_until,
        attached=row.attached,
        sentence=row.sentence,
        log_sha256=row.log_sha256,
        entry=row.entry,
    )


def fits_ticket(ticket: str, asset: str) -> None:
    """Refuse a ticket that has ended or does not name the asset."""
    seen = tickets.ticket(ticket)
    if seen.is_final or asset not in {one.asset_id for one in seen.assets}:
        raise Refused(
            refuse(
                "backup.not_in_ticket",
                "The ticket has ended or does not name this asset.",
                "Choose a live ticket that names the asset.",
            )
        )


def plain_name(text: str) -> str:
    """Return a product's name for something in the letters that entries allow."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "._:+=@-") else "_" for c in text)[:200]
