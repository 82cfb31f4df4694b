"""The connections of the gate's `sshd`: who opened them, which are still there, and how one is ended for good.

The unit of ending is the connection: its `sshd` processes. A connection is held by pidfd, so that its absence is
observed and no reused pid is ever signalled.
"""

import contextlib
import os
import selectors
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

from quarterdeck.entrypoints.gate.deadlines import Deadline
from quarterdeck.entrypoints.gate.processes import (
    ProcessHandle,
    child_towards,
    children_of,
    descendants_of,
    handle,
    socket_inodes,
    start_time,
    tcp_peers,
)
from quarterdeck.entrypoints.gate.sshd import Accepted
from quarterdeck.kernel.clock import Clock

KILL_AFTER = 0.4
# A launcher names its connection long before this; only a master without a channel is looked up in /proc.
NAME_AFTER = 0.5
NAME_EVERY = 0.25


class Connection:
    """One TCP connection to the gate; `login` is None until `sshd` or a launcher told who it is."""

    def __init__(self, process: ProcessHandle, seen_at: float) -> None:
        self.process = process
        self.seen_at = seen_at
        self.busy_at = seen_at
        self.login: Accepted | None = None
        self.limit: Deadline | None = None
        self.ending_since: float | None = None
        self.gone = False
        self.below: list[ProcessHandle] = []
        self.waiting: list[str] = []

    @property
    def pid(self) -> int:
        """Pid of the `sshd` process right below the listener."""
        return self.process.pid


