"""Somebody leaves: login, roles, authorisations and every access grant end in one act (3.7.2[d], 3.1.12[c])."""

from dataclasses import dataclass

from quarterdeck.access import api as access
from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Reason
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import PersonView
from quarterdeck.workflows.found_organisation import duty_gaps
from quarterdeck.workflows.refusals import refusals_recorded


@dataclass(frozen=True, slots=True)
class Offboarded:
    """The person, the grants that were taken away, and the duties that nobody could fill any more."""

    person: PersonView
    revoked_grants: tuple[str, ...]
    gaps: tuple[Reason, ...]


def offboard_person(actor: Actor, clock: Clock, person_id: str) -> Offboarded:
    """Deactivate the person and revoke their access; running sessions end because their grant is revoked.

    Raises Refused, which is also recorded: not the IT lead, no fresh second factor, the own person, unknown.
    """
    with refusals_recorded(actor, clock, "personnel.deactivate_person"), act(actor, clock) as current:
        person = personnel.deactivate_person_in(current, person_id)
        revoked = access.revoke_for(current, reason="person.deactivated", person=person_id)
    return Offboarded(person, tuple(grant.id for grant in revoked), duty_gaps(clock))
