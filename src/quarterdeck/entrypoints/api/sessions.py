"""Sessions over the wire: lists, recordings, explanations, and work outside the gate written down."""

from datetime import datetime
from typing import BinaryIO

from django.http import FileResponse, HttpRequest
from ninja import Router, Schema

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.moments import Moment
from quarterdeck.entrypoints.api.ticket_schemas import ReasonIn, RefusedOut
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import SessionKind, SessionView
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import close_ticket, keep_sessions, read_recording

router = Router(tags=["sessions"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class SessionOut(Schema):
    """A session."""

    id: str
    ticket: str
    kind: str
    state: str
    person: str
    asset: str
    work: str
    protocol: str
    files: dict[str, int]
    files_told: str
    began_at: datetime
    ended_at: datetime | None
    end_reason: str
    session_terminated: bool
    network_terminated: bool
    leftovers: str
    leftovers_told: str
    exit_status: int | None
    recording: str
    explained: bool
    gaps: list[str]

    @classmethod
    def of(cls, view: SessionView) -> "SessionOut":
        """Return the wire form of a session."""
        names = [name for name in cls.model_fields if hasattr(view, name)]
        found = sessions.leftovers(view)
        return cls(
            **{name: getattr(view, name) for name in names},
            files_told=sessions.tally_words(view.files),
            leftovers="" if found.outcome is None else found.outcome.value,
            leftovers_told=found.sentence,
            gaps=sessions.lacks(view),
        )


class FileOut(Schema):
    """A file of a session; `at` seconds after its beginning, names spelled out so that they do nothing on a screen."""

    at: float
    way: str
    name: str
    size: int
    sha256: str
    state: str
    remark: str
    after: str


class FileChangeOut(Schema):
    """A change of a file or folder on the target."""

    at: float
    what: str
    name: str
    state: str


class SessionFilesOut(Schema):
    """Everything that the recording of a session tells of files."""

    files: list[FileOut]
    changes: list[FileChangeOut]


class CommandOut(Schema):
    """A command as the target's own log holds it; `origin` is auditd or sudo."""

    at: datetime
    origin: str
    argv: list[str]
    run_as: str
    cwd: str
    tty: str
    exit_status: int | None


class SessionCommandsOut(Schema):
    """What the target's own log says of a session; not `exact` where sessions of one account ran at once.

    `grade`: captured when the target's log was read by us, attached when a person handed it in.
    """

    sources: list[str]
    exact: bool
    commands: list[CommandOut]
    said: str
    grade: str = ""


class ManualSessionIn(Schema):
    """Work outside the gate, written down afterwards."""

    ticket: str
    kind: SessionKind
    asset: str
    person: str = ""
    began_at: Moment
    ended_at: Moment
    account: str
    how_ended: str
    entry_point: str = ""


@router.get("", response={200: list[SessionOut], **ANSWERS})
def list_sessions(request: HttpRequest, ticket: str) -> list[SessionOut]:
    """Return the sessions of a ticket."""
    may_read_ticket(actor_of(request), ticket)
    return [SessionOut.of(view) for view in sessions.sessions(ticket)]


@router.get("/{session}", response={200: SessionOut, **ANSWERS})
def one_session(request: HttpRequest, session: str) -> SessionOut:
    """Return one session."""
    seen = sessions.session(session)
    may_read_ticket(actor_of(request), seen.ticket)
    return SessionOut.of(seen)


@router.get("/{session}/files", response={200: SessionFilesOut, **ANSWERS})
def session_files(request: HttpRequest, session: str, find: str = "") -> SessionFilesOut:
    """Return what the recording tells of files, narrowed to rows that hold these words; who read it is recorded."""
    with _recording_of(request, session) as file:
        found = assessor.session_files(sessions.session(session), file.read())
    rows = {name: assessor.narrowed(told, find) for name, told in found.items()}
    return SessionFilesOut(
        files=[FileOut(**row) for row in rows["files"]], changes=[FileChangeOut(**row) for row in rows["changes"]]
    )


@router.get("/{session}/commands", response={200: SessionCommandsOut, **ANSWERS})
def session_commands(request: HttpRequest, session: str) -> SessionCommandsOut:
    """Return the commands that the target's own log holds, or why it holds none; who read them is recorded."""
    actor = actor_of(request)
    seen = sessions.session(session)
    may_read_ticket(actor, seen.ticket, Reading.RECORDING)
    return SessionCommandsOut.model_validate(read_recording.read_commands(actor, wiring.clock(), seen))


@router.post("", response={200: SessionOut, **ANSWERS})
def write_down(request: HttpRequest, body: ManualSessionIn) -> SessionOut:
    """Write down a session outside the gate."""
    actor = actor_of(request, "write")
    return SessionOut.of(keep_sessions.write_down(actor, wiring.clock(), **body.dict()))


@router.post("/{session}/explain", response={200: SessionOut, **ANSWERS})
def explain(request: HttpRequest, session: str, body: ReasonIn) -> SessionOut:
    """Explain an interrupted session."""
    actor = actor_of(request, "write")
    seen = sessions.session(session)
    close_ticket.explain_session(actor, wiring.clock(), seen.ticket, session, body.reason)
    return SessionOut.of(sessions.session(session))


@router.get("/{session}/recording", response={200: None, **ANSWERS})
def recording(request: HttpRequest, session: str) -> FileResponse:
    """Return the recording as asciicast v2; who read it is recorded."""
    file = _recording_of(request, session)
    response = FileResponse(
        file, content_type="application/x-asciicast", as_attachment=True, filename=f"{session}.cast"
    )
    response["Cache-Control"] = "no-store"
    return response


def _recording_of(request: HttpRequest, session: str) -> BinaryIO:
    """Open the recording for who asks, which is recorded; the caller closes it."""
    actor = actor_of(request)
    seen = sessions.session(session)
    may_read_ticket(actor, seen.ticket, Reading.RECORDING)
    if not seen.recording:
        raise Refused(refuse("recording.unknown", "This session has no recording.", "See why on its page."))
    return read_recording.open_recording(actor, wiring.clock(), seen)
