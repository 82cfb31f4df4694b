"""Checking a shown second factor against the sealed one; a code works once per account (RFC 6238, section 5.2)."""

from dataclasses import dataclass
from datetime import datetime

from allauth.mfa.models import Authenticator
from django.db import transaction

from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel import factor_secrets
from quarterdeck.personnel.acting import personnel_act
from quarterdeck.personnel.enrolment import replace_factors
from quarterdeck.personnel.models import Account, FactorDigest, FactorUse
from quarterdeck.personnel.one_time_codes import matching_recovery_code, new_recovery_seed, recovery_codes
from quarterdeck.personnel.rules import PersonnelAct
from quarterdeck.personnel.sealing import is_sealed
from quarterdeck.personnel.terms import FactorKind
from quarterdeck.personnel.totp import matching_counter

# Worked on when there is no such login, so that an answer takes the same time.
_NOBODY, _STAND_IN = "ac_nobody", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@dataclass(frozen=True, slots=True)
class ShownFactor:
    """A code that fits and is not yet used up: of which kind, and its step or number."""

    kind: FactorKind
    number: int


def fitting_totp(account: Account | None, code: str, at: datetime) -> ShownFactor | None:
    """Return the factor that this six-digit code shows, None for a wrong one; nothing is used up yet."""
    secret = _sealed_secret(account or Account(id=_NOBODY), FactorKind.TOTP)
    counter = matching_counter(secret or _STAND_IN, code, at)
    return None if secret is None or counter is None else ShownFactor(FactorKind.TOTP, counter)


def fitting_recovery_code(account: Account, code: str) -> ShownFactor | None:
    """Return the factor that this recovery code shows, None for a wrong or used one; nothing is used up yet."""
    seed = _sealed_secret(account, FactorKind.RECOVERY)
    stored = _stored(account, FactorKind.RECOVERY)
    if seed is None or stored is None:
        return None
    number = matching_recovery_code(seed, code, int(stored.data["used_mask"]))
    return None if number is None else ShownFactor(FactorKind.RECOVERY, number)


def use_up(account: Account, shown: ShownFactor) -> bool:
    """Use the code up; False when it, or a later one, was used before: also by a request at the same moment."""
    if shown.kind is FactorKind.RECOVERY:
        return _use_recovery_code(account, shown.number)
    if FactorUse.objects.filter(account=account, counter__gte=shown.number).exists():
        return False
    _, is_first = FactorUse.objects.get_or_create(account=account, counter=shown.number)
    FactorUse.objects.filter(account=account, counter__lt=shown.number).delete()
    return is_first


def _use_recovery_code(account: Account, number: int) -> bool:
    with transaction.atomic():
        stored = Authenticator.objects.select_for_update().get(user=account, type="recovery_codes")
        if stored.data["used_mask"] & (1 << number):
            return False
        stored.data["used_mask"] |= 1 << number
        stored.save(update_fields=["data"])
        return True


def _stored(account: Account, kind: FactorKind) -> Authenticator | None:
    library_type = "totp" if kind is FactorKind.TOTP else "recovery_codes"
    return Authenticator.objects.filter(user=account, type=library_type).first()


def _sealed_secret(account: Account, kind: FactorKind) -> str | None:
    """The stored secret, only if its keyed digest is the one that the ledger sealed for this account."""
    stored = _stored(account, kind)
    row = FactorDigest.objects.filter(account=account, kind=kind, removed_at__isnull=True).first()
    if stored is None or row is None or not is_sealed(row):
        return None
    secret = factor_secrets.decrypt(stored.data["secret" if kind is FactorKind.TOTP else "seed"])
    return secret if factor_secrets.digest(secret) == row.digest else None


def renew_recovery_codes(*, actor: Actor, clock: Clock) -> tuple[str, ...]:
    """Void the actor's recovery codes and return ten new ones, shown this once."""
    seed = new_recovery_seed()
    with personnel_act(PersonnelAct.CHANGE_PASSWORD, actor, clock, concerns=actor.id) as act:
        account = Account.objects.filter(person_id=actor.id).first()
        if account is None:
            raise Refused(refuse("person.no_account", "You have no login.", "Redeem an enrolment code."))
        replace_factors(act, account, {FactorKind.RECOVERY: seed})
    return recovery_codes(seed)
