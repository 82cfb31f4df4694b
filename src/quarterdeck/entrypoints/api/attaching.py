"""Attached evidence over the wire: uploads in chunks that can be resumed, links, and what was attached."""

from datetime import datetime
from typing import Annotated

from django.http import FileResponse, HttpRequest
from ninja import Router, Schema
from pydantic import Field

from quarterdeck import wiring
from quarterdeck.attachments import api as attachments
from quarterdeck.attachments.api import Attached, Told, UploadView
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import attach_evidence, match_target_log
from quarterdeck.workflows.record_view import record_view

router = Router(tags=["attached evidence"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}
Sha256 = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]


class AttachIn(Schema):
    """What is attached: its kind, what it shows, about which asset, of which fact it is evidence."""

    kind: str
    reason: str
    asset: str = ""
    supports: str = ""
    may_contain_cui: bool | None = None

    def told(self) -> Told:
        """Return it as the rules know it."""
        return Told(self.kind, self.reason, self.asset, self.supports, self.may_contain_cui)


class UploadIn(AttachIn):
    """A file that will come in chunks."""

    name: str = Field(max_length=200)
    size: int = Field(gt=0)


class LinkIn(AttachIn):
    """A link to where a file lies, with its SHA-256 where it is known."""

    target: str
    sha256: Sha256 = ""


class FinishIn(Schema):
    """The SHA-256 that the sender has of the whole file; empty when it has none."""

    sha256: Sha256 = ""


class UploadOut(Schema):
    """An upload: `offset` is where the next chunk begins, `chunk` the most bytes of one."""

    id: str
    ticket: str
    name: str
    size: int
    offset: int
    chunk: int
    state: str
    message: str
    sha256: str

    @classmethod
    def of(cls, view: UploadView) -> "UploadOut":
        """Return the wire form of an upload."""
        return cls(
            id=view.id,
            ticket=view.ticket,
            name=view.name,
            size=view.size,
            offset=view.offset,
            chunk=attachments.CHUNK,
            state=view.state,
            message=view.message,
            sha256=view.sha256,
        )


class AttachedOut(Schema):
    """A thing that was attached to a ticket, graded attached."""

    entry: str
    kind: str
    way: str
    sha256: str
    size: int
    name: str
    media_type: str
    asset: str
    supports: str
    by: str
    at: datetime
    reason: str
    target: str
    may_contain_cui: bool
    given_up: str

    @classmethod
    def of(cls, one: Attached) -> "AttachedOut":
        """Return the wire form of an attached thing."""
        names = cls.model_fields
        return cls(**{name: getattr(one, name) for name in names})


class MatchIn(Schema):
    """The time zone of stamps that name none, and the target's name in the file where the inventory has another."""

    zone: str = Field(default="", max_length=64)
    host: str = Field(default="", max_length=255)


class MatchedSession(Schema):
    """A session and how many commands of the file are its own; `exact` when they can be of no other session."""

    session: str
    commands: int
    exact: bool


class MatchedOut(Schema):
    """What a shipped log told of the ticket's sessions."""

    sessions: list[MatchedSession]
    remarks: list[str]


class KindOut(Schema):
    """A kind of attached evidence."""

    code: str
    label: str
    say: str


@router.get("/attachment-kinds", response={200: list[KindOut], **ANSWERS})
def list_kinds(request: HttpRequest) -> list[KindOut]:
    """Return what may be attached."""
    actor_of(request)
    return [KindOut(code=kind.code, label=kind.label, say=kind.say) for kind in attachments.KINDS.values()]


@router.get("/tickets/{number}/attachments", response={200: list[AttachedOut], **ANSWERS})
def list_attached(request: HttpRequest, number: str) -> list[AttachedOut]:
    """Return what was attached to a ticket."""
    may_read_ticket(actor_of(request), number)
    return [AttachedOut.of(one) for one in attachments.attached(number)]


@router.post("/tickets/{number}/attachments/links", response={200: list[AttachedOut], **ANSWERS})
def attach_link(request: HttpRequest, number: str, body: LinkIn) -> list[AttachedOut]:
    """Attach a link to where something lies."""
    actor = actor_of(request, "write")
    attach_evidence.attach_link(actor, wiring.clock(), number, body.told(), target=body.target, sha256=body.sha256)
    return [AttachedOut.of(one) for one in attachments.attached(number)]


