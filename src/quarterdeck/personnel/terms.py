"""Words of the people app: roles, kinds, states, waiting times, and the plain values handed to others. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from quarterdeck.kernel.actors import Actor


class Role(StrEnum):
    """What a person may do in Quarterdeck; one person may hold several."""

    REQUESTER = "requester"
    TECHNICIAN = "technician"
    APPROVER = "approver"
    CUI_OWNER = "cui_owner"
    ESCORT = "escort"
    IT_LEAD = "it_lead"
    ASSESSOR = "assessor"


class PersonKind(StrEnum):
    """Whose person it is: own staff, a vendor's, or somebody independent (an outside approver, an assessor)."""

    STAFF = "staff"
    VENDOR = "vendor"
    EXTERNAL = "external"


class GrantState(StrEnum):
    """Life of a role grant: requested by one, confirmed by another, ended."""

    PENDING = "pending"
    ACTIVE = "active"
    REVOKED = "revoked"


class ChangeKind(StrEnum):
    """Acts on a login that take two people where the person decides about maintenance."""

    FACTOR_RESET = "factor_reset"
    EMAIL_CHANGE = "email_change"


class ChangeState(StrEnum):
    """Life of such an act: it waits for the second person, then for the cool-down, then it is done."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    DONE = "done"
    CANCELLED = "cancelled"


class FactorKind(StrEnum):
    """Second factors whose secret may stand on one account only."""

    TOTP = "totp"
    RECOVERY = "recovery"
    PASSKEY = "passkey"


class ScopeKind(StrEnum):
    """What an authorisation reaches: every asset, named assets, or assets of named categories."""

    ALL = "all"
    ASSETS = "assets"
    CATEGORIES = "categories"


DECIDING_ROLES = frozenset({Role.APPROVER, Role.CUI_OWNER})
GUARDED_ROLES = DECIDING_ROLES | {Role.IT_LEAD}
COOL_DOWN = timedelta(hours=24)
ENROLMENT_VALIDITY = timedelta(hours=72)
TOKEN_VALIDITY = timedelta(hours=12)
ANY = "any"


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person as others see it; `mfa_enrolled` is true for a sealed second factor."""

    id: str
    name: str
    email: str
    organisation: str
    kind: PersonKind
    active: bool
    mfa_enrolled: bool


@dataclass(frozen=True, slots=True)
class RoleGrantView:
    """One role of one person, with both people who gave it; `deputy_for` is the person stood in for or empty."""

    id: str
    person_id: str
    role: Role
    state: GrantState
    founding: bool
    deputy_for: str
    requested_by: str
    requested_at: datetime
    confirmed_by: str
    confirmed_at: datetime | None
    effective_at: datetime | None
    valid_from: datetime | None
    valid_until: datetime | None
    revoked_by: str
    revoked_at: datetime | None
    sealed: bool


@dataclass(frozen=True, slots=True)
class AgreedHoursView:
    """Hours in which an agreement lets its people work: days 0 (Monday) to 6, local times `HH:MM`."""

    days: tuple[int, ...]
    from_: str
    until: str


@dataclass(frozen=True, slots=True)
class AgreementView:
    """A vendor agreement; `hours` empty means any hour, `any` among actions or methods permits all."""

    id: str
    vendor: str
    number: str
    permitted_actions: tuple[str, ...]
    methods: tuple[str, ...]
    hours: tuple[AgreedHoursView, ...]
    time_zone: str
    no_cui_offsite: bool
    nda: bool
    valid_from: datetime
    valid_until: datetime
    ended_at: datetime | None
    sealed: bool

    def in_date(self, at: datetime) -> bool:
        """True from `valid_from` up to, not including, `valid_until`, unless ended before."""
        return self.valid_from <= at < self.valid_until and (self.ended_at is None or at < self.ended_at)


@dataclass(frozen=True, slots=True)
class PoolView:
    """The authorised people of a vendor under one agreement."""

    id: str
    name: str
    agreement_id: str
    members: tuple[str, ...]
    sealed: bool


@dataclass(frozen=True, slots=True)
class AuthorisationView:
    """A standing right to maintain; exactly one of `person_id` and `pool_id` is filled."""

    id: str
    person_id: str
    pool_id: str
    actions: tuple[str, ...]
    scope_kind: ScopeKind
    scope_ids: tuple[str, ...]
    valid_from: datetime
    valid_until: datetime
    agreement_id: str
    competence: str
    access_authorised: bool
    withdrawn_at: datetime | None
    sealed: bool

    def in_date(self, at: datetime) -> bool:
        """True from `valid_from` up to, not including, `valid_until`, unless withdrawn before."""
        return self.valid_from <= at < self.valid_until and (self.withdrawn_at is None or at < self.withdrawn_at)

    def reaches(self, asset_id: str, category: str) -> bool:
        """True when the scope names this asset, its category, or all."""
        if self.scope_kind is ScopeKind.ALL:
            return True
        return (asset_id if self.scope_kind is ScopeKind.ASSETS else category) in self.scope_ids


@dataclass(frozen=True, slots=True)
class KeyView:
    """The SSH public key of a person, one canonical line without comment."""

    id: str
    person_id: str
    public_key: str
    fingerprint: str
    registered_at: datetime
    replaced_at: datetime | None


@dataclass(frozen=True, slots=True)
class TokenView:
    """A person's API token, never its secret; `mfa_at` is the moment of the last second factor."""

    id: str
    person_id: str
    scopes: tuple[str, ...]
    issued_at: datetime
    expires_at: datetime
    mfa_at: datetime


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a bearer token stands for."""

    actor: Actor
    token: TokenView


@dataclass(frozen=True, slots=True)
class ChangeView:
    """A reset or mail change under way, with both people and the moment from which it counts."""

    id: str
    kind: ChangeKind
    state: ChangeState
    subject_id: str
    two_people: bool
    requested_by: str
    requested_at: datetime
    confirmed_by: str
    confirmed_at: datetime | None
    effective_at: datetime | None
    done_at: datetime | None
    cancelled_by: str


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """An enrolment code, shown once, to be handed to the person; it works from `valid_from` until `expires_at`."""

    person_id: str
    code: str
    valid_from: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Provisioning:
    """What an authenticator app needs: the secret (base32) and the same as an `otpauth://` address."""

    email: str
    secret: str
    uri: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """A finished enrolment; the recovery codes are shown this once."""

    person_id: str
    recovery_codes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FoundingMember:
    """One person of the roster that is entered at first run."""

    name: str
    email: str
    roles: frozenset[Role]
    organisation: str = ""
    kind: PersonKind = PersonKind.STAFF


@dataclass(frozen=True, slots=True)
class NoticeView:
    """A message that waits to be sent or was sent: address, one subject line, plain text."""

    id: str
    person_id: str
    address: str
    subject: str
    text: str
    created_at: datetime
