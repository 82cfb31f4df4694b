"""Types into a terminal like a person: each line after the prompt, key by key, so that the replay looks like work."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence

from quarterdeck.entrypoints.demo.stage import DemoFailed

PROMPT = re.compile(rb"[$#%>] (?:\x1b\[[0-9;?]*[A-Za-z])*$")
KEY_SECONDS = 0.02
LINE_SECONDS = 0.25
PATIENCE = 60.0
SILENT_SECONDS = 3.0
COLUMNS, ROWS = 100, 28


def type_lines(argv: Sequence[str], lines: Sequence[str], environment: Mapping[str, str]) -> str:
    """Run the client under a terminal, type each line once there is a prompt, and return what the screen showed."""
    pid, master = pty.fork()
    if pid == 0:
        try:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
            os.execvpe(argv[0], list(argv), {**environment, "TERM": "xterm-256color"})  # noqa: S606  no shell
        finally:
            os._exit(127)
    screen = _Screen(master)
    try:
        for line in lines:
            screen.wait_for_prompt()
            time.sleep(LINE_SECONDS)  # a person reads before they type
            for key in f"{line}\n":
                os.write(master, key.encode())
                time.sleep(KEY_SECONDS)
        screen.wait_for_end()
    finally:
        os.close(master)
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    return screen.seen.decode("utf-8", "replace")


class _Screen:
    def __init__(self, master: int) -> None:
        self._master = master
        self._typed_at = 0
        self.seen = b""

    def wait_for_prompt(self) -> None:
        """Wait for a prompt after the last typed line, or until a shell with a prompt of its own fashion is silent."""
        began = quiet_since = time.monotonic()
        while not PROMPT.search(self.seen[self._typed_at :]):
            size = len(self.seen)
            if time.monotonic() - began > PATIENCE or not self._look():
                raise DemoFailed(f"no prompt came: {self.seen[-300:]!r}")
            if len(self.seen) > size:
                quiet_since = time.monotonic()
            elif len(self.seen) > self._typed_at and time.monotonic() - quiet_since > SILENT_SECONDS:
                break
        self._typed_at = len(self.seen)

    def wait_for_end(self) -> None:
        """Wait until the client has ended."""
        deadline = time.monotonic() + PATIENCE
        while self._look():
            if time.monotonic() > deadline:
                raise DemoFailed(f"the terminal does not end: {self.seen[-300:]!r}")

    def _look(self) -> bool:
        if not select.select([self._master], [], [], 0.2)[0]:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)
