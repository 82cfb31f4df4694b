"""Deciding: approve or refuse the content shown, the word of an emergency, its ratification, waivers.

When the last approval is there the ticket is scheduled in the same act and those concerned are told after the commit.
"""

from quarterdeck.access import api as access
from quarterdeck.evidence.api import Act, ArtifactRef, act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalRole, EmergencyBasis, State, TicketView
from quarterdeck.workflows.account_for_use import may_be_ratified
from quarterdeck.workflows.refusals import refusals_recorded
from quarterdeck.workflows.request import owners_of


def approve(
    actor: Actor,
    clock: Clock,
    number: str,
    *,
    role: ApprovalRole,
    content_hash: str,
    reason: str,
    signature: ArtifactRef | None = None,
) -> TicketView:
    """Approve exactly the content whose hash was shown; the last approval schedules the ticket.

    `signature` is the kept signature of the person's own key over it (`sign_approval`); without one the approval is
    recorded only.
    """
    with refusals_recorded(actor, clock, "ticket.approve", number), act(actor, clock) as current:
        state = tickets.approve(
            current, number, role=role, content_hash=content_hash, reason=reason, signature=signature
        )
        _schedule_when_approved(current, number, state)
    return tickets.ticket(number)


def _schedule_when_approved(current: Act, number: str, state: State) -> None:
    if state is not State.APPROVED:
        return
    view = tickets.ticket(number)
    people = (view.requester, *view.technicians, *((view.escort,) if view.escort else ()), *owners_of(view))
    if view.emergency:
        # A word that somebody else wrote down for the authoriser must reach the authoriser, and those who ratify.
        named = (given.person for given in view.approvals if given.void_at is None)
        ratify = (who for role in (Role.APPROVER, Role.CUI_OWNER) for who in personnel.holders(role, current.at))
        people = (*people, *named, *ratify)
    tickets.schedule(current, number, tuple(dict.fromkeys(people)))


def refuse(
    actor: Actor, clock: Clock, number: str, *, role: ApprovalRole, content_hash: str, reason: str
) -> TicketView:
    """Refuse the ticket; it ends as rejected."""
    with refusals_recorded(actor, clock, "ticket.refuse", number), act(actor, clock) as current:
        tickets.refuse_ticket(current, number, role=role, content_hash=content_hash, reason=reason)
    return tickets.ticket(number)


def authorise_emergency(
    actor: Actor,
    clock: Clock,
    number: str,
    *,
    authoriser: str,
    basis: EmergencyBasis,
    content_hash: str,
    reason: str,
) -> TicketView:
    """Record the word of a named authoriser and schedule the emergency at once."""
    with refusals_recorded(actor, clock, "ticket.authorise_emergency", number), act(actor, clock) as current:
        state = tickets.authorise_emergency(
            current, number, authoriser=authoriser, basis=basis, content_hash=content_hash, reason=reason
        )
        _schedule_when_approved(current, number, state)
    return tickets.ticket(number)


def ratify(actor: Actor, clock: Clock, number: str, *, role: ApprovalRole, approve_it: bool, reason: str) -> TicketView:
    """Ratify an emergency, or refuse: then every access of the ticket is withdrawn in the same act."""
    with refusals_recorded(actor, clock, "ticket.ratify", number), act(actor, clock) as current:
        if approve_it:
            may_be_ratified(number, actor.id)
        tickets.ratify(current, number, role=role, approve_it=approve_it, reason=reason)
        if not approve_it:
            access.revoke_for(current, ticket=number, reason="ratification.refused")
    return tickets.ticket(number)


def waive(actor: Actor, clock: Clock, number: str, *, hold_point: str, reason: str) -> None:
    """Let a deferrable hold point pass for this content, with a reason."""
    with refusals_recorded(actor, clock, "ticket.waive", number), act(actor, clock) as current:
        tickets.waive(current, number, hold_point=hold_point, reason=reason)


def confirm_escort(actor: Actor, clock: Clock, number: str) -> None:
    """The named escort confirms the own presence."""
    with refusals_recorded(actor, clock, "escort.confirm", number), act(actor, clock) as current:
        tickets.confirm_escort(current, number)