@router.post("/tickets/{number}/attachments/uploads", response={200: UploadOut, **ANSWERS})
def start_upload(request: HttpRequest, number: str, body: UploadIn) -> UploadOut:
    """Begin an upload; the answer says where to begin and how much may come at once."""
    actor = actor_of(request, "write")
    return UploadOut.of(
        attach_evidence.start_upload(actor, wiring.clock(), number, body.told(), name=body.name, size=body.size)
    )


@router.get("/uploads", response={200: list[UploadOut], **ANSWERS})
def list_uploads(request: HttpRequest, ticket: str = "") -> list[UploadOut]:
    """Return one's own uploads that did not end."""
    return [UploadOut.of(view) for view in attachments.uploads(actor_of(request).id, ticket)]


@router.get("/uploads/{upload}", response={200: UploadOut, **ANSWERS})
def show_upload(request: HttpRequest, upload: str) -> UploadOut:
    """Return how far an own upload is: `offset` is where to go on."""
    return UploadOut.of(_mine(request, upload))


@router.put("/uploads/{upload}", response={200: UploadOut, **ANSWERS})
def send_chunk(request: HttpRequest, upload: str, offset: int) -> UploadOut:
    """Append the body at `offset`; the header X-Chunk-SHA256 lets the server compare it first."""
    actor = actor_of(request, "write")
    length = request.headers.get("Content-Length", "")
    taken = attachments.take_chunk(
        actor,
        wiring.clock(),
        upload,
        offset=offset,
        length=int(length) if length.isdecimal() and len(length) < 12 else 0,
        sha256=request.headers.get("X-Chunk-SHA256", ""),
        body=request,
    )
    return UploadOut.of(taken)


@router.post("/uploads/{upload}/finish", response={200: UploadOut, **ANSWERS})
def finish(request: HttpRequest, upload: str, body: FinishIn) -> UploadOut:
    """Check, hash and attach what arrived."""
    actor = actor_of(request, "write")
    return UploadOut.of(attach_evidence.finish_upload(actor, wiring.clock(), upload, body.sha256))


@router.delete("/uploads/{upload}", response={200: UploadOut, **ANSWERS})
def cancel(request: HttpRequest, upload: str) -> UploadOut:
    """Give up an own upload."""
    return UploadOut.of(attachments.cancel(actor_of(request, "write"), wiring.clock(), upload))


# Below the two fixed addresses: the first that fits is taken.
@router.get("/tickets/{number}/attachments/{sha256}", response={200: None, **ANSWERS})
def download(request: HttpRequest, number: str, sha256: str) -> FileResponse:
    """Return an attached file as a download; who read it is recorded."""
    actor = actor_of(request)
    may_read_ticket(actor, number, Reading.RECORDING)
    found = next((one for one in attachments.attached(number) if one.sha256 == sha256), None)
    if found is None:
        raise Refused(refuse("artifact.unknown", "Nothing of that hash was attached.", "Look at the ticket's list."))
    evidence.require_kept(sha256)
    record_view(actor, wiring.clock(), ObjectRef("artifact", sha256), of=number)
    file = evidence.open_artifact(sha256)
    response = FileResponse(file, content_type="application/octet-stream", as_attachment=True, filename=found.name)
    response["Cache-Control"] = "no-store"
    return response


@router.post("/tickets/{number}/attachments/{sha256}/match", response={200: MatchedOut, **ANSWERS})
def match(request: HttpRequest, number: str, sha256: str, body: MatchIn) -> MatchedOut:
    """Match the commands of an attached log of a target to the sessions of the ticket; graded attached."""
    actor = actor_of(request, "write")
    found = match_target_log.match_target_log(
        actor, wiring.clock(), number, sha256, authority=wiring.target_authority, zone=body.zone, host=body.host
    )
    rows = [MatchedSession(session=one, commands=count, exact=exact) for one, count, exact in found.sessions]
    return MatchedOut(sessions=rows, remarks=list(found.remarks))


def _mine(request: HttpRequest, upload: str) -> UploadView:
    actor, found = actor_of(request), attachments.upload(upload)
    if found.by != actor.id:
        raise Refused(refuse("upload.unknown", "There is no such upload of yours.", "Start the upload again."))
    return found
