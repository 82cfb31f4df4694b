"""Snapshots taken under a ticket: rows and entries in one act; the product is asked before, outside the act."""

from dataclasses import dataclass

from quarterdeck.backups.models import TicketSnapshot
from quarterdeck.backups.proving import fits_ticket, plain_name
from quarterdeck.backups.terms import Product, Snapshot, SnapshotState, Source, TakenSnapshot, Verification
from quarterdeck.evidence.api import Act, ArtifactRef, Grade, ObjectRef, Outcome, last_entry, row_digest
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State

REVERT_FAILED = "snapshot.revert_failed"
EVENTS = ("snapshot.taken", "snapshot.pending", "snapshot.failed", "snapshot.reverted", REVERT_FAILED)
_MAY_TAKE = frozenset({State.APPROVED, State.SCHEDULED, State.OPEN})
_OUTCOMES = {
    SnapshotState.COMPLETE: Outcome.PASSED,
    SnapshotState.PENDING: Outcome.UNKNOWN,
    SnapshotState.FAILED: Outcome.FAILED,
}
_EVENT_OF = {
    SnapshotState.COMPLETE: "snapshot.taken",
    SnapshotState.PENDING: "snapshot.pending",
    SnapshotState.FAILED: "snapshot.failed",
    SnapshotState.REVERTED: "snapshot.reverted",
}


@dataclass(frozen=True, slots=True)
class Told:
    """What a product said of a snapshot, before it is recorded."""

    ticket: str
    source: Source
    snapshot: Snapshot
    verification: Verification


def may_take(number: str, asset: str) -> Decision:
    """Decide whether a snapshot may be taken under this ticket now: it is approved or open, and names the asset."""
    fits_ticket(number, asset)
    return require_that(
        tickets.ticket(number).state in _MAY_TAKE,
        "snapshot.state",
        "A snapshot is taken for a ticket that is approved and not yet over.",
        "Have the ticket approved first.",
    )


def may_look(number: str, taken: TakenSnapshot) -> Decision:
    """Decide whether this is a snapshot of the ticket that was not yet gone back to, and the ticket still lives."""
    fits_ticket(number, taken.asset)
    return require_that(
        taken.ticket == number and taken.state is not SnapshotState.REVERTED,
        "snapshot.other_ticket",
        "This is no snapshot of the ticket that can still change.",
        "Look at the ticket's snapshots.",
    )


def point_of(number: str, asset: str) -> TakenSnapshot:
    """Return the snapshot to which a rollback of this ticket takes the asset back.

    It is the newest that was taken before the ticket was opened, else the first one after: whatever came later may
    hold the fault. Refused when there is none, or a row of them is not what the ledger says.
    """
    fits_ticket(number, asset)
    opened = tickets.ticket(number).opened_at
    found = [snapshot(one.id) for one in snapshots(number) if one.asset == asset]
    before = [one for one in found if opened is None or one.taken_at <= opened]
    if not found:
        raise Refused(
            refuse(
                "snapshot.none",
                "No snapshot of the asset was taken under this ticket.",
                "Do the step by hand and say so; preparing a ticket takes one where the asset has a product for it.",
            )
        )
    return before[0] if before else found[-1]


def may_revert(number: str, taken: TakenSnapshot) -> Decision:
    """Decide whether an asset can be put back to this snapshot: the ticket's own, and whole."""
    said = {
        SnapshotState.PENDING: ("snapshot.pending", "Its product still makes the snapshot.", "Wait, and run it again."),
        SnapshotState.FAILED: ("snapshot.failed", "The snapshot failed.", "Do the step by hand and say so."),
    }
    return all_of(
        (
            require_that(
                taken.ticket == number,
                "snapshot.other_ticket",
                "The snapshot was taken under another ticket.",
                "Look at the ticket's snapshots.",
            ),
            refuse(*said[taken.state]) if taken.state in said else ALLOWED,
        )
    )


def is_the_same(taken: TakenSnapshot, seen: Verification) -> Decision:
    """Decide whether what the product shows now is whole, and the very snapshot that was taken."""
    first = last_entry(("snapshot.taken",), object=ObjectRef("snapshot", taken.id))
    known = "" if first is None else str(first.data.get("identity", ""))
    if not seen.verified:
        return refuse("snapshot.not_whole", seen.sentence, "Do the step by hand and say so.")
    return require_that(
        known == identity_digest(seen),
        "snapshot.altered",
        "Another snapshot lies in its place: it is not the one that was taken.",
        "Find out who replaced it; do the step by hand and say so.",
    )


def identity_digest(seen: Verification) -> str:
    """Return the digest of a snapshot's identity as its entry carries it, empty for none."""
    return row_digest({"identity": seen.identity}) if seen.identity else ""


def state_of(verification: Verification) -> SnapshotState:
    """Return where a snapshot stands by what its product said."""
    if verification.pending:
        return SnapshotState.PENDING
    return SnapshotState.COMPLETE if verification.verified else SnapshotState.FAILED


