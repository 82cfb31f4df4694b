"""Anchors over the wire: who holds checkpoints and how it stands with each, the receipts, and a trial at once."""

from datetime import datetime, timedelta

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from quarterdeck import wiring
from quarterdeck.config.api import load
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, ReceiptView
from quarterdeck.kernel.actors import Actor
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import anchor_standing
from quarterdeck.workflows.anchor_standing import RouteStanding, RouteState
from quarterdeck.workflows.cadence import Reach

router = Router(tags=["anchors"])


class RouteOut(Schema):
    """One holder: what it took last, how many checkpoints it has not got, the last failure and the next try."""

    id: str
    channel: str
    target: str
    grade: AnchorGrade
    reach: Reach
    state: RouteState
    taken_size: int
    taken_at: datetime | None
    backlog: int
    failures: int
    failed_at: datetime | None
    sentence: str
    next_try: datetime | None
    trial_asked_at: datetime | None

    @classmethod
    def of(cls, one: RouteStanding) -> "RouteOut":
        """Return the holder as it goes over the wire."""
        known = one.known
        return cls(
            id=known.id, channel=known.channel, target=known.target, grade=one.grade, reach=one.reach, state=one.state,
            taken_size=known.taken_size, taken_at=known.taken_at, backlog=one.backlog, failures=known.failures,
            failed_at=known.failed_at, sentence=known.sentence, next_try=known.next_try, trial_asked_at=known.asked_at,
        )  # fmt: skip


class AnchorsOut(Schema):
    """All holders, and the oldest entry that no anchor covers; `late` when it is older than `target_minutes`."""

    self_attested: bool
    independent: bool
    entries: int
    anchored: int
    oldest_unanchored: int | None
    oldest_unanchored_at: datetime | None
    late: bool
    target_minutes: int
    routes: list[RouteOut]


class ReceiptOut(Schema):
    """Proof that a checkpoint left: the mail server's words, the syslog line, a time stamp in base64 of its DER."""

    size: int
    channel: str
    target: str
    grade: AnchorGrade
    sent_at: datetime
    receipt: str

    @classmethod
    def of(cls, one: ReceiptView) -> "ReceiptOut":
        """Return the receipt as it goes over the wire."""
        return cls(**{name: getattr(one, name) for name in cls.model_fields})


class ReceiptQuery(Schema):
    """Which receipts: of one checkpoint, or the newest."""

    size: int | None = Field(default=None, ge=0, le=2**53)
    limit: int = Field(default=100, ge=1, le=1000)


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut}


def _reader(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    roles = personnel.roles_of(actor.id, wiring.clock().now())
    tickets.may_read(Reading.LEDGER, roles=roles, takes_part=False).require()
    return actor


@router.get("", response=_answers(AnchorsOut))
def list_anchors(request: HttpRequest) -> AnchorsOut:
    """Tell who holds checkpoints: the IT lead and the assessor."""
    _reader(request)
    now, minutes = wiring.clock().now(), load().anchor_target_minutes
    standing = anchor_standing.look(wiring.anchor_routes(now), timedelta(minutes=minutes), now)
    return AnchorsOut(
        self_attested=standing.self_attested,
        independent=standing.independent,
        entries=evidence.head().size,
        anchored=evidence.anchored_size(),
        oldest_unanchored=None if standing.oldest is None else standing.oldest.seq,
        oldest_unanchored_at=None if standing.oldest is None else standing.oldest.at,
        late=standing.late,
        target_minutes=minutes,
        routes=[RouteOut.of(one) for one in standing.routes],
    )


@router.get("/receipts", response=_answers(list[ReceiptOut]))
def list_receipts(request: HttpRequest, asked: Query[ReceiptQuery]) -> list[ReceiptOut]:
    """Return receipts, newest checkpoint first: the IT lead and the assessor."""
    _reader(request)
    return [ReceiptOut.of(one) for one in evidence.receipts(asked.size, limit=asked.limit)]


@router.post("/{route_id}/try", response=_answers(AnchorsOut))
def try_anchor(request: HttpRequest, route_id: str) -> AnchorsOut:
    """Have the newest checkpoint sent to this holder at once: the IT lead; how it went shows in the list."""
    now = wiring.clock().now()
    anchor_standing.ask_trial(actor_of(request, "write"), wiring.clock(), wiring.anchor_routes(now), route_id)
    return list_anchors(request)
