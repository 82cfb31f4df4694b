"""Snapshots of a ticket, proofs of backups, and restore drills, over the wire."""

from datetime import datetime, timedelta

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from quarterdeck import wiring
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import Against, Drill, DrillPlan, Proof, Register, TakenSnapshot
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.kernel.actors import Actor
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import drill_restore, keep_inventory, take_snapshot

router = Router(tags=["backups and drills"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class ProofOut(Schema):
    """What was found out about one backup for a ticket."""

    asset: str
    product: str
    snapshot: str
    taken_at: datetime
    verified: bool
    encrypted: bool | None
    valid_until: datetime
    attached: bool
    sentence: str

    @classmethod
    def of(cls, one: Proof) -> "ProofOut":
        """Return the wire form of a proof."""
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class SnapshotIn(Schema):
    """Which asset of the ticket to snapshot."""

    asset: str


class SnapshotOut(Schema):
    """A snapshot taken under a ticket."""

    id: str
    ticket: str
    asset: str
    product: str
    name: str
    taken_at: datetime
    state: str
    sentence: str

    @classmethod
    def of(cls, one: TakenSnapshot) -> "SnapshotOut":
        """Return the wire form of a snapshot."""
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class DrillPlanIn(Schema):
    """How often a restore of an asset is tried, and where to."""

    asset: str
    scratch: str
    against: Against = Against.SOURCE
    every_days: int = Field(default=backups.QUARTERLY.days, ge=1, le=366)


class DrillOut(Schema):
    """One tried restore."""

    id: str
    asset: str
    product: str
    snapshot: str
    started_at: datetime
    finished_at: datetime
    passed: bool
    same: int
    different: int
    missing: int
    newer: int
    sentence: str

    @classmethod
    def of(cls, one: Drill) -> "DrillOut":
        """Return the wire form of a drill."""
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class DrillPlanOut(Schema):
    """A line of the register of drills."""

    id: str
    asset: str
    against: str
    scratch: str
    every_days: int
    due_at: datetime
    overdue: bool
    newest: DrillOut | None

    @classmethod
    def of(cls, line: Register) -> "DrillPlanOut":
        """Return the wire form of a line."""
        plan = line.plan
        return cls(
            id=plan.id,
            asset=plan.asset,
            against=plan.against.value,
            scratch=plan.scratch,
            every_days=plan.every.days,
            due_at=line.due_at,
            overdue=line.overdue,
            newest=DrillOut.of(line.newest) if line.newest else None,
        )


def _reader(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    keep_inventory.may_read(actor, wiring.clock().now()).require()
    return actor


@router.get("/tickets/{number}/backup-proofs", response={200: list[ProofOut], **ANSWERS})
def list_proofs(request: HttpRequest, number: str) -> list[ProofOut]:
    """Return the proofs of a ticket's backups, newest first."""
    may_read_ticket(actor_of(request), number, Reading.BASELINE)
    return [ProofOut.of(one) for one in backups.proofs(ticket=number)]


@router.get("/tickets/{number}/snapshots", response={200: list[SnapshotOut], **ANSWERS})
def list_snapshots(request: HttpRequest, number: str) -> list[SnapshotOut]:
    """Return the snapshots of a ticket, newest first."""
    may_read_ticket(actor_of(request), number, Reading.BASELINE)
    return [SnapshotOut.of(one) for one in backups.snapshots(number)]


@router.post("/tickets/{number}/snapshots", response={200: SnapshotOut, **ANSWERS})
def take(request: HttpRequest, number: str, body: SnapshotIn) -> SnapshotOut:
    """Take a snapshot of an asset of the ticket; it may be pending at first."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number, Reading.BASELINE)
    made = take_snapshot.take_snapshot(
        number, body.asset, makers=wiring.snapshot_makers(), actor=actor, clock=wiring.clock()
    )
    return SnapshotOut.of(made)


@router.post("/tickets/{number}/snapshots/{snapshot}/look", response={200: SnapshotOut, **ANSWERS})
def look(request: HttpRequest, number: str, snapshot: str) -> SnapshotOut:
    """Read a snapshot back: whole, still pending, or gone."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number, Reading.BASELINE)
    return SnapshotOut.of(
        take_snapshot.look_at_snapshot(
            number, snapshot, makers=wiring.snapshot_makers(), actor=actor, clock=wiring.clock()
        )
    )


@router.get("/drill-plans", response={200: list[DrillPlanOut], **ANSWERS})
def list_plans(request: HttpRequest, asset: str = "") -> list[DrillPlanOut]:
    """Return the register of restore drills, what is due first at the top."""
    _reader(request)
    return [DrillPlanOut.of(line) for line in backups.register(wiring.clock().now(), asset=asset)]


@router.post("/drill-plans", response={200: DrillPlanOut, **ANSWERS})
def set_plan(request: HttpRequest, body: DrillPlanIn) -> DrillPlanOut:
    """Set how often a restore of an asset is tried; the first is tried at once."""
    made = drill_restore.set_plan(
        actor_of(request, "write"),
        wiring.clock(),
        asset=body.asset,
        scratch=body.scratch,
        against=body.against,
        every=timedelta(days=body.every_days),
    )
    return _line(made)


@router.post("/drill-plans/{plan}/ask", response={200: DrillPlanOut, **ANSWERS})
def ask(request: HttpRequest, plan: str) -> DrillPlanOut:
    """Ask for a drill now; the server tries it within a minute or so."""
    return _line(drill_restore.ask_drill(actor_of(request, "write"), wiring.clock(), plan))


@router.post("/drill-plans/{plan}/end", response={200: None, **ANSWERS})
def end(request: HttpRequest, plan: str) -> None:
    """End a plan."""
    drill_restore.end_plan(actor_of(request, "write"), wiring.clock(), plan)


@router.get("/drills", response={200: list[DrillOut], **ANSWERS})
def list_drills(request: HttpRequest, asset: str = "") -> list[DrillOut]:
    """Return tried restores, newest first."""
    _reader(request)
    return [DrillOut.of(one) for one in backups.drills(asset=asset)]


def _line(plan: DrillPlan) -> DrillPlanOut:
    lines = backups.register(wiring.clock().now(), asset=plan.asset)
    return DrillPlanOut.of(next(line for line in lines if line.plan.id == plan.id))
