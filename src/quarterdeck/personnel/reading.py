"""Reads of the people app. Whatever grants something is answered from rows that the ledger vouches for."""

from collections.abc import Iterable
from datetime import datetime

from quarterdeck.kernel.decision import require_that
from quarterdeck.personnel.models import Account, FactorDigest, PendingChange, Person, PersonKey, RoleGrant
from quarterdeck.personnel.sealing import FoundingDigests, is_sealed
from quarterdeck.personnel.separation import DutyNeeds, DutyPlan, Member, duties_satisfiable
from quarterdeck.personnel.terms import (
    GUARDED_ROLES,
    ChangeKind,
    ChangeState,
    ChangeView,
    FactorKind,
    GrantState,
    KeyView,
    PersonKind,
    PersonView,
    Role,
    RoleGrantView,
)


def person_view(row: Person) -> PersonView:
    """Return the plain value of this row."""
    return PersonView(
        row.id, row.name, row.email, row.organisation, PersonKind(row.kind), row.active, has_second_factor(row.id)
    )


def people() -> list[PersonView]:
    """Return everybody by name, deactivated people included."""
    return [person_view(row) for row in Person.objects.all()]


def person(person_id: str) -> PersonView:
    """Return this person; Refused(person.unknown)."""
    row = Person.objects.filter(pk=person_id).first() if person_id.isidentifier() else None
    require_that(
        row is not None, "person.unknown", "There is no person with this id.", "Look it up under People & vendors."
    ).require()
    assert row is not None  # noqa: S101  narrowed by the line above
    return person_view(row)


def find_by_email(email: str) -> PersonView | None:
    """Return the person with this mail address in any case, None when there is none."""
    address = email.strip().lower()
    row = Person.objects.filter(email=address).first() if address.isprintable() else None
    return None if row is None else person_view(row)


def is_standing(person_id: str) -> bool:
    """True for an active person whose row the ledger vouches for."""
    row = Person.objects.filter(pk=person_id).first()
    return row is not None and row.active and is_sealed(row)


def has_account(person_id: str) -> bool:
    """True when the person has a personal, active, sealed login."""
    account = Account.objects.filter(person_id=person_id, is_active=True).first()
    return account is not None and is_sealed(account)


def has_second_factor(person_id: str) -> bool:
    """True when a sealed TOTP secret or passkey stands on the person's account."""
    factors = FactorDigest.objects.filter(account__person_id=person_id, removed_at__isnull=True)
    return any(is_sealed(factor) for factor in factors.exclude(kind=FactorKind.RECOVERY))


class _Look:
    """One look at the roster at one moment: what it has checked against the ledger it doesn't check again."""

    def __init__(self, at: datetime) -> None:
        self._at = at
        self._founding = FoundingDigests()
        self._standing: dict[str, bool] = {}
        self._own: dict[str, frozenset[Role]] = {}

    def roles_of(self, person_id: str) -> frozenset[Role]:
        """Return own roles and deputyships."""
        return self._own_roles(person_id) | self._deputy_roles(person_id)

    def _own_roles(self, person_id: str) -> frozenset[Role]:
        if person_id not in self._own:
            self._own[person_id] = frozenset(Role(grant.role) for grant in self._grants(person_id, deputies=False))
        return self._own[person_id]

    def _deputy_roles(self, person_id: str) -> frozenset[Role]:
        """A deputy holds the role only while the person stood in for holds it; deputies of deputies don't exist."""
        return frozenset(
            Role(grant.role)
            for grant in self._grants(person_id, deputies=True)
            if grant.role in self._own_roles(grant.deputy_for_id or "")
        )

    def is_deputy(self, person_id: str, for_id: str, role: Role) -> bool:
        """True when one of the person's deputyships is for this person and this role."""
        return role in self._own_roles(for_id) and any(
            grant.deputy_for_id == for_id and grant.role == role for grant in self._grants(person_id, deputies=True)
        )

    def _grants(self, person_id: str, *, deputies: bool) -> list[RoleGrant]:
        rows = RoleGrant.objects.filter(
            person_id=person_id, state=GrantState.ACTIVE, deputy_for__isnull=not deputies
        )
        counting = [row for row in rows if _counts(row, self._at)]
        if not counting or not self._is_standing(person_id):
            return []
        return [row for row in counting if is_sealed(row, self._founding)]

    def _is_standing(self, person_id: str) -> bool:
        if person_id not in self._standing:
            row = Person.objects.filter(pk=person_id).first()
            self._standing[person_id] = row is not None and row.active and is_sealed(row, self._founding)
        return self._standing[person_id]


