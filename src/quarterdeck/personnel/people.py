"""Adding and deactivating people, and the founding roster that is entered at first run."""

from collections import Counter
from collections.abc import Iterable, Sequence

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, JsonValue
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, all_of, refuse, require_that
from quarterdeck.personnel.acting import personnel_act, recorded_refusals, require_may
from quarterdeck.personnel.enrolment import close_codes, issue_code, new_code_row, revoke_tokens
from quarterdeck.personnel.models import Account, Authorisation, EnrolmentCode, Person, Pool, RoleGrant
from quarterdeck.personnel.reading import person_view
from quarterdeck.personnel.rules import PersonnelAct
from quarterdeck.personnel.sealing import (
    ROSTER,
    SEALS,
    Guarded,
    digest_of,
    fetch,
    founding_entry,
    new_row,
    require_sealed,
    save_sealed,
    sealed,
)
from quarterdeck.personnel.terms import (
    FoundingMember,
    GrantState,
    IssuedCode,
    PersonKind,
    PersonView,
    Role,
)

LARGEST_ROSTER = 100


def add_person(
    name: str, email: str, *, actor: Actor, clock: Clock, organisation: str = "", kind: PersonKind = PersonKind.STAFF
) -> PersonView:
    """Add a person without role or login and return it; Refused for a malformed or known mail address."""
    with personnel_act(PersonnelAct.ADD_PERSON, actor, clock) as act:
        row = _new_person(act, FoundingMember(name, email, frozenset(), organisation, kind))
        save_sealed(act, "person.added", row, {"kind": kind.value})
        return person_view(row)


def _new_person(act: Act, member: FoundingMember) -> Person:
    email = member.email.strip().lower()
    all_of((_well_formed(member.name, member.organisation, email), _mail_is_free(email))).require()
    return new_row(
        Person, name=member.name.strip(), email=email, organisation=member.organisation.strip(),
        kind=member.kind.value, added_by=act.actor.id, added_at=act.at,
    )


def _well_formed(name: str, organisation: str, email: str) -> Decision:
    try:
        validate_email(email)
        mail_fits = len(email) <= 254
    except ValidationError:
        mail_fits = False
    printable = name.strip().isprintable() and organisation.strip().isprintable()
    return all_of(
        (
            require_that(bool(name.strip()) and len(name.strip()) <= 120 and len(organisation.strip()) <= 120
                         and printable, "person.name_malformed",
                         "A person needs a name of at most 120 printable characters.", "Correct the name."),
            require_that(mail_fits, "person.email_malformed", f"{email[:60]!r} is no mail address.",
                         "Write it as name@example.org."),
        )
    )


def _mail_is_free(email: str) -> Decision:
    taken = Person.objects.filter(email=email).exists() or Account.objects.filter(email=email).exists()
    return mail_taken(email) if taken else Decision()


def mail_taken(email: str) -> Decision:
    """Return the refusal for a mail address that belongs to somebody already (attacks.md row 2)."""
    return refuse(
        "person.email_taken", f"{email} belongs to somebody already; two people can't share a mail address.",
        "Use the person's own address.",
    )


def deactivate_person(person_id: str, *, actor: Actor, clock: Clock) -> PersonView:
    """Close the person's login, keys' use, tokens, roles and authorisations, in an act of its own."""
    with recorded_refusals(actor, clock, PersonnelAct.DEACTIVATE_PERSON.value), evidence.act(actor, clock) as act:
        return deactivate_person_in(act, person_id)


def deactivate_person_in(act: Act, person_id: str) -> PersonView:
    """Do the same inside an open act of a workflow; Refused for the actor's own person."""
    require_may(act, PersonnelAct.DEACTIVATE_PERSON)
    row = fetch(Person, person_id, locked=True)
    all_of(
        (
            require_that(row.active, "person.inactive", f"{row.name} is deactivated already."),
            require_that(act.actor.id != person_id, "person.own_deactivation", "You can't deactivate yourself.",
                         "Have another IT lead do it."),
        )
    ).require()
    row.active, row.deactivated_by, row.deactivated_at = False, act.actor.id, act.at
    save_sealed(act, "person.deactivated", row)
    _end_rights(act, row)
    close_login(act, row)
    return person_view(row)


def _end_rights(act: Act, row: Person) -> None:
    """Only rows that the ledger vouches for: sealing an edited one again would launder the edit."""
    for grant in sealed(RoleGrant.objects.filter(person=row).exclude(state=GrantState.REVOKED)):
        grant.state, grant.revoked_by, grant.revoked_at = GrantState.REVOKED.value, act.actor.id, act.at
        save_sealed(act, "role.revoked", grant, {"person": row.id, "role": grant.role})
    for authorisation in sealed(Authorisation.objects.filter(person=row, withdrawn_at__isnull=True)):
        authorisation.withdrawn_by, authorisation.withdrawn_at = act.actor.id, act.at
        save_sealed(act, "authorisation.withdrawn", authorisation, {"person": row.id})
    for pool in sealed(Pool.objects.filter(memberships__person=row)):
        pool.memberships.filter(person=row).delete()
        pool.changed_by, pool.changed_at = act.actor.id, act.at
        save_sealed(act, "pool.changed", pool)


