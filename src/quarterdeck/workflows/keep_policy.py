"""Changing the policy: the next version with one setting or row changed, the rest as it was; refusals are recorded."""

from dataclasses import dataclass

from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import require_that
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Policy, RowTerms, State
from quarterdeck.workflows.refusals import refusals_recorded

_RULE = "policy.adopt"
_BEFORE_OPENING = (State.SUBMITTED, State.APPROVED, State.SCHEDULED)


@dataclass(frozen=True, slots=True)
class Hit:
    """Tickets that a change leaves behind: to be frozen anew before anybody decides, and open ones without sessions."""

    freeze_anew: list[str]
    no_new_sessions: list[str]


def hit_by_change() -> Hit:
    """Return the tickets whose approvals do not count for the policy in force (3.7.2[d])."""
    return Hit(tickets.moved_tickets(_BEFORE_OPENING), tickets.moved_tickets([State.OPEN]))


def change_setting(
    actor: Actor, clock: Clock, name: str, value: bool | int, *, reason: str, seen: int | None = None
) -> int:
    """Adopt the policy with one setting changed and return its version; Refused(policy.setting), (policy.moved)."""
    with refusals_recorded(actor, clock, _RULE), act(actor, clock) as current:
        tickets.usable_setting(name, value).require()
        in_force = _in_force(seen)
        _differs({**tickets.DEFAULT_SETTINGS, **in_force.settings}[name] != value)
        return tickets.adopt_policy(current, in_force.rows, {**in_force.settings, name: value}, reason)


def change_row(
    actor: Actor, clock: Clock, hold_point: str, terms: RowTerms, *, reason: str, seen: int | None = None
) -> int:
    """Adopt the policy with one hold point's row changed and return its version; Refused(policy.*)."""
    with refusals_recorded(actor, clock, _RULE), act(actor, clock) as current:
        in_force = _in_force(seen)
        rows = tickets.with_terms(in_force.rows, hold_point, terms)
        _differs(rows != in_force.rows)
        return tickets.adopt_policy(current, rows, in_force.settings, reason)


def _in_force(seen: int | None) -> Policy:
    """Return the policy in force, which must be the version that was looked at, where one was."""
    found = tickets.policy()
    require_that(
        seen is None or seen == found.version,
        "policy.moved",
        f"The policy was changed meanwhile: version {found.version} is in force.",
        "Look at it again, then change it.",
    ).require()
    return found


def _differs(changed: bool) -> None:
    require_that(
        changed,
        "policy.same",
        "That is what the policy says already.",
        "Nothing is to be done; a new version would void approvals for nothing.",
    ).require()
