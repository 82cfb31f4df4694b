"""The timeline of a ticket for the report: every entry one line, ids read as names, reasons opened."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quarterdeck.assessor.naming import Names
from quarterdeck.assessor.openings import Opening
from quarterdeck.assessor.words import spoken, status
from quarterdeck.controls.api import fact_kind, is_fact_kind
from quarterdeck.evidence.api import Entry

# Fields that only programs read: digests of rows, what stands elsewhere on the page.
_MUTE = frozenset(
    ("row", "row_digest", "item_row", "facts", "count", "head", "content", "version", "to", "from", "window_from",
     "window_until", "epoch", "connection", "grant", "state", "hold_points")
)  # fmt: skip
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_FILTERS = {
    "ticket": "decisions", "approval": "decisions", "emergency": "decisions", "hold_point": "decisions",
    "escort": "decisions", "act": "refusals", "session": "sessions", "sessions": "sessions", "access": "access",
    "baseline": "measurements", "drift": "measurements", "backup": "measurements", "checks": "measurements",
    "check": "measurements", "sole_path": "measurements",
}  # fmt: skip


def timeline(
    entries: Sequence[Entry], names: Names, openings: Mapping[str, Opening], files: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return the rows; `files` gives the path in the package of each artifact that is in it."""
    return [_row(entry, names, openings, files) for entry in entries]


def _row(entry: Entry, names: Names, openings: Mapping[str, Opening], files: Mapping[str, str]) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "ticket_seq": entry.ticket_seq,
        "at": names.moment(entry.at),
        "event": entry.event,
        "words": spoken(entry.event),
        "kind": _FILTERS.get(entry.event.partition(".")[0], "other"),
        "actor": names.actor(entry.actor_id),
        "proof": spoken(entry.actor_auth),
        "person": entry.actor_kind == "person",
        "object": f"{spoken(entry.object.type)} {names.any(entry.object.id)}",
        "facts": [_fact(fact, names) for fact in entry.data.get("facts") or ()],
        "details": _details(entry.data, names, openings),
        "quotes": list(_quotes(entry.data, openings)),
        "files": [
            {"name": item["name"], "role": spoken(item["role"]), "sha256": item["sha256"], "size": item["size"],
             "path": files.get(item["sha256"], "")}
            for item in entry.artifacts
        ],
        "event_id": entry.event_id,
        "leaf": entry.leaf.hex(),
    }  # fmt: skip


def _fact(fact: Mapping[str, Any], names: Names) -> dict[str, Any]:
    kind = str(fact["kind"])
    return {
        "label": fact_kind(kind).label if is_fact_kind(kind) else spoken(kind),
        "asset": names.asset(fact["asset"]) if fact.get("asset") else "",
        "status": status(str(fact["outcome"])),
        "grade": status(str(fact["grade"])),
    }


def _details(data: Mapping[str, Any], names: Names, openings: Mapping[str, Opening]) -> str:
    """What the entry says beside its facts, as one line."""
    said = []
    if isinstance(data.get("from"), str) and isinstance(data.get("to"), str):
        said.append(f"from {spoken(data['from']).lower()} to {spoken(data['to']).lower()}")
    for key, value in data.items():
        hidden = isinstance(value, str) and (value in openings or _HASH.fullmatch(value))
        if key not in _MUTE and value not in (None, "", 0, [], {}) and not hidden:
            said.append(f"{spoken(key)}: {plain(value, names)}")
    return " · ".join(said)


def _quotes(data: Mapping[str, Any], openings: Mapping[str, Opening]) -> Iterator[dict[str, Any]]:
    """The texts behind the commitments of the entry, and whether they match them."""
    for key, value in data.items():
        opening = openings.get(value) if isinstance(value, str) else None
        if opening is not None:
            yield {"key": spoken(key), "text": opening.value, "holds": opening.holds}


def plain(value: object, names: Names) -> str:
    """Return a value of an entry as one line of text: ids as names, moments in the site's zone, no hashes."""
    if isinstance(value, Mapping):
        shown = {key: item for key, item in value.items() if not (isinstance(item, str) and _HASH.fullmatch(item))}
        return ", ".join(f"{spoken(str(key)).lower()} {plain(item, names)}" for key, item in shown.items())
    if isinstance(value, list | tuple):
        return ", ".join(plain(item, names) for item in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = names.said(str(value))
    return text.replace("_", " ") if text == str(value) and text.replace("_", "").isalpha() else text
