"""Moments and notice on the wire: with an offset, and within years that every database and time zone can hold."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
_OFFSET = re.compile(r"(?:[Zz]|[+-]\d\d:?\d\d)$")


def in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC, where one without offset, or a day alone, is meant; ValueError outside 2000 to 2200."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not EARLIEST <= aware <= LATEST:
        raise ValueError("a moment lies in the years 2000 to 2200")
    return aware.astimezone(UTC)


def with_zone(said: object) -> object:
    """Return what was said unless it is a day, or a moment without offset: which noon or midnight is meant depends."""
    if isinstance(said, datetime):
        whole = said.tzinfo is not None
    else:
        whole = isinstance(said, str) and len(said) > len("2027-05-31") and _OFFSET.search(said) is not None
    if not whole:
        raise ValueError("a moment with its offset is wanted, such as 2027-05-31T17:00:00-05:00, not a day alone")
    return said


def notice_hours(view: TicketView) -> int:
    """Return how many hours ahead people are told of this ticket's work; 0 where it may open at once."""
    if view.work_class == "standard":
        return 0
    lead = tickets.lead_time(view.content.maintenance_type, emergency=view.emergency)
    return int(lead.total_seconds()) // 3600


MomentWithZone = Annotated[AwareDatetime, BeforeValidator(with_zone), Field(ge=EARLIEST, le=LATEST)]
Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
MomentOrDay = Annotated[datetime, AfterValidator(in_utc)]
