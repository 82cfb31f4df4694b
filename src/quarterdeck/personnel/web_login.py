"""The login library's hooks, and who a browser session stands for.

Logins are recorded here: the one exception to "a workflow triggers" (design section 3). A browser session counts only
while the ledger says who logged in with it and when a second factor was shown, not by what the session row says.
"""

import hashlib
from typing import Any, cast

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.auth_backends import AuthenticationBackend
from allauth.account.forms import LoginForm
from allauth.core import context
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.hashers import check_password
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import Clock, SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import factor_secrets
from quarterdeck.personnel.acting import recorded_refusals
from quarterdeck.personnel.limits import PER_ACCOUNT, PER_CLIENT, give_back, take_slots
from quarterdeck.personnel.models import Account
from quarterdeck.personnel.notices import tell
from quarterdeck.personnel.second_factor import ShownFactor, fitting_recovery_code, fitting_totp, use_up
from quarterdeck.personnel.terms import FactorKind
from quarterdeck.personnel.tokens import DOOR, is_open, login_refused, plain_address, stand_in_hash

CLOCK: Clock = SystemClock()
CODE_NOT_ACCEPTED = (
    "The code was not accepted. Each code counts once and for half a minute: wait for the next one, and check that the "
    "phone's time is right."
)
_SHOWN = "quarterdeck_factor"
_EVENTS = ("login.accepted", "login.stepped_up", "login.ended")


class SealedAccountBackend(AuthenticationBackend):  # type: ignore[misc]  # a library without types
    """Lets in only accounts that the ledger vouches for; other mail addresses of the library's tables don't count."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> Account | None:  # noqa: ANN401
        """Return the open account of this mail address and password, in the same time whether it exists or not."""
        address, password = plain_address(str(credentials.get("email") or "")), str(credentials.get("password") or "")
        account = Account.objects.select_related("person").filter(email=address).first()
        stand_in = stand_in_hash()
        fits = check_password(password, stand_in if account is None else account.password)
        return account if account is not None and fits and is_open(account) else None

    def get_user(self, user_id: str) -> Account | None:
        """Return the account behind a session, None once it is closed or no longer what the ledger says."""
        account = Account.objects.select_related("person").filter(pk=user_id).first()
        return account if account is not None and is_open(account) else None


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # a library without types
    """Nobody signs up here; failed and accepted logins are recorded."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """False: people are added by the IT lead."""
        return False

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """Refuse: passwords change through `personnel.api.change_password`, which records it."""
        raise PermissionDenied("Passwords are changed on the page of the own login.")

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:  # noqa: ANN401
        """Count the attempt; a form error once too many failed."""
        names = [(PER_ACCOUNT, plain_address(str(credentials.get("email", "")))), (PER_CLIENT, _client(request))]
        try:
            with recorded_refusals(DOOR, CLOCK, "login"):
                self._slots = take_slots(names, CLOCK.now())
        except Refused as refused:
            raise ValidationError(str(refused), code="too_many_login_attempts") from refused

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:  # noqa: ANN401
        """Return the account when mail address and password fit, and free the slot of the attempt."""
        user = super().authenticate(request, **credentials)
        if user is not None:
            give_back(self._slots)
        return cast("AbstractBaseUser | None", user)

    def _rollback_login_failed_rl_usage(self) -> None:
        """The library's own counter isn't used: it isn't atomic in the database cache."""

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:  # noqa: ANN401
        """Record the failure, folded; no address in the entry."""
        evidence.record_refusal(DOOR, CLOCK, login_refused(), rule="personnel.login")

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Open the browser session, only after a second factor was shown in it."""
        shown = request.session.get(_SHOWN, {})
        if shown.get("account") != user.pk:
            raise PermissionDenied("A login needs its second factor.")
        super().login(request, user)
        _record(request, cast("Account", user), "login.accepted", FactorKind(shown["kind"]))

    def logout(self, request: HttpRequest) -> None:
        """Record the end of the browser session and close it."""
        user = request.user
        if isinstance(user, Account) and request.session.session_key:
            with evidence.act(_person(user), CLOCK) as act:
                act.record("login.ended", _session_ref(request), data={"person": user.person_id})
        super().logout(request)


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # a library without types
    """Encrypts what the library stores, and asks everybody for a second factor, whatever its tables say."""

    def encrypt(self, text: str) -> str:
        """Return `text` encrypted with the server's factor key."""
        return factor_secrets.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """Return the clear text again."""
        return factor_secrets.decrypt(encrypted_text)

    def is_mfa_enabled(self, user: AbstractBaseUser, types: Any = None) -> bool:  # noqa: ANN401
        """True for every account: a deleted row must not open a login by password alone."""
        return not user.is_anonymous and (types is None or Authenticator.Type.TOTP in types)

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """False: a second factor is reset by the acts of this app."""
        return False


