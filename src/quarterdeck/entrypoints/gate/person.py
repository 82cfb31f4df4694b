"""The person's side of one channel: the three descriptors that `sshd` gave the launcher."""

import contextlib
import fcntl
import os
import struct
import termios
import tty

from quarterdeck.entrypoints.gate.asked import asked_for
from quarterdeck.entrypoints.gate.sftp_excuse import excuse
from quarterdeck.entrypoints.gate.wire import Hello
from quarterdeck.sessions.terms import Protocol, Work


class Person:
    """Talks to whoever sits at the other end; sentences go to the terminal or to standard error.

    `was_heard` is set once bytes of the channel itself were read, `was_answered` once the target has answered them.
    """

    def __init__(self, hello: Hello, descriptors: list[int]) -> None:
        self.hello = hello
        self.stdin, self.stdout, self.stderr = descriptors
        self.asked = asked_for(hello.command, tty=hello.tty)
        self.was_heard = self.was_answered = False

    @property
    def work(self) -> Work:
        """The class of the channel."""
        return self.asked.work

    @property
    def terminal(self) -> bool:
        """True when the channel has a terminal."""
        return self.hello.tty

    def size(self) -> tuple[int, int]:
        """Return columns and rows of the terminal; 80 by 24 where there is none."""
        if not self.terminal:
            return 80, 24
        try:
            packed = fcntl.ioctl(self.stdin, termios.TIOCGWINSZ, bytes(8))
        except OSError:
            return 80, 24
        rows, columns = struct.unpack("HHHH", packed)[:2]
        return columns or 80, rows or 24

    def open_terminal(self) -> tuple[int, int]:
        """Make the terminal raw and return master and slave of a second one like it, for the upstream client."""
        modes = termios.tcgetattr(self.stdin)
        tty.setraw(self.stdin, termios.TCSANOW)
        master, slave = os.openpty()
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        self.copy_size(master)
        return master, slave

    def copy_size(self, descriptor: int) -> tuple[int, int]:
        """Give another terminal this one's size and return it; the kernel tells its foreground process."""
        columns, rows = self.size()
        fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        return columns, rows

    def line(self, sentence: str) -> bytes:
        """Return a sentence of ours as this channel shows it."""
        end = "\r\n" if self.terminal else "\n"
        return f"{end if self.terminal else ''}Quarterdeck: {sentence}{end}".encode()

    def note(self, sentence: str) -> None:
        """Show a sentence beside the channel's own protocol, before the target is dialled."""
        with contextlib.suppress(OSError):
            os.set_blocking(self.stderr, False)
            os.write(self.stderr, self.line(sentence))

    def tell(self, sentence: str) -> None:
        """Show a sentence now; what can't be shown within the socket's buffer is lost."""
        if self.asked.protocol is Protocol.SFTP and not self.was_answered:
            self.was_answered = True
            excuse(self.stdin, self.stdout, f"Quarterdeck: {sentence}", greeted=self.was_heard)
            return
        self.note(sentence)

    def answer(self, data: bytes) -> None:
        """Write bytes of the channel's own protocol, in place of the target."""
        with contextlib.suppress(OSError):
            os.set_blocking(self.stdout, False)
            os.write(self.stdout, data)
