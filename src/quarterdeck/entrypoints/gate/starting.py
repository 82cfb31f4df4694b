"""Starting the upstream client on a terminal or on pipes of its own."""

import contextlib
import fcntl
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quarterdeck.entrypoints.gate.person import Person
from quarterdeck.entrypoints.gate.upstream import Standard, start

PIPE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Started:
    """A client that runs: our ends of its input, output and errors, and the terminal's master or -1."""

    pid: int
    ends: tuple[int, int, int]
    terminal: int = -1


def on_terminal(person: Person, argv: Sequence[bytes], environment: Mapping[str, str]) -> Started:
    """Start it on a terminal like the person's; the target's output comes on a pipe, what it says of itself on another.

    It reads its window's size from the terminal that it types on. Output through the terminal as well takes a kernel
    thread's turn more for each echo.
    """
    master, slave = person.open_terminal()
    (from_stdout, stdout), (own_words, own_words_end) = os.pipe(), os.pipe()
    pid = start(list(argv), Standard(slave, stdout, own_words_end), dict(environment), terminal=True)
    for descriptor in (slave, stdout, own_words_end):
        os.close(descriptor)
    return Started(pid, (master, from_stdout, own_words), master)


def on_pipes(argv: Sequence[bytes], environment: Mapping[str, str]) -> Started:
    """Start it on three pipes."""
    (stdin, to_stdin), (from_stdout, stdout), (from_stderr, stderr) = os.pipe(), os.pipe(), os.pipe()
    for descriptor in (to_stdin, from_stdout):
        with contextlib.suppress(OSError):  # a smaller pipe works too, slower
            fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    pid = start(list(argv), Standard(stdin, stdout, stderr), dict(environment), terminal=False)
    for descriptor in (stdin, stdout, stderr):
        os.close(descriptor)
    return Started(pid, (to_stdin, from_stdout, from_stderr))
