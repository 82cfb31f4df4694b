"""What /proc tells about processes: parents, children, sockets; and a handle that no reused pid can confuse."""

import contextlib
import os
import select
import signal
from collections.abc import Iterator
from pathlib import Path

_CLIMB_LIMIT = 12


def parent_of(pid: int) -> int:
    """Return the parent's pid, 0 when the process is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(stat[stat.rfind(b")") + 2 :].split()[1])


def start_time(pid: int) -> int:
    """Return the start in clock ticks since boot, 0 when the process is gone: with the pid it names one process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return 0
    return int(stat[stat.rfind(b")") + 2 :].split()[19])


def children_of(pid: int) -> list[int]:
    """Return the pids of the direct children."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_bytes().split()]
    except OSError:
        return [child for child in _all_pids() if parent_of(child) == pid]


def descendants_of(pid: int) -> list[int]:
    """Return the pids of all processes below `pid`, nearest first."""
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for parent in level for child in children_of(parent)]
        found += level
    return found


def child_towards(ancestor: int, pid: int) -> int:
    """Return the child of `ancestor` from which `pid` descends (or which it is); 0 when there is none."""
    for _ in range(_CLIMB_LIMIT):
        parent = parent_of(pid)
        if parent == ancestor:
            return pid
        if parent <= 1:
            return 0
        pid = parent
    return 0


def has_tcp_peer(pid: int, address: str, port: int) -> bool:
    """True when the process holds a socket whose other end is `address` and `port`; False also when unreadable."""
    inodes = set(_socket_inodes(pid))
    return bool(inodes) and any(peer == port and inode in inodes for peer, inode in _tcp_table(":" in address))


def _socket_inodes(pid: int) -> Iterator[str]:
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target.startswith("socket:["):
                    yield target[8:-1]


def _tcp_table(version_6: bool) -> Iterator[tuple[int, str]]:
    for name in ("tcp6", "tcp") if version_6 else ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                columns = line.split()
                yield int(columns[2].rpartition(":")[2], 16), columns[9]


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


class ProcessHandle:
    """One process, held by a pidfd: signals reach it or nobody, and its end can be waited for in a selector."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.descriptor = os.pidfd_open(pid)

    def fileno(self) -> int:
        """The pidfd; readable once the process has ended."""
        return self.descriptor

    @property
    def ended(self) -> bool:
        """True once the process has ended."""
        return bool(select.select([self.descriptor], [], [], 0)[0])

    def signal(self, number: int) -> None:
        """Send a signal unless the process is gone."""
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)

    def close(self) -> None:
        """Give the pidfd back."""
        os.close(self.descriptor)


def handle(pid: int) -> ProcessHandle | None:
    """Return a handle of the process, None when it is gone."""
    try:
        return ProcessHandle(pid)
    except OSError:
        return None
