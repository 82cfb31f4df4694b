"""A window: [from, until) in UTC in which access may exist."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Window:
    """Half-open interval of aware UTC moments; `from_` is inside, `until` is not."""

    from_: datetime
    until: datetime

    def __post_init__(self) -> None:
        if self.from_.tzinfo is None or self.until.tzinfo is None:
            raise ValueError("a window without time zone")

    @property
    def is_ordered(self) -> bool:
        """True when the window ends after it starts."""
        return self.from_ < self.until

    @property
    def length(self) -> timedelta:
        """How long the window is open."""
        return self.until - self.from_

    def contains(self, moment: datetime) -> bool:
        """True from the first instant up to, not including, the last."""
        return self.from_ <= moment < self.until

    def overlaps(self, other: "Window") -> bool:
        """True when both share an instant; windows that only touch do not."""
        return self.from_ < other.until and other.from_ < self.until

    def in_utc(self) -> "Window":
        """Return the same window with both moments expressed in UTC."""
        return Window(self.from_.astimezone(UTC), self.until.astimezone(UTC))
