"""The loop: every second each duty that is due, each for itself; a duty that fails is logged and tried again."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused

LOG = logging.getLogger("quarterdeck.ticker")
BEAT_SECONDS = 1.0
QUIET_SECONDS = 300.0


@dataclass(slots=True)
class Duty:
    """Something to do every `every` seconds of the boot clock; `run` looks cheaply whether there is work."""

    name: str
    every: float
    run: Callable[[], object]
    _next: float = 0.0
    _complained: dict[str, float] = field(default_factory=dict)

    def run_if_due(self, since_boot: float) -> bool:
        """Run when due; a failure is logged once in five minutes per sentence and never stops the other duties."""
        if since_boot < self._next:
            return False
        self._next = since_boot + self.every
        try:
            self.run()
        except Refused as refused:
            self._complain(str(refused), since_boot)
        except Exception as error:  # noqa: BLE001  one broken duty must not stop the clock of the others
            self._complain(f"{type(error).__name__}: {error}", since_boot)
        return True

    def _complain(self, sentence: str, since_boot: float) -> None:
        if since_boot >= self._complained.get(sentence, 0.0):
            self._complained[sentence] = since_boot + QUIET_SECONDS
            LOG.warning("%s: %s", self.name, sentence)


class Ticker:
    """Runs the duties until it is told to stop."""

    def __init__(self, duties: Sequence[Duty], clock: Clock, *, between: Callable[[], None] = lambda: None) -> None:
        self._duties = duties
        self._clock = clock
        self._between = between
        self._stop = threading.Event()

    def beat(self) -> list[str]:
        """Run every duty that is due now and return the names of those that ran."""
        ran = [duty.name for duty in self._duties if duty.run_if_due(self._clock.boot())]
        self._between()
        return ran

    def run(self) -> None:
        """Beat once a second until `stop`."""
        while not self._stop.is_set():
            self.beat()
            self._stop.wait(BEAT_SECONDS)

    def stop(self) -> None:
        """End the loop after the present beat."""
        self._stop.set()
