"""Deadline arithmetic of a gate session: warnings, end of the window, grace, hard end, on two clocks."""

from dataclasses import dataclass
from datetime import datetime, timedelta

WARN_MINUTES = (15, 5)


@dataclass(frozen=True, slots=True)
class Deadline:
    """When the window and the grace end: on the wall clock, and as seconds of the boot clock that no one can set."""

    until: datetime
    grace_seconds: int
    until_boot: float

    @property
    def hard_end(self) -> datetime:
        """The moment (UTC) at which the session is ended."""
        return self.until + timedelta(seconds=self.grace_seconds)


def deadline(until: datetime, grace_seconds: int, *, now: datetime, boot: float) -> Deadline:
    """Return the deadline as seen at `now`/`boot`, the two clocks read together."""
    return Deadline(until, grace_seconds, boot + (until - now).total_seconds())


def renewed(old: Deadline, until: datetime, grace_seconds: int) -> Deadline:
    """Return `old` unless the window or the grace changed; both ends move by as much as the window does.

    So an extension wins nothing beyond itself where a clock was set back or forth.
    """
    if (old.until, old.grace_seconds) == (until, grace_seconds):
        return old
    return Deadline(until, grace_seconds, old.until_boot + (until - old.until).total_seconds())


def moved_words(old: Deadline, new: Deadline, *, now: datetime, boot: float) -> str:
    """Return what a session is told when its window has moved; empty when the end is the same."""
    if new.until == old.until:
        return ""
    minutes = max(0, int(-(-seconds_left(new, now=now, boot=boot) // 60)))
    return f"The window is {'longer' if new.until > old.until else 'shorter'} now: it ends in {minutes} min."


def seconds_left(limit: Deadline, *, now: datetime, boot: float) -> float:
    """Return seconds until the window ends, by the clock that says less."""
    return min((limit.until - now).total_seconds(), limit.until_boot - boot)


def window_over(limit: Deadline, *, now: datetime, boot: float) -> bool:
    """True once the window has ended on either clock."""
    return seconds_left(limit, now=now, boot=boot) <= 0


def must_end(limit: Deadline, *, now: datetime, boot: float) -> bool:
    """True once the grace has passed on either clock."""
    return seconds_left(limit, now=now, boot=boot) + limit.grace_seconds <= 0


def due_notice(limit: Deadline, told: frozenset[int], *, now: datetime, boot: float) -> tuple[int, str] | None:
    """Return the minutes mark (0 for the end itself) and the sentence that the terminal shows next, or None.

    `told` holds the marks already shown; a session that begins late gets only the nearest mark.
    """
    left = seconds_left(limit, now=now, boot=boot)
    if left <= 0:
        if 0 in told or not limit.grace_seconds:
            return None
        minutes = -(-limit.grace_seconds // 60)
        return 0, f"The window has ended. Finish now: this session is ended within {minutes} min."
    for mark in sorted(WARN_MINUTES):
        if left <= mark * 60:
            minutes = int(-(-left // 60))
            sentence = f"The window ends in {minutes} min. Save your work or ask for more time."
            return None if mark in told else (mark, sentence)
    return None
