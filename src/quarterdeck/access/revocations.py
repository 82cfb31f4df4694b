"""Revocations that stand until they are lifted: of a person, a vendor, a ticket, of everything.

No row says whether one stands, only its newest sealed entry: nobody lifts one by writing into the database
(attacks.md rows 1 and 28). What it takes away at once are grants, whose end ends their sessions (3.1.12[c], 3.7.5[b]).
"""

from datetime import datetime

from quarterdeck.access.granting import revoke
from quarterdeck.access.reading import grant, grant_of_serial, grants
from quarterdeck.access.revocation_reading import (
    EVERYTHING,
    LIFTED,
    ORDERED,
    STANDING,
    Scope,
    named,
    people_of,
    standing,
)
from quarterdeck.access.terms import ENTERING, GrantState, GrantView
from quarterdeck.evidence.api import Act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets

REVOKING_ROLES = (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER)
LIFTING_ROLES = (Role.IT_LEAD, Role.APPROVER)


def reached(scope: Scope, target: str) -> list[GrantView]:
    """Return people's active grants that a revocation takes away; Refused(*.unknown) when there is no such target."""
    if scope is Scope.GRANT:
        found = [grant(target)]
    elif scope is Scope.CERTIFICATE:
        found = [_of_serial(target)]
    else:
        found = grants(state=GrantState.ACTIVE)
        found = [one for one in found if _covers(scope, target, one)]
        _require_known(scope, target)
    return [one for one in found if one.purpose in ENTERING and one.state is GrantState.ACTIVE]


def order(act: Act, scope: Scope, target: str, reason: str) -> list[GrantView]:
    """Revoke: take the grants away now and, where the scope is a standing one, let none be given or used again.

    IT lead, approver or CUI owner with a fresh second factor; all of everything is for IT lead and approver.
    """
    roles = LIFTING_ROLES if scope is Scope.EVERYTHING else REVOKING_ROLES
    tickets.require_reason(reason)
    all_of((tickets.has_role(act.actor, roles, act.at), tickets.stepped_up(act.actor, act.at))).require()
    target = _normal(scope, target)
    gone = [revoke(act, one.id, f"revoked.{scope.value}", reason.strip()) for one in reached(scope, target)]
    if scope in STANDING:
        data = {"scope": scope.value, "revoked": len(gone), "reason": act.commitment(reason)}
        if scope is Scope.VENDOR:
            data["vendor"] = act.commitment(target)
        act.record(ORDERED, named(scope, target), ticket=_ticket(scope, target), data=data)
    return gone


def lift(act: Act, scope: Scope, target: str, reason: str) -> None:
    """Let access be taken again; nothing that was revoked comes back. IT lead or approver, never for oneself.

    All of everything is lifted by somebody else than who revoked it: one taken-over login does not undo itself.
    """
    tickets.require_reason(reason)
    all_of((tickets.has_role(act.actor, LIFTING_ROLES, act.at), tickets.stepped_up(act.actor, act.at))).require()
    target = _normal(scope, target)
    sealed = standing(scope, target) if scope in STANDING else None
    if sealed is None:
        raise Refused(refuse("revocation.none", "No such revocation stands.", "Look at the list of what is revoked."))
    all_of(
        (
            require_that(
                act.actor.id not in _whose(scope, target),
                "revocation.own",
                "Nobody lifts a revocation of their own access.",
                "Ask the IT lead or an approver.",
            ),
            require_that(
                scope is not Scope.EVERYTHING or act.actor.id != sealed.actor_id,
                "revocation.same_person",
                "Who revoked everything does not lift it alone.",
                "Let the other of IT lead and approver look and lift it.",
            ),
        )
    ).require()
    data = {"scope": scope.value, "reason": act.commitment(reason)}
    act.record(LIFTED, named(scope, target), ticket=_ticket(scope, target), data=data)


def _whose(scope: Scope, target: str) -> frozenset[str]:
    """Return whose access a revocation is about; a ticket's is that of everybody who may work on it (3.1.4)."""
    return tickets.workers(tickets.ticket(target)) if scope is Scope.TICKET else people_of(scope, target)


def may_revoke(actor: Actor, scope: Scope, at: datetime) -> Decision:
    """Decide whether this person holds a role that revokes this."""
    return tickets.has_role(actor, LIFTING_ROLES if scope is Scope.EVERYTHING else REVOKING_ROLES, at)


def _normal(scope: Scope, target: str) -> str:
    return EVERYTHING if scope is Scope.EVERYTHING else target.strip()


def _ticket(scope: Scope, target: str) -> str | None:
    return target if scope is Scope.TICKET else None


def _covers(scope: Scope, target: str, given: GrantView) -> bool:
    if scope is Scope.EVERYTHING:
        return True
    if scope is Scope.TICKET:
        return given.ticket == target
    return given.person in people_of(scope, target)


def _require_known(scope: Scope, target: str) -> None:
    if scope is Scope.PERSON:
        personnel.person(target)
    elif scope is Scope.TICKET:
        tickets.ticket(target)
    elif scope is Scope.VENDOR:
        known = {terms.vendor for terms in personnel.agreements()}
        require_that(
            target in known or bool(people_of(scope, target)),
            "vendor.unknown",
            "There is no vendor of this name.",
            "Write the name as it stands under People & vendors.",
        ).require()


def _of_serial(text: str) -> GrantView:
    found = grant_of_serial(int(text)) if text.isascii() and text.isdigit() and len(text) <= 16 else None
    if found is None:
        raise Refused(
            refuse(
                "certificate.unknown",
                "No access was given with a certificate of this serial.",
                "Look at the ticket's page for the serials of its certificates.",
            )
        )
    return found
