"""What a person looked at, as the ledger has it: for the assessor's own desk."""

from typing import Any

from django.urls import reverse

from quarterdeck.assessor import api as assessor
from quarterdeck.controls.api import OBJECTIVES
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.people_in import Visitor
from quarterdeck.entrypoints.web.viewing import PAGE
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import Refused
from quarterdeck.sessions import api as sessions

_URLS = {"ticket": "ticket", "session": "session", "asset": "asset", "person": "person", "item": "register_item",
         "question": "question", "objective": "objective"}  # fmt: skip
_BACK = 5_000


def views_of(seen: Visitor, names: Names, most: int) -> list[dict[str, Any]]:
    """Return the newest views of this person, newest first, each with its entry's number."""
    head = evidence.head().size
    recent = evidence.entries(events=["evidence.viewed"], from_seq=max(0, head - _BACK))
    mine = [entry for entry in recent if entry.actor_id == seen.person.id][-most:]
    return [_line(entry, names) for entry in reversed(mine)]


def _named(kind: str, name: str, names: Names) -> str:
    """Return a session or package as people know it, else its id."""
    try:
        if kind == "session":
            one = sessions.session(name)
            return f"of {names.person(one.person)} on {names.asset(one.asset)}"
        return assessor.order(name).file_name if kind == "package" else name
    except Refused:
        return name


def _line(entry: evidence.Entry, names: Names) -> dict[str, Any]:
    kind, name = entry.object.type, entry.object.id
    url = reverse(_URLS[kind], args=[name]) if kind in _URLS else ""
    tokens = {one.token: one.id for one in OBJECTIVES}
    if kind == PAGE:
        said = name.replace("_", " ").capitalize()
    elif kind == "artifact":
        said = f"File {name[:12]}…" + (f" of {entry.data['of']}" if entry.data.get("of") else "")
    else:
        said = f"{kind.capitalize()} {tokens.get(name) or names.all.get(name) or _named(kind, name, names)}"
    return {"what": said, "url": url, "at": entry.at, "seq": entry.seq}
