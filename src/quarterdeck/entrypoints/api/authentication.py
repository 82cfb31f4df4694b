"""Who calls the API: the person whose bearer token it is. Cookies don't count here, so no page can act unseen."""

from django.http import HttpRequest
from ninja.security import HttpBearer

from quarterdeck import wiring
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Identity

_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def identity_of(request: HttpRequest) -> Identity:
    """Return whose token came with an authenticated request, and the token; RuntimeError without authentication."""
    found = getattr(request, "identity", None)
    if not isinstance(found, Identity):
        raise RuntimeError("the request passed no authentication")
    return found


class TokenAuth(HttpBearer):
    """Puts the `Actor` of the bearer token into `request.auth`; calls that change something need the scope write."""

    def __init__(self, *, any_scope: bool = False) -> None:
        super().__init__()
        self._any_scope = any_scope

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        """Return the token's person, None (answered 401) for a token that doesn't count; Refused(token.scope)."""
        found = personnel.identify(token, wiring.clock())
        if found is None:
            return None
        request.identity = found  # type: ignore[attr-defined]
        if not self._any_scope:
            caller_of(request, "read" if request.method in _READING else "write")
        return found.actor


def caller_of(request: HttpRequest, scope: str = "read") -> Actor:
    """Return the person behind the request; Refused(token.scope) when the token doesn't reach that far."""
    identity: Identity | None = getattr(request, "identity", None)
    if identity is None:
        raise Refused(refuse("token.missing", "This call needs a person's token.", "Log in with `qd login`."))
    if scope not in identity.token.scopes:
        raise Refused(
            refuse("token.scope", f"This token doesn't have the scope {scope}.", "Log in again with that scope.")
        )
    return identity.actor


def token_of(request: HttpRequest) -> str:
    """Return the secret of the bearer token that `TokenAuth` accepted."""
    return request.headers["Authorization"].split(" ", 1)[1].strip()
