"""Windows that touch each other: the same asset (a conflict, or agreed when each names the other), or a dependant."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from quarterdeck.inventory.api import AssetView
from quarterdeck.tickets.api import State, TicketView

LIVE = frozenset({State.SUBMITTED, State.APPROVED, State.SCHEDULED, State.OPEN})


class Touch(StrEnum):
    """How two pieces of work touch."""

    SAME = "same"
    AGREED = "agreed"
    DEPENDS = "depends"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Another ticket in an overlapping window, and the host names through which the two touch."""

    number: str
    how: Touch
    hosts: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        hosts = ", ".join(self.hosts)
        if self.how is Touch.SAME:
            return f"{self.number} has {hosts} in an overlapping window."
        if self.how is Touch.AGREED:
            return f"{self.number} has {hosts} too; each names the other."
        return f"{self.number} works at the same time on {hosts}."


def overlaps(ticket: TicketView, others: Iterable[TicketView], assets: Mapping[str, AssetView]) -> list[Overlap]:
    """Return the live tickets that touch this one, conflicts first; only live tickets touch anything."""
    if ticket.state not in LIVE:
        return []
    found = []
    for other in others:
        if other.number == ticket.number or other.state not in LIVE or not ticket.window.overlaps(other.window):
            continue
        one = _touch(ticket, other, assets)
        if one is not None:
            found.append(one)
    return sorted(found, key=lambda one: (list(Touch).index(one.how), one.number))


def _touch(ticket: TicketView, other: TicketView, assets: Mapping[str, AssetView]) -> Overlap | None:
    mine, theirs = ({named.asset_id for named in view.assets} for view in (ticket, other))
    both = mine & theirs
    if both:
        agreed = other.number in ticket.content.conflicts_with and ticket.number in other.content.conflicts_with
        return Overlap(other.number, Touch.AGREED if agreed else Touch.SAME, _hosts(both, assets))
    words = [
        f"{_host(a, assets)}, which {_host(b, assets)} depends on"
        for b in sorted(mine) for a in sorted(theirs) if b in assets and a in assets[b].depends_on
    ] + [
        f"{_host(a, assets)}, which depends on {_host(b, assets)}"
        for b in sorted(mine) for a in sorted(theirs) if a in assets and b in assets[a].depends_on
    ]  # fmt: skip
    return Overlap(other.number, Touch.DEPENDS, tuple(words)) if words else None


def _host(asset_id: str, assets: Mapping[str, AssetView]) -> str:
    return assets[asset_id].hostname if asset_id in assets else asset_id


def _hosts(ids: Iterable[str], assets: Mapping[str, AssetView]) -> tuple[str, ...]:
    return tuple(sorted(_host(one, assets) for one in ids))
