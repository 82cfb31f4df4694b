"""Granting, confirming and revoking roles; deputies. Guarded roles take two people and a day (attacks.md row 2)."""

from datetime import datetime

from quarterdeck.evidence.api import Act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import require_that
from quarterdeck.personnel.acting import personnel_act
from quarterdeck.personnel.enrolment import close_codes
from quarterdeck.personnel.models import Person, RoleGrant
from quarterdeck.personnel.notices import tell
from quarterdeck.personnel.reading import grant_view, holders, roles_of
from quarterdeck.personnel.rules import (
    PersonnelAct,
    is_awaiting,
    may_confirm,
    may_end,
    may_name_deputy,
    may_request_role,
    takes_effect_at,
)
from quarterdeck.personnel.sealing import fetch, new_row, save_sealed
from quarterdeck.personnel.terms import DECIDING_ROLES, GUARDED_ROLES, GrantState, Role, RoleGrantView


def grant_role(
    person_id: str, role: Role, *, actor: Actor, clock: Clock, valid_until: datetime | None = None
) -> RoleGrantView:
    """Grant a role at once, or ask for a guarded one, which then waits for `confirm_role`; returns the grant.

    An assessor's role may end by itself at `valid_until`: whoever assesses is a guest.
    """
    with personnel_act(PersonnelAct.REQUEST_ROLE, actor, clock) as act:
        person = _active(person_id)
        may_request_role(
            role, requester=actor.id, requester_roles=roles_of(actor.id, act.at), beneficiary=person_id,
            held=_held(person_id, act.at), leads=frozenset(holders(Role.IT_LEAD, act.at)),
        ).require()
        may_end(role, valid_until, act.at).require()
        row = new_row(
            RoleGrant, person=person, role=role.value, requested_by=actor.id, requested_at=act.at,
            valid_until=valid_until,
        )
        _ask_or_grant(act, row, "role.requested")
    return grant_view(row)


def name_deputy(
    principal_id: str, deputy_id: str, role: Role, valid_from: datetime, valid_until: datetime, *, actor: Actor,
    clock: Clock,
) -> RoleGrantView:
    """Let a person stand in for a holder of a role between two dates; guarded roles wait for `confirm_role`."""
    with personnel_act(PersonnelAct.NAME_DEPUTY, actor, clock, concerns=principal_id) as act:
        deputy = _active(deputy_id)
        may_name_deputy(
            role, principal=principal_id, deputy=deputy_id, named_by=actor.id, held=_held(deputy_id, act.at),
            principal_roles=_own_lasting_roles(principal_id, act.at), valid_from=valid_from, valid_until=valid_until,
            at=act.at,
        ).require()
        row = new_row(
            RoleGrant, person=deputy, role=role.value, deputy_for=fetch(Person, principal_id), requested_by=actor.id,
            requested_at=act.at, valid_from=valid_from, valid_until=valid_until,
        )
        _ask_or_grant(act, row, "deputy.named")
    return grant_view(row)


def confirm_role(grant_id: str, *, actor: Actor, clock: Clock) -> RoleGrantView:
    """Be the second person of a guarded role; it counts a day later, and everybody concerned is told."""
    with personnel_act(PersonnelAct.CONFIRM_ROLE, actor, clock) as act:
        row = fetch(RoleGrant, grant_id, locked=True)
        is_awaiting(GrantState(row.state), revoked=row.revoked_at is not None).require()
        _active(row.person_id)
        may_confirm(
            confirmer=actor.id, confirmer_roles=roles_of(actor.id, act.at), requested_by=row.requested_by,
            beneficiary=row.person_id, deciders=deciders(act.at),
        ).require()
        row.confirmed_by, row.confirmed_at = actor.id, act.at
        # A code that one IT lead issued before could still make them the new decider.
        close_codes(act, row.person_id)
        _take_effect(act, row)
    return grant_view(row)


def revoke_role(grant_id: str, *, actor: Actor, clock: Clock) -> RoleGrantView:
    """End a role now; one that doesn't count yet may also be stopped by any approver or CUI owner."""
    row = RoleGrant.objects.filter(pk=grant_id).first()
    concerns = "" if row is None else row.person_id
    early = row is not None and (row.effective_at is None or clock.now() < row.effective_at)
    doing = PersonnelAct.CANCEL_CHANGE if early else PersonnelAct.REVOKE_ROLE
    with personnel_act(doing, actor, clock, concerns=concerns) as act:
        row = fetch(RoleGrant, grant_id, locked=True)
        require_that(row.state != GrantState.REVOKED, "role.revoked", "This role was revoked already.").require()
        row.state, row.revoked_by, row.revoked_at = GrantState.REVOKED.value, actor.id, act.at
        told = save_sealed(act, "role.revoked", row, {"person": row.person_id, "role": row.role})
        if row.role in GUARDED_ROLES:
            tell(act, told, "role.revoked", row.person, {row.requested_by, row.confirmed_by, actor.id}, role=row.role)
    return grant_view(row)


def deciders(at: datetime) -> frozenset[str]:
    """Return who holds approver or CUI owner at `at`."""
    return frozenset(person for role in DECIDING_ROLES for person in holders(role, at))


def _active(person_id: str) -> Person:
    person = fetch(Person, person_id)
    require_that(person.active, "person.inactive", f"{person.name} is deactivated.", "Choose somebody else.").require()
    return person


def _held(person_id: str, at: datetime) -> frozenset[Role]:
    """Own roles held or asked for, whether they count yet or not; not those whose end has come."""
    grants = RoleGrant.objects.filter(person_id=person_id, deputy_for__isnull=True).exclude(state=GrantState.REVOKED)
    grants = grants.exclude(valid_until__lte=at)
    return frozenset(Role(role) for role in grants.values_list("role", flat=True))


def _own_lasting_roles(person_id: str, at: datetime) -> frozenset[Role]:
    return roles_of(person_id, at) & _held(person_id, at)


def _ask_or_grant(act: Act, row: RoleGrant, event: str) -> None:
    if row.role not in GUARDED_ROLES:
        _take_effect(act, row)
        return
    row.state = GrantState.PENDING.value
    told = save_sealed(act, event, row, _data(row))
    tell(act, told, event, row.person, deciders(act.at) | {act.actor.id}, role=row.role)


def _take_effect(act: Act, row: RoleGrant) -> None:
    effective_at = takes_effect_at(Role(row.role), act.at)
    row.state, row.effective_at = GrantState.ACTIVE.value, effective_at
    told = save_sealed(act, "role.granted", row, {**_data(row), "effective_at": rfc3339(effective_at)})
    if row.role in GUARDED_ROLES:
        people = deciders(act.at) | {row.requested_by, row.confirmed_by}
        tell(act, told, "role.granted", row.person, people, role=row.role, from_=effective_at)


def _data(row: RoleGrant) -> dict[str, str | None]:
    return {
        "person": row.person_id,
        "role": row.role,
        "deputy_for": row.deputy_for_id,
        "requested_by": row.requested_by,
        "confirmed_by": row.confirmed_by or None,
    }
