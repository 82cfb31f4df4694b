"""Files of one session as rows for pages, reports and the API, each joined with what the baseline after the work found.

Where the stream could not tell a file's hash (it was resumed, or did not pass in order), the measured SHA-256 of the
same path stands beside it, if the path was watched. It is what lay there afterwards, not proof of what passed.
"""

import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from quarterdeck.assessor.words import status
from quarterdeck.baselines import api as baselines
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Direction, Files, FileTransfer, SessionView

SHOWN_FILES = 1_000


def session_files(session: SessionView, cast: bytes) -> dict[str, list[dict[str, Any]]]:
    """Return `files` and `changes` of a session as rows of plain, safe text; its recording is given."""
    found = sessions.files_in(cast.splitlines(keepends=True))
    measured = _measured(session, found)
    rows = [
        {**asdict(row), "stamp": stamp(row.at), "after": measured.get(_path(seen.transfer), "")}
        for row, seen in zip(sessions.shown_files(found), found.transfers, strict=True)
    ]
    changes = [{**asdict(row), "stamp": stamp(row.at)} for row in sessions.shown_changes(found)]
    return {"files": rows, "changes": changes}


def first_rows(found: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return what a report shows of a session's files: the first of them with their status, and how many more."""
    shown: dict[str, Any] = {}
    for name in ("files", "changes"):
        rows = found.get(name, [])
        shown[name] = [{**row, "status": status(row["state"])} for row in rows[:SHOWN_FILES]]
        shown[f"more_{name}"] = max(0, len(rows) - SHOWN_FILES)
    return shown


def narrowed(rows: Iterable[dict[str, Any]], query: str) -> list[dict[str, Any]]:
    """Return the rows that hold every word of the query, in any case."""
    words = query.lower().split()
    return [row for row in rows if all(word in " ".join(map(str, row.values())).lower() for word in words)]


def stamp(at: float) -> str:
    """Return seconds as h:mm:ss."""
    seconds = int(at)
    return f"{seconds // 3600}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


def _measured(session: SessionView, found: Files) -> dict[bytes, str]:
    wanted = {_path(seen.transfer) for seen in found.transfers} - {b""}
    if not wanted:
        return {}
    try:
        return baselines.measured_after(session.ticket, session.asset, wanted, since=session.began_at)
    except Refused:
        return {}


def _path(one: FileTransfer) -> bytes:
    """Return the path that a measurement may know, of a file that came to the target without a whole hash."""
    if one.direction is not Direction.TO_TARGET or one.whole or one.refused or one.sent_as:
        return b""
    return posixpath.normpath(one.path).encode("utf-8", "surrogateescape") if one.path.startswith("/") else b""
