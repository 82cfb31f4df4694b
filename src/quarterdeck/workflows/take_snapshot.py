"""Snapshots of a ticket's assets: taken, and looked at again while pending; each ends in one act."""

from collections.abc import Mapping

from quarterdeck.backups import api as backups
from quarterdeck.backups.api import (
    Product,
    ProductFailed,
    SnapshotMaker,
    SnapshotState,
    Source,
    TakenSnapshot,
    Told,
    Use,
    Verification,
)
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ArtifactRef
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded

Makers = Mapping[Product, SnapshotMaker]


def take_snapshot(ticket: str, asset: str, *, makers: Makers, actor: Actor, clock: Clock) -> TakenSnapshot:
    """Take a snapshot of an asset under a ticket, for somebody who works on it, and record what came of it."""
    with refusals_recorded(actor, clock, "snapshot.take", ticket=ticket):
        _may_work(ticket, actor, clock)
        backups.may_take(ticket, asset).require()
        return _take(ticket, asset, makers, actor, clock)


def snapshot_for_ticket(ticket: str, asset: str, *, makers: Makers, actor: Actor, clock: Clock) -> TakenSnapshot:
    """Return the asset's snapshot of this ticket: the one that there is, looked at anew, else a new one."""
    for one in backups.snapshots(ticket):
        if one.asset == asset and one.state in (SnapshotState.PENDING, SnapshotState.COMPLETE):
            return look_again(ticket, one.id, makers, actor, clock)
    backups.may_take(ticket, asset).require()
    return _take(ticket, asset, makers, actor, clock)


def look_at_snapshot(ticket: str, snapshot_id: str, *, makers: Makers, actor: Actor, clock: Clock) -> TakenSnapshot:
    """Read a ticket's snapshot back, for somebody who works on it; a state that moved on is recorded."""
    with refusals_recorded(actor, clock, "snapshot.look", ticket=ticket):
        _may_work(ticket, actor, clock)
        return look_again(ticket, snapshot_id, makers, actor, clock)


def look_again(ticket: str, snapshot_id: str, makers: Makers, actor: Actor, clock: Clock) -> TakenSnapshot:
    """Read a ticket's snapshot back for what already may: preparing a ticket, a rollback that a person began."""
    taken = backups.snapshot(snapshot_id)
    backups.may_look(ticket, taken).require()
    source = backups.source_of(taken.source)
    try:
        seen = maker_of(makers, source).look(source, taken.name)
    except ProductFailed as failed:
        raise refused_by_product(failed) from failed
    log = stored_log(seen, taken.asset)
    with evidence.act(actor, clock) as act:
        return backups.record_looked(act, snapshot_id, seen, log)


def _take(ticket: str, asset: str, makers: Makers, actor: Actor, clock: Clock) -> TakenSnapshot:
    source, maker = _maker(asset, makers)
    now = clock.now()
    try:
        made = maker.take(source, f"{ticket}-{now:%Y%m%dT%H%M%SZ}", now)
        seen = maker.look(source, made.id)
    except ProductFailed as failed:
        raise refused_by_product(failed) from failed
    log = stored_log(seen, asset)
    with evidence.act(actor, clock) as act:
        return backups.record_taken(act, Told(ticket, source, made, seen), log)


def _may_work(ticket: str, actor: Actor, clock: Clock) -> None:
    tickets.has_role(actor, tickets.WORKING_ROLES, clock.now()).require()
    tickets.takes_part(tickets.ticket(ticket), actor, clock.now()).require()


def _maker(asset: str, makers: Makers) -> tuple[Source, SnapshotMaker]:
    source = backups.source(asset, Use.SNAPSHOT) or backups.source(asset)
    if source is None or source.product not in makers:
        raise Refused(
            refuse(
                "snapshot.no_source",
                "Nobody has said how a snapshot of this asset is made.",
                "The IT lead names a product that can make snapshots on the asset's page.",
            )
        )
    return source, makers[source.product]


def maker_of(makers: Makers, source: Source) -> SnapshotMaker:
    """Return the product that a source names; Refused(snapshot.no_product) when this server has none such."""
    if source.product not in makers:
        raise Refused(refuse("snapshot.no_product", "This server cannot ask that product.", "Install its client here."))
    return makers[source.product]


def refused_by_product(failed: ProductFailed) -> Refused:
    """Return what a product could not do as a refusal with a next step."""
    return Refused(refuse("snapshot.not_reached", str(failed), "Correct it and try again."))


def stored_log(seen: Verification, asset: str) -> ArtifactRef:
    """Store what a product said as evidence."""
    return evidence.store_artifact(
        seen.log or b"no words\n",
        media_type="text/plain",
        role="backup_log",
        name=f"snapshot-{asset}.log",
        may_contain_cui=inventory.asset(asset).handles_cui,
    )
