"""One recording as a page that asks nobody for anything: replay, searchable text, facts; to hand over or to keep.

It says of itself that it proves nothing alone: the hash of the recording and the head of its chain lead to the ledger.
"""

from collections.abc import Mapping

from django.template.loader import render_to_string

from quarterdeck.assessor.clean import clean_all, script_json
from quarterdeck.assessor.naming import Names
from quarterdeck.assessor.page_policy import policy
from quarterdeck.assessor.session_files import first_rows, session_files
from quarterdeck.assessor.transcripts import transcript
from quarterdeck.assessor.words import spoken, status
from quarterdeck.sessions.api import SessionView, tally_words

SHOWN_LINES = 20_000


def replay_page(session: SessionView, cast: bytes, player: Mapping[str, bytes]) -> bytes:
    """Return the page; `player` are the script and style of the player, empty where the web was not built."""
    names, text = Names(), transcript(cast)
    script = render_to_string("assessor/parts/report.js").strip()
    source = player.get("player.js", b"").decode("utf-8", "replace")
    told = {
        "id": session.id,
        "ticket": session.ticket,
        "person": names.actor(session.person) if session.person else "nobody (unattended)",
        "asset": names.asset(session.asset),
        "state": status(session.state.value),
        "began": names.moment(session.began_at),
        "ended": names.moment(session.ended_at),
        "reason": spoken(session.end_reason) if session.end_reason else "",
        "exit_status": session.exit_status,
        "recording": session.recording,
        "lines": session.lines,
        "head": session.head,
        "torn": text.torn,
        "files_told": tally_words(session.files),
        **first_rows(session_files(session, cast)),
        "transcript": [{"stamp": line.stamp, "text": line.text} for line in text.lines[:SHOWN_LINES]],
        "more_lines": max(0, len(text.lines) - SHOWN_LINES),
    }
    page = {
        "one": clean_all(told),
        "style": render_to_string("assessor/parts/report.css"),
        "player_style": player.get("player.css", b"").decode("utf-8", "replace"),
        "script": script,
        "policy": policy([script, *([source] if source else [])]),
        "has_replay": bool(source),
        "player_source": script_json(source),
        "cast": script_json(cast.decode("utf-8", "replace")),
    }
    return render_to_string("assessor/replay.html", page).encode("utf-8", "replace")
