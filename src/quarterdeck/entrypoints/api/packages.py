"""Assessor packages and objective status over the wire: order, follow, cancel, download; the CUI owner's consent."""

from datetime import datetime
from typing import Annotated

from django.http import FileResponse, HttpRequest
from ninja import Router, Schema
from pydantic import AfterValidator, Field

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import (
    Envelope,
    Gap,
    ObjectiveStatus,
    OrderState,
    OrderView,
    Recipient,
    Scope,
    ScopeKind,
)
from quarterdeck.controls.api import PoamRule
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.moments import MomentOrDay
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.ids import is_ticket_number
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import export_package

router = Router(tags=["packages"])


def _number(text: str) -> str:
    if text and not is_ticket_number(text):
        raise ValueError("a ticket number looks like MT-2026-00014")
    return text


Number = Annotated[str, AfterValidator(_number)]


class OrderIn(Schema):
    """What a package is of: `ticket` or `tickets`; a period [since, until), whole or `tickets` chosen from it; or the
    evidence for `practices` such as MA.L2-3.7.5. Recordings of CUI assets are encrypted to `recipient`: the word
    `passphrase`, a certificate (PEM) or an age recipient; without one they stay here.
    """

    ticket: Number = ""
    tickets: list[Number] = Field(default=[], max_length=1_000)
    since: MomentOrDay | None = None
    until: MomentOrDay | None = None
    practices: list[str] = Field(default=[], max_length=200)
    recipient: str = Field(default="", max_length=20_000)

    def scope(self) -> Scope:
        """Return what it is of."""
        named = [*([self.ticket] if self.ticket else []), *self.tickets]
        return Scope(tuple(named), self.since, self.until, tuple(self.practices))


class OrderOut(Schema):
    """A package asked for; `sha256`, `size` and `file_name` are of the finished zip."""

    id: str
    base: str
    file_name: str
    kind: ScopeKind
    tickets: list[str]
    since: datetime | None
    until: datetime | None
    ordered_by: str
    ordered_at: datetime
    state: OrderState
    message: str
    sha256: str
    size: int
    withheld: int
    finished_at: datetime | None
    practices: list[str]
    envelope: Envelope
    passphrase: str = ""

    @classmethod
    def of(cls, order: OrderView, passphrase: str = "") -> "OrderOut":
        """Return the order as it goes over the wire; a passphrase is told with the answer to the order, never again."""
        apart = {"tickets", "practices", "envelope", "passphrase"}
        return cls(
            tickets=list(order.tickets),
            practices=list(order.scope.practices),
            envelope=order.recipient.envelope,
            passphrase=passphrase,
            **{name: getattr(order, name) for name in cls.model_fields if name not in apart},
        )


class ConsentOut(Schema):
    """Whether recordings of the ticket may leave in packages, whose last word it was, and how many there are."""

    ticket: str
    consented: bool
    state: assessor.ConsentState
    by: str
    at: datetime | None
    recordings: int

    @classmethod
    def of(cls, number: str) -> "ConsentOut":
        """Return how the consent of a ticket stands."""
        found = assessor.consent_of(number)
        return cls(ticket=number, consented=assessor.consents(number), state=found.state, by=found.person, at=found.at,
                   recordings=found.recordings)  # fmt: skip


class RefusalIn(Schema):
    """Why the recordings do not leave."""

    reason: str = Field(max_length=4_000)


class KeptBackOut(Schema):
    """A file that does not leave, and the reason as code and sentence."""

    name: str
    role: str
    ticket: str
    size: int
    reason: str
    sentence: str


class ContentsOut(Schema):
    """What a package of this scope is going to hold; `bytes` is an estimate."""

    tickets: list[str]
    left_out: list[str]
    entries: int
    files: int
    bytes: int
    withheld: list[KeptBackOut]


class GapOut(Schema):
    """What stands against an objective, and the next step."""

    code: str
    sentence: str
    next_step: str
    ticket: str

    @classmethod
    def of(cls, gap: Gap) -> "GapOut":
        """Return the gap as it goes over the wire."""
        return cls(code=gap.code, sentence=gap.sentence, next_step=gap.next_step, ticket=gap.ticket)


class StatusOut(Schema):
    """One objective as proposed: `evidence present`, `gaps` or `no evidence`, never MET."""

    id: str
    practice: str
    practice_label: str
    label: str
    proposal: assessor.Proposal
    evidence: int
    captured: int
    attached: int
    newest: datetime | None
    tickets: list[str]
    gaps: list[GapOut]
    points: int | None
    poam: PoamRule
    poam_eligible: bool
    physical_presence: bool
    revision_3: list[str]

    @classmethod
    def of(cls, row: ObjectiveStatus) -> "StatusOut":
        """Return the row as it goes over the wire."""
        one = row.objective
        return cls(
            id=one.id,
            practice=one.practice,
            practice_label=row.practice_label,
            label=one.label,
            proposal=row.proposal,
            evidence=len(row.evidence),
            captured=row.captured,
            attached=row.attached,
            newest=row.newest,
            tickets=list(row.tickets),
            gaps=[GapOut.of(gap) for gap in row.gaps],
            points=one.points,
            poam=row.poam,
            poam_eligible=one.poam_eligible,
            physical_presence=one.on_site,
            revision_3=list(one.r3),
        )


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


