"""What a session needs besides the target, tried by real operations: recorder, disk, signer, sealer, clock."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused, all_of, require_that

_TOLERANCE = timedelta(seconds=5)


class Recorder(Protocol):
    """The gate's port, daemon and folder of recordings."""

    def health(self) -> Decision:
        """Return every reason why a session could not be recorded now."""


class Answering(Protocol):
    """The signer as far as this needs it."""

    def status(self) -> dict[str, object]:
        """Return whether it is ready, among others; raises Refused when it does not answer."""


@dataclass(frozen=True, slots=True)
class GateReadiness:
    """Fulfils check_ahead.Readiness; `floor` is in bytes, `sealer` is asked for its status."""

    recorder: Recorder
    recordings: Path
    floor: int
    signer: Answering
    sealer: Callable[[], object]
    clock: Clock

    def look(self) -> Decision:
        """Return every reason why no session could start or be recorded now."""
        return all_of([self.recorder.health(), self._room(), self._signs(), self._seals(), self._clock_is_right()])

    def _room(self) -> Decision:
        try:
            free = shutil.disk_usage(self.recordings).free
        except OSError:
            free = 0
        return require_that(
            free >= self.floor,
            "disk.under_floor",
            f"{free / 1e9:.1f} GB are free for recordings; the floor is {self.floor / 1e9:.1f} GB.",
            "Make room on that disk, or set gate_floor_gb.",
        )

    def _signs(self) -> Decision:
        try:
            ready = self.signer.status().get("ready") is True
        except Refused as refused:
            return refused.decision
        return require_that(
            ready, "signer.not_ready", "The signer signs nothing as things are.", "Run `qd doctor` on the server."
        )

    def _seals(self) -> Decision:
        try:
            self.sealer()
        except Refused as refused:
            return refused.decision
        return Decision()

    def _clock_is_right(self) -> Decision:
        try:
            last = evidence.head().last_at
        except Refused as refused:
            return refused.decision
        return require_that(
            last is None or self.clock.now() >= last - _TOLERANCE,
            "clock.behind",
            "This machine's clock is behind the ledger's last entry.",
            "Set the clock right (chrony or NTP).",
        )
