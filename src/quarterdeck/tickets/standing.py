"""Who may act: a person with a second factor and a role, never the operator or a process (attacks.md row 1)."""

from collections.abc import Collection
from datetime import datetime

from quarterdeck.evidence.api import Act
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.decision import ALLOWED, Decision, refuse, require_that
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role

MOVING_ROLES = (Role.REQUESTER, Role.TECHNICIAN, Role.IT_LEAD)


def person_acts(actor: Actor) -> Decision:
    """Decide whether the actor is a person at all."""
    return require_that(
        actor.is_person,
        "actor.not_a_person",
        "Only a person with an own login requests, approves, grants, opens or closes.",
        "Log in with your own account.",
    )


def require_process(act: Act) -> None:
    """Raise Refused unless one of our own processes acts: neither people nor the operator move time on."""
    require_that(
        act.actor.kind is ActorKind.SYSTEM,
        "actor.not_a_process",
        "Only the ticker does this, when the time has come.",
        "Wait for the end of the window.",
    ).require()


def has_role(actor: Actor, roles: Collection[Role], at: datetime) -> Decision:
    """Decide whether the person holds one of the roles now."""
    personal = person_acts(actor)
    if not personal.allowed:
        return personal
    if personnel.roles_of(actor.id, at) & set(roles):
        return ALLOWED
    words = " or ".join(role.replace("_", " ").replace("cui", "CUI").replace("it lead", "IT lead") for role in roles)
    return refuse("role.missing", f"This takes the role {words}.", "Ask somebody who holds it; see People.")


def stepped_up(actor: Actor, at: datetime) -> Decision:
    """Decide whether the second factor was shown within the last ten minutes (3.7.5[a], 3.5.3)."""
    return require_that(
        actor.stepped_up(at),
        "step_up.needed",
        "This act wants your second factor again.",
        "Enter the code that your authenticator shows now, then repeat the act.",
    )


def require_role(act: Act, roles: Collection[Role]) -> None:
    """Raise Refused unless the act's person holds one of the roles."""
    has_role(act.actor, roles, act.at).require()


def require_step_up(act: Act) -> None:
    """Raise Refused unless the act's person stepped up."""
    stepped_up(act.actor, act.at).require()
