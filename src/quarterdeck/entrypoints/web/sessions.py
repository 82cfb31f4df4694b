"""Sessions: the list, the replay page, the recording's files, and work outside the gate written down."""

from collections.abc import Sequence
from typing import Any, cast

from csp.decorators import csp_update
from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse, reverse_lazy

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.entrypoints.web import (
    casts,
    lists,
    live_sessions,
    session_files,
    session_words,
    target_words,
    ticket_acts,
    zones,
)
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import STAFF_AT_WORK, Visitor, page, posted
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.entrypoints.web.reading import reads, ticket_for
from quarterdeck.entrypoints.web.ticket_forms import MomentField, ReasonForm, TimedForm, options
from quarterdeck.entrypoints.web.words import called
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import SessionKind, SessionView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import close_ticket as closing
from quarterdeck.workflows import keep_sessions, supervise
from quarterdeck.workflows.attach_evidence import Attachment
from quarterdeck.workflows.read_recording import open_recording, read_commands

ACCESS_LINK = [{"url": reverse_lazy("access"), "icon": "key", "label": "Access in force"}]
WRITTEN_DOWN = (SessionKind.EXTERNAL, SessionKind.ON_SITE, SessionKind.UNATTENDED)


@page()
def session_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every session of the tickets that the visitor may read."""
    names = Names()
    readable = {ticket.number for ticket in tickets.tickets(person_id=seen.person.id, at=seen.now)}
    rows = [one for one in sessions.all_sessions() if one.ticket in readable]
    now_watching = _watching_now(rows, seen)
    listing = lists.Listing[SessionView](
        name="sessions",
        noun="sessions",
        columns=[
            lists.Column(
                "who", "Session", lambda row: lists.text(f"{names.person(row.person)} on {names.asset(row.asset)}")
            ),
            lists.Column("state", "State", lambda row: _state_of(row)),
            lists.Column(
                "ticket", "Ticket", lambda row: lists.text(row.ticket, url=reverse("ticket", args=[row.ticket]))
            ),
            lists.Column("began", "Began", lambda row: lists.moment(row.began_at), lambda row: row.began_at),
            lists.Column("length", "Length", lambda row: lists.text(session_words.length(row))),
            lists.Column("kind", "Kind", lambda row: lists.text(called(row.kind.value))),
            lists.Column("end", "Ended because", lambda row: lists.text(called(row.end_reason or ""))),
            lists.Column("live", "Now", lambda row: lists.text(now_watching.get(row.id, ""))),
        ],
        row_url=lambda row: reverse("session", args=[row.id]),
        empty=lists.Empty(
            "No sessions yet",
            "Work through the gate is recorded and shows here while it runs and afterwards.",
            "terminal-2",
        ),
        filters=[
            lists.Filter("state", "State", lambda row: row.state.value),
            lists.Filter("kind", "Kind", lambda row: row.kind.value, called),
            lists.Filter("asset", "Asset", lambda row: names.asset(row.asset), lambda code: code),
        ],
        row_id=lambda row: row.ticket,
        acts=[lists.Act("Package of their tickets", reverse("tickets_package"), "package")]
        if seen.has(Role.IT_LEAD, Role.ASSESSOR)
        else (),
        sort="-began",
    )
    shown = lists.build(request, listing, rows)
    if isinstance(shown, HttpResponse):
        return shown
    context = {
        "list": shown,
        "title": "Sessions",
        "lead": "Each piece of work with its beginning, its end and the reason.",
        "acts": ACCESS_LINK if seen.has(Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.ASSESSOR) else [],
    }
    return render(request, "list_page.html", context)


def _state_of(row: SessionView) -> Any:  # noqa: ANN401  a cell of the list
    """The state, or in red that something of the record is missing."""
    missing = sessions.lacks(row)
    return lists.state("interrupted", f"Gap: {missing[0]}") if missing else lists.state(row.state.value)


def _watching_now(rows: Sequence[SessionView], seen: Visitor) -> dict[str, str]:
    """Return for each running session whether its input is held, and who watches it."""
    running = {row.id: row for row in rows if live_sessions.is_live(row)}
    return {
        session: session_words.watched(
            told.watchers,
            sessions.paused_by(told.orders),
            absent="" if told.present else supervise.escort_demanded(running[session]),
        )
        for session, told in sessions.supervision(list(running), seen.now).items()
    }


def _readable(seen: Visitor, session_id: str) -> SessionView:
    try:
        found = sessions.session(session_id)
    except Refused as refused:
        raise Http404 from refused
    ticket_for(seen, found.ticket)
    return found


@page()
# The player compiles WebAssembly; no other page allows it.
@csp_update({"script-src": ["'wasm-unsafe-eval'"]})  # type: ignore[arg-type]
def session_page(request: HttpRequest, seen: Visitor, session_id: str) -> HttpResponse:
    """Replay with search, facts and the state of the recording; opening it is recorded."""
    session = _readable(seen, session_id)
    names = Names()
    may_watch = reads(seen, session.ticket, Reading.RECORDING)
    replay = bool(session.recording) and may_watch
    context: dict[str, Any] = {
        "session": session,
        "person": names.person(session.person),
        "asset": names.asset(session.asset),
        "length": session_words.length(session),
        "ended_said": session_words.ended(session, may_watch=may_watch),
        "replay": replay,
        "no_replay": session_words.why_no_replay(session) if may_watch else "Recordings are not yours to watch.",
        "cast_url": reverse("session_cast", args=[session.id]),
        "text_url": reverse("session_text", args=[session.id]),
        "page_url": reverse("session_replay", args=[session.id]),
        "may_explain": seen.has(Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER) and seen.person.id != session.person,
        "explained_by": names.person(session.explained_by) if session.explained_by else "",
        "leftovers": sessions.leftovers(session),
        "files_told": sessions.tally_words(session.files),
        "lacks": sessions.lacks(session),
        **_commands(seen, session, may_watch=may_watch),
        "let_out": sessions.let_out(
            session.work, session.streams, from_target=tickets.ticket(session.ticket).allowance.from_target
        ),
        "happenings": session_words.happenings(session.id, names, may_watch=may_watch),
        "streams": [{"name": called(name), **stream} for name, stream in session.streams.items()],
    }
    if replay:
        context |= _replayed(request, seen, session)
    elif may_watch and live_sessions.is_live(session):
        context |= live_sessions.context(seen, session)
    return render(request, "sessions/page.html", context)


def _replayed(request: HttpRequest, seen: Visitor, session: SessionView) -> dict[str, Any]:
    """What the recording shows and whether it is the sealed one; a lost file hides nothing else of the session."""
    try:
        data = _recording(seen, session)
    except Refused as refused:
        return {"replay": False, "no_replay": f"The recording cannot be shown. {refused}"}
    whole = casts.chain_holds(data, session.id, session.head)
    return session_files.shown(request, session, data) | {
        "picture": casts.has_picture(_lines(data)),
        "transcript": casts.transcript(_lines(data)),
        "chain": "intact" if whole else "failed",
        "chain_word": "Intact" if whole else "Not the sealed one",
    }


def _commands(seen: Visitor, session: SessionView, *, may_watch: bool) -> dict[str, Any]:
    """What the target's own log says of the commands, for who may watch the recording."""
    if session.kind is not SessionKind.GATE:
        return {"commands_said": "work outside the gate is written down by a person."}
    if not may_watch:
        return {"commands_said": "they are not yours to read."}
    try:
        return target_words.commands_shown(read_commands(seen.actor, CLOCK, session))
    except Refused as refused:
        return {"commands_said": str(refused)}


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "replace").split("\n")


