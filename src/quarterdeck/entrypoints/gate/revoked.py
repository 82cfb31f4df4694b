"""Keeps the gate's own revocation list: what was taken back is refused by `sshd` at authentication, within 2 seconds.

Admission refuses it anyway; this shuts the door one step earlier, also for a connection that would never open a channel
(3.7.5[b], attacks.md row 10). When the signer does not answer, the list of before stays: no list is ever made shorter
by a failure.
"""

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions.ports import AdmissionDesk

POLL_SECONDS = 0.25
REFRESH_SECONDS = 60.0
RETRY_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


class RevokedKeeper:
    """A thread that writes the list anew whenever access was taken away, and each minute."""

    def __init__(self, desk: AdmissionDesk, path: Path, clock: Clock, between: Callable[[], None]) -> None:
        self._desk, self._path, self._clock, self._between = desk, path, clock, between
        self._stopped = threading.Event()
        self._missing = False
        self._thread = threading.Thread(target=self._run, name="revoked", daemon=True)

    def start(self) -> None:
        """Start keeping."""
        self._thread.start()

    def stop(self) -> None:
        """Stop within one poll."""
        self._stopped.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        mark: object = self
        written: tuple[int, ...] | None = None
        asked_at = 0.0
        while not self._stopped.is_set():
            pause = POLL_SECONDS
            try:
                latest, boot = self._desk.revocation_mark(), self._clock.boot()
                stale = boot - asked_at >= REFRESH_SECONDS
                if latest != mark or stale:
                    listed, serials = self._desk.revoked()
                    if serials != written or stale:
                        write_list(self._path, listed)
                    mark, asked_at, written, self._missing = latest, boot, serials, False
            except Exception:  # noqa: BLE001  whatever fails leaves the list as it is; admission decides anew
                if not self._missing:
                    _LOG.exception("the revocation list can't be renewed")
                self._missing, pause = True, RETRY_SECONDS
            self._between()
            self._stopped.wait(pause)


def write_list(path: Path, listed: bytes) -> None:
    """Replace the list in one step: `sshd` reads it at every login and refuses everybody while it can't."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(listed)
        stream.flush()
        os.fsync(descriptor)
    fresh.replace(path)
