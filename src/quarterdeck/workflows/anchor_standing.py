"""How it stands with the anchors, for screens, `qd doctor` and the API; and the IT lead's wish to try a channel now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, AnchorRouteView, Entry, ObjectRef
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.anchor_checkpoints import Route
from quarterdeck.workflows.cadence import AT_ONCE, Reach, wanted_reasons
from quarterdeck.workflows.refusals import refusals_recorded

# Sealing and sending take their time after the quarter of an hour that news may wait.
SLACK = timedelta(minutes=1)


class RouteState(StrEnum):
    """How it stands with one holder."""

    UNTRIED = "untried"
    REACHED = "reached"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class RouteStanding:
    """One configured holder; `backlog` counts checkpoints that are owed, `known` is what is remembered of it."""

    known: AnchorRouteView
    grade: AnchorGrade
    reach: Reach
    backlog: int

    @property
    def holds(self) -> bool:
        """False for a time-stamping authority, which keeps nothing of what it stamps."""
        return self.known.channel != evidence.STAMPS

    @property
    def state(self) -> RouteState:
        """Failing as soon as the last try failed."""
        if self.known.failures:
            return RouteState.FAILING
        return RouteState.REACHED if self.known.taken_size else RouteState.UNTRIED


@dataclass(frozen=True, slots=True)
class AnchorStanding:
    """Every configured holder; the oldest entry that no anchor covers, and whether it waits longer than it should."""

    routes: tuple[RouteStanding, ...]
    oldest: Entry | None
    late: bool

    @property
    def self_attested(self) -> bool:
        """True where nobody is to hold checkpoints: whoever administers the server can rewrite everything."""
        return not any(one.holds for one in self.routes)

    @property
    def independent(self) -> bool:
        """True where somebody else than the server's administrator holds checkpoints."""
        return any(one.holds and one.grade is AnchorGrade.INDEPENDENT for one in self.routes)

    @property
    def timely(self) -> bool:
        """True where some holder gets checkpoints at once; mail and stamps alone wait for milestones."""
        return any(one.reach in AT_ONCE for one in self.routes)


def look(routes: Sequence[Route], target: timedelta, now: datetime) -> AnchorStanding:
    """Return how it stands; `target` is the age at which an unanchored entry is late."""
    oldest = evidence.oldest_unanchored()
    late = oldest is not None and now - oldest.at > target + SLACK
    return AnchorStanding(tuple(_standing(route) for route in routes), oldest, late)


def _standing(route: Route) -> RouteStanding:
    known = evidence.known_anchor_route(route.channel.channel, route.channel.target)
    if route.reach is Reach.EVERY:
        backlog = evidence.count_owed(known)
    else:
        since = evidence.reasons_since(max(known.taken_size, known.floor - 1))
        backlog = sum(count for reason, count in since.items() if reason in wanted_reasons(route.reach))
    return RouteStanding(known, route.channel.grade, route.reach, backlog)


def ask_trial(actor: Actor, clock: Clock, routes: Sequence[Route], route_id: str) -> AnchorRouteView:
    """Have the newest checkpoint sent to this holder at once; the IT lead's, and recorded. Refused is recorded too."""
    with refusals_recorded(actor, clock, "anchor.try"):
        tickets.has_role(actor, [Role.IT_LEAD], clock.now()).require()
        known = _configured(routes, route_id)
        with evidence.act(actor, clock) as act:
            evidence.ask_anchor_route(evidence.open_anchor_route(known.channel, known.target), clock.now())
            act.record("anchor.trial_asked", ObjectRef("anchor", route_id), data={"channel": known.channel})
    return evidence.open_anchor_route(known.channel, known.target)


def _configured(routes: Sequence[Route], route_id: str) -> AnchorRouteView:
    for route in routes:
        known = evidence.known_anchor_route(route.channel.channel, route.channel.target)
        if known.id == route_id:
            return known
    raise Refused(
        refuse(
            "anchor.unknown",
            "There is no such holder of checkpoints, or it is no longer configured.",
            "See the list of anchors (`qd anchors`, or the page Evidence).",
        )
    )
