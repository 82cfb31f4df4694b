"""The warden's ends of its lines: to each child, and from other threads back into the loop."""

import contextlib
import os
import signal
import socket
from collections import deque
from collections.abc import Callable

from quarterdeck.entrypoints.gate.processes import ProcessHandle
from quarterdeck.entrypoints.gate.wire import MESSAGE_LIMIT, Message, decode, encode


class ChildLine:
    """A packet socket to one child; `session` is set once it is admitted."""

    def __init__(self, stream: socket.socket, process: ProcessHandle | None, peer: int) -> None:
        self._stream = stream
        self._process = process
        self.peer = peer
        self.session = ""
        self.closed = False
        stream.setblocking(False)

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._stream.fileno()

    def send(self, message: Message) -> None:
        """Send a message; a child that does not take it is killed, because it no longer obeys."""
        try:
            self._stream.send(encode(message))
        except BlockingIOError:
            self.kill()
        except OSError:
            return

    def receive(self) -> Message | None:
        """Return the next message, None when the child is gone."""
        try:
            body = self._stream.recv(MESSAGE_LIMIT)
        except BlockingIOError:
            return {}
        except OSError:
            body = b""
        return decode(body) if body else None

    def kill(self) -> None:
        """Kill the child; its upstream client dies with it."""
        if self._process is not None:
            self._process.signal(signal.SIGKILL)

    def close(self) -> None:
        """Give the descriptors back."""
        self.closed = True
        self._stream.close()
        if self._process is not None:
            self._process.close()
            self._process = None


class Inbox:
    """Where other threads leave work for the loop; readable while something waits."""

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._reader

    @property
    def wakeup_descriptor(self) -> int:
        """The end to write a byte to, for the interpreter's signal wake-up."""
        return self._writer

    def put(self, work: Callable[[], None]) -> None:
        """Leave work; callable from any thread."""
        self._waiting.append(work)
        with contextlib.suppress(BlockingIOError):
            os.write(self._writer, b".")

    def run(self) -> None:
        """Do all the work that waits, in the loop's thread."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._reader, 4096)
        while self._waiting:
            self._waiting.popleft()()
