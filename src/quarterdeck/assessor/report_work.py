"""The work of a ticket for the report: grants, sessions with their text and replay, differences, backups."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from quarterdeck.access import api as access
from quarterdeck.assessor.naming import Names
from quarterdeck.assessor.ports import Sink
from quarterdeck.assessor.replay_page import replay_page
from quarterdeck.assessor.session_files import first_rows, session_files
from quarterdeck.assessor.transcripts import Transcript, transcript
from quarterdeck.assessor.withholding import REASONS
from quarterdeck.assessor.words import spoken, status
from quarterdeck.backups import api as backups
from quarterdeck.baselines import api as baselines
from quarterdeck.evidence import api as evidence
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import HAPPENED, SessionView
from quarterdeck_verify.container import Source

LONGEST_CAST = 64 << 20
SHOWN_LINES = 4_000
SHOWN_DIFFERENCES = 400


@dataclass(slots=True)
class Casts:
    """The recordings of a package: those that leave are read once, and their text and replay page go to the sink.

    Of each only the lines that the report shows are kept. `views` are the paths below `data/` that were made.
    """

    withheld: Mapping[str, str]
    player: Mapping[str, bytes]
    sink: Sink
    views: dict[str, Source] = field(default_factory=dict)
    _seen: dict[str, tuple[Transcript, int]] = field(default_factory=dict)
    _files: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)

    def leaves(self, session: SessionView) -> bool:
        """True when the session's recording is in the package as it is."""
        return bool(session.recording) and session.recording not in self.withheld

    def text(self, session: SessionView) -> tuple[Transcript, int] | None:
        """Return the beginning of a recording's text and how many lines it has; None when it stays or is too long."""
        if not self.leaves(session) or is_too_long(session):
            return None
        if session.id not in self._seen:
            content = evidence.read_artifact(session.recording)
            whole = transcript(content)
            self._files[session.id] = session_files(session, content)
            self._keep(f"sessions/{session.id}.txt", whole.text.encode("utf-8", "replace"))
            if self.player.get("player.js"):
                self._keep(replay_path(session), replay_page(session, content, self.player))
            shown = Transcript(whole.lines[:SHOWN_LINES], whole.seconds, whole.torn)
            self._seen[session.id] = (shown, len(whole.lines))
        return self._seen[session.id]

    def _keep(self, name: str, content: bytes) -> None:
        self.views[name] = self.sink.keep(name, content)

    def files(self, session: SessionView) -> dict[str, Any]:
        """Return what the report shows of the files of a session whose text was read."""
        return first_rows(self._files.get(session.id, {}))


def replay_path(session: SessionView) -> str:
    """Return where the page that replays a session stands below `data/`."""
    return f"replay/{session.id}.html"


def is_too_long(session: SessionView) -> bool:
    """True for a recording that no browser and no report should be asked to hold."""
    found = evidence.artifact(session.recording)
    return found is not None and found.size > LONGEST_CAST


