"""The watcher thread: reads the change counter every 250 ms and who may stay, so that the loop never blocks."""

import logging
import threading
from collections.abc import Callable, Mapping

from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions.ports import AdmissionDesk
from quarterdeck.sessions.terms import Standing

POLL_SECONDS = 0.25
REFRESH_SECONDS = 1.0
_LOG = logging.getLogger(__name__)
Report = Callable[[float, frozenset[int], Mapping[int, Standing] | None], None]


class Watcher:
    """Calls `report(boot, asked, standing or None)` after every good read; None when nothing changed."""

    def __init__(self, desk: AdmissionDesk, clock: Clock, report: Report, between: Callable[[], None]) -> None:
        self._desk, self._clock, self._report, self._between = desk, clock, report, between
        self._serials: frozenset[int] = frozenset()
        self._nudged = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def watch(self, serials: frozenset[int]) -> None:
        """Set the certificates to ask about; a new set is asked about at once."""
        if serials != self._serials:
            self._serials = serials
            self._nudged.set()

    def stop(self) -> None:
        """Stop within one poll."""
        self._stopped.set()
        self._nudged.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        counter, asked, asked_at = None, frozenset[int](), 0.0
        while not self._stopped.is_set():
            self._nudged.clear()
            serials = self._serials
            boot = self._clock.boot()
            try:
                latest = self._desk.change_counter()
                if latest != counter or serials != asked or boot - asked_at >= REFRESH_SECONDS:
                    standing = self._desk.standing(serials)
                    counter, asked, asked_at = latest, serials, boot
                    self._report(boot, serials, standing)
                else:
                    self._report(boot, serials, None)
            except Exception:  # noqa: BLE001  whatever stops the reading ends the sessions two seconds later
                _LOG.exception("the database can't be read")
            self._between()
            self._nudged.wait(POLL_SECONDS)
