"""Pure rules of measuring between tickets: when it is due, which two baselines are compared, what a ticket explains."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from quarterdeck.kernel.decision import Decision, require_that

FIRST_RETRY = timedelta(minutes=15)
LONGEST_RETRY = timedelta(hours=6)
LATE_AFTER = 2  # cadences without a measurement


class RunOutcome(StrEnum):
    """What came of one attempt to measure; a failure says nothing about the asset, never that it is unchanged."""

    MEASURED = "measured"
    FAILED = "failed"


class Attempt(NamedTuple):
    """One attempt, as much of it as decides when the next is due."""

    outcome: RunOutcome
    started_at: datetime
    finished_at: datetime


class Known(NamedTuple):
    """A baseline as the chain sees it: its id, its ticket (empty between tickets), whether it is from before work."""

    id: str
    ticket: str
    is_before: bool


class Worked(NamedTuple):
    """When a ticket's work on the asset began and ended; what goes on has no end yet."""

    number: str
    began_at: datetime
    ended_at: datetime | None


def retry_wait(failures: int, cadence: timedelta) -> timedelta:
    """Return how long to wait after `failures` in a row: 15 minutes, doubling to 6 hours, never more than a cadence."""
    doubled = FIRST_RETRY * int(2 ** min(max(failures, 1) - 1, 10))
    return min(doubled, LONGEST_RETRY, cadence)


def due_at(approved_at: datetime, cadence: timedelta, newest_first: Sequence[Attempt]) -> datetime:
    """Return when the next measurement is due: at once after approval, then a cadence after the last began."""
    failures = 0
    for attempt in newest_first:
        if attempt.outcome is RunOutcome.MEASURED:
            break
        failures += 1
    if failures:
        return newest_first[0].finished_at + retry_wait(failures, cadence)
    return newest_first[0].started_at + cadence if newest_first else approved_at


def is_late(approved_at: datetime, cadence: timedelta, newest_first: Iterable[Attempt], at: datetime) -> bool:
    """True when nothing was measured for two cadences: then monitoring is a promise that is not kept."""
    measured = (attempt.started_at for attempt in newest_first if attempt.outcome is RunOutcome.MEASURED)
    return at - next(measured, approved_at) > cadence * LATE_AFTER


def gaps(start: str, later: Sequence[Known], new: str, measured_before: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Give the pairs of baseline ids between which no ticket's own comparison looks, from `start` to `new`.

    `later` are the tickets' baselines since `start`, oldest first. What happened between the last measurement and a
    ticket's baseline from before its work is nobody's work, and would else be hidden by that baseline. Tickets in
    `measured_before` have one from before, perhaps older than `start`: their own comparison covers their work.
    """
    covered, current = frozenset(measured_before), start
    for number in dict.fromkeys(one.ticket for one in later):
        befores = [one.id for one in later if one.ticket == number and one.is_before]
        afters = [one.id for one in later if one.ticket == number and not one.is_before]
        if befores:
            yield current, befores[-1]
            current = befores[-1]
        if afters:
            if number not in covered:
                yield current, afters[-1]
            current = afters[-1]
    yield current, new


def overlaps(worked: Worked, since: datetime, until: datetime) -> bool:
    """True when some of the work was done between two measurements, the first begun at `since`, the last ended."""
    return worked.began_at < until and (worked.ended_at is None or worked.ended_at > since)


def may_explain_by(fits: bool, number: str) -> Decision:
    """Decide whether a ticket can be named as what explains a difference: its work on the asset lies in between."""
    return require_that(
        fits,
        "drift.ticket_does_not_fit",
        f"{number[:20]} does not explain it: no work of this ticket on this asset lies between the two measurements.",
        "Name the ticket under which it was done, or explain it with a reason alone.",
    )


def may_settle(*, chosen: int, found: int, settled: int) -> Decision:
    """Refuse an empty choice, differences of another finding, and those that somebody settled already."""
    return require_that(
        0 < chosen == found and settled == 0,
        "drift.choice",
        "Choose differences of this finding that nobody has settled yet.",
        "Open the finding again and choose there.",
    )


def findings_are_sealed(agrees: bool) -> Decision:
    """Refuse findings, or words about them, that are not what their sealed entries say (attacks.md row 28)."""
    return require_that(
        agrees,
        "drift.unsealed",
        "The findings about this asset, or the explanations of them, are not what the ledger says.",
        "Stop and tell the IT lead: somebody wrote into the database. Compare with 'qd ledger verify'.",
    )
