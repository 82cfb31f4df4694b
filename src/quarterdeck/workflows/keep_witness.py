"""Witnessing the logs of others: what our witness saw, and the explicit act that lets one of them begin anew.

The witness itself lives in the sealer, whose memory a restored database does not rewind.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck_verify.merkle import consistency_proof


@dataclass(frozen=True, slots=True)
class WitnessAnswer:
    """What our witness answers to an add-checkpoint request, as HTTP carries it."""

    status: int
    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class WitnessedLog:
    """A log that we witness: the latest checkpoint cosigned, when, and how many that it signed were refused."""

    origin: str
    size: int
    root: str
    at: str
    refused: int


@dataclass(frozen=True, slots=True)
class WitnessStatus:
    """Our witness's verifier key, for those whose logs it knows, and what it saw of each."""

    key: str
    logs: tuple[WitnessedLog, ...]


@dataclass(frozen=True, slots=True)
class WitnessHolder:
    """Somebody who cosigns our checkpoints, and the newest one that they did; size 0 for none yet."""

    name: str
    url: str
    grade: str
    size: int
    at: datetime | None


class KeepingSealer(Protocol):
    """The sealer, in which the witness lives."""

    def forget_log(self, origin: str) -> tuple[int, str]:
        """Set aside what was seen of a log."""


def forget_log(sealer: KeepingSealer, origin: str, actor: Actor, clock: Clock) -> int:
    """Let a log that was restored begin anew and record what had been seen; returns that size. Refused(witness.*)."""
    size, root = sealer.forget_log(origin)
    with evidence.act(actor, clock) as act:
        act.record("witness.log_forgotten", ObjectRef("log", _id(origin)), data={"seen_size": size, "seen_root": root})
    return size


def prover() -> Callable[[int, int], list[bytes]]:
    """Return what proves that our log of one size continues that of another: the witness asks for such a proof."""
    return lambda old, size: consistency_proof(evidence.node_reader(), old, size)


def holders(configured: Sequence[tuple[str, str, str]]) -> list[WitnessHolder]:
    """Return how each configured witness (name, address, grade) stands: the newest checkpoint that it cosigned."""
    newest: dict[str, tuple[int, datetime]] = {}
    for receipt in evidence.receipts():
        if receipt.channel == "witness":
            newest.setdefault(receipt.target, (receipt.size, receipt.sent_at))
    found = []
    for name, url, grade in configured:
        size, at = newest.get(name, (0, None))
        found.append(WitnessHolder(name, url, grade, size, at))
    return found


def _id(origin: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in origin)[:64]
