"""Logging in for programs: password and second factor give a bearer token that is a person's, scoped and expiring."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from django.contrib.auth.hashers import check_password, make_password

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import Actor, ActorKind, system
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.personnel.acting import personnel_act, recorded_refusals
from quarterdeck.personnel.enrolment import password_is_strong, revoke_tokens
from quarterdeck.personnel.limits import PER_ACCOUNT, PER_CLIENT, give_back, take_slots
from quarterdeck.personnel.models import Account, ApiToken
from quarterdeck.personnel.one_time_codes import new_token_secret, sha256_of
from quarterdeck.personnel.reading import is_standing
from quarterdeck.personnel.rules import PersonnelAct
from quarterdeck.personnel.sealing import fetch, is_sealed, new_row, save_sealed
from quarterdeck.personnel.second_factor import fitting_totp, use_up
from quarterdeck.personnel.terms import TOKEN_VALIDITY, FactorKind, Identity, TokenView

SCOPES = ("read", "write")
DOOR = system("login")


def plain_address(email: str) -> str:
    """Return the address as logins are kept under it; empty, which nobody has, for control characters."""
    address = email.strip().lower()
    return address if address.isprintable() else ""


def login_refused() -> Decision:
    """Return the one answer to every failed login: it doesn't say what was wrong."""
    return refuse(
        "login.refused", "Mail address, password or code is wrong, or the code was used before.",
        "Check all three; wait for the next code of your app and try again.",
    )


def issue_token(
    email: str, password: str, totp_code: str, *, clock: Clock, client: str = "", scopes: Sequence[str] = SCOPES
) -> tuple[str, TokenView]:
    """Return a token's secret, shown this once, and its view; Refused(login.refused | login.too_many | token.scope).

    `client` is the network address that asks; failures are counted per mail address and per client.
    """
    at, address = clock.now(), plain_address(email)
    wanted = [scope for scope in SCOPES if scope in scopes]
    require_that(
        bool(wanted) and set(scopes) <= set(SCOPES), "token.scope", "A token has the scope read, write or both.",
        "Leave the scopes out for both.",
    ).require()
    with recorded_refusals(DOOR, clock, "login"):
        slots = take_slots([(PER_ACCOUNT, address), (PER_CLIENT, client)], at)
        account = authenticate(address, password, totp_code, at)
        give_back(slots)
    secret = new_token_secret()
    actor = Actor(account.person_id or "", ActorKind.PERSON, "mfa", at)
    with evidence.act(actor, clock) as act:
        row = new_row(
            ApiToken, person=account.person, secret_sha256=sha256_of(secret), scopes=wanted, issued_at=act.at,
            expires_at=act.at + TOKEN_VALIDITY, mfa_at=act.at,
        )
        save_sealed(act, "token.issued", row, {"person": actor.id, "scopes": list(wanted),
                                               "expires_at": rfc3339(row.expires_at)})
        return secret, token_view(row)


def token_unknown() -> Decision:
    """Return the refusal for a token that doesn't count."""
    return refuse("token.unknown", "This token doesn't count any more.", "Log in again with `qd login`.")


def authenticate(address: str, password: str, totp_code: str, at: datetime) -> Account:
    """Return the account whose password and fresh code these are, and use the code up; Refused(login.refused).

    Password and code are both worked on in every case, so that the time of the answer tells nothing.
    """
    stand_in = stand_in_hash()
    account = Account.objects.select_related("person").filter(email=address).first()
    fits = check_password(password, stand_in if account is None else account.password)
    shown = fitting_totp(account, totp_code, at)
    if account is None or shown is None or not fits or not is_open(account) or not use_up(account, shown):
        raise Refused(login_refused())
    return account


def is_open(account: Account) -> bool:
    """True for a login that may be used: active, sealed, of a standing person."""
    return account.is_active and is_sealed(account) and is_standing(account.person_id or "")


@lru_cache(maxsize=1)
def stand_in_hash() -> str:
    """Return a hash that no password fits, to be checked where there is no such login."""
    return make_password(new_token_secret())


