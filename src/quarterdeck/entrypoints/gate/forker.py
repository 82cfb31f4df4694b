"""The forker: takes launchers' connections and forks a warmed child for each; no database, no threads.

Run as `python -m quarterdeck.entrypoints.gate.forker LISTENER WARDEN RECORDINGS UID...` with two inherited
descriptors. It checks who connects (peer credentials), tells the warden of each child, and ends with the warden.
"""

import codecs
import contextlib
import ctypes
import gc
import os
import resource
import select
import signal
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

from quarterdeck.entrypoints.gate.agent import rehearse
from quarterdeck.entrypoints.gate.child import Place, serve, shed_inheritance
from quarterdeck.entrypoints.gate.link import Link
from quarterdeck.entrypoints.gate.processes import wait_in_line
from quarterdeck.entrypoints.gate.upstream import private_folder
from quarterdeck.entrypoints.gate.wire import send_with_descriptor
from quarterdeck.kernel.clock import SystemClock

MOST_CHILDREN = 400
_PR_SET_DUMPABLE = 4


class Forker:
    """Owns the listening socket and the line to the warden."""

    def __init__(self, listener: socket.socket, warden: socket.socket, place: Place, users: frozenset[int]) -> None:
        self._listener, self._warden = listener, warden
        self._place, self._users = place, users
        self._children: set[int] = set()

    def run(self) -> None:
        """Serve until the warden closes its end."""
        waiter = select.poll()
        waiter.register(self._listener, select.POLLIN)
        waiter.register(self._warden, select.POLLIN)
        while True:
            ready = {descriptor for descriptor, _ in waiter.poll(1000)}
            if self._warden.fileno() in ready:
                return
            self._reap()
            if self._listener.fileno() in ready:
                self._take()

    def _take(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        with connection:
            peer, user, _ = struct.unpack(
                "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
            )
            if user not in self._users or len(self._children) >= MOST_CHILDREN:
                return
            ours, wardens = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with ours, wardens:
                pid = os.fork()
                if pid == 0:
                    wardens.close()
                    self._become_child(connection, ours)
                self._children.add(pid)
                send_with_descriptor(self._warden, {"op": "child", "pid": pid, "peer": peer}, wardens.fileno())

    def _become_child(self, connection: socket.socket, line: socket.socket) -> None:
        try:
            self._listener.close()
            self._warden.close()
            shed_inheritance()
            serve(connection, Link(line), self._place)
        except BaseException as error:  # noqa: BLE001  a child never returns into the forker's loop
            sys.excepthook(type(error), error, error.__traceback__)
            os._exit(1)
        os._exit(0)

    def _reap(self) -> None:
        while self._children:
            with contextlib.suppress(ChildProcessError):
                pid, _ = os.waitpid(-1, os.WNOHANG)
                if pid:
                    self._children.discard(pid)
                    continue
            return


def harden() -> None:
    """No core dumps, no tracing by other processes of the same user, private files."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def warm_up() -> None:
    """Do once what every child does first, so that children share what it loads and start sooner."""
    codecs.lookup("ascii")
    folder = private_folder("qd-rehearsal-")
    with unhooked():
        rehearse(folder)
    folder.rmdir()


@contextlib.contextmanager
def unhooked() -> Iterator[None]:
    """Keep what is imported meanwhile from having a say at each fork.

    The library of ciphers imports `threading`, whose hook walks through so much that it costs each session 0.4 MiB;
    neither the forker nor a child of it ever has a second thread.
    """
    register = os.register_at_fork
    os.register_at_fork = lambda **_: None
    try:
        yield
    finally:
        os.register_at_fork = register


def main(arguments: list[str]) -> None:
    """Run the forker on the inherited descriptors."""
    wait_in_line()
    harden()
    listener = socket.socket(fileno=int(arguments[0]))
    warden = socket.socket(fileno=int(arguments[1]))
    users = frozenset(int(user) for user in arguments[3:])
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    warm_up()
    gc.collect()
    gc.freeze()
    Forker(listener, warden, Place(Path(arguments[2]), SystemClock()), users).run()


if __name__ == "__main__":
    main(sys.argv[1:])
