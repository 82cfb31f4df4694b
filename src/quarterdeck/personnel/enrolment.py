"""How a person gets a login: a single-use code, the own password, the own second factor; also after a reset."""

from datetime import datetime

from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Reason, Refused, refuse, require_that
from quarterdeck.personnel import factor_secrets
from quarterdeck.personnel.acting import personnel_act, recorded_refusals
from quarterdeck.personnel.limits import PER_CLIENT, give_back, take_slots
from quarterdeck.personnel.models import (
    Account,
    ApiToken,
    EnrolmentCode,
    FactorDigest,
    FactorUse,
    PendingChange,
    Person,
)
from quarterdeck.personnel.notices import tell
from quarterdeck.personnel.one_time_codes import (
    new_enrolment_code,
    new_recovery_seed,
    recovery_codes,
    sha256_of_enrolment,
)
from quarterdeck.personnel.reading import is_guarded
from quarterdeck.personnel.rules import PersonnelAct
from quarterdeck.personnel.sealing import fetch, is_sealed, new_row, require_sealed, save_sealed, sealed
from quarterdeck.personnel.terms import (
    ENROLMENT_VALIDITY,
    ChangeKind,
    ChangeState,
    Enrolled,
    FactorKind,
    IssuedCode,
    Provisioning,
)
from quarterdeck.personnel.totp import matching_counter, new_secret, provisioning_uri

ISSUER = "Quarterdeck"
LONGEST_PASSWORD = 1024


def issue_enrolment(person_id: str, *, actor: Actor, clock: Clock) -> IssuedCode:
    """Return a fresh code for a person without a login, voiding older ones.

    Refused(enrolment.guarded) for people who decide or administer: whoever holds the code could become them, so a
    factor reset by two people issues it (attacks.md row 2).
    """
    with personnel_act(PersonnelAct.ISSUE_ENROLMENT, actor, clock) as act:
        person = fetch(Person, person_id, locked=True)
        require_that(
            person.active, "person.inactive", f"{person.name} is deactivated.", "Add the person anew."
        ).require()
        require_that(
            not is_guarded(person_id), "enrolment.guarded", f"{person.name} holds or awaits a role that decides.",
            "Ask for a reset of the second factor: a second person confirms it, then a code is issued.",
        ).require()
        require_that(
            not Account.objects.filter(person=person).exists(), "enrolment.has_login",
            f"{person.name} has a login already.", "Ask for a reset of the second factor instead.",
        ).require()
        return issue_code(act, person, valid_from=act.at)


def issue_code(act: Act, person: Person, *, valid_from: datetime, replaces_factor: bool = False) -> IssuedCode:
    """Void the person's open codes and record a new one; returns it for the one time that it is shown."""
    close_codes(act, person.id)
    row, code = new_code_row(act, person, valid_from=valid_from, replaces_factor=replaces_factor)
    save_sealed(act, "enrolment.issued", row, {"person": person.id, "replaces_factor": replaces_factor})
    return code


def new_code_row(
    act: Act, person: Person, *, valid_from: datetime, replaces_factor: bool = False
) -> tuple[EnrolmentCode, IssuedCode]:
    """Return an unsaved row and the code that it stands for."""
    code, expires_at = new_enrolment_code(), valid_from + ENROLMENT_VALIDITY
    row = new_row(
        EnrolmentCode, person=person, code_sha256=sha256_of_enrolment(code), valid_from=valid_from,
        expires_at=expires_at, issued_by=act.actor.id, issued_at=act.at, replaces_factor=replaces_factor,
    )
    return row, IssuedCode(person.id, code, valid_from, expires_at)


def close_codes(act: Act, person_id: str) -> None:
    """Void every open code of this person."""
    for row in sealed(EnrolmentCode.objects.filter(person_id=person_id, closed_at__isnull=True)):
        _close(act, row)


def _close(act: Act, row: EnrolmentCode) -> None:
    row.closed_at, row.pending_password, row.pending_secret = act.at, "", ""
    save_sealed(act, "enrolment.closed", row, {"person": row.person_id})


def enrol(code: str, password: str, *, clock: Clock, client: str = "") -> Provisioning:
    """Choose the own password and return the TOTP secret to scan; nothing counts before `confirm_enrolment`.

    Refused(enrolment.refused) for an unknown, used, early or expired code, Refused(password.weak) with the reasons.
    `client` is the network address that asks: failures are counted, Refused(login.too_many).
    """
    row = _usable_code_for(client, code, clock)
    password_is_strong(password, row.person).require()
    hashed, secret = make_password(password), new_secret()
    actor = Actor(row.person_id, ActorKind.PERSON, "enrolment")
    with evidence.act(actor, clock) as act:
        row = _usable_code(code, act.at, locked=True)
        row.pending_password, row.pending_secret = hashed, factor_secrets.encrypt(secret)
        row.save(update_fields=["pending_password", "pending_secret"])
        act.record("enrolment.begun", evidence.ObjectRef("enrolment", row.id), data={"person": row.person_id})
    email = row.person.email
    return Provisioning(email, secret, provisioning_uri(secret, account=email, issuer=ISSUER))


