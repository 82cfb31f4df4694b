"""A clock for tests: it stands still until it is moved, wall and boot time together or apart."""

from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)


class StillClock:
    """Fulfils kernel.clock.Clock; `moment` is the wall clock, `since_boot` the boot clock in seconds."""

    def __init__(self, moment: datetime = START, since_boot: float = 100_000.0) -> None:
        self.moment = moment
        self.since_boot = since_boot

    def now(self) -> datetime:
        return self.moment

    def boot(self) -> float:
        return self.since_boot

    def advance(self, **by: float) -> datetime:
        """Move both clocks forward by `timedelta(**by)` and return the new wall clock."""
        step = timedelta(**by)
        self.moment += step
        self.since_boot += step.total_seconds()
        return self.moment

    def set_wall(self, moment: datetime) -> None:
        """Set the wall clock alone, as an administrator or a bad time server does."""
        self.moment = moment
