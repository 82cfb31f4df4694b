"""What `sshd` logs, line by line, from its non-blocking pipe."""

import os
from collections.abc import Iterator

CHUNK = 65_536


class SshdLog:
    """Owns the rest of a line that has not ended; `open` is False once `sshd` has closed its end."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.open = True
        self._rest = b""

    def read(self) -> Iterator[str]:
        """Yield every whole line that is there now."""
        while self.open:
            try:
                data = os.read(self.descriptor, CHUNK)
            except BlockingIOError:
                return
            self.open = bool(data)
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                yield line.decode("utf-8", "replace").rstrip("\r")
