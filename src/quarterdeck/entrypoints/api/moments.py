"""Moments and notice on the wire: with an offset, and within years that every database and time zone can hold."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC, where one without offset, or a day alone, is meant; ValueError outside 2000 to 2200."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not EARLIEST <= aware <= LATEST:
        raise ValueError("a moment lies in the years 2000 to 2200")
    return aware.astimezone(UTC)


def notice_hours(view: TicketView) -> int:
    """Return how many hours ahead people are told of this ticket's work; 0 where it may open at once."""
    if view.work_class == "standard":
        return 0
    lead = tickets.lead_time(view.content.maintenance_type, emergency=view.emergency)
    return int(lead.total_seconds()) // 3600


Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
MomentOrDay = Annotated[datetime, AfterValidator(in_utc)]
