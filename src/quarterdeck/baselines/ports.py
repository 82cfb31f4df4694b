"""What baselines need from outside: ways to run the fixed collector on a target and read its output."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import BinaryIO, Protocol


class MeasureFailed(Exception):
    """The collector did not run to its end; the text is a sentence for a person.

    `no_python` tells that the target answered and has no Python, so that the collector for such systems may be tried.
    """

    def __init__(self, sentence: str, *, no_python: bool = False) -> None:
        super().__init__(sentence)
        self.no_python = no_python


@dataclass(frozen=True, slots=True)
class DeviceCall:
    """One registered command of a device's family: the hash of the family's set, and the command's own words."""

    program: str
    command: str


class MeasureCancelled(Exception):
    """Somebody asked to stop while the collector ran: nothing of what it said is kept."""


# Takes how many objects arrived so far, a few times a second at most; raises MeasureCancelled to stop.
Told = Callable[[int], None]


def nobody_asks(count: int) -> None:
    """Take the number of objects for nobody: the measurement goes on."""


class MeasureChannel(Protocol):
    """Runs the collector under a certificate of the `measure` purpose (never a person's)."""

    def run(
        self,
        *,
        ticket: str,
        asset_id: str,
        connection_id: str,
        arguments: Sequence[str],
        stdin: bytes,
        asked: DeviceCall | None = None,
    ) -> AbstractContextManager[BinaryIO]:
        """Open the connection, send `stdin` (the collector's bytes) and give its standard output to read.

        The command on the target is `command_for` the hash of `stdin`, the connection's platform and `arguments`, fixed
        by the certificate; a device gets nothing on its input and is `asked` in words as well. Raises
        MeasureFailed when it can't connect, and at the end of the block when the
        exit status isn't 0 (with the last lines of standard error). Owns and ends the process.
        """


class MonitorChannel(Protocol):
    """Runs the collector under a certificate of the `monitor` purpose: only where an approved plan says."""

    def run(
        self, *, plan: str, arguments: Sequence[str], stdin: bytes, asked: DeviceCall | None = None
    ) -> AbstractContextManager[BinaryIO]:
        """Do as `MeasureChannel.run` does, on the asset and connection of the plan, with the plan's collector."""
