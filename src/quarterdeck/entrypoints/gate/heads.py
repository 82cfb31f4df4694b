"""Sends the heads of running recordings to whoever keeps them outside the data folder."""

import logging
import queue
import threading

from quarterdeck.sessions.ports import HeadKeeper

_LOG = logging.getLogger(__name__)
RETRIES = 3
RETRY_SECONDS = 1.0


class HeadSender:
    """A thread that sends the latest head of each session; a keeper that is away delays nobody."""

    def __init__(self, keeper: HeadKeeper) -> None:
        self._keeper = keeper
        self._latest: dict[str, tuple[int, str]] = {}
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._missing = False
        self._thread = threading.Thread(target=self._run, name="heads", daemon=True)

    def start(self) -> None:
        """Start sending."""
        self._thread.start()

    def send(self, session: str, count: int, head: str) -> None:
        """Queue a head; an older one of the same session that still waits is replaced."""
        self._latest[session] = (count, head)
        self._waiting.put(session)

    def stop(self) -> None:
        """Stop after what is being sent."""
        self._stopped.set()
        self._waiting.put("")
        self._thread.join(2.0)

    def _run(self) -> None:
        while not self._stopped.is_set():
            session = self._waiting.get()
            value = self._latest.pop(session, None)
            if value is not None:
                self._try(session, *value)

    def _try(self, session: str, count: int, head: str) -> None:
        for _ in range(RETRIES):
            try:
                self._keeper.keep(session, count, head)
            except OSError as error:
                if not self._missing:
                    _LOG.warning("the sealer does not take recording heads: %s", error)
                self._missing = True
                if self._stopped.wait(RETRY_SECONDS):
                    return
            else:
                self._missing = False
                return
