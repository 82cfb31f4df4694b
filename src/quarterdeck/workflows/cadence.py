"""When a checkpoint is made and to whom it goes: pure rules of evidence.md 3.4, no input and no output.

A checkpoint at every approval, opening, closing, export and key change; else 15 minutes or 256 entries after news;
a heartbeat every day, because without it nobody can say that the newest anchor is the newest.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

NEWS_AGE = timedelta(minutes=15)
NEWS_COUNT = 256
HEARTBEAT = timedelta(hours=24)
DIGEST = timedelta(hours=24)
FIRST_RETRY = timedelta(seconds=15)
LONGEST_RETRY = timedelta(minutes=15)

REASON_OF_EVENT = {
    "roster.founded": "key",
    "sealer.key_installed": "key",
    "key.rotated": "key",
    "sealer.key_replaced": "key",
    "sealer.key_acknowledged": "key",
    "access.epoch_begun": "key",
    "ledger.restored": "key",
    "approval.recorded": "approval",
    "ticket.approved": "approval",
    "monitoring_plan.approved": "approval",
    "emergency.authorised": "approval",
    "emergency.ratified": "approval",
    "ticket.opened": "open",
    "ticket.closed": "close",
    "ticket.rolled_back": "close",
    "period.sealed": "close",
    "package.exported": "export",
    "ledger.heartbeat": "heartbeat",
}
# A stamp costs a request to somebody else's server: it is for what a package rests on, and once a day.
STAMPED = frozenset({"close", "export", "heartbeat"})
MILESTONES = STAMPED | {"approval", "open", "key"}


class Reach(StrEnum):
    """What a channel gets: every checkpoint, the newest at once, what a person should keep, what is worth a stamp."""

    EVERY = "every"
    NEWEST = "newest"
    MILESTONES = "milestones"
    STAMPS = "stamps"


AT_ONCE = frozenset({Reach.EVERY, Reach.NEWEST})
_WANTED = {Reach.MILESTONES: MILESTONES, Reach.STAMPS: STAMPED}


def seal_reason(events: Sequence[str], oldest_news: datetime | None, now: datetime) -> str | None:
    """Return why a checkpoint is due, None when it is not; `events` are those since the last, oldest first.

    The weightiest reason wins, so that a close among other news is mailed as a close.
    """
    reasons = [REASON_OF_EVENT[event] for event in events if event in REASON_OF_EVENT]
    for reason in ("close", "approval", "export", "key", "open", "heartbeat"):
        if reason in reasons:
            return reason
    if oldest_news is not None and (len(events) >= NEWS_COUNT or now - oldest_news >= NEWS_AGE):
        return "news"
    return None


def heartbeat_due(last_entry_at: datetime | None, now: datetime) -> bool:
    """True when the log has been silent for a day; an empty log has no heart yet."""
    return last_entry_at is not None and now - last_entry_at >= HEARTBEAT


def is_wanted(reach: Reach, unsent_reasons: Collection[str], oldest_unsent: datetime | None, now: datetime) -> bool:
    """True when a channel of this reach is to carry the newest checkpoint, given the reasons of all unsent ones.

    Whatever the reach, what is a day old goes out: the digest of days without a milestone.
    """
    if oldest_unsent is None:
        return False
    if reach in AT_ONCE or now - oldest_unsent >= DIGEST:
        return True
    return not wanted_reasons(reach).isdisjoint(unsent_reasons)


def wanted_reasons(reach: Reach) -> frozenset[str]:
    """Return the reasons for which a channel of this reach gets a checkpoint at once."""
    return _WANTED.get(reach, frozenset(REASON_OF_EVENT.values()) | {"news"})


def may_try(next_try: datetime | None, now: datetime) -> bool:
    """True when a channel's back-off is over; a back-off longer than any we give was written by a wrong clock."""
    return next_try is None or now >= next_try or next_try - now > LONGEST_RETRY


def retry_at(failures: int, failed_at: datetime) -> datetime:
    """Return when a channel that failed `failures` times in a row is tried again: 15 s doubling up to 15 minutes."""
    doubled = FIRST_RETRY * int(2 ** min(failures - 1, 10))
    return failed_at + min(doubled, LONGEST_RETRY)
