"""Anchoring: bring the checkpoints to everybody who is to hold them, and keep the receipts.

Never blocks work: it has a loop of its own, and a channel that fails is tried again later, apart from the others. Who
gets every checkpoint gets them in their order, the missed ones too; for the others the newest covers all before it. A
receipt is written after the sending: whoever is killed between the two sends a checkpoint twice, never not at all.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, AnchorRouteView, CheckpointView
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Reason
from quarterdeck.workflows.cadence import Reach, is_wanted, may_try, retry_at

LOG = logging.getLogger("quarterdeck.anchors")
BATCH = 50  # checkpoints that one holder gets at one turn, so that a long outage of one does not starve the others
AGAIN = 2


class AnchorFailed(Exception):
    """A channel did not take the checkpoint; the text says why and is shown to the administrator."""


class AnchorContradicts(AnchorFailed):
    """The holder has seen another history of this ledger than is here: an alarm, not an outage."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What goes out: who sends it, the checkpoint and the line that pins its key.

    `before` is the size that this holder has already (0: none), `news` counts the checkpoints since by their reason.
    `again` are the last few before it: a holder whose word is no proof that it kept them gets them once more.
    """

    organisation: str
    checkpoint: CheckpointView
    allowed_signers: str
    before: int = 0
    news: Mapping[str, int] = field(default_factory=dict)
    again: Sequence[CheckpointView] = ()


class AnchorChannel(Protocol):
    """One way to one holder. `target` is unique within its channel."""

    @property
    def channel(self) -> str:
        """Return the kind of channel: `mail`, `syslog`, `rfc3161`."""

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


@dataclass(frozen=True, slots=True)
class AnchorQueue:
    """Sends what is owed; what each holder took and refused is kept in the database, so a restart loses nothing."""

    organisation: str
    allowed_signers: str

    def send_due(self, routes: Sequence[Route], *, clock: Clock) -> int:
        """Send whatever is wanted and not in back-off; returns how many checkpoints were taken.

        Raises, after every holder was served, what kept us from noting how it stands with one.
        """
        newest = evidence.latest_checkpoint()
        if newest is None:
            return 0
        taken, broken = 0, []
        for route in routes:
            try:
                taken += self._serve(route, newest, clock)
            except Exception as error:  # noqa: BLE001  what one holder's notes do to us must not stop those behind it
                broken.append(error)
        if broken:
            raise broken[0]
        return taken

    def _serve(self, route: Route, newest: CheckpointView, clock: Clock) -> int:
        taken = 0
        known = evidence.open_anchor_route(route.channel.channel, route.channel.target)
        for checkpoint in due(route, known, newest, clock):
            # Before the sending: where nothing can be noted, or where sending ends this process, a holder must not get
            # the same checkpoint every second.
            evidence.route_tried(known, retry_at(known.failures + 1, clock.now()))
            sentence = self._send(route.channel, known, checkpoint, clock)
            if sentence:
                now = clock.now()
                evidence.route_failed(known, sentence, now, retry_at(known.failures + 1, now))
                LOG.warning("anchor %s to %s failed: %s", known.channel, known.target, sentence)
                break
            evidence.route_took(known, checkpoint.size, clock.now())
            known = evidence.open_anchor_route(known.channel, known.target)
            taken += 1
        return taken

    def _send(self, channel: AnchorChannel, known: AnchorRouteView, checkpoint: CheckpointView, clock: Clock) -> str:
        """Send one and keep its receipt; returns why it failed, else nothing."""
        news = evidence.reasons_since(known.taken_size)
        again = [one for one in evidence.checkpoints_below(checkpoint.size, AGAIN) if one.size >= known.floor]
        anchor = Anchor(self.organisation, checkpoint, self.allowed_signers, known.taken_size, news, again)
        try:
            receipt = channel.send(anchor).replace("\0", " ")  # part of it is the holder's; PostgreSQL keeps no NUL
        except AnchorFailed as error:
            if isinstance(error, AnchorContradicts):
                evidence.note_sealing_trouble(_contradiction(error), clock.now(), _kind(known))
            return _plain(str(error))
        except Exception as error:  # noqa: BLE001  a defect of one channel must not stop the others behind it
            return _plain(f"it broke off: {type(error).__name__}: {error}")
        evidence.end_sealing_trouble(_kind(known))
        evidence.save_receipt(
            size=checkpoint.size,
            channel=channel.channel,
            target=channel.target,
            grade=channel.grade,
            sent_at=clock.now(),
            receipt=receipt,
        )
        return ""


def _kind(known: AnchorRouteView) -> str:
    return f"{known.channel}:{known.target}"


def _contradiction(error: AnchorContradicts) -> Reason:
    said = _plain(str(error))
    return Reason(
        "anchor.contradicts",
        f"{said[:1].upper()}{said[1:]}.",
        "If you restored a backup, show its holder the entry ledger.restored. Otherwise keep the machine as it is: "
        "entries were removed or changed here.",
    )


def _plain(text: str) -> str:
    """Return the text without anything that could steer a terminal: part of it is the other server's."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def due(route: Route, known: AnchorRouteView, newest: CheckpointView, clock: Clock) -> Sequence[CheckpointView]:
    """Return what this holder is to get now, oldest first; what somebody asked for goes out in any case."""
    now = clock.now()
    if known.asked_at is None and not may_try(known.next_try, now):
        return []
    if route.reach is Reach.EVERY:
        owed = evidence.owed_checkpoints(known, BATCH)
        return owed or ([newest] if known.asked_at else [])
    oldest = evidence.first_since(known.taken_size)
    wanted = is_wanted(route.reach, evidence.reasons_since(known.taken_size), oldest, now)
    return [newest] if wanted or known.asked_at else []
