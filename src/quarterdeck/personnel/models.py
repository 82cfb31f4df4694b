"""Rows of the people app and the constraints that the database itself keeps.

Every sealed row carries a random salt: its digest stands in a ledger entry and must not let anyone guess a name.
Serves 3.7.2[d] (personnel are controlled), 3.5.3 (second factors), 3.1.4 (separate duties).
"""

from enum import StrEnum
from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.hashers import check_password
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower

from quarterdeck.personnel.terms import (
    GUARDED_ROLES,
    ChangeKind,
    ChangeState,
    FactorKind,
    GrantState,
    PersonKind,
    Role,
    ScopeKind,
)

_ACTIVE, _REVOKED = GrantState.ACTIVE.value, GrantState.REVOKED.value
_GUARDED = sorted(role.value for role in GUARDED_ROLES)


def _choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
    return [(member.value, member.value.replace("_", " ")) for member in kind]


def _paired(name: str, who: str, when: str, *, empty: str = "") -> models.CheckConstraint:
    """Who and when stand together or not at all."""
    both = ~Q(**{who: empty}) & Q(**{f"{when}__isnull": False})
    neither = Q(**{who: empty}) & Q(**{f"{when}__isnull": True})
    return models.CheckConstraint(condition=both | neither, name=name)


class SealedRow(models.Model):
    """A row whose digest stands in the ledger entry that made or last changed it."""

    id = models.CharField(primary_key=True, max_length=24)
    salt = models.CharField(max_length=32, editable=False)

    class Meta:
        abstract = True


class Person(SealedRow):
    """A human being, with or without a login."""

    name = models.CharField(max_length=120)
    email = models.EmailField(max_length=254, unique=True)
    organisation = models.CharField(max_length=120, blank=True)
    kind = models.CharField(max_length=10, choices=_choices(PersonKind), default=PersonKind.STAFF.value)
    active = models.BooleanField(default=True)
    added_by = models.CharField(max_length=40)
    added_at = models.DateTimeField()
    deactivated_by = models.CharField(max_length=40, blank=True)
    deactivated_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(condition=Q(email=Lower("email")), name="person_email_lower_case"),
            _paired("person_deactivated_who_when", "deactivated_by", "deactivated_at"),
            models.CheckConstraint(
                condition=Q(active=True, deactivated_at__isnull=True) | Q(active=False, deactivated_at__isnull=False),
                name="person_active_or_deactivated",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountManager(BaseUserManager["Account"]):
    """Finds accounts by mail; accounts are made by the people app's verbs only, never by `createsuperuser`."""

    def get_by_natural_key(self, username: str | None) -> "Account":
        """Return the account of this mail address, whatever its case; Account.DoesNotExist otherwise."""
        return self.get(email=(username or "").lower())


class Account(AbstractBaseUser):
    """A login (AUTH_USER_MODEL), by mail address; there is no superuser and no staff flag."""

    id = models.CharField(primary_key=True, max_length=24)
    salt = models.CharField(max_length=32, editable=False)
    person = models.OneToOneField(Person, on_delete=models.PROTECT, null=True, related_name="account")
    email = models.EmailField(max_length=254, unique=True)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    # A login is a ledger entry; a column that every login rewrites would void the sealed row.
    last_login = None

    objects = AccountManager()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(email=Lower("email")), name="account_email_lower_case")]

    def __str__(self) -> str:
        return self.email

    def check_password(self, raw_password: str | None) -> bool:
        """Return whether the password fits; unlike Django's it never rehashes, a login writes no account row."""
        return check_password(raw_password, self.password)


