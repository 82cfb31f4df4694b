"""Time as an argument: wall clock in UTC and the boot clock that no one can set back."""

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from; every act takes one."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""

    def boot(self) -> float:
        """Return seconds since boot, suspended time included; never goes back."""


class SystemClock:
    """The machine's own clocks (CLOCK_REALTIME and CLOCK_BOOTTIME)."""

    def now(self) -> datetime:
        """Return the wall clock, aware, in UTC."""
        return datetime.now(UTC)  # noqa: TID251  the one place where the wall clock is read

    def boot(self) -> float:
        """Return CLOCK_BOOTTIME in seconds: it counts while the machine is suspended (attacks.md row 18)."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)


def rfc3339(moment: datetime) -> str:
    """Return `moment` as RFC 3339 UTC with microseconds and Z, the form that ledger entries carry."""
    if moment.tzinfo is None:
        raise ValueError("a moment without time zone")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_rfc3339(text: str) -> datetime:
    """Return the aware UTC moment of an RFC 3339 text; ValueError when it has no offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"a moment without time zone: {text}")
    return moment.astimezone(UTC)
