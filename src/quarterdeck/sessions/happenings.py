"""What was done to a session from outside while it ran: watched, paused, resumed, written into, ended; escort there.

Told by the ledger, oldest first; the words of people only from rows whose entries vouch for them.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from quarterdeck.evidence.api import ObjectRef, entries
from quarterdeck.sessions.orders import EVENTS, orders
from quarterdeck.sessions.watching import ARRIVED, LEFT


class Happened(StrEnum):
    """What somebody did to a running session."""

    WATCHED = "watched"
    PAUSED = "paused"
    RESUMED = "resumed"
    MESSAGED = "messaged"
    ENDED = "ended"
    ESCORT_CAME = "escort_came"
    ESCORT_LEFT = "escort_left"


HAPPENED = {
    Happened.WATCHED: "watched it live",
    Happened.PAUSED: "paused its input",
    Happened.RESUMED: "let its input go on",
    Happened.MESSAGED: "wrote into its terminal",
    Happened.ENDED: "ended it",
    Happened.ESCORT_CAME: "was present as the escort",
    Happened.ESCORT_LEFT: "left as the escort",
}
_OF_EVENT = {
    "session.watched": Happened.WATCHED,
    "session.paused": Happened.PAUSED,
    "session.resumed": Happened.RESUMED,
    "session.messaged": Happened.MESSAGED,
    "session.end_ordered": Happened.ENDED,
    ARRIVED: Happened.ESCORT_CAME,
    LEFT: Happened.ESCORT_LEFT,
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that was done: when (aware UTC), by whom (a person's id), and the words of a message or an end."""

    at: datetime
    what: Happened
    person: str
    text: str = ""


def happenings(session_id: str) -> list[Happening]:
    """Return what was done to this session; `text` is as secret as the recording, which holds it too."""
    words = {one.id: one.text for one in orders(session_id)}
    told = entries(object=ObjectRef("session", session_id), events=tuple(_OF_EVENT))
    return [
        Happening(
            entry.at,
            _OF_EVENT[entry.event],
            str(entry.data["person"]) if entry.event == LEFT else entry.actor_id,
            words.get(str(entry.data.get("order")), "") if entry.event in EVENTS else "",
        )
        for entry in told
    ]