class Connections:
    """Tracks the children of one `sshd`; `gone` is called with a connection once all its processes are absent."""

    def __init__(
        self,
        listener: int,
        clock: Clock,
        selector: selectors.BaseSelector,
        state_file: Path,
        gone: Callable[[Connection], None],
    ) -> None:
        self._listener = listener
        self._clock = clock
        self._selector = selector
        self._state_file = state_file
        self._gone = gone
        self._logins: dict[tuple[str, int], Accepted] = {}
        self._noted: dict[Accepted, float] = {}
        self._looked_at, self._look_took = clock.boot(), 0.0
        self._left_nameless = False
        self._by_pid: dict[int, Connection] = {}
        self._fading: list[Connection] = []

    def __iter__(self) -> Iterator[Connection]:
        return iter(list(self._by_pid.values()))

    def note_login(self, login: Accepted) -> None:
        """Remember a login that the log reported."""
        self._logins[login.address, login.port] = login
        self._noted[login] = self._clock.boot()

    def login_at(self, address: str, port: int) -> Accepted | None:
        """Return the login that the log reported for this peer."""
        return self._logins.get((address, port))

    def scan(self) -> list[Connection]:
        """Look for new connections, which are returned, and for the owner of those that no launcher has named."""
        fresh = [pid for pid in children_of(self._listener) if pid not in self._by_pid]
        for pid in fresh:
            self._add(pid)
        if fresh:
            self._save()
        boot = self._clock.boot()
        # After a nameless one left, its login is to be forgotten soon: but looking takes a tenth of the time at most.
        every = min(NAME_EVERY, 10 * self._look_took) if self._left_nameless else NAME_EVERY
        if boot - self._looked_at >= every:
            waiting = [
                login
                for login in self.unmatched()
                if self._left_nameless or boot - self._noted.get(login, boot) >= NAME_AFTER
            ]
            self._looked_at, self._left_nameless = boot, False
            if waiting:
                self._name({(login.address.partition("%")[0], login.port): login for login in waiting})
                self._look_took = self._clock.boot() - boot
        return [self._by_pid[pid] for pid in fresh if pid in self._by_pid]

    def unmatched(self) -> list[Accepted]:
        """Return the logins that the log reported and no known connection bears."""
        named = {connection.login for connection in self._by_pid.values()}
        return [login for login in self._logins.values() if login not in named]

    def of_launcher(self, pid: int) -> Connection | None:
        """Return the connection from whose `sshd` this process descends, None for a stranger."""
        top = child_towards(self._listener, pid)
        if top and top not in self._by_pid:
            self._add(top)
            self._save()
        return self._by_pid.get(top)

    def end(self, connection: Connection, boot: float) -> None:
        """Ask every `sshd` of the connection to end; `press` follows up."""
        if connection.ending_since is None:
            connection.ending_since = boot
            connection.below = handles_below(connection.pid)
            connection.process.signal(signal.SIGTERM)

    def press(self, boot: float) -> None:
        """Kill what has not ended within 0.4 s of being asked, and see whether the last process is gone."""
        for connection in list(self._by_pid.values()):
            if connection.ending_since is not None and boot - connection.ending_since >= KILL_AFTER:
                connection.process.signal(signal.SIGKILL)
                for process in connection.below:
                    process.signal(signal.SIGKILL)
        for connection in list(self._fading):
            if all(process.ended for process in connection.below):
                self._fading.remove(connection)
                self._finish(connection)
            else:
                for process in connection.below:
                    process.signal(signal.SIGKILL)

    def _add(self, pid: int) -> None:
        process = handle(pid)
        if process is None:
            return
        connection = Connection(process, self._clock.boot())
        self._by_pid[pid] = connection
        self._selector.register(process, selectors.EVENT_READ, lambda: self._left(connection))

    def _name(self, logins: dict[tuple[str, int], Accepted]) -> None:
        """Give each login the connection that holds its socket, forget those without one; one look serves all."""
        peers = tcp_peers({port for _, port in logins})
        for absent in set(logins) - set(peers.values()):
            self._forget(logins[absent])
        for connection in self._by_pid.values():
            if connection.login is not None:
                continue
            for pid in (connection.pid, *descendants_of(connection.pid)):
                login = next((logins[peers[at]] for at in socket_inodes(pid) if peers.get(at) in logins), None)
                if login is not None:
                    connection.login = login
                    connection.busy_at = self._clock.boot()
                    break

    def _left(self, connection: Connection) -> None:
        self._selector.unregister(connection.process)
        connection.process.close()
        del self._by_pid[connection.pid]
        if connection.login is not None:
            self._forget(connection.login)
        self._left_nameless = self._left_nameless or connection.login is None
        self._save()
        if all(process.ended for process in connection.below):
            self._finish(connection)
        else:
            self._fading.append(connection)

    def _forget(self, login: Accepted) -> None:
        self._logins.pop((login.address, login.port), None)
        self._noted.pop(login, None)

    def _finish(self, connection: Connection) -> None:
        for process in connection.below:
            process.close()
        connection.below = []
        connection.gone = True
        self._gone(connection)

    def _save(self) -> None:
        """Note the connections for the next start; that must outlive us, not the machine, so no disk is waited for."""
        lines = [f"{pid} {start_time(pid)}\n" for pid in self._by_pid]
        fresh = self._state_file.with_name(self._state_file.name + ".new")
        with contextlib.suppress(OSError):
            fresh.write_text("".join(lines), encoding="ascii")
            fresh.replace(self._state_file)


def handles_below(pid: int) -> list[ProcessHandle]:
    """Return handles of every process below `pid`; the caller owns them."""
    return [found for below in descendants_of(pid) if (found := handle(below)) is not None]


def end_leftovers(state_file: Path) -> int:
    """Kill the connections that an earlier gate left behind; return how many there were."""
    count = 0
    with contextlib.suppress(OSError):
        for line in state_file.read_text(encoding="ascii").splitlines():
            pid, _, started = line.partition(" ")
            process = handle(int(pid))
            if process is None:
                continue
            if start_time(process.pid) == int(started):
                for found in (process, *handles_below(process.pid)):
                    found.signal(signal.SIGKILL)
                count += 1
            process.close()
        os.unlink(state_file)
    return count