def record_taken(act: Act, told: Told, log: ArtifactRef) -> TakenSnapshot:
    """Record a snapshot that was just taken, whole, pending or failed, with the fact `snapshot.taken`."""
    tickets.lock(act, told.ticket)
    may_take(told.ticket, told.source.asset).require()
    state = state_of(told.verification)
    row = TicketSnapshot(
        id=new_id("sn"),
        ticket_id=told.ticket,
        asset_id=told.source.asset,
        source_id=told.source.id,
        name=told.snapshot.id[:300],
        taken_at=told.snapshot.taken_at,
        state=state.value,
        sentence=told.verification.sentence[:400],
    )
    _record(act, row, _EVENT_OF[state], log, identity_digest(told.verification))
    row.save(force_insert=True)
    return _view(row, told.source.product)


def record_looked(act: Act, snapshot_id: str, verification: Verification, log: ArtifactRef) -> TakenSnapshot:
    """Record what was read back of a pending snapshot, if it moved on; nothing is recorded when it did not."""
    row = TicketSnapshot.objects.select_related("source").get(pk=snapshot_id)
    state, product = state_of(verification), Product(row.source.product)
    if state.value == row.state:
        return _view(row, product)
    return _move(act, row, state, _EVENT_OF[state], verification, log)


def record_reverted(act: Act, snapshot_id: str, verification: Verification, log: ArtifactRef) -> TakenSnapshot:
    """Record that the asset was put back to a snapshot, or that this failed; then the snapshot stays what it is."""
    row = TicketSnapshot.objects.select_related("source").get(pk=snapshot_id)
    if verification.verified:
        return _move(act, row, SnapshotState.REVERTED, "snapshot.reverted", verification, log)
    return _move(act, row, SnapshotState(row.state), REVERT_FAILED, verification, log)


def _move(
    act: Act, row: TicketSnapshot, state: SnapshotState, event: str, verification: Verification, log: ArtifactRef
) -> TakenSnapshot:
    tickets.lock(act, row.ticket_id)
    row.state, row.sentence = state.value, verification.sentence[:400]
    _record(act, row, event, log, identity_digest(verification))
    row.save(update_fields=["state", "sentence", "entry"])
    return _view(row, Product(row.source.product))


def _record(act: Act, row: TicketSnapshot, event: str, log: ArtifactRef, identity: str) -> None:
    product, state = Product(row.source.product), SnapshotState(row.state)
    row.entry = act.record(
        event,
        ObjectRef("snapshot", row.id),
        ticket=row.ticket_id,
        data={
            "asset": row.asset_id,
            "product": product.value,
            "snapshot": plain_name(row.name),
            "row": _digest(row),
            **({"identity": identity} if identity else {}),
        },
        artifacts=(log,),
    )
    if state in _OUTCOMES and event != REVERT_FAILED:
        act.fact(
            "snapshot.taken",
            entry=row.entry,
            outcome=_OUTCOMES[state],
            grade=Grade.CAPTURED,
            ticket=row.ticket_id,
            asset=row.asset_id,
            detail={"product": product.value},
        )


def _digest(row: TicketSnapshot) -> str:
    return row_digest(
        {
            "id": row.id,
            "ticket": row.ticket_id,
            "asset": row.asset_id,
            "source": row.source_id,
            "name": row.name,
            "taken": rfc3339(row.taken_at),
            "state": row.state,
        }
    )


def snapshot(snapshot_id: str) -> TakenSnapshot:
    """Return one snapshot; Refused when there is none, or its row is not what the ledger says of it."""
    row = TicketSnapshot.objects.select_related("source").filter(pk=snapshot_id).first()
    if row is None:
        raise Refused(refuse("snapshot.unknown", "There is no such snapshot.", "Look at the ticket's snapshots."))
    sealed = last_entry(EVENTS, object=ObjectRef("snapshot", row.id))
    require_that(
        sealed is not None and sealed.data.get("row") == _digest(row),
        "snapshot.unsealed",
        "The snapshot's row is not what the ledger says of it.",
        "Tell the IT lead: somebody wrote into the database.",
    ).require()
    return _view(row, Product(row.source.product))


def snapshots(ticket: str) -> list[TakenSnapshot]:
    """Return the snapshots of a ticket, newest first."""
    rows = TicketSnapshot.objects.select_related("source").filter(ticket_id=ticket).order_by("-taken_at", "-id")
    return [_view(row, Product(row.source.product)) for row in rows]


def _view(row: TicketSnapshot, product: Product) -> TakenSnapshot:
    return TakenSnapshot(
        row.id,
        row.ticket_id,
        row.asset_id,
        row.source_id,
        product,
        row.name,
        row.taken_at,
        SnapshotState(row.state),
        row.sentence,
        row.entry,
    )
