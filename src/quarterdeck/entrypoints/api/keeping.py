"""Retention over the wire: what is kept how long, holds, the end of files by two people, assessments."""

from datetime import date, datetime
from typing import BinaryIO, cast

from django.http import HttpRequest
from ninja import File, Form, Router, Schema, UploadedFile

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import AssessmentKind, AssessmentView
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import ReasonIn, RefusedOut
from quarterdeck.kernel.actors import Actor
from quarterdeck.personnel import api as personnel
from quarterdeck.retention import api as retention
from quarterdeck.retention.api import Hold, HoldScope, Kept, KeptClass, Proposal, ProposalState, Rule, Standing
from quarterdeck.workflows import keep_evidence

router = Router(tags=["retention"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class KeptOut(Schema):
    """A stored file: until when it is kept and why, and what stands in the way of its end."""

    sha256: str
    name: str
    size: int
    classes: list[str]
    tickets: list[str]
    arrived: datetime
    until: datetime | None
    because: str
    holds: list[str]
    standing: str
    may_contain_cui: bool

    @classmethod
    def of(cls, one: Kept) -> "KeptOut":
        """Return the wire form of a kept file."""
        return cls.model_validate(one, from_attributes=True)


class RuleOut(Schema):
    """How long a class is kept by policy."""

    kept: KeptClass
    days: int = 0
    closing_years: int = 6
    contract_until: date | None = None


_DONE = ProposalState.CONFIRMED


class HoldIn(Schema):
    """What is held and why; `of` is a ticket's number or a file's SHA-256, empty for everything."""

    scope: HoldScope
    of: str = ""
    reason: str


class HoldOut(Schema):
    """A legal hold."""

    id: str
    scope: str
    of: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str
    released_at: datetime | None
    released_because: str

    @classmethod
    def from_hold(cls, one: Hold) -> "HoldOut":
        """Return the wire form of a hold."""
        return cls.model_validate(one, from_attributes=True)


class DisposalIn(Schema):
    """Files that are due, and why they go."""

    files: list[str]
    reason: str


class ProposalOut(Schema):
    """A proposal to end files."""

    id: str
    kind: str
    files: list[str]
    reason: str
    by: str
    at: datetime
    state: str
    decided_by: str
    decided_at: datetime | None
    copy_sha256: str
    left: str

    @classmethod
    def of(cls, one: Proposal) -> "ProposalOut":
        """Return the wire form of a proposal."""
        return cls(
            id=one.id,
            kind=one.kind,
            files=list(one.files),
            reason=one.reason,
            by=one.by,
            at=one.at,
            state=one.state,
            decided_by=one.decided_by,
            decided_at=one.decided_at,
            copy_sha256=one.copy,
            left=keep_evidence.what_is_left(one.files, wiring.clock().now()) if one.state is _DONE else "",
        )


class AssessmentIn(Schema):
    """An assessment: the packages and further tickets that it used, and its CMMC status date if there is one."""

    kind: AssessmentKind
    packages: list[str] = []
    tickets: list[str] = []
    status_date: date | None = None


class StatusIn(Schema):
    """The CMMC status date."""

    status_date: date


class AssessmentOut(Schema):
    """An assessment."""

    id: str
    kind: str
    packages: list[str]
    tickets: list[str]
    status_dates: list[date]
    by: str
    at: datetime

    @classmethod
    def of(cls, one: AssessmentView) -> "AssessmentOut":
        """Return the wire form of an assessment."""
        return cls(
            id=one.id,
            kind=one.kind,
            packages=list(one.packages),
            tickets=list(one.tickets),
            status_dates=[at.date() for at in one.status_dates],
            by=one.by,
            at=one.at,
        )


def _reader(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    retention.may_read(personnel.roles_of(actor.id, wiring.clock().now())).require()
    return actor


@router.get("/retention", response={200: list[KeptOut], **ANSWERS})
def list_kept(request: HttpRequest, standing: Standing | None = None) -> list[KeptOut]:
    """Return every stored file with how long it is kept; `standing` filters, for example `due`."""
    _reader(request)
    found = retention.kept_files(wiring.clock().now())
    return [KeptOut.of(one) for one in found if standing is None or one.standing is standing]


@router.get("/retention/policy", response={200: list[RuleOut], **ANSWERS})
def show_policy(request: HttpRequest) -> list[RuleOut]:
    """Return the policy in force."""
    _reader(request)
    return [RuleOut.model_validate(rule, from_attributes=True) for rule in retention.rules_now()]


@router.put("/retention/policy", response={200: list[RuleOut], **ANSWERS})
def adopt_policy(request: HttpRequest, body: list[RuleOut]) -> list[RuleOut]:
    """Adopt a policy; a shorter one shortens nothing."""
    rules = [Rule(one.kept, one.days, one.closing_years, one.contract_until) for one in body]
    keep_evidence.adopt_policy(actor_of(request, "write"), wiring.clock(), rules)
    return show_policy(request)


@router.get("/retention/proposals", response={200: list[ProposalOut], **ANSWERS})
def list_proposals(request: HttpRequest) -> list[ProposalOut]:
    """Return every proposal."""
    _reader(request)
    return [ProposalOut.of(one) for one in retention.proposals(wiring.clock().now())]


@router.post("/retention/proposals", response={200: ProposalOut, **ANSWERS})
def propose(request: HttpRequest, body: DisposalIn) -> ProposalOut:
    """Propose that files which are due are disposed of."""
    actor = actor_of(request, "write")
    return ProposalOut.of(keep_evidence.propose_disposal(actor, wiring.clock(), body.files, body.reason))


@router.post("/retention/files/{sha256}/redaction", response={200: ProposalOut, **ANSWERS})
def redact(request: HttpRequest, sha256: str, reason: Form[str], file: File[UploadedFile]) -> ProposalOut:
    """Propose that a redacted copy takes the place of a file."""
    actor = actor_of(request, "write")
    made = keep_evidence.propose_redaction(
        actor, wiring.clock(), sha256, cast(BinaryIO, file.file), name=file.name or "copy", reason=reason
    )
    return ProposalOut.of(made)


@router.post("/retention/proposals/{proposal}/confirm", response={200: ProposalOut, **ANSWERS})
def confirm(request: HttpRequest, proposal: str) -> ProposalOut:
    """Confirm what another person proposed: the bytes go for good."""
    return ProposalOut.of(keep_evidence.confirm_end(actor_of(request, "write"), wiring.clock(), proposal))


@router.post("/retention/proposals/{proposal}/refuse", response={200: ProposalOut, **ANSWERS})
def refuse_proposal(request: HttpRequest, proposal: str, body: ReasonIn) -> ProposalOut:
    """Refuse what another person proposed."""
    actor = actor_of(request, "write")
    return ProposalOut.of(keep_evidence.refuse_end(actor, wiring.clock(), proposal, body.reason))


@router.get("/holds", response={200: list[HoldOut], **ANSWERS})
def list_holds(request: HttpRequest) -> list[HoldOut]:
    """Return every legal hold."""
    _reader(request)
    return [HoldOut.from_hold(one) for one in retention.holds()]


@router.post("/holds", response={200: HoldOut, **ANSWERS})
def place_hold(request: HttpRequest, body: HoldIn) -> HoldOut:
    """Place a legal hold."""
    actor = actor_of(request, "write")
    return HoldOut.from_hold(keep_evidence.place_hold(actor, wiring.clock(), body.scope, body.of, body.reason))


@router.post("/holds/{hold}/release", response={200: HoldOut, **ANSWERS})
def release_hold(request: HttpRequest, hold: str, body: ReasonIn) -> HoldOut:
    """Release a legal hold that another person placed."""
    actor = actor_of(request, "write")
    return HoldOut.from_hold(keep_evidence.release_hold(actor, wiring.clock(), hold, body.reason))


@router.get("/assessments", response={200: list[AssessmentOut], **ANSWERS})
def list_assessments(request: HttpRequest) -> list[AssessmentOut]:
    """Return every assessment."""
    _reader(request)
    return [AssessmentOut.of(one) for one in assessor.assessments()]


@router.post("/assessments", response={200: AssessmentOut, **ANSWERS})
def record_assessment(request: HttpRequest, body: AssessmentIn) -> AssessmentOut:
    """Record an assessment with what it used."""
    made = keep_evidence.record_assessment(
        actor_of(request, "write"), wiring.clock(), body.kind, packages=body.packages, numbers=body.tickets,
        status_at=body.status_date,
    )  # fmt: skip
    return AssessmentOut.of(made)


@router.post("/assessments/{assessment}/status-date", response={200: AssessmentOut, **ANSWERS})
def date_assessment(request: HttpRequest, assessment: str, body: StatusIn) -> AssessmentOut:
    """Tell the CMMC status date of an assessment."""
    actor = actor_of(request, "write")
    return AssessmentOut.of(keep_evidence.date_assessment(actor, wiring.clock(), assessment, body.status_date))