@page()
def session_cast(request: HttpRequest, seen: Visitor, session_id: str) -> HttpResponse:
    """The recording, bytes as sealed."""
    session = _with_recording(seen, session_id)
    response = HttpResponse(_recording(seen, session), content_type="application/x-asciicast")
    if "download" in request.GET:
        response["Content-Disposition"] = f'attachment; filename="{session.ticket}-{session.id}.cast"'
    return response


@page()
def session_text(request: HttpRequest, seen: Visitor, session_id: str) -> HttpResponse:
    """The recording as text."""
    session = _with_recording(seen, session_id)
    headers = {"Content-Disposition": f'attachment; filename="{session.ticket}-{session.id}.txt"'}
    return HttpResponse(
        casts.transcript(_lines(_recording(seen, session))),
        content_type="text/plain; charset=utf-8",
        headers=headers,
    )


@page()
def session_replay(request: HttpRequest, seen: Visitor, session_id: str) -> HttpResponse:
    """The recording as a page that plays without a server, as a download: it is another origin's, never ours."""
    session = _with_recording(seen, session_id)
    body = assessor.replay_page(session, _recording(seen, session), wiring.press().player)
    headers = {
        "Content-Disposition": f'attachment; filename="{session.ticket}-{session.id}.html"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
    }
    return HttpResponse(body, content_type="application/octet-stream", headers=headers)


