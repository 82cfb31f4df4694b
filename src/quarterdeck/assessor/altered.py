"""Rows that are not what the ledger says: a gap of their own, since what they hide shows nowhere else (row 28)."""

from collections.abc import Iterable, Iterator

from quarterdeck.assessor.objectives import Gap
from quarterdeck.evidence import api as evidence
from quarterdeck.sessions import api as sessions
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, TicketView

_STEP = "Stop and tell the IT lead: somebody wrote into the database. Run `qd ledger verify`."
_TICKET, _SESSION = "CM.L2-3.4.3[c]", "MA.L2-3.7.5[b]"


def altered_rows(known: Iterable[TicketView], found: Iterable[sessions.SessionView]) -> Iterator[tuple[str, Gap]]:
    """Yield pairs of objective and gap for tickets and sessions that were changed in the database, or taken out."""
    given_out = {entry.ticket for entry in evidence.entries(events=("ticket.requested", "ticket.logged"))}
    wrong = (given_out - {view.number for view in known}) | set(tickets.altered_tickets(tuple(State)))
    for number in sorted(number for number in wrong if number):
        yield _TICKET, Gap("ticket.unsealed", f"{number} is not what the ledger says, or is gone.", _STEP, number)
    begun = evidence.entries(events=("session.began", "session.written_down"))
    told = {entry.object.id: entry.ticket or "" for entry in begun}
    whole = {one.id for one in found if sessions.check_row(one).allowed}
    for session in sorted(told.keys() - whole):
        sentence = f"A session of {told[session]} is not what the ledger says, or is gone."
        yield _SESSION, Gap("session.unsealed", sentence, _STEP, told[session])
