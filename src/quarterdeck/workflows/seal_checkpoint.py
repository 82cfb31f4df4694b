"""Sealing: hand the entries since the last checkpoint to the sealer and keep the head that it signed.

The sealer holds no database; it recomputes the head from the entries' bytes and refuses whatever does not continue what
it signed before. So a rolled-back or rewritten database shows here, at the next checkpoint.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Protocol

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import CheckpointView, LedgerHead, ObjectRef
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused, refuse
from quarterdeck.workflows import cadence

BATCH = 2_000


@dataclass(frozen=True, slots=True)
class SealingKey:
    """One key that this log has had: hash and public half, where it lives, when it signed, how it ended."""

    sha256: str
    public: str
    place: str
    since: str = ""
    until: str = ""
    ended: str = ""
    pending: bool = False


    @property
    def kind_of_place(self) -> str:
        """Where it lives without the path, for people whom the server's folders do not concern."""
        words = [word for word in self.place.split() if not word.startswith("/")]
        return " ".join(words).removesuffix(" at").replace("the", "a", 1)


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A change of sealing keys as the sealer signed it, to be recorded as `event` with the statement as artifact."""

    event: str
    sha256: str
    public: str
    statement: bytes


@dataclass(frozen=True, slots=True)
class SealerStatus:
    """What the sealer remembers, the public part of its key, and where that key lives."""

    origin: str
    size: int
    root: str
    epoch: int
    restorable_from: int
    key: str
    key_id: str
    allowed_signers: str
    key_place: str = ""
    remembers: bool = True
    keys: tuple[SealingKey, ...] = ()
    log_key: str = ""


@dataclass(frozen=True, slots=True)
class SignedHead:
    """A head as the sealer signed it; `at` is the sealer's clock, UTC."""

    size: int
    root: bytes
    body: bytes
    sshsig: bytes
    note: bytes
    key_id: str
    reason: str
    at: datetime


class Sealer(Protocol):
    """The process that holds the sealing key."""

    def status(self) -> SealerStatus:
        """Return what it signed last."""

    def seal(self, start: int, bodies: Sequence[bytes], root: str, reason: str) -> SignedHead:
        """Sign the head after these entries, or raise Refused."""


def seal(sealer: Sealer, *, reason: str) -> CheckpointView | None:
    """Seal every entry up to now and return the newest checkpoint, None while the log is empty.

    Call it after an act, never inside. Raises Refused: sealer.unreachable, sealer.rolled_back, sealer.inconsistent.
    """
    kept = evidence.latest_checkpoint()  # read before the sealer's size: what is kept here, the sealer signed before
    known = sealer.status().size
    if kept is not None and kept.size > known:
        raise Refused(forgot(known, kept.size))
    target = evidence.head()  # read after the sealer's size: what is sealed is committed, so this head is no older
    if target.size < known:
        return _keep(sealer.seal(target.size, [], target.root.hex(), reason))
    if target.size == 0:
        return None
    while True:
        signed = _seal_batch(sealer, known, target, reason)
        if signed.size >= target.size:
            return signed
        known = signed.size


def forgot(remembered: int, kept: int) -> Decision:
    """Return the refusal for a sealer that remembers less than the ledger's own checkpoints show."""
    return refuse(
        "sealer.forgot",
        f"The sealer remembers {remembered} sealed entries, but a checkpoint of {kept} is kept here: its memory is "
        "lost or older than the ledger.",
        "Put the sealer's folder back from its encrypted backup. If it is lost for good: `qd ledger adopt`.",
    )


def _seal_batch(sealer: Sealer, start: int, target: LedgerHead, reason: str) -> CheckpointView:
    bodies = [entry.body for entry in islice(evidence.entries(from_seq=start, until_seq=target.size), BATCH)]
    # Only the last batch ends where the database knows its root; the sealer computes every root itself anyway.
    root = target.root.hex() if start + len(bodies) == target.size else ""
    try:
        return _keep(sealer.seal(start, bodies, root, reason))
    except Refused:
        size = sealer.status().size
        if not start < size <= evidence.head().size:
            raise
        return _keep(sealer.seal(size, [], "", reason))  # another process sealed these entries first: take that head


def _keep(signed: SignedHead) -> CheckpointView:
    evidence.save_checkpoint(
        size=signed.size,
        root=signed.root,
        body=signed.body,
        sshsig=signed.sshsig,
        note=signed.note,
        key_id=signed.key_id,
        reason=signed.reason,
        at=signed.at,
    )
    return CheckpointView(
        signed.size,
        signed.root.hex(),
        signed.body,
        signed.sshsig,
        signed.note,
        signed.key_id,
        signed.reason,
        signed.at,
    )


def seal_if_due(sealer: Sealer, *, clock: Clock) -> CheckpointView | None:
    """Seal when the cadence asks for it; None when nothing is due."""
    latest = evidence.latest_checkpoint()
    head = evidence.head()
    start = 0 if latest is None else latest.size
    if head.size == start:
        return None
    if head.size < start:
        return seal(sealer, reason="news")  # the sealer refuses a ledger that lost entries, and says so
    news = list(islice(evidence.entries(from_seq=start), cadence.NEWS_COUNT))
    reason = cadence.seal_reason([entry.event for entry in news], news[0].at if news else None, clock.now())
    return None if reason is None else seal(sealer, reason=reason)


def beat_if_due(*, actor: Actor, clock: Clock) -> str | None:
    """Record the daily heartbeat of a silent log; returns its event id."""
    if not cadence.heartbeat_due(evidence.head().last_at, clock.now()):
        return None
    with evidence.act(actor, clock) as act:
        return act.record("ledger.heartbeat", ObjectRef("ledger", "head"))