def session_rows(number: str, names: Names, casts: Casts, files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return every session of the ticket, with what it showed or why that is not here."""
    return [_session(one, names, casts, files) for one in sessions.sessions(number)]


def _session(one: SessionView, names: Names, casts: Casts, files: Mapping[str, str]) -> dict[str, Any]:
    text, count = casts.text(one) or (None, 0)
    lines = () if text is None else text.lines
    return {
        "id": one.id,
        "kind": spoken(one.kind.value),
        "state": status(one.state.value),
        "person": names.actor(one.person) if one.person else "nobody (unattended)",
        "asset": names.asset(one.asset),
        "work": spoken(one.work) if one.work else "",
        "source": one.source,
        "began": names.moment(one.began_at),
        "ended": names.moment(one.ended_at),
        "reason": spoken(one.end_reason) if one.end_reason else "",
        "exit_status": one.exit_status,
        "session_terminated": names.moment(one.session_terminated_at),
        "network_terminated": names.moment(one.network_terminated_at),
        "leftovers": sessions.leftovers(one).sentence,
        "recording": one.recording,
        "recording_path": files.get(one.recording, ""),
        "lines": one.lines,
        "head": one.head,
        "account": one.account,
        "streams": [
            {"name": spoken(name), "size": stream.get("size", 0), "sha256": stream.get("sha256", "")}
            for name, stream in one.streams.items()
        ],
        "sealed": sessions.check_row(one).allowed,
        "explanation": one.explanation,
        "explained_by": names.actor(one.explained_by) if one.explained_by else "",
        "happenings": [
            {
                "at": names.moment(told.at),
                "who": names.actor(told.person),
                "what": HAPPENED[told.what],
                # Said into the terminal, so part of the recording: it leaves with it or stays with it.
                "text": told.text if casts.leaves(one) else "",
            }
            for told in sessions.happenings(one.id)
        ],
        "files_told": sessions.tally_words(one.files),
        **casts.files(one),
        "transcript": [{"stamp": line.stamp, "text": line.text} for line in lines],
        "more_lines": count - len(lines),
        "torn": text is not None and text.torn,
        "replay": replay_path(one) if replay_path(one) in casts.views else "",
        "why_not": _why_not(one, casts),
    }


def _why_not(one: SessionView, casts: Casts) -> str:
    if not one.recording:
        return "There is no recording of this session."
    if not casts.leaves(one):
        return "The recording is withheld. " + REASONS.get(casts.withheld[one.recording], "")
    if is_too_long(one):
        return "The recording is too long for a page; play the file in the package with an asciicast player."
    if replay_path(one) not in casts.views:
        return "This server was built without the player: read the text, or play the file."
    return ""


def grant_rows(number: str, names: Names) -> list[dict[str, Any]]:
    """Return every access grant of the ticket and the certificate that was bound to it."""
    ended = {one.grant.id: one for one in access.fates(number)}
    return [
        {
            "id": one.id,
            "person": names.actor(one.person) if one.person else "Quarterdeck itself",
            "asset": names.asset(one.asset),
            "purpose": spoken(one.purpose.value),
            "serial": one.serial,
            "fingerprint": one.fingerprint,
            "certificate": one.cert_sha256,
            "from": names.moment(one.valid_from),
            "until": names.moment(one.valid_until),
            "state": status(one.state.value),
            "ended": names.moment(one.ended_at),
            "end_reason": spoken(one.end_reason) if one.end_reason else "",
            "ended_by": names.actor(ended[one.id].by) if one.id in ended and ended[one.id].by else "",
            "mfa_at": names.moment(one.mfa_at),
        }
        for one in access.grants(ticket=number)
    ]


def drift_rows(number: str, names: Names, reasons: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the comparison of each asset: unexplained first; `reasons` are the texts of the explanations by hash."""
    return [
        {
            "asset": names.asset(view.asset),
            "before": names.moment(view.before.finished_at),
            "after": names.moment(view.after.finished_at),
            "compared": names.moment(view.compared_at),
            "before_sha256": view.before.manifest_sha256,
            "after_sha256": view.after.manifest_sha256,
            "entries_before": view.before.entries,
            "entries_after": view.after.entries,
            "unreadable": view.after.unreadable,
            "touched": view.touched,
            "open": len(view.open_items),
            "more": max(0, len(view.items) - SHOWN_DIFFERENCES),
            "items": [_difference(item, names, reasons) for item in view.items[:SHOWN_DIFFERENCES]],
        }
        for view in baselines.drift(number)
    ]


def _difference(item: baselines.DriftItemView, names: Names, reasons: Mapping[str, str]) -> dict[str, Any]:
    return {
        "path": item.path,
        "source": spoken(item.source),
        "kind": spoken(item.kind.value),
        "class": status(item.disposition.value if item.disposition else item.drift_class.value),
        "found": spoken(item.drift_class.value).lower() if item.disposition else "",
        "severity": spoken(item.severity.value),
        "package": item.package,
        "count": item.count,
        "by": names.actor(item.disposed_by) if item.disposed_by else "",
        "at": names.moment(item.disposed_at),
        "reason": reasons.get(item.reason_sha256, ""),
    }


_KEPT = {
    "backup.encrypted": "encrypted where it is stored",
    "backup.offline": "offline copy kept as the contract asks",
    "backup.locked": "bucket locked against deletion",
}


def backup_rows(number: str, names: Names) -> list[dict[str, Any]]:
    """Return the backup proofs of the ticket, newest first, with how each asset's backups are kept."""
    kept = {(one.asset, one.kind): one for one in evidence.facts(ticket=number, kinds=list(_KEPT))}
    return [
        {
            "asset": names.asset(one.asset),
            "product": spoken(one.product.value),
            "snapshot": one.snapshot,
            "taken": names.moment(one.taken_at),
            "verified": names.moment(one.verified_at),
            "valid_until": names.moment(one.valid_until),
            "encrypted": {True: "encrypted", False: "not encrypted", None: "encryption not told"}[one.encrypted],
            "status": status("passed" if one.verified else "failed"),
            "grade": status("attached" if one.attached else "captured"),
            "sentence": one.sentence,
            "kept": [
                {"label": label, "status": status(kept[one.asset, kind].outcome.value)}
                for kind, label in _KEPT.items()
                if (one.asset, kind) in kept
            ],
        }
        for one in backups.proofs(ticket=number)
    ]
