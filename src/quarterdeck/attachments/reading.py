"""What was attached to a ticket: from the entries that say so, and from nowhere else."""

import json
from collections.abc import Iterator

from quarterdeck.attachments.terms import KINDS, LINK_ROLE, Attached, Way
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry
from quarterdeck.kernel.decision import Refused

ATTACHED = "evidence.attached"
_GIVEN_UP = {"artifact.redacted": "redacted", "artifact.disposed": "disposed"}


def attached(number: str) -> list[Attached]:
    """Return everything that was attached to a ticket, oldest first; Refused(ledger.altered)."""
    found = list(evidence.entries(ticket=number, events=[ATTACHED]))
    reasons = evidence.openings([str(entry.data.get("reason", "")) for entry in found])
    return [one for entry in found for one in _of(entry, reasons)]


def _of(entry: Entry, reasons: dict[str, tuple[bytes, str]]) -> Iterator[Attached]:
    data = entry.data
    for item in entry.artifacts:
        sha256, role = str(item["sha256"]), str(item["role"])
        known = evidence.artifact(sha256)
        form = str(data.get("form", ""))
        # Without its row it may hold anything; deny by default.
        may_contain_cui = known is None or known.may_contain_cui
        yield Attached(
            entry.event_id,
            entry.ticket or "",
            form if form in KINDS else "other",
            Way.LINK if role == LINK_ROLE else Way.FILE,
            sha256,
            int(item["size"]),
            str(item["name"]),
            role,
            "" if known is None else known.media_type,
            str(data.get("asset", "")),
            str(data.get("kind", "")),
            entry.actor_id,
            entry.at,
            reasons.get(str(data.get("reason", "")), (b"", ""))[1],
            target_of(sha256) if role == LINK_ROLE else "",
            may_contain_cui,
            given_up(sha256),
        )


def target_of(sha256: str) -> str:
    """Return where a link leads, empty when its file is gone."""
    try:
        told = json.loads(evidence.read_artifact(sha256))
    except Refused:
        return ""
    return str(told.get("target", "")) if isinstance(told, dict) else ""


def given_up(sha256: str) -> str:
    """Return `redacted` or `disposed` where two people gave the file up, empty where it is to be there."""
    last = evidence.given_up(sha256)
    return "" if last is None else _GIVEN_UP[last.event]
