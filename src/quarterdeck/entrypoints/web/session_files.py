"""The files of a session on its page: searched by name, hash or what became of them, a first part shown."""

from typing import Any

from django.http import HttpRequest

from quarterdeck.assessor import api as assessor
from quarterdeck.sessions.api import SessionView

MOST_SHOWN = 200
_WORDS = {"passed": "Passed", "partly": "In part", "cut_off": "Cut off", "failed": "Failed", "refused": "Refused"}


def shown(request: HttpRequest, session: SessionView, cast: bytes) -> dict[str, Any]:
    """Return the rows that the search in the address leaves, and how many there are."""
    found = assessor.session_files(session, cast)
    query = request.GET.get("files", "")[:200]
    told: dict[str, Any] = {"files_query": query, "has_files": bool(found["files"] or found["changes"])}
    for name, rows in found.items():
        left = assessor.narrowed(rows, query)
        told[f"session_{name}"] = [{**row, "state_word": _WORDS[row["state"]]} for row in left[:MOST_SHOWN]]
        told[f"{name}_left"], told[f"{name}_all"] = len(left), len(rows)
        told[f"{name}_more"] = max(0, len(left) - MOST_SHOWN)
    return told
