"""What people, roles, vendors and keys look like on the wire: typed bodies in, typed answers out."""

from datetime import datetime

from ninja import Schema
from pydantic import Field

from quarterdeck.entrypoints.api.moments import Moment
from quarterdeck.personnel.api import (
    AgreedHoursView,
    AgreementView,
    ChangeKind,
    ChangeState,
    GrantState,
    PersonKind,
    PersonView,
    Role,
    ScopeKind,
)


class PersonIn(Schema):
    """A person to add."""

    name: str = Field(max_length=120)
    email: str = Field(max_length=254)
    organisation: str = Field(default="", max_length=120)
    kind: PersonKind = PersonKind.STAFF


class PersonOut(Schema):
    """A person; the mail address only for those who oversee and for the person."""

    id: str
    name: str
    email: str
    organisation: str
    kind: PersonKind
    active: bool
    mfa_enrolled: bool

    @classmethod
    def of(cls, view: PersonView, *, with_email: bool) -> "PersonOut":
        """Return the wire form of this person."""
        return cls(
            id=view.id, name=view.name, email=view.email if with_email else "", organisation=view.organisation,
            kind=view.kind, active=view.active, mfa_enrolled=view.mfa_enrolled,
        )


class CodeOut(Schema):
    """An enrolment code, shown this once, to be handed to the person."""

    person_id: str
    code: str
    valid_from: datetime
    expires_at: datetime


class ReasonLine(Schema):
    """One thing that the roster can't carry."""

    code: str
    sentence: str
    next_step: str


class OffboardedOut(Schema):
    """Who left, which access grants ended with it, which duties nobody can fill any more."""

    person: PersonOut
    revoked_grants: list[str]
    gaps: list[ReasonLine]


class EmailIn(Schema):
    """The new mail address."""

    email: str = Field(max_length=254)


class ChangeOut(Schema):
    """A reset or mail change under way."""

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


class ChangeAndCodeOut(Schema):
    """The change and, for a reset that may begin, the enrolment code."""

    change: ChangeOut
    code: CodeOut | None = None


class RoleIn(Schema):
    """A role to grant; `valid_until` is for an assessor, whose role then ends by itself."""

    person: str
    role: Role
    valid_until: datetime | None = None


class DeputyIn(Schema):
    """Who stands in for whom, in which role, between which moments."""

    principal: str
    deputy: str
    role: Role
    valid_from: Moment
    valid_until: Moment


class RoleOut(Schema):
    """A role grant with both people who gave it."""

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


class HoursLine(Schema):
    """Days 0 (Monday) to 6, local times HH:MM."""

    days: list[int] = Field(min_length=1, max_length=7)
    begins: str = Field(max_length=5)
    ends: str = Field(max_length=5)

    def view(self) -> AgreedHoursView:
        """Return these hours as the app takes them."""
        return AgreedHoursView(tuple(self.days), self.begins, self.ends)


class AgreementIn(Schema):
    """A vendor's agreement to add."""

    vendor: str = Field(max_length=120)
    number: str = Field(max_length=60)
    permitted_actions: list[str] = Field(max_length=50)
    methods: list[str] = Field(max_length=50)
    valid_from: Moment
    valid_until: Moment
    hours: list[HoursLine] = Field(default=[], max_length=20)
    time_zone: str = Field(default="UTC", max_length=64)
    no_cui_offsite: bool = True
    nda: bool = False


class AgreementOut(Schema):
    """A vendor agreement."""

    id: str
    vendor: str
    number: str
    permitted_actions: list[str]
    methods: list[str]
    hours: list[HoursLine]
    time_zone: str
    no_cui_offsite: bool
    nda: bool
    valid_from: datetime
    valid_until: datetime
    ended_at: datetime | None
    sealed: bool

    @classmethod
    def of(cls, view: AgreementView) -> "AgreementOut":
        """Return the wire form of this agreement."""
        return cls(
            id=view.id, vendor=view.vendor, number=view.number, permitted_actions=list(view.permitted_actions),
            methods=list(view.methods), time_zone=view.time_zone, no_cui_offsite=view.no_cui_offsite, nda=view.nda,
            valid_from=view.valid_from, valid_until=view.valid_until, ended_at=view.ended_at, sealed=view.sealed,
            hours=[HoursLine(days=list(slot.days), begins=slot.from_, ends=slot.until) for slot in view.hours],
        )


class PoolIn(Schema):
    """A pool to add."""

    name: str = Field(max_length=120)
    agreement: str
    members: list[str] = Field(default=[], max_length=200)


class MembersIn(Schema):
    """The members of a pool, all of them."""

    members: list[str] = Field(max_length=200)


class PoolOut(Schema):
    """A pool of a vendor's people."""

    id: str
    name: str
    agreement_id: str
    members: list[str]
    sealed: bool


class AuthorisationIn(Schema):
    """A standing right to maintain; `holder` is a person or a pool."""

    holder: str
    actions: list[str] = Field(max_length=50)
    valid_from: Moment
    valid_until: Moment
    scope_kind: ScopeKind = ScopeKind.ALL
    scope_ids: list[str] = Field(default=[], max_length=500)
    agreement: str = ""
    competence: str = Field(default="", max_length=400)
    access_authorised: bool = False


class AuthorisationOut(Schema):
    """A standing right to maintain."""

    id: str
    person_id: str
    pool_id: str
    actions: list[str]
    scope_kind: ScopeKind
    scope_ids: list[str]
    valid_from: datetime
    valid_until: datetime
    agreement_id: str
    competence: str
    access_authorised: bool
    withdrawn_at: datetime | None
    sealed: bool


class KeyIn(Schema):
    """One line of an OpenSSH public key file."""

    public_key: str = Field(max_length=4000)


class KeyOut(Schema):
    """The person's SSH key."""

    id: str
    person_id: str
    public_key: str
    fingerprint: str
    registered_at: datetime
    replaced_at: datetime | None