def token_view(row: ApiToken) -> TokenView:
    """Return the plain value of this row."""
    return TokenView(row.id, row.person_id, tuple(row.scopes), row.issued_at, row.expires_at, row.mfa_at)


def identify(secret: str, clock: Clock) -> Identity | None:
    """Return who this bearer token stands for now; None for an unknown, expired, revoked or hand-written one."""
    row = _live_token(secret, clock.now())
    if row is None or not is_standing(row.person_id):
        return None
    # A token is given and stepped up by a code of the app alone, see `authenticate` and `step_up`.
    actor = Actor(row.person_id, ActorKind.PERSON, "token", row.mfa_at, FactorKind.TOTP.value)
    return Identity(actor, token_view(row))


def actor_for_token(secret: str, clock: Clock) -> Actor | None:
    """Return the actor of this bearer token, None when it doesn't count."""
    found = identify(secret, clock)
    return None if found is None else found.actor


def _live_token(secret: str, at: datetime) -> ApiToken | None:
    row = ApiToken.objects.filter(secret_sha256=sha256_of(secret), revoked_at__isnull=True).first()
    return row if row is not None and at < row.expires_at and is_sealed(row) else None


def step_up(secret: str, totp_code: str, *, clock: Clock) -> TokenView:
    """Show a fresh code for this token and return it with the new moment; Refused(login.refused | login.too_many)."""
    at = clock.now()
    row = _live_token(secret, at)
    if row is None:
        raise Refused(token_unknown())
    actor = Actor(row.person_id, ActorKind.PERSON, "token", row.mfa_at)
    with recorded_refusals(actor, clock, "step_up"):
        slots = take_slots([(PER_ACCOUNT, row.person_id)], at)
        account = Account.objects.select_related("person").filter(person_id=row.person_id).first()
        shown = fitting_totp(account, totp_code, at)
        if account is None or shown is None or not is_open(account) or not use_up(account, shown):
            raise Refused(login_refused())
        give_back(slots)
    with evidence.act(Actor(row.person_id, ActorKind.PERSON, "mfa", at), clock) as act:
        row = fetch(ApiToken, row.id, locked=True)
        if row.revoked_at is not None:
            raise Refused(token_unknown())
        row.mfa_at = act.at
        save_sealed(act, "token.stepped_up", row, {"person": row.person_id})
        return token_view(row)


def revoke_token(secret: str, *, clock: Clock) -> None:
    """Log out: the token stops to count; nothing happens for one that doesn't count already."""
    row = _live_token(secret, clock.now())
    if row is None:
        return
    with evidence.act(Actor(row.person_id, ActorKind.PERSON, "token", row.mfa_at), clock) as act:
        row = fetch(ApiToken, row.id, locked=True)
        row.revoked_at = act.at
        save_sealed(act, "token.revoked", row, {"person": row.person_id})


def tokens_of(person_id: str, at: datetime) -> list[TokenView]:
    """Return the person's tokens that count at `at`, oldest first."""
    rows = ApiToken.objects.filter(person_id=person_id, revoked_at__isnull=True, expires_at__gt=at)
    return [token_view(row) for row in rows.order_by("issued_at")]


def change_password(old: str, new: str, *, actor: Actor, clock: Clock) -> None:
    """Change the actor's own password; ends every token and web session. Refused(login.refused | password.weak)."""
    account = Account.objects.select_related("person").filter(person_id=actor.id).first()
    if account is None or account.person is None:
        raise Refused(refuse("person.no_account", "You have no login.", "Redeem an enrolment code."))
    with recorded_refusals(actor, clock, "change_password"):
        slots = take_slots([(PER_ACCOUNT, actor.id)], clock.now())
        wrong = Decision() if account.check_password(old) else login_refused()
        all_of((wrong, password_is_strong(new, account.person))).require()
        give_back(slots)
    hashed = make_password(new)
    with personnel_act(PersonnelAct.CHANGE_PASSWORD, actor, clock, concerns=actor.id) as act:
        account = fetch(Account, account.id, locked=True)
        account.password = hashed
        save_sealed(act, "password.changed", account, {"person": actor.id})
        revoke_tokens(act, actor.id)
