"""When which ticket's work was done on an asset, by the ledger's word: what may explain a difference and what not."""

from datetime import datetime

from quarterdeck.baselines import watch_rules
from quarterdeck.baselines.watch_rules import Worked
from quarterdeck.evidence import api as evidence
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView


def worked_between(asset: str, since: datetime, until: datetime) -> list[str]:
    """Return the numbers of the tickets under which the asset was worked on between two moments, newest first."""
    return [one.number for one in works_on(asset) if watch_rules.overlaps(one, since, until)]


def works_on(asset: str) -> list[Worked]:
    """Return the work of every ticket on the asset that sealed entries tell of; hand-written tickets did nothing."""
    found = (_work_of(seen) for seen in tickets.tickets_of_asset(asset))
    return [one for one in found if one is not None and tickets.is_sealed(one.number).allowed]


def _work_of(seen: TicketView) -> Worked | None:
    """From its opening to the last end of its work; a chore that was written down lasted as long as it says."""
    opened = evidence.last_entry(["ticket.opened"], ticket=seen.number)
    if opened is not None:
        last = evidence.last_entry(["ticket.work_ended", "ticket.reopened"], ticket=seen.number)
        over = last is not None and last.event == "ticket.work_ended"
        return Worked(seen.number, opened.at, last.at if last is not None and over else None)
    if evidence.last_entry(["ticket.logged"], ticket=seen.number) is not None:
        return Worked(seen.number, seen.window.from_, seen.window.until)
    return None
