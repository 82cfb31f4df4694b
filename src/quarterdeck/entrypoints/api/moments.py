"""Moments on the wire: with an offset, and within years that every database and time zone can hold."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, Field

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def in_utc(moment: datetime) -> datetime:
    """Return the moment in UTC, where one without offset, or a day alone, is meant; ValueError outside 2000 to 2200."""
    aware = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    if not EARLIEST <= aware <= LATEST:
        raise ValueError("a moment lies in the years 2000 to 2200")
    return aware.astimezone(UTC)


Moment = Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
MomentOrDay = Annotated[datetime, AfterValidator(in_utc)]
