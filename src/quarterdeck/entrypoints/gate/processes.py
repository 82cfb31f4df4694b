"""What /proc tells about processes: parents, children, sockets; and a handle that no reused pid can confuse."""

import contextlib
import ipaddress
import os
import select
import signal
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

_CLIMB_LIMIT = 12
FIRST_IN_LINE = -10


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


def tcp_peers(ports: Collection[int]) -> dict[str, tuple[str, int]]:
    """Return, by inode, the other ends (address, port) of open TCP sockets here that have one of these ports."""
    found = {}
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]:
                columns = line.split()
                address, _, port = columns[2].rpartition(":")
                if int(port, 16) in ports and columns[9] != "0":  # without an inode it belongs to no process any more
                    found[columns[9]] = (_address(address), int(port, 16))
    return found


def _address(text: str) -> str:
    """Return the address that /proc writes as hexadecimal words in the machine's own byte order."""
    raw = bytes.fromhex(text)
    words = [raw[at : at + 4] for at in range(0, len(raw), 4)]
    found = ipaddress.ip_address(b"".join(word[::-1] if sys.byteorder == "little" else word for word in words))
    return str(getattr(found, "ipv4_mapped", None) or found)


def socket_inodes(pid: int) -> Iterator[str]:
    """Return the inodes of the sockets that a process holds, none when it can't be read."""
    with contextlib.suppress(OSError):
        for name in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                target = os.readlink(f"/proc/{pid}/fd/{name}")
                if target.startswith("socket:["):
                    yield target[8:-1]


def _all_pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def go_first(pid: int = 0) -> None:
    """Let this process (our own by default) run before others where we may: a crowd's logins must not blind it."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, FIRST_IN_LINE)


def wait_in_line() -> None:
    """Give up the privilege of `go_first` that was inherited."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, max(0, os.getpriority(os.PRIO_PROCESS, 0)))


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