class PasswordForm(LoginForm):  # type: ignore[misc]  # a library without types
    """The first step of a login, without the library's link to a mail that nobody sends."""

    def __init__(self, *arguments: Any, **named: Any) -> None:  # noqa: ANN401
        super().__init__(*arguments, **named)
        self.fields["password"].help_text = ""
        self.fields["login"].widget.attrs["autofocus"] = "autofocus"


class SecondFactorForm(AuthenticateForm):  # type: ignore[misc]  # a library without types
    """The second step of a login: six digits of the app, or a recovery code."""

    def clean_code(self) -> str:
        """Check the code against the sealed factor and use it up."""
        code, account = str(self.cleaned_data["code"]), cast("Account", self.user)
        self.shown = _check(account, code)
        self.authenticator = Authenticator.objects.get(
            user=account, type="totp" if self.shown.kind is FactorKind.TOTP else "recovery_codes"
        )
        self.authenticator.user = account
        return code

    def save(self) -> None:
        """Let the session remember which factor was shown, for the login that follows at once."""
        context.request.session[_SHOWN] = {"account": self.user.pk, "kind": self.shown.kind.value}
        super().save()


class StepUpForm(ReauthenticateForm):  # type: ignore[misc]  # a library without types
    """A fresh code in a running browser session."""

    clean_code = SecondFactorForm.clean_code

    def save(self) -> None:
        """Record the step-up; the session counts as fresh from now."""
        super().save()
        _record(context.request, cast("Account", self.user), "login.stepped_up", self.shown.kind)


def step_up_session(request: HttpRequest, code: str) -> None:
    """Show a fresh code in this browser session; Refused(login.refused | login.too_many)."""
    account = request.user
    if not isinstance(account, Account):
        raise Refused(login_refused())
    _record(request, account, "login.stepped_up", _shown_factor(account, code).kind)


def actor_for_request(request: HttpRequest) -> Actor | None:
    """Return the person behind a browser session with the moment of the last second factor, None for nobody.

    Both come from the ledger's entry about this session, so that an edited session row gives nothing.
    """
    account = request.user
    if not isinstance(account, Account) or not request.session.session_key:
        return None
    found = evidence.last_entry(_EVENTS, object=_session_ref(request))
    if found is None or found.event == "login.ended" or found.actor_id != account.person_id:
        return None
    return Actor(found.actor_id, ActorKind.PERSON, "mfa", found.at, str(found.data.get("factor", "")))


def _check(account: Account, code: str) -> ShownFactor:
    try:
        return _shown_factor(account, code)
    except Refused as refused:
        code = refused.decision.codes[0]
        # The password was right already: only the code can be wrong here, and the person may know it.
        raise ValidationError(CODE_NOT_ACCEPTED if code == "login.refused" else str(refused), code=code) from refused


def _shown_factor(account: Account, code: str) -> ShownFactor:
    at = CLOCK.now()
    with recorded_refusals(DOOR, CLOCK, "login"):
        slots = take_slots([(PER_ACCOUNT, account.pk)], at)
        shown = fitting_totp(account, code, at) or fitting_recovery_code(account, code)
        if shown is None or not is_open(account) or not use_up(account, shown):
            raise Refused(login_refused())
        give_back(slots)
    return shown


def _record(request: HttpRequest, account: Account, event: str, kind: FactorKind) -> None:
    with evidence.act(_person(account), CLOCK) as act:
        told = act.record(event, _session_ref(request), data={"person": account.person_id, "factor": kind.value})
        if kind is FactorKind.RECOVERY and account.person is not None:
            tell(act, told, "factor.recovery_used", account.person, ())


def _person(account: Account) -> Actor:
    return Actor(account.person_id or "", ActorKind.PERSON, "mfa", CLOCK.now())


def _session_ref(request: HttpRequest) -> evidence.ObjectRef:
    key = request.session.session_key or ""
    return evidence.ObjectRef("web_session", hashlib.sha256(b"quarterdeck web session\0" + key.encode()).hexdigest())


def _client(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
