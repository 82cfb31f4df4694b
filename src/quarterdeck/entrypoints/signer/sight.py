"""Whether the ledger is the one that the signer has seen, and its time not ahead of this machine's clock."""

from datetime import datetime, timedelta

from quarterdeck.access import api as access
from quarterdeck.entrypoints.signer.serial_log import LedgerSight
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, refuse, require_that

CLOCK_TOLERANCE = timedelta(seconds=5)
_LEDGER_NEXT = "If a backup was restored, run `qd restore`; else stop and tell the IT lead."


def ledger_is_current(seen: LedgerSight | None, now: datetime) -> Decision:
    """Return whether anything may be signed on this ledger: no older one, no other one (attacks.md rows 15 and 18)."""
    try:
        head = evidence.head()
    except Refused as refused:
        return refused.decision
    if head.last_at is not None and now < head.last_at - CLOCK_TOLERANCE:
        return refuse(
            "clock.behind",
            f"This machine's clock ({rfc3339(now)}) is behind the ledger's last entry ({rfc3339(head.last_at)}).",
            "Set the clock right (chrony or NTP), then try again.",
        )
    return _is_what_was_seen(seen, head)


def _is_what_was_seen(seen: LedgerSight | None, head: evidence.LedgerHead) -> Decision:
    if seen is None or access.current_epoch() > seen.epoch:
        return ALLOWED
    if head.size < seen.size or access.current_epoch() < seen.epoch:
        return refuse("ledger.older", "The ledger is older than the signer has seen it.", _LEDGER_NEXT)
    last = evidence.leaf(seen.size - 1)
    return require_that(
        seen.size == 0 or (last is not None and last.hex() == seen.tip),
        "ledger.other",
        "The ledger is not the one that the signer has seen.",
        _LEDGER_NEXT,
    )
