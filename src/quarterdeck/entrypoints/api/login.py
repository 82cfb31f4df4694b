"""Logging in over the wire: enrolment, tokens, step-up, the own login. No rule lives here."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field, SecretStr

from quarterdeck import wiring
from quarterdeck.entrypoints.api.authentication import TokenAuth, caller_of, identity_of, token_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel

router = Router(tags=["login"])
_FAILED = dict.fromkeys((401, 403, 409, 422, 429), RefusedOut)
_STATUS = {"login.refused": 401, "token.unknown": 401, "enrolment.refused": 401, "login.too_many": 429}
_LONGEST = 1024


class LoginIn(Schema):
    """Password and second factor; scopes are read and write unless fewer are asked for."""

    email: str = Field(max_length=254)
    password: SecretStr = Field(max_length=_LONGEST)
    totp: str = Field(max_length=16)
    scopes: list[str] = Field(default=["read", "write"], max_length=4)


class TokenOut(Schema):
    """The bearer token, shown this once."""

    token: str
    person: str
    scopes: list[str]
    expires_at: datetime
    mfa_at: datetime


class CodeIn(Schema):
    """Six digits of the authenticator app."""

    totp: str = Field(max_length=16)


class SteppedUpOut(Schema):
    """Until when acts may follow is ten minutes after `mfa_at`."""

    mfa_at: datetime
    expires_at: datetime


class MeOut(Schema):
    """The caller: person, roles now, moment of the last second factor."""

    id: str
    name: str
    email: str
    organisation: str
    kind: str
    roles: list[str]
    scopes: list[str]
    mfa_at: datetime
    expires_at: datetime
    key_fingerprint: str


class EnrolIn(Schema):
    """The single-use code that was handed over, and the own new password."""

    code: str = Field(max_length=64)
    password: SecretStr = Field(max_length=_LONGEST)


class ProvisioningOut(Schema):
    """What the authenticator app needs."""

    email: str
    secret: str
    uri: str


class ConfirmIn(Schema):
    """The same code and the digits that the app shows."""

    code: str = Field(max_length=64)
    totp: str = Field(max_length=16)


class RecoveryOut(Schema):
    """Recovery codes, shown this once; each works once, on the web."""

    person: str
    recovery_codes: list[str]


class PasswordIn(Schema):
    """The password now and the new one."""

    old: SecretStr = Field(max_length=_LONGEST)
    new: SecretStr = Field(max_length=_LONGEST)


def _failed(refused: Refused) -> Status[RefusedOut]:
    reasons = [reason.as_dict() for reason in refused.decision.reasons]
    return Status(_STATUS.get(refused.decision.codes[0], 409), RefusedOut.model_validate({"refused": reasons}))


@router.post("/login", auth=None, response={200: TokenOut, **_FAILED})
def login(request: HttpRequest, body: LoginIn) -> Status[TokenOut] | Status[RefusedOut]:
    """Exchange password and second factor for a token; every failure gets the same answer."""
    try:
        secret, view = personnel.issue_token(
            body.email,
            body.password.get_secret_value(),
            body.totp,
            clock=wiring.clock(),
            scopes=body.scopes,
            client=str(request.META.get("REMOTE_ADDR", "")),
        )
    except Refused as refused:
        return _failed(refused)
    answer = TokenOut(
        token=secret, person=view.person_id, scopes=list(view.scopes), expires_at=view.expires_at, mfa_at=view.mfa_at
    )
    return Status(200, answer)


@router.post("/step-up", auth=TokenAuth(any_scope=True), response={200: SteppedUpOut, **_FAILED})
def step_up(request: HttpRequest, body: CodeIn) -> Status[SteppedUpOut] | Status[RefusedOut]:
    """Show a fresh second factor for this token."""
    try:
        view = personnel.step_up(token_of(request), body.totp, clock=wiring.clock())
    except Refused as refused:
        return _failed(refused)
    return Status(200, SteppedUpOut(mfa_at=view.mfa_at, expires_at=view.expires_at))


@router.post("/logout", auth=TokenAuth(any_scope=True), response={204: None, 401: RefusedOut})
def logout(request: HttpRequest) -> Status[None]:
    """Revoke this token."""
    personnel.revoke_token(token_of(request), clock=wiring.clock())
    return Status(204, None)


@router.get("/me", auth=TokenAuth(), response={200: MeOut, **_FAILED})
def me(request: HttpRequest) -> MeOut:
    """Return who the token stands for."""
    actor, now = caller_of(request), wiring.clock().now()
    person, key, token = personnel.person(actor.id), personnel.key_of(actor.id), identity_of(request).token
    return MeOut(
        id=person.id,
        name=person.name,
        email=person.email,
        organisation=person.organisation,
        kind=person.kind.value,
        roles=sorted(personnel.roles_of(actor.id, now)),
        scopes=list(token.scopes),
        mfa_at=token.mfa_at,
        expires_at=token.expires_at,
        key_fingerprint="" if key is None else key.fingerprint,
    )


@router.post("/me/password", auth=TokenAuth(), response={204: None, **_FAILED})
def change_password(request: HttpRequest, body: PasswordIn) -> Status[None] | Status[RefusedOut]:
    """Change the own password; every token ends, this one too."""
    try:
        personnel.change_password(
            body.old.get_secret_value(),
            body.new.get_secret_value(),
            actor=caller_of(request, "write"),
            clock=wiring.clock(),
        )
    except Refused as refused:
        return _failed(refused)
    return Status(204, None)


@router.post("/me/recovery-codes", auth=TokenAuth(), response={200: RecoveryOut, **_FAILED})
def renew_recovery_codes(request: HttpRequest) -> RecoveryOut:
    """Void the own recovery codes and return ten new ones."""
    actor = caller_of(request, "write")
    codes = personnel.renew_recovery_codes(actor=actor, clock=wiring.clock())
    return RecoveryOut(person=actor.id, recovery_codes=list(codes))


@router.post("/enrol", auth=None, response={200: ProvisioningOut, **_FAILED})
def enrol(request: HttpRequest, body: EnrolIn) -> Status[ProvisioningOut] | Status[RefusedOut]:
    """Begin an enrolment: choose the password, get the secret for the authenticator app."""
    try:
        found = personnel.enrol(
            body.code,
            body.password.get_secret_value(),
            clock=wiring.clock(),
            client=str(request.META.get("REMOTE_ADDR", "")),
        )
    except Refused as refused:
        return _failed(refused)
    return Status(200, ProvisioningOut(email=found.email, secret=found.secret, uri=found.uri))


@router.post("/enrol/confirm", auth=None, response={200: RecoveryOut, **_FAILED})
def confirm_enrolment(request: HttpRequest, body: ConfirmIn) -> Status[RecoveryOut] | Status[RefusedOut]:
    """Finish an enrolment with the digits that the app shows; returns the recovery codes once."""
    try:
        done = personnel.confirm_enrolment(
            body.code, body.totp, clock=wiring.clock(), client=str(request.META.get("REMOTE_ADDR", ""))
        )
    except Refused as refused:
        return _failed(refused)
    return Status(200, RecoveryOut(person=done.person_id, recovery_codes=list(done.recovery_codes)))
