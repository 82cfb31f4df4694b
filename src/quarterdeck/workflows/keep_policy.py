"""Changing a setting of the policy: the next version with everything else as it was; refusals are recorded."""

from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import require_that
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded

LARGEST = 24 * 60


def change_policy(actor: Actor, clock: Clock, name: str, value: bool | int) -> int:
    """Adopt the policy with one setting changed and return its version; Refused(policy.setting)."""
    with refusals_recorded(actor, clock, "policy.adopt"), act(actor, clock) as current:
        before = tickets.DEFAULT_SETTINGS.get(name)
        fits = type(value) is type(before) and (isinstance(value, bool) or 0 <= value <= LARGEST)
        require_that(
            before is not None and fits,
            "policy.setting",
            "There is no such setting, or it does not take this value.",
            "See `qd policy show`: it lists each setting with its value.",
        ).require()
        in_force = tickets.policy()
        return tickets.adopt_policy(current, in_force.rows, {**in_force.settings, name: value})
