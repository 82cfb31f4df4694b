"""The gate as somebody outside sees it: its port greets, its daemon listens, its recordings' disk takes bytes."""

import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

from quarterdeck.kernel.decision import Decision, all_of, require_that

LEAST_FREE_BYTES = 512 << 20
_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class GateHealth:
    """Fulfils prepare_ticket.Recorder by real operations: a greeting, a connection, a written file."""

    host: str
    port: int
    socket_path: Path
    recordings: Path

    def health(self) -> Decision:
        """Return every reason why a session could not be recorded now."""
        return all_of(
            [
                require_that(
                    self._greets(),
                    "gate.silent",
                    f"Nothing greets like an ssh server on the gate's port {self.port}.",
                    "Start the gate (qd up) and look at its log.",
                ),
                require_that(
                    self.socket_path.is_socket(),
                    "gate.no_daemon",
                    "The gate's daemon does not listen for sessions.",
                    "Start the gate (qd up) and look at its log.",
                ),
                require_that(
                    self._takes_bytes(),
                    "recorder.no_room",
                    "The folder of recordings takes no bytes, or less than 512 MiB are free.",
                    "Make room on that disk; without a recording no session starts.",
                ),
            ]
        )

    def _greets(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=_SECONDS) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def _takes_bytes(self) -> bool:
        try:
            self.recordings.mkdir(parents=True, exist_ok=True, mode=0o700)
            with tempfile.TemporaryFile(dir=self.recordings) as file:
                file.write(b"\0" * 4096)
                file.flush()
                os.fsync(file.fileno())
            return shutil.disk_usage(self.recordings).free >= LEAST_FREE_BYTES
        except OSError:
            return False