class RoleGrant(SealedRow):
    """One role of one person, or of a deputy for that person, with who asked and who confirmed."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="role_grants")
    role = models.CharField(max_length=12, choices=_choices(Role))
    state = models.CharField(max_length=8, choices=_choices(GrantState), default=GrantState.PENDING.value)
    founding = models.BooleanField(default=False)
    deputy_for = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="deputies")
    requested_by = models.CharField(max_length=40)
    requested_at = models.DateTimeField()
    confirmed_by = models.CharField(max_length=40, blank=True)
    confirmed_at = models.DateTimeField(null=True)
    effective_at = models.DateTimeField(null=True)
    valid_from = models.DateTimeField(null=True)
    valid_until = models.DateTimeField(null=True)
    revoked_by = models.CharField(max_length=40, blank=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["requested_at", "id"]
        constraints = [
            _paired("role_confirmed_who_when", "confirmed_by", "confirmed_at"),
            _paired("role_revoked_who_when", "revoked_by", "revoked_at"),
            models.CheckConstraint(
                condition=~Q(state=_ACTIVE) | Q(effective_at__isnull=False), name="role_active_has_effect"
            ),
            models.CheckConstraint(
                condition=~Q(state=_REVOKED) | Q(revoked_at__isnull=False), name="role_revoked_has_time"
            ),
            models.CheckConstraint(
                condition=Q(deputy_for__isnull=True) | Q(valid_from__isnull=False, valid_until__isnull=False),
                name="role_deputy_is_dated",
            ),
            models.CheckConstraint(
                condition=Q(deputy_for__isnull=True) | ~Q(deputy_for=F("person")), name="role_deputy_is_another"
            ),
            models.CheckConstraint(
                condition=Q(valid_until__isnull=True) | Q(valid_from__isnull=True) | Q(valid_from__lt=F("valid_until")),
                name="role_ends_after_start",
            ),
            models.CheckConstraint(
                condition=(
                    ~Q(state=_ACTIVE)
                    | Q(founding=True)
                    | ~Q(role__in=_GUARDED)
                    | (
                        ~Q(confirmed_by="")
                        & ~Q(confirmed_by=F("requested_by"))
                        & ~Q(confirmed_by=F("person"))
                        & ~Q(requested_by=F("person"))
                    )
                ),
                name="role_guarded_takes_two_people",
            ),
            models.UniqueConstraint(
                fields=["person", "role"],
                condition=Q(deputy_for__isnull=True) & ~Q(state=_REVOKED),
                name="role_once_per_person",
            ),
        ]


class VendorAgreement(SealedRow):
    """What a vendor may do, how and when: statement of work or maintenance agreement."""

    vendor = models.CharField(max_length=120)
    number = models.CharField(max_length=60)
    permitted_actions = models.JSONField(default=list)
    methods = models.JSONField(default=list)
    hours = models.JSONField(default=list)
    time_zone = models.CharField(max_length=64, default="UTC")
    no_cui_offsite = models.BooleanField(default=True)
    nda = models.BooleanField(default=False)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    added_by = models.CharField(max_length=40)
    added_at = models.DateTimeField()
    ended_by = models.CharField(max_length=40, blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["vendor", "number"]
        constraints = [
            _paired("agreement_ended_who_when", "ended_by", "ended_at"),
            models.CheckConstraint(condition=Q(valid_from__lt=F("valid_until")), name="agreement_ends_after_start"),
            models.UniqueConstraint(fields=["vendor", "number"], name="agreement_number_once_per_vendor"),
        ]


class Pool(SealedRow):
    """The authorised people of a vendor under one agreement; the person is bound when access is taken."""

    name = models.CharField(max_length=120, unique=True)
    agreement = models.ForeignKey(VendorAgreement, on_delete=models.PROTECT, related_name="pools")
    changed_by = models.CharField(max_length=40)
    changed_at = models.DateTimeField()

    class Meta:
        ordering = ["name"]


class PoolMember(models.Model):
    """Membership; sealed as part of its pool's digest."""

    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, related_name="memberships")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="pool_memberships")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["pool", "person"], name="pool_member_once")]


class Authorisation(SealedRow):
    """Standing right of a person or pool to maintain: what, which assets, until when, under which agreement."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="authorisations")
    pool = models.ForeignKey(Pool, on_delete=models.PROTECT, null=True, related_name="authorisations")
    actions = models.JSONField(default=list)
    scope_kind = models.CharField(max_length=10, choices=_choices(ScopeKind), default=ScopeKind.ALL.value)
    scope_ids = models.JSONField(default=list)
    valid_from = models.DateTimeField()
    valid_until = models.DateTimeField()
    agreement = models.ForeignKey(VendorAgreement, on_delete=models.PROTECT, null=True, related_name="authorisations")
    competence = models.CharField(max_length=400, blank=True)
    access_authorised = models.BooleanField(default=False)
    granted_by = models.CharField(max_length=40)
    granted_at = models.DateTimeField()
    withdrawn_by = models.CharField(max_length=40, blank=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["granted_at", "id"]
        constraints = [
            _paired("authorisation_withdrawn_who_when", "withdrawn_by", "withdrawn_at"),
            models.CheckConstraint(
                condition=Q(person__isnull=True, pool__isnull=False) | Q(person__isnull=False, pool__isnull=True),
                name="authorisation_of_person_or_pool",
            ),
            models.CheckConstraint(condition=Q(valid_from__lt=F("valid_until")), name="authorisation_ends_after_start"),
        ]


class PersonKey(SealedRow):
    """The SSH public key of one person; a fingerprint is never two people's, not even one after the other."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="keys")
    public_key = models.CharField(max_length=1400)
    fingerprint = models.CharField(max_length=60, unique=True)
    registered_at = models.DateTimeField()
    replaced_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(replaced_at__isnull=True), name="key_one_current_per_person"
            )
        ]


