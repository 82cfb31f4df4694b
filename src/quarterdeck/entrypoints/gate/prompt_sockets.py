"""TCP sockets of OpenSSH's processes, made prompt: no small packet waits for the other side's delayed answer.

OpenSSH turns Nagle's algorithm off only when a session begins. While a login is under way, a few small packets in a row
then wait some 40 ms each for the peer's delayed acknowledgement: twice on each hop, half of the time that a set-up
takes. The sockets belong to processes that we started, so the kernel lends us their descriptors (`pidfd_getfd`). Where
it does not (an older kernel, a strict Yama), logins are slower and nothing else changes.
"""

import ctypes
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PIDFD_GETFD = 438
_LIBC = ctypes.CDLL(None, use_errno=True)
MOST_HASTENED = 8
_FAMILIES = (socket.AF_INET, socket.AF_INET6)


def lend(pid: int) -> list[socket.socket]:
    """Return duplicates of the TCP sockets of a process of ours, none where the kernel refuses; the caller closes."""
    lent: list[socket.socket] = []
    with suppress(OSError):
        pidfd = os.pidfd_open(pid)
        try:
            lent += [one for number in _sockets(pid) for one in _duplicate(pidfd, number)]
        finally:
            os.close(pidfd)
    return lent


def send_at_once(one: socket.socket) -> None:
    """Send small packets at once from now on; sockets that a listening one accepts inherit it."""
    with suppress(OSError):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def acknowledge_now(one: socket.socket) -> None:
    """Acknowledge now what was received; the kernel goes back to waiting by itself."""
    with suppress(OSError):
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def _sockets(pid: int) -> Iterator[int]:
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            if os.readlink(entry).startswith("socket:"):
                yield int(entry.name)


def _duplicate(pidfd: int, number: int) -> Iterator[socket.socket]:
    descriptor = _LIBC.syscall(_PIDFD_GETFD, pidfd, number, 0)
    if descriptor < 0:
        return
    one = socket.socket(fileno=descriptor)
    if one.family in _FAMILIES and one.type == socket.SOCK_STREAM:
        yield one
    else:
        one.close()


class Haste:
    """Sockets of logins under way, acknowledged again and again for a moment; each is given back after `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lent: dict[int, tuple[float, list[socket.socket]]] = {}

    @property
    def under_way(self) -> bool:
        """True while there is somebody to hasten."""
        return bool(self._lent)

    def begin(self, pid: int, boot: float) -> None:
        """Hasten the connection that this process serves, or longer; not when too many are already under way."""
        _, lent = self._lent.get(pid, (0.0, []))
        if not lent and len(self._lent) < MOST_HASTENED:
            lent = lend(pid)
            for one in lent:
                send_at_once(one)
        if lent:
            self._lent[pid] = boot + self._seconds, lent

    def press(self, boot: float) -> None:
        """Acknowledge what has come; give back what has had its time."""
        for pid, (until, lent) in list(self._lent.items()):
            if boot >= until:
                self.end(pid)
                continue
            for one in lent:
                acknowledge_now(one)

    def end(self, pid: int) -> None:
        """Give the connection's socket back."""
        for one in self._lent.pop(pid, (0.0, []))[1]:
            one.close()