def confirm_enrolment(code: str, totp_code: str, *, clock: Clock, client: str = "") -> Enrolled:
    """Prove that the app shows the right code, open or renew the login, and return the recovery codes once."""
    row = _usable_code_for(client, code, clock)
    actor = Actor(row.person_id, ActorKind.PERSON, "enrolment")
    with recorded_refusals(actor, clock, "confirm_enrolment"), evidence.act(actor, clock) as act:
        row = _usable_code(code, act.at, locked=True)
        require_that(
            bool(row.pending_secret), "enrolment.not_begun", "Choose a password first.", "Begin the enrolment anew."
        ).require()
        secret = factor_secrets.decrypt(row.pending_secret)
        counter = matching_counter(secret, totp_code, act.at)
        if counter is None:
            raise Refused(refuse("enrolment.wrong_code", "This code doesn't fit the secret that you were shown.",
                                 "Check that your phone's time is right and enter the code that it shows now."))
        account = _open_account(act, row.person, row.pending_password)
        seed = new_recovery_seed()
        replace_factors(act, account, {FactorKind.TOTP: secret, FactorKind.RECOVERY: seed})
        # The memory of used steps belongs to the old secret; the step that proved the new one is used.
        FactorUse.objects.filter(account=account).delete()
        FactorUse.objects.create(account=account, counter=counter)
        _finish_reset(act, row.person)
        _close(act, row)
        return Enrolled(row.person_id, recovery_codes(seed))


def _usable_code_for(client: str, code: str, clock: Clock) -> EnrolmentCode:
    slots = take_slots([(PER_CLIENT, client)], clock.now())
    row = _usable_code(code, clock.now())
    give_back(slots)
    return row


def _usable_code(code: str, at: datetime, *, locked: bool = False) -> EnrolmentCode:
    rows = EnrolmentCode.objects.filter(code_sha256=sha256_of_enrolment(code), closed_at__isnull=True)
    row = (rows.select_for_update() if locked else rows.select_related("person")).first()
    usable = (
        row is not None and row.valid_from <= at < row.expires_at and row.person.active
        and is_sealed(row) and is_sealed(row.person)
    )
    if row is None or not usable:
        raise Refused(refuse("enrolment.refused", "This enrolment code doesn't work: unknown, used, early or expired.",
                             "Ask the person who gave it to you for a new one."))
    return row


def password_is_strong(password: str, person: Person) -> Decision:
    """Return whether the password passes the validators of the settings, in the library's own sentences."""
    if len(password) > LONGEST_PASSWORD:
        return refuse("password.weak", f"A password has at most {LONGEST_PASSWORD} characters.", "Shorten it.")
    try:
        validate_password(password, Account(email=person.email))
    except ValidationError as error:
        return Decision(tuple(Reason("password.weak", text, "Choose another password.") for text in error.messages))
    return Decision()


def _open_account(act: Act, person: Person, hashed: str) -> Account:
    account = Account.objects.select_for_update().filter(person=person).first()
    if account is None:
        account = new_row(Account, person=person, email=person.email, password=hashed, created_at=act.at)
        save_sealed(act, "account.opened", account, {"person": person.id})
        return account
    require_sealed(account)
    account.password, account.is_active = hashed, True
    save_sealed(act, "account.renewed", account, {"person": person.id})
    return account


def replace_factors(act: Act, account: Account, secrets: dict[FactorKind, str]) -> None:
    """Put these secrets on the account in place of those of the same kind; Refused(factor.shared) for a known one."""
    for kind, secret in secrets.items():
        for old in FactorDigest.objects.filter(account=account, kind=kind, removed_at__isnull=True):
            old.removed_at = act.at
            save_sealed(act, "factor.removed", old, {"kind": kind.value, "person": account.person_id})
        digest = factor_secrets.digest(secret)
        require_that(
            not FactorDigest.objects.filter(digest=digest).exists(), "factor.shared",
            "This second factor stands on a login already, or did; nobody shares one.", "Begin anew with a fresh one.",
        ).require()
        row = new_row(FactorDigest, account=account, kind=kind.value, digest=digest, enrolled_at=act.at)
        save_sealed(act, "factor.enrolled", row, {"kind": kind.value, "person": account.person_id})
        stored: dict[str, str | int] = {"secret": factor_secrets.encrypt(secret)}
        if kind is FactorKind.RECOVERY:
            stored = {"seed": factor_secrets.encrypt(secret), "used_mask": 0}
        Authenticator.objects.update_or_create(
            user=account, type=_library_type(kind), defaults={"data": stored, "created_at": act.at}
        )


def _library_type(kind: FactorKind) -> str:
    return {FactorKind.TOTP: "totp", FactorKind.RECOVERY: "recovery_codes", FactorKind.PASSKEY: "webauthn"}[kind]


def _finish_reset(act: Act, person: Person) -> None:
    """Close the reset that this enrolment fulfils; every token ends, and web sessions with the old password."""
    for change in PendingChange.objects.filter(
        subject=person, kind=ChangeKind.FACTOR_RESET, state=ChangeState.CONFIRMED
    ):
        require_sealed(change)
        change.state, change.done_at = ChangeState.DONE.value, act.at
        told = save_sealed(act, "factor.reset", change, {"person": person.id})
        tell(act, told, "factor.reset", person, {change.requested_by, change.confirmed_by})
    revoke_tokens(act, person.id)


def revoke_tokens(act: Act, person_id: str) -> None:
    """Revoke every token of this person."""
    for token in sealed(ApiToken.objects.filter(person_id=person_id, revoked_at__isnull=True)):
        token.revoked_at = act.at
        save_sealed(act, "token.revoked", token, {"person": person_id})