def _reader(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    assessor.may_package(actor, wiring.clock().now()).require()
    return actor


@router.post("/packages", response=_answers(OrderOut))
def order_package(request: HttpRequest, body: OrderIn) -> OrderOut:
    """Order a package, made in the background. A passphrase that was asked for is in this answer and nowhere else."""
    actor, scope = actor_of(request, "write"), body.scope()
    recipient, passphrase = export_package.address(wiring.locksmith(), body.recipient)
    order = export_package.order_package(
        actor,
        wiring.clock(),
        numbers=scope.tickets,
        since=scope.since,
        until=scope.until,
        practices=scope.practices,
        recipient=recipient,
    )
    return OrderOut.of(order, passphrase)


@router.post("/packages/contents", response=_answers(ContentsOut))
def package_contents(request: HttpRequest, body: OrderIn) -> ContentsOut:
    """Tell what a package is going to hold and what stays here, before it is ordered."""
    _reader(request)
    found = assessor.contents(
        body.scope(), Recipient(Envelope.CERTIFICATE if body.recipient else Envelope.NONE), wiring.clock().now()
    )
    return ContentsOut(
        tickets=list(found.tickets), left_out=list(found.left_out), entries=found.entries, files=found.files,
        bytes=found.bytes, withheld=[_kept_back(one) for one in found.withheld],
    )  # fmt: skip


def _kept_back(one: assessor.KeptBack) -> KeptBackOut:
    return KeptBackOut(
        name=one.name, role=one.role, ticket=one.ticket, size=one.size, reason=one.reason,
        sentence=assessor.REASONS.get(one.reason, one.reason),
    )  # fmt: skip


@router.get("/packages/{order_id}/withheld", response=_answers(list[KeptBackOut]))
def package_withheld(request: HttpRequest, order_id: str) -> list[KeptBackOut]:
    """Return what a finished package says that it does not hold."""
    _reader(request)
    return [
        _kept_back(assessor.KeptBack(one.name, one.role, one.ticket, one.size, one.reason))
        for one in export_package.kept_back(assessor.order(order_id))
    ]


@router.get("/packages", response=_answers(list[OrderOut]))
def list_packages(request: HttpRequest) -> list[OrderOut]:
    """Return every order, newest first."""
    _reader(request)
    return [OrderOut.of(order) for order in assessor.orders()]


@router.get("/packages/{order_id}", response=_answers(OrderOut))
def show_package(request: HttpRequest, order_id: str) -> OrderOut:
    """Return an order and how far it is."""
    _reader(request)
    return OrderOut.of(assessor.order(order_id))


@router.delete("/packages/{order_id}", response=_answers(OrderOut))
def cancel_package(request: HttpRequest, order_id: str) -> OrderOut:
    """Stop the making of a package at its next step."""
    return OrderOut.of(export_package.cancel_package(actor_of(request, "write"), wiring.clock(), order_id))


@router.get("/packages/{order_id}/download", response={**_answers(None), 200: None}, url_name="package_download")
def download_package(request: HttpRequest, order_id: str) -> FileResponse:
    """Give the finished zip; taking it is recorded."""
    order, path = export_package.take_package(actor_of(request), wiring.clock(), order_id)
    response = FileResponse(
        path.open("rb"), as_attachment=True, filename=order.file_name, content_type="application/zip"
    )
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    return response


@router.post("/packages/consent/{number}", response=_answers(ConsentOut))
def consent(request: HttpRequest, number: str) -> ConsentOut:
    """Let the recordings of a ticket leave in packages: the CUI owner, with a fresh second factor."""
    export_package.consent(actor_of(request, "write"), wiring.clock(), number)
    return ConsentOut.of(number)


@router.get("/packages/consent/{number}", response=_answers(ConsentOut))
def show_consent(request: HttpRequest, number: str) -> ConsentOut:
    """Return how the consent stands: whoever reads the ticket."""
    may_read_ticket(actor_of(request), number)
    return ConsentOut.of(number)


@router.post("/packages/consent/{number}/ask", response=_answers(ConsentOut))
def ask_consent(request: HttpRequest, number: str) -> ConsentOut:
    """Ask the CUI owner: whoever makes packages."""
    export_package.ask_consent(actor_of(request, "write"), wiring.clock(), number)
    return ConsentOut.of(number)


@router.post("/packages/consent/{number}/refuse", response=_answers(ConsentOut))
def refuse_consent(request: HttpRequest, number: str, body: RefusalIn) -> ConsentOut:
    """Refuse with a reason: the CUI owner; a consent that stood ends."""
    export_package.refuse_consent(actor_of(request, "write"), wiring.clock(), number, body.reason)
    return ConsentOut.of(number)


@router.delete("/packages/consent/{number}", response=_answers(ConsentOut))
def withdraw_consent(request: HttpRequest, number: str) -> ConsentOut:
    """Withdraw the consent; packages made before keep what they hold."""
    export_package.withdraw_consent(actor_of(request, "write"), wiring.clock(), number)
    return ConsentOut.of(number)


@router.get("/objectives/status", response=_answers(list[StatusOut]), tags=["objectives"])
def objective_status(request: HttpRequest, family: str = "") -> list[StatusOut]:
    """Return what is proposed for each objective, those of family MA first; `family` leaves only one family."""
    actor, now = actor_of(request), wiring.clock().now()
    tickets.may_read(Reading.TICKET, roles=personnel.roles_of(actor.id, now), takes_part=False).require()
    rows = assessor.objective_status(now)
    return [StatusOut.of(row) for row in rows if not family or row.objective.practice.startswith(f"{family.upper()}.")]
