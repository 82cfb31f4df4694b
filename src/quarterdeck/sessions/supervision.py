"""Words of watching over a running session: orders of a person, who watches, whether the escort is there. Pure.

The gate's processes share them. Texts of people are shown in a terminal, so every character that a terminal acts on is
spelled out here, once more than where the text was taken (attacks.md row 22).
"""

from dataclasses import dataclass
from enum import StrEnum

from quarterdeck.sessions.telling import UNSEEN, spelled_sign

LONGEST_SHOWN = 1000


class OrderKind(StrEnum):
    """What a person may order while a session runs."""

    PAUSE = "pause"
    RESUME = "resume"
    END = "end"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class Order:
    """One order that stands in the ledger; `by` is a name, `text` the reason of an end or the words of a message."""

    id: str
    kind: OrderKind
    by: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Supervision:
    """What holds for one running session now: every order in its sequence, names of watchers, is the escort there.

    `present` names who escorts now, the ticket's escort or a named deputy, whether the work demands one or not.
    """

    orders: tuple[Order, ...] = ()
    watchers: tuple[str, ...] = ()
    present: str = ""


def harmless(text: str) -> str:
    """Return one line of a person's words with everything spelled out that a terminal would act on."""
    return UNSEEN.sub(spelled_sign, text)[:LONGEST_SHOWN]


def order_sentence(order: Order) -> str:
    """Return what the technician reads when an order takes effect."""
    by, text = harmless(order.by), harmless(order.text)
    return {
        OrderKind.PAUSE: f"Paused by {by}. What you type waits; nothing of it is lost.",
        OrderKind.RESUME: f"Resumed by {by}.",
        OrderKind.END: f"Ended by {by}: {text}" if text else f"Ended by {by}.",
        OrderKind.MESSAGE: f"Message of {by}: {text}",
    }[order.kind]


def escort_sentence(escort: str, *, present: str, was_present: str) -> str:
    """Return what the technician reads when the escort comes, leaves or is waited for; `present` and before: names."""
    name = harmless(was_present or escort)
    if present:
        return f"Your escort {harmless(present)} is watching. Go on."
    if was_present:
        return f"Your escort {name} has left, so your input waits. It goes on when the escort is back."
    return f"Waiting for your escort {name}: nothing starts until the escort watches this session."


def watcher_sentence(name: str, *, joins: bool) -> str:
    """Return what the technician reads when somebody begins or stops to watch."""
    return f"{harmless(name)} {'watches this session' if joins else 'no longer watches'}."