def roles_of(person_id: str, at: datetime) -> frozenset[Role]:
    """Return the roles that the person holds at `at`, deputyships included; none for a deactivated person."""
    return _Look(at).roles_of(person_id)


def stands_in(person_id: str, for_id: str, role: Role, at: datetime) -> bool:
    """True when the person is the named deputy of somebody who holds this role, at `at`."""
    return _Look(at).is_deputy(person_id, for_id, role)


def _counts(grant: RoleGrant, at: datetime) -> bool:
    begun = grant.effective_at is not None and grant.effective_at <= at
    begun = begun and (grant.valid_from is None or grant.valid_from <= at)
    return begun and (grant.valid_until is None or at < grant.valid_until)


def roster(at: datetime) -> tuple[Member, ...]:
    """Return every person who holds a role at `at`, with name and roles, for the duty rules."""
    holding = RoleGrant.objects.filter(state=GrantState.ACTIVE).values("person_id")
    look = _Look(at)
    members = (Member(row.id, look.roles_of(row.id), row.name) for row in Person.objects.filter(pk__in=holding))
    return tuple(member for member in members if member.roles)


def holders(role: Role, at: datetime) -> tuple[str, ...]:
    """Return the ids of the people who hold this role at `at`, by name."""
    return tuple(member.person_id for member in roster(at) if role in member.roles)


def duties(
    *, requester: str, technicians: Iterable[str], escort: str = "", needs: DutyNeeds, at: datetime
) -> DutyPlan:
    """Return whether the people of today's roster can fill the duties of this ticket, and who."""
    return duties_satisfiable(
        roster(at), requester=requester, technicians=tuple(technicians), escort=escort, needs=needs
    )


def is_guarded(person_id: str) -> bool:
    """True when the person decides or administers, now, soon or by an open request: two people act on their login."""
    grants = RoleGrant.objects.filter(person_id=person_id, role__in=GUARDED_ROLES)
    return grants.exclude(state=GrantState.REVOKED).exists()


def role_grants(person_id: str | None = None) -> list[RoleGrantView]:
    """Return role grants in the order they were asked for, revoked ones included, of one person or of all."""
    rows = RoleGrant.objects.all()
    founding = FoundingDigests()
    return [grant_view(row, founding) for row in (rows if person_id is None else rows.filter(person_id=person_id))]


def grant_view(row: RoleGrant, founding: FoundingDigests | None = None) -> RoleGrantView:
    """Return the plain value of this row."""
    return RoleGrantView(
        row.id, row.person_id, Role(row.role), GrantState(row.state), row.founding, row.deputy_for_id or "",
        row.requested_by, row.requested_at, row.confirmed_by, row.confirmed_at, row.effective_at, row.valid_from,
        row.valid_until, row.revoked_by, row.revoked_at, is_sealed(row, founding),
    )


def key_of(person_id: str) -> KeyView | None:
    """Return the person's current SSH key, None when there is none or the ledger doesn't vouch for it."""
    row = PersonKey.objects.filter(person_id=person_id, replaced_at__isnull=True).first()
    return key_view(row) if row is not None and is_sealed(row) else None


def key_view(row: PersonKey) -> KeyView:
    """Return the plain value of this row."""
    return KeyView(row.id, row.person_id, row.public_key, row.fingerprint, row.registered_at, row.replaced_at)


def change_view(row: PendingChange) -> ChangeView:
    """Return the plain value of this row; the new address itself is not shown."""
    return ChangeView(
        row.id, ChangeKind(row.kind), ChangeState(row.state), row.subject_id, row.two_people, row.requested_by,
        row.requested_at, row.confirmed_by, row.confirmed_at, row.effective_at, row.done_at, row.cancelled_by,
    )


def changes(person_id: str | None = None) -> list[ChangeView]:
    """Return factor resets and mail changes in the order they were asked for, of one person or of all."""
    rows = PendingChange.objects.all()
    return [change_view(row) for row in (rows if person_id is None else rows.filter(subject_id=person_id))]
