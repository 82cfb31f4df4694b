"""Anchoring: bring the newest checkpoint to everybody who is to hold one, and keep the receipts.

Never blocks work: a channel that fails is tried again later, apart from the others. The newest checkpoint covers all
before it, so what was not sent while a channel was down is made good by one sending.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, CheckpointView, ReceiptView
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Reason
from quarterdeck.workflows.cadence import Reach, is_wanted, retry_at

LOG = logging.getLogger("quarterdeck.anchors")
RECENT = 200


class AnchorFailed(Exception):
    """A channel did not take the checkpoint; the text says why and is shown to the administrator."""


class AnchorContradicts(AnchorFailed):
    """The holder has seen another history of this ledger than is here: an alarm, not an outage."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What goes out: who sends it, the checkpoint and the line that pins its key."""

    organisation: str
    checkpoint: CheckpointView
    allowed_signers: str


class AnchorChannel(Protocol):
    """One way to one holder. `target` is unique within its channel."""

    @property
    def channel(self) -> str:
        """Return the kind of channel: `mail`, `syslog`."""

    @property
    def target(self) -> str:
        """Return the holder's address."""

    @property
    def grade(self) -> AnchorGrade:
        """Return whether the holder is independent of this server's administrator."""

    def send(self, anchor: Anchor) -> str:
        """Bring the checkpoint there and return the receipt; AnchorFailed when it was not taken."""


@dataclass(frozen=True, slots=True)
class Route:
    """A channel and how often it is used."""

    channel: AnchorChannel
    reach: Reach


@dataclass(slots=True)
class _Trouble:
    failures: int
    next_try: datetime
    sentence: str


@dataclass(slots=True)
class AnchorQueue:
    """The unsent checkpoints per route. Failures live in memory only: after a restart every route is tried at once."""

    organisation: str
    allowed_signers: str
    _troubles: dict[tuple[str, str], _Trouble] = field(default_factory=dict)

    def send_due(self, routes: Sequence[Route], *, clock: Clock) -> int:
        """Send the newest checkpoint wherever it is wanted and not in back-off; returns how many were taken."""
        recent = evidence.checkpoints(RECENT)
        if not recent:
            return 0
        receipts = evidence.receipts()
        return sum(self._send_one(route, recent, receipts, clock) for route in routes)

    def troubles(self) -> dict[tuple[str, str], str]:
        """Return, per (channel, target) in back-off, the sentence of its last failure."""
        return {where: trouble.sentence for where, trouble in self._troubles.items()}

    def _send_one(
        self, route: Route, recent: Sequence[CheckpointView], receipts: Sequence[ReceiptView], clock: Clock
    ) -> int:
        channel, now = route.channel, clock.now()
        where = (channel.channel, channel.target)
        trouble = self._troubles.get(where)
        if trouble is not None and now < trouble.next_try:
            return 0
        if not is_wanted(route.reach, [checkpoint.reason for checkpoint in unsent(recent, receipts, where)]):
            return 0
        newest = recent[0]
        try:
            receipt = channel.send(Anchor(self.organisation, newest, self.allowed_signers))
        except AnchorFailed as error:
            if isinstance(error, AnchorContradicts):
                evidence.note_sealing_trouble(_contradiction(error), now, _kind(where))
            failures = 1 if trouble is None else trouble.failures + 1
            self._troubles[where] = _Trouble(failures, retry_at(failures, now), str(error))
            LOG.warning("anchor %s to %s failed (%d in a row): %s", *where, failures, error)
            return 0
        self._troubles.pop(where, None)
        evidence.end_sealing_trouble(_kind(where))
        evidence.save_receipt(
            size=newest.size,
            channel=channel.channel,
            target=channel.target,
            grade=channel.grade,
            sent_at=now,
            receipt=receipt,
        )
        return 1


def _kind(where: tuple[str, str]) -> str:
    return ":".join(where)


def _contradiction(error: AnchorContradicts) -> Reason:
    return Reason(
        "anchor.contradicts",
        f"{str(error)[:1].upper()}{str(error)[1:]}.",
        "If you restored a backup, show its holder the entry ledger.restored. Otherwise keep the machine as it is: "
        "entries were removed or changed here.",
    )


def unsent(
    recent: Sequence[CheckpointView], receipts: Sequence[ReceiptView], where: tuple[str, str]
) -> list[CheckpointView]:
    """Return the checkpoints, newest first, that this holder has neither got nor covered by a newer one."""
    covered = max((item.size for item in receipts if (item.channel, item.target) == where), default=0)
    return [checkpoint for checkpoint in recent if checkpoint.size > covered]
