"""What a page declares about itself: who may open it. Undeclared pages open for nobody."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, QueryDict
from django.http.response import HttpResponseBase

from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.people_in import Visitor, visitor_of
from quarterdeck.entrypoints.web.viewing import note_view
from quarterdeck.personnel.api import Role

EVERYONE = frozenset(Role)
STAFF_AT_WORK = EVERYONE - {Role.ASSESSOR}
View = Callable[..., HttpResponseBase]


@dataclass(frozen=True, slots=True)
class Access:
    """Roles that may open a page; `public` pages need no login (login itself, enrolment, errors)."""

    roles: frozenset[Role]
    public: bool = False


def page(*roles: Role) -> Callable[[View], View]:
    """Declare a page for these roles, for everyone with a role when none is named; the view gets the visitor.

    A code from the authenticator that came with the form is shown before the view runs. The roles are checked here as
    well as by the guard: a request that was put aside for the step-up comes back without passing the guard again.
    """
    wanted = frozenset(roles) or EVERYONE

    def declare(view: View) -> View:
        @wraps(view)
        def opened(request: HttpRequest, *arguments: Any, **named: Any) -> HttpResponseBase:  # noqa: ANN401
            seen = visitor_of(request)
            if seen is None or not seen.roles & wanted:
                raise PermissionDenied
            seen = stepup.take(request, seen)
            response = view(request, seen, *arguments, **named)
            note_view(request, seen, response)
            return response

        opened.access = Access(wanted)  # type: ignore[attr-defined]
        return opened

    return declare


def public(view: View) -> View:
    """Declare a page that needs no login."""
    view.access = Access(frozenset(), public=True)  # type: ignore[attr-defined]
    return view


def posted(request: HttpRequest) -> QueryDict | None:
    """Return what a form was sent, also when that is nothing at all; None when it was only opened."""
    return request.POST if request.method == "POST" else None


def access_of(view: object) -> Access | None:
    """Return what `view` declared, None when it declared nothing."""
    found = getattr(view, "access", None)
    return found if isinstance(found, Access) else None


__all__ = ["EVERYONE", "STAFF_AT_WORK", "Access", "Visitor", "access_of", "page", "posted", "public"]
