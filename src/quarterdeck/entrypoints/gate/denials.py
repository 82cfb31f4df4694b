"""Requests that `sshd` itself refused inside a connection: forwarding, unknown subsystems, too many channels.

`sshd` tells the client; here the attempt reaches the books. Its log does not name the connection, so an attempt is one
person's only while nobody else is connected; otherwise it is recorded as the gate's, without a name. What is logged at
all depends on OpenSSH: -R, -w, -A and -X are refused without a line.
"""

import logging
import re
from collections.abc import Callable, Collection
from typing import Any

from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions.ports import AdmissionDesk
from quarterdeck.sessions.terms import Denied

EVERY_SECONDS = 5.0
_LOG = logging.getLogger(__name__)
_LINES = (
    (re.compile(r"refused (?:streamlocal|local) port forward: originator .*", re.ASCII), Denied.FORWARDING),
    (re.compile(r"subsystem request for .* failed, subsystem not found", re.ASCII), Denied.SUBSYSTEM),
    (re.compile(r"(?:error: )?no more sessions", re.ASCII), Denied.CHANNELS),
)
Submit = Callable[[Callable[[], Any], Callable[[Any, BaseException | None], None]], None]


def denied(line: str) -> Denied | None:
    """Return what this line of `sshd`'s log says was refused, None for any other line."""
    return next((kind for pattern, kind in _LINES if pattern.fullmatch(line.strip())), None)


class Denials:
    """Has refused requests recorded, the same at most every five seconds, so that a flood costs no database."""

    def __init__(self, desk: AdmissionDesk, clock: Clock, submit: Submit) -> None:
        self._desk, self._clock, self._submit = desk, clock, submit
        self._told: dict[tuple[Denied, int], float] = {}

    def hear(self, line: str, holders: Callable[[], Collection[int]]) -> None:
        """Take a line of the log; `holders` returns the serials of those who are connected now."""
        kind = denied(line)
        if kind is None:
            return
        connected = set(holders())
        serial = connected.pop() if len(connected) == 1 else 0
        boot = self._clock.boot()
        self._told = {key: at for key, at in self._told.items() if boot - at < EVERY_SECONDS}
        if (kind, serial) in self._told:
            return
        self._told[kind, serial] = boot
        self._submit(lambda: self._desk.denied(kind, serial), _complain)


def _complain(_: object, error: BaseException | None) -> None:
    if error is not None:
        _LOG.error("a refused request can't be recorded: %s", error)
