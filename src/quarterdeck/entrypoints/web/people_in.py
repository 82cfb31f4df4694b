"""Who is asking: the signed-in person as an `Actor`, with the roles held now.

The actor comes from the ledger's entry about this browser session; ten minutes is the step-up (design section 7).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.http import HttpRequest

from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock, SystemClock
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import PersonView, Role

CLOCK: Clock = SystemClock()


@dataclass(frozen=True, slots=True)
class Visitor:
    """The person behind a request and what they may be here for."""

    actor: Actor
    person: PersonView
    roles: frozenset[Role]
    now: datetime

    @property
    def stepped_up(self) -> bool:
        """True when a second factor was shown in the last ten minutes."""
        return self.actor.stepped_up(self.now)

    def has(self, *roles: Role) -> bool:
        """True when the person holds one of `roles` now."""
        return bool(self.roles & set(roles))


def visitor_of(request: HttpRequest) -> Visitor | None:
    """Return the person behind the request; None for nobody, or a session that the ledger does not know."""
    known = getattr(request, "qd_visitor", None)
    if known is not None:
        return cast("Visitor", known)
    actor = personnel.actor_for_request(request) if request.user.is_authenticated else None
    if actor is None or not personnel.is_standing(actor.id):
        return None
    now = CLOCK.now()
    found = Visitor(actor, personnel.person(actor.id), personnel.roles_of(actor.id, now), now)
    # One look-up per request.
    request.qd_visitor = found  # type: ignore[attr-defined]
    return found


def forget(request: HttpRequest) -> None:
    """Look the visitor up anew: a second factor was shown during this request."""
    if hasattr(request, "qd_visitor"):
        del request.qd_visitor
