"""A program outside, run with bounds: so many seconds, so many bytes of output, an environment that says nothing.

It gets a session of its own, so that it has no terminal to ask a person on, and it is gone when the call returns.
"""

import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import IO

_CHUNK = 1 << 16
_MAX_ERROR_TEXT = 1 << 16


def pump(
    argv: Sequence[str], sink: Callable[[bytes], object], *, stdin: bytes, timeout: float, max_output: int
) -> tuple[int, bytes, str]:
    """Run `argv` in a session of its own with the given input, bounded in seconds and bytes; see `stream`."""
    with tempfile.TemporaryFile() as source:
        source.write(stdin)
        source.seek(0)
        process = spawn(argv, stdin=source, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        try:
            errors, ended_by = _drain(process, sink, time.monotonic() + timeout, max_output)
            return (_status_of(process) if ended_by == "exit" else -1), errors, ended_by
        finally:
            if process.poll() is None:
                process.kill()


def spawn(argv: Sequence[str], *, stdin: IO[bytes], stdout: int, stderr: int | IO[bytes]) -> subprocess.Popen[bytes]:
    """Start `ssh` in a session of its own, without a terminal to ask on and with an environment that says nothing."""
    return subprocess.Popen(
        list(argv),
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
        env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "HOME": "/nonexistent"},
    )


def _status_of(process: subprocess.Popen[bytes]) -> int:
    """Return the exit status of a process whose pipes are closed; it has five seconds to go."""
    try:
        return process.wait(5)
    except subprocess.TimeoutExpired:
        return -1


def _drain(
    process: subprocess.Popen[bytes], sink: Callable[[bytes], object], deadline: float, max_output: int
) -> tuple[bytes, str]:
    """Copy output until both pipes close, the deadline passes or too much came; return (standard error, reason)."""
    if process.stdout is None or process.stderr is None:
        raise ValueError("both outputs must be pipes")
    errors = bytearray()
    received = 0
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ, "out")
        selector.register(process.stderr, selectors.EVENT_READ, "err")
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                return bytes(errors), "timeout"
            for key, _ in selector.select(min(left, 1.0)):
                piece = os.read(key.fd, _CHUNK)
                if not piece:
                    selector.unregister(key.fileobj)
                elif key.data == "err":
                    errors += piece[: _MAX_ERROR_TEXT - len(errors)]
                else:
                    received += len(piece)
                    if received > max_output:
                        return bytes(errors), "too_much_output"
                    sink(piece)
    return bytes(errors), "exit"