def close_login(act: Act, row: Person) -> None:
    """Close the account, every token and every open enrolment code of this person."""
    for account in sealed(Account.objects.filter(person=row, is_active=True)):
        account.is_active = False
        save_sealed(act, "account.closed", account, {"person": row.id})
    revoke_tokens(act, row.id)
    close_codes(act, row.id)


def found_roster(members: Sequence[FoundingMember], *, actor: Actor, clock: Clock) -> tuple[IssuedCode, ...]:
    """Enter the first people with their roles, once, before the first ticket; returns their enrolment codes.

    The one act of the operator, and the one exception to two people and waiting: entry `roster.founded` carries the
    digest of every row, the package lists it. Refused(founding.*) later, without an IT lead, or for shared addresses.
    """
    with recorded_refusals(actor, clock, "found_roster"), evidence.act(actor, clock) as act:
        _may_found(actor, members).require()
        rows: list[Guarded] = []
        codes: list[IssuedCode] = []
        for member in members:
            person = _new_person(act, member)
            code_row, code = new_code_row(act, person, valid_from=act.at)
            rows += [person, *_founding_grants(act, person, member.roles), code_row]
            person.save(force_insert=True)
            codes.append(code)
        for row in rows:
            if not isinstance(row, Person):
                row.save(force_insert=True)
        act.record("roster.founded", ROSTER, data={"rows": _digests(rows), "people": len(members)})
        return tuple(codes)


def _founding_grants(act: Act, person: Person, roles: Iterable[Role]) -> list[RoleGrant]:
    return [
        new_row(
            RoleGrant, person=person, role=role.value, state=GrantState.ACTIVE.value, founding=True,
            requested_by=act.actor.id, requested_at=act.at, effective_at=act.at,
        )
        for role in sorted(roles)
    ]


def _digests(rows: Iterable[Guarded]) -> dict[str, JsonValue]:
    found: dict[str, dict[str, JsonValue]] = {}
    for row in rows:
        found.setdefault(SEALS[row.__class__].type, {})[row.pk] = digest_of(row)
    return {kind: of_kind for kind, of_kind in found.items()}


def _may_found(actor: Actor, members: Sequence[FoundingMember]) -> Decision:
    mails = Counter(member.email.strip().lower() for member in members)
    mixed = any(Role.ASSESSOR in member.roles and len(member.roles) > 1 for member in members)
    return all_of(
        (
            require_that(actor.kind is ActorKind.OPERATOR, "founding.not_operator",
                         "The founding roster is entered at the server's own shell.", "Run `qd init` there."),
            before_first_ticket(),
            require_that(founding_entry() is None, "founding.done", "The founding roster was entered already.",
                         "Add people under People; guarded roles then take two people and a day."),
            require_that(1 <= len(members) <= LARGEST_ROSTER, "founding.size",
                         f"A founding roster names 1 to {LARGEST_ROSTER} people.", "Add the others later."),
            require_that(max(mails.values(), default=1) == 1, "person.email_taken",
                         "Two people of the roster share a mail address.", "Give each person an own address."),
            require_that(any(Role.IT_LEAD in member.roles for member in members), "founding.no_it_lead",
                         "The roster names no IT lead.", "Give one person the role it_lead."),
            require_that(not mixed, "role.assessor_apart", "An assessor reads only and holds no other role.",
                         "Name the assessor as a person of their own."),
        )
    )


def before_first_ticket() -> Decision:
    """Return whether no entry of any ticket stands in the ledger yet."""
    first = next((entry for entry in evidence.entries() if entry.ticket is not None), None)
    return require_that(first is None, "founding.too_late", "There is a ticket already; the founding is over.",
                        "Add people under People; guarded roles then take two people and a day.")


def renew_founding_codes(*, actor: Actor, clock: Clock) -> tuple[IssuedCode, ...]:
    """Issue new enrolment codes to founding people without a login, while no ticket exists; for lost first codes."""
    with recorded_refusals(actor, clock, "renew_founding_codes"), evidence.act(actor, clock) as act:
        all_of(
            (
                require_that(actor.kind is ActorKind.OPERATOR, "founding.not_operator",
                             "Founding codes are renewed at the server's own shell.", "Ask for a factor reset."),
                require_that(founding_entry() is not None, "founding.missing", "There is no founding roster yet.",
                             "Run `qd init`."),
                before_first_ticket(),
            )
        ).require()
        founded = EnrolmentCode.objects.filter(issued_by=actor.id).values("person_id")
        waiting = Person.objects.filter(pk__in=founded, active=True, account__isnull=True)
        for row in waiting:
            require_sealed(row)
        return tuple(issue_code(act, row, valid_from=act.at) for row in waiting)
