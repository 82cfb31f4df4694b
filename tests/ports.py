"""Ports for the servers that tests start.

Not from the kernel's own choice: what it gives for port 0 it also gives to outgoing connections, and another test of
the run may have it by the time the server binds. Ours lie below that range (32768 on Linux) and are handed out once.
"""

import itertools
import secrets
import socket

LOWEST, HIGHEST = 20_000, 32_000
_next = itertools.count(secrets.randbelow(HIGHEST - LOWEST))


def free_port() -> int:
    """Return a port of loopback at which nobody listens and which this process has not given before."""
    for number in _next:
        port = LOWEST + number % (HIGHEST - LOWEST)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
    raise AssertionError("the count has no end")
