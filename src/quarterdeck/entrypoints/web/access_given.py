"""What a ticket's page says of access: to whom it was given, until when, who revoked it and why, what keeps it shut."""

from typing import Any

from quarterdeck.access import api as access
from quarterdeck.access.api import Fate, GrantState, Scope
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView

SHOWN = 6
# Why somebody lost access is about a person: those who decide on it and the assessor read the words.
READ_WORDS = (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.ASSESSOR)
_ENDED = {
    "revoked.person": "with all access of the person",
    "revoked.vendor": "with all access of the vendor",
    "revoked.ticket": "with all access of the ticket",
    "revoked.everything": "with all access of everybody",
    "person.deactivated": "the person left",
    "ratification.refused": "the emergency was not ratified",
}


def context(seen: Visitor, ticket: TicketView, names: Names) -> dict[str, Any]:
    """Return the lines about access, and what is revoked now and keeps somebody out of this work."""
    found = access.fates(ticket.number)
    words = seen.has(*READ_WORDS)
    standing = () if ticket.is_final else access.revocations_over(ticket.number, tickets.workers(ticket))
    return {
        "access_given": [_line(one, names, words=words) for one in found[:SHOWN]],
        "access_more": max(0, len(found) - SHOWN),
        "access_shut": [
            {"what": _what(one, names), "by": names.person(one.by), "at": one.at, "why": one.reason if words else ""}
            for one in standing
        ],
    }


def _line(one: Fate, names: Names, *, words: bool) -> dict[str, Any]:
    given = one.grant
    return {
        "person": names.person(given.person),
        "asset": names.asset(given.asset),
        "from": given.valid_from,
        "until": given.valid_until,
        "serial": given.serial,
        "revoked": given.state is GrantState.REVOKED,
        "ended_at": given.ended_at,
        "by": names.person(one.by) if one.by else "",
        "how": _ENDED.get(given.end_reason, ""),
        "why": one.words if words else "",
    }


def _what(one: access.Revocation, names: Names) -> str:
    if one.scope is Scope.EVERYTHING:
        return "All access of everybody is revoked"
    if one.scope is Scope.TICKET:
        return "All access under this ticket is revoked"
    whose = names.person(one.target) if one.scope is Scope.PERSON else one.target
    return f"All access of {whose} is revoked"