class ApiToken(SealedRow):
    """A person's bearer token; only the SHA-256 of its secret is kept."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="tokens")
    secret_sha256 = models.CharField(max_length=64, unique=True)
    scopes = models.JSONField(default=list)
    issued_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    mfa_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(issued_at__lt=F("expires_at")), name="token_expires")]


class FactorDigest(SealedRow):
    """Keyed digest of a second factor's secret: the same secret can't stand on two accounts, nor be swapped unseen."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="factors")
    kind = models.CharField(max_length=8, choices=_choices(FactorKind))
    digest = models.CharField(max_length=64, unique=True)
    enrolled_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind"],
                condition=Q(removed_at__isnull=True) & ~Q(kind=FactorKind.PASSKEY.value),
                name="factor_one_current_per_kind",
            )
        ]


class FactorUse(models.Model):
    """A time step whose code was accepted: it is accepted once (RFC 6238, section 5.2)."""

    unguarded_reason = "replay memory of one-time codes, worthless after two minutes; the login itself is an entry"

    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="factor_uses")
    counter = models.BigIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account", "counter"], name="factor_code_once")]


class EnrolmentCode(SealedRow):
    """Single-use code with which a person sets the own password and second factor; only its SHA-256 is kept."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="enrolment_codes")
    code_sha256 = models.CharField(max_length=64, unique=True)
    valid_from = models.DateTimeField()
    expires_at = models.DateTimeField()
    issued_by = models.CharField(max_length=40)
    issued_at = models.DateTimeField()
    replaces_factor = models.BooleanField(default=False)
    pending_password = models.CharField(max_length=200, blank=True)
    pending_secret = models.CharField(max_length=400, blank=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(valid_from__lt=F("expires_at")), name="enrolment_expires")]


class PendingChange(SealedRow):
    """Reset of a second factor or change of a mail address that waits for a second person and the cool-down."""

    kind = models.CharField(max_length=12, choices=_choices(ChangeKind))
    state = models.CharField(max_length=9, choices=_choices(ChangeState), default=ChangeState.PENDING.value)
    subject = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="pending_changes")
    two_people = models.BooleanField()
    new_email = models.EmailField(max_length=254, blank=True)
    requested_by = models.CharField(max_length=40)
    requested_at = models.DateTimeField()
    confirmed_by = models.CharField(max_length=40, blank=True)
    confirmed_at = models.DateTimeField(null=True)
    effective_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=40, blank=True)
    cancelled_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["requested_at", "id"]
        constraints = [
            _paired("change_confirmed_who_when", "confirmed_by", "confirmed_at"),
            _paired("change_cancelled_who_when", "cancelled_by", "cancelled_at"),
            models.CheckConstraint(
                condition=(
                    Q(two_people=False)
                    | Q(state__in=[ChangeState.PENDING.value, ChangeState.CANCELLED.value])
                    | (
                        ~Q(confirmed_by="")
                        & ~Q(confirmed_by=F("requested_by"))
                        & ~Q(confirmed_by=F("subject"))
                        & ~Q(requested_by=F("subject"))
                    )
                ),
                name="change_takes_two_people",
            ),
            models.UniqueConstraint(
                fields=["subject", "kind"],
                condition=Q(state__in=[ChangeState.PENDING.value, ChangeState.CONFIRMED.value]),
                name="change_one_open_per_kind",
            ),
        ]


class Notice(models.Model):
    """A message that somebody must get because an act touched their role or login."""

    unguarded_reason = "delivery state of a message; the act that it tells of is a ledger entry"

    id = models.CharField(primary_key=True, max_length=24)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="notices")
    address = models.EmailField(max_length=254)
    event = models.CharField(max_length=40)
    about = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    detail = models.JSONField(default=dict)
    entry = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at", "id"]
