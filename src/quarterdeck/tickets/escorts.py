"""Escorts of people who may not work unsupervised (800-171A 3.7.6[a]): where one is demanded, and who it may be."""

from datetime import datetime

from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.pictures import workers
from quarterdeck.tickets.rows import find, view
from quarterdeck.tickets.terms import TicketView


def needs_escort(person_id: str, asset_id: str, at: datetime) -> bool:
    """True when the person has no access authorisation for the asset, so that an escort must be there."""
    category = str(inventory.asset(asset_id).category)
    right = personnel.authorisation(person_id, asset_id, at, category=category)
    return right is None or not right.access_authorised


def may_escort(number: str, person_id: str, at: datetime) -> Decision:
    """Decide whether this person is the ticket's escort now: the named one or a deputy, and nobody who works on it."""
    ticket = view(find(number))
    return all_of(
        [
            require_that(
                is_escort(ticket, person_id, at),
                "escort.other",
                f"You are not the escort of {number}, nor a named deputy of the escort.",
                "Let the escort log in, or name another in the ticket.",
            ),
            require_that(
                person_id not in workers(ticket),
                "escort.works",
                "Who does the work does not escort it (3.7.6[a]).",
                "Let somebody else escort.",
            ),
        ]
    )


def is_escort(ticket: TicketView, person_id: str, at: datetime) -> bool:
    """True for the escort named in the ticket and for a deputy of that escort, while the role is held."""
    if not ticket.escort:
        return False
    if person_id == ticket.escort:
        return Role.ESCORT in personnel.roles_of(person_id, at)
    return personnel.stands_in(person_id, ticket.escort, Role.ESCORT, at)
