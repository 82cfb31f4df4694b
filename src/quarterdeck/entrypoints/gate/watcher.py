"""The watcher thread: reads the change counter every 250 ms and who may stay, so that the loop never blocks."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions.ports import AdmissionDesk
from quarterdeck.sessions.terms import Standing, Supervision

POLL_SECONDS = 0.25
REFRESH_SECONDS = 1.0
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the loop wants to know of: entry certificates, and sessions."""

    serials: frozenset[int] = frozenset()
    sessions: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Told:
    """What the books say of that."""

    standing: Mapping[int, Standing]
    supervision: Mapping[str, Supervision]


Report = Callable[[float, Asked, Told | None], None]


class Watcher:
    """Calls `report(boot, asked, told or None)` after every good read; None when nothing changed."""

    def __init__(self, desk: AdmissionDesk, clock: Clock, report: Report, between: Callable[[], None]) -> None:
        self._desk, self._clock, self._report, self._between = desk, clock, report, between
        self._asked = Asked()
        self._nudged = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def watch(self, asked: Asked) -> None:
        """Set the certificates and sessions to ask about; a new set is asked about at once."""
        if asked != self._asked:
            self._asked = asked
            self._nudged.set()

    def stop(self) -> None:
        """Stop within one poll."""
        self._stopped.set()
        self._nudged.set()
        self._thread.join(2.0)

    def _run(self) -> None:
        counter, asked, asked_at = None, Asked(), 0.0
        while not self._stopped.is_set():
            self._nudged.clear()
            wanted = self._asked
            boot = self._clock.boot()
            try:
                latest = self._desk.change_counter()
                if latest != counter or wanted != asked or boot - asked_at >= REFRESH_SECONDS:
                    told = Told(self._desk.standing(wanted.serials), self._desk.supervision(wanted.sessions))
                    counter, asked, asked_at = latest, wanted, boot
                    self._report(boot, wanted, told)
                else:
                    self._report(boot, wanted, None)
            except Exception:  # noqa: BLE001  whatever stops the reading ends the sessions two seconds later
                _LOG.exception("the database can't be read")
            self._between()
            self._nudged.wait(POLL_SECONDS)