def _with_recording(seen: Visitor, session_id: str) -> SessionView:
    session = _readable(seen, session_id)
    if not reads(seen, session.ticket, Reading.RECORDING):
        raise PermissionDenied
    if not session.recording:
        raise Http404
    return session


def _recording(seen: Visitor, session: SessionView) -> bytes:
    with open_recording(seen.actor, CLOCK, session) as recording:
        return recording.read()


@page(*STAFF_AT_WORK)
def explain(request: HttpRequest, seen: Visitor, session_id: str) -> HttpResponse:
    """Explain a session whose end was not observed."""
    session = _readable(seen, session_id)

    def act(fresh: Visitor, form: forms.Form) -> str:
        closing.explain_session(fresh.actor, CLOCK, session.ticket, session.id, form.cleaned_data["reason"])
        return "Explained. The session stays marked as interrupted, with your words."

    question = ticket_acts.Question(
        "Explain the interrupted session",
        "Say what happened, how you know, and what shows that nothing else was done.",
        "Explain",
    )
    ticket = ticket_for(seen, session.ticket)
    return ticket_acts.ask(request, seen, ticket, ReasonForm(posted(request)), question, act)


class WrittenDownForm(TimedForm):
    """A session that the gate did not see."""

    kind = forms.ChoiceField(label="How it was done", choices=options(WRITTEN_DOWN), widget=forms.RadioSelect)
    asset = forms.ChoiceField(label="Asset")
    person = forms.ChoiceField(label="Who did the work", required=False)
    entry_point = forms.ChoiceField(label="Through which way in", required=False)
    began_at = MomentField(label="Began", help_text="For example today 14:00.")
    ended_at = MomentField(label="Ended", initial="now")
    account = forms.CharField(label="What was done", max_length=10_000, widget=forms.Textarea(attrs={"rows": 4}))
    how_ended = forms.CharField(
        label="How it was ended", max_length=500, help_text="Signed out, account disabled, visitor left."
    )
    log = forms.FileField(label="Log, recording or visitor sheet", required=False)


@page(*STAFF_AT_WORK)
def write_down(request: HttpRequest, seen: Visitor, number: str) -> HttpResponse:
    """Write down work that did not go through the gate."""
    ticket = ticket_for(seen, number)
    names = Names()
    form = WrittenDownForm(
        posted(request), request.FILES or None, zone=zones.zone_of(request), now=seen.now,
        initial={"person": seen.person.id},
    )  # fmt: skip
    assets = [(named.asset_id, names.asset(named.asset_id)) for named in ticket.assets]
    ways = [("", "None of the register"), *((way.id, way.name) for way in inventory.entry_points())]
    people = sorted(((one.id, one.name) for one in personnel.people()), key=lambda pair: pair[1])
    for name, choices in (("asset", assets), ("entry_point", ways), ("person", people)):
        cast("forms.ChoiceField", form.fields[name]).choices = choices
    context: dict[str, Any] = {
        "ticket": ticket,
        "form": form,
        "heading": "Write down work outside the gate",
        "lead": "It is graded attached: a person says it. A log or recording makes it better evidence.",
        "button": "Write it down",
    }
    if request.method == "POST" and form.is_valid():
        try:
            _record(seen, number, form)
            messages.success(request, "Written down.")
            return redirect("ticket", number)
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "tickets/reason.html", context)


def _record(seen: Visitor, number: str, form: WrittenDownForm) -> None:
    said = dict(form.cleaned_data)
    log = said.pop("log")
    files = (Attachment(str(log.name), log.read()),) if log else ()
    said["kind"] = SessionKind(said["kind"])
    said["person"] = said["person"] or seen.person.id
    keep_sessions.write_down(seen.actor, CLOCK, ticket=number, files=files, **said)
