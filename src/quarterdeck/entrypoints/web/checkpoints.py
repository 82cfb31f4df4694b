"""Checkpoints for the evidence page: each with the holders outside that it reached, as rows, as a line, as a list."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse

from quarterdeck.entrypoints.web import lists
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.evidence import api as evidence

_REASONS = {
    "approval": "a ticket was approved", "open": "a window opened", "close": "a ticket closed",
    "export": "a package left", "key": "a key changed", "news": "news since the last", "daily": "daily heartbeat",
    "heartbeat": "daily heartbeat",
}  # fmt: skip
MOST = 5_000
_HELD = ("anchored", "anchored_inside")
_BEST_FIRST = (*_HELD, "stamped")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One holder that a checkpoint reached."""

    channel: str
    target: str
    who: str
    at: datetime
    independent: bool
    held: bool

    @property
    def state(self) -> str:
        """The status code: somebody else's, the same administrator's, or a time stamp, which nobody keeps."""
        if not self.held:
            return "stamped"
        return "anchored" if self.independent else "anchored_inside"


@dataclass(frozen=True, slots=True)
class Row:
    """A checkpoint with its receipts."""

    view: evidence.CheckpointView
    receipts: tuple[Receipt, ...]

    @property
    def because(self) -> str:
        """Why it was sealed, in words."""
        return _REASONS.get(self.view.reason, self.view.reason.replace("_", " "))

    @property
    def ways(self) -> list[tuple[str, str, str, datetime]]:
        """Return channel, who got it, what that is worth, and when: one line a channel."""
        found: dict[tuple[str, str], list[Receipt]] = {}
        for one in self.receipts:
            found.setdefault((one.channel, one.state), []).append(one)
        return [
            (channel, ", ".join(one.who or one.target for one in several), state, max(o.at for o in several))
            for (channel, state), several in found.items()
        ]

    @property
    def state(self) -> str:
        """The status code: whom it reached, the best of them."""
        reached = {one.state for one in self.receipts}
        return next((state for state in _BEST_FIRST if state in reached), "unanchored")

    @property
    def holders(self) -> str:
        """Whom it reached, in one line."""
        return ", ".join(dict.fromkeys(f"{one.channel} {one.who or one.target}" for one in self.receipts))


def rows(names: Names) -> list[Row]:
    """Return the checkpoints, newest first."""
    people = {person.email: person.name for person in names.people.values() if person.email}
    found: dict[int, list[Receipt]] = {}
    for one in evidence.receipts():
        independent = one.grade is evidence.AnchorGrade.INDEPENDENT
        receipt = Receipt(one.channel, one.target, people.get(one.target, ""), one.sent_at, independent, one.held)
        found.setdefault(one.size, []).append(receipt)
    return [Row(view, tuple(found.get(view.size, ()))) for view in evidence.checkpoints(MOST)]


def line(kept: list[Row], size: int, anchored: int) -> dict[str, Any]:
    """Return the ledger as a line: how far it is held outside, and where each checkpoint stands on it."""
    whole = max(1, size)
    dots = [
        {"x": round(100 * row.view.size / whole, 2), "held": row.state in _HELD, "size": row.view.size}
        for row in kept[:60]
    ]
    return {"dots": dots, "held": round(100 * anchored / whole, 2)}


def listing() -> lists.Listing[Row]:
    """Return the list of checkpoints."""

    def url(row: Row, kind: str) -> str:
        return reverse("checkpoint", args=[row.view.size, kind])

    return lists.Listing(
        name="checkpoints",
        noun="checkpoints",
        columns=[
            lists.Column("size", "Entries", lambda row: lists.text(row.view.size), lambda row: row.view.size),
            lists.Column("state", "Held outside", lambda row: lists.state(row.state)),
            lists.Column("holders", "By", lambda row: lists.text(row.holders)),
            lists.Column("at", "Sealed", lambda row: lists.moment(row.view.at, "full"), lambda row: row.view.at),
            lists.Column("because", "Because", lambda row: lists.text(row.because)),
            lists.Column("root", "Root", lambda row: lists.mono(row.view.root), shown=False),
            lists.Column("sig", "Signature", lambda row: lists.text("file", url=url(row, "checkpoint.sig"))),
            lists.Column("note", "Note", lambda row: lists.text("file", url=url(row, "checkpoint.note"))),
        ],
        row_url=lambda row: url(row, "checkpoint"),
        empty=lists.Empty(
            "No checkpoint yet",
            "The sealer signs the ledger's head at each approval, opening, closing and export.",
            "anchor",
        ),
        filters=[
            lists.Filter("state", "Held outside", lambda row: row.state),
            lists.Filter("because", "Because", lambda row: row.because, lambda code: code),
        ],
        sort="-size",
    )
