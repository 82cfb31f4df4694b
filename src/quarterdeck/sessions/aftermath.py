"""What was found on a session's target after it: whether the account left a process behind (3.7.5[b]).

The looks are entries of their own, by the system with a measuring certificate; this reads them for one session.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.evidence.api import Entry, Outcome, entries
from quarterdeck.sessions.terms import SessionKind, SessionState, SessionView

LOOKED = "leftovers.checked"
AFTER_WORK = "postcheck.ran"
FACT = "leftovers.none"


@dataclass(frozen=True, slots=True)
class Leftovers:
    """The newest look after a session: `outcome` is None where nobody has looked, `sentence` says it in words."""

    outcome: Outcome | None
    sentence: str
    at: datetime | None = None
    entry: str = ""


def leftovers(seen: SessionView) -> Leftovers:
    """Return what was found after a session of the gate; *not available* comes with its reason."""
    if seen.kind is not SessionKind.GATE:
        return Leftovers(None, "Not available: this work did not go through the gate.")
    if seen.state is SessionState.RUNNING or seen.ended_at is None:
        return Leftovers(None, "Not available: the session still runs.")
    looks = [
        (entry, outcome)
        for entry in entries(ticket=seen.ticket, events=[LOOKED, AFTER_WORK])
        if entry.object.id == seen.asset and entry.at >= seen.ended_at and (outcome := _outcome(entry)) is not None
    ]
    if not looks:
        return Leftovers(None, "Not available: the target was not looked at after this session yet.")
    entry, outcome = looks[-1]
    return Leftovers(outcome, _WORDS[outcome], entry.at, entry.event_id)


_WORDS = {
    Outcome.PASSED: "None: no process of the account was left behind.",
    Outcome.FAILED: "Left behind: the file of the check names the processes.",
    Outcome.UNKNOWN: "Not available: the target could not be asked; the file of the check says why.",
}


def _outcome(entry: Entry) -> Outcome | None:
    if entry.event == LOOKED:
        return Outcome(str(entry.data["outcome"]))
    facts = entry.data.get("facts")
    for fact in facts if isinstance(facts, list) else []:
        if isinstance(fact, Mapping) and fact.get("kind") == FACT:
            return Outcome(str(fact["outcome"]))
    return None
