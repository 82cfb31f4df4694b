"""The sealer's door: a unix socket, one JSON line in, one JSON line out, the peer's user checked by the kernel."""

import json
import os
import socket
import socketserver
import stat
import struct
from collections.abc import Callable
from pathlib import Path

from quarterdeck.entrypoints.sealer.desk import Desk

MAX_LINE = 48 * 1024 * 1024
IDLE_SECONDS = 60


class _Handler(socketserver.StreamRequestHandler):
    """One connection: requests are answered in order until the peer is done."""

    server: "SealerServer"
    timeout = IDLE_SECONDS

    def handle(self) -> None:
        """Answer line by line; a peer of another user gets nothing."""
        if not self.server.admits(peer_uid(self.connection)):
            return
        while True:
            try:
                line = self.rfile.readline(MAX_LINE + 1)
            except (TimeoutError, ConnectionError):
                return
            if not line.endswith(b"\n"):
                return
            reply = self.server.reply(line)
            try:
                self.wfile.write(json.dumps(reply).encode() + b"\n")
            except ConnectionError:
                return


class SealerServer(socketserver.ThreadingUnixStreamServer):
    """Listens at `path` for the users that `admits` names; mode 0600, or 0660 behind a door with the setgid bit."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, path: Path, desk: Desk, admits: Callable[[int], bool]) -> None:
        path.unlink(missing_ok=True)
        self._desk = desk
        self.admits = admits
        before = os.umask(0o177)
        try:
            super().__init__(str(path), _Handler)
        finally:
            os.umask(before)
        if path.parent.stat().st_mode & stat.S_ISGID:
            path.chmod(0o660)  # the door of a sealer with a user of its own: its group is the data folder's owner's

    def reply(self, line: bytes) -> dict[str, object]:
        """Return the desk's answer to one line."""
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        return self._desk.answer(request if isinstance(request, dict) else {"op": "a line that is no JSON object"})


def peer_uid(connection: socket.socket) -> int:
    """Return the user id of the process at the other end of a unix socket."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    return int(struct.unpack("3i", credentials)[1])
