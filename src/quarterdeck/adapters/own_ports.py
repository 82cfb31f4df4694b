"""Ports of this installation: free before the start, and afterwards answered by our own process and nobody else's."""

import errno
import http.client
import secrets
import socket
import subprocess
from pathlib import Path

from quarterdeck.config.api import Settings

PROBE_SECONDS = 2.0
START_HEADER = "X-Quarterdeck-Start"


def port_trouble(config: Settings) -> str:
    """Return a sentence for the first port that cannot be taken, empty when web and gate can have theirs."""
    wanted = (
        (config.web_host, config.web_port, "QD_WEB_PORT / --port", "the web"),
        (config.gate_host, config.gate_port, "QD_GATE_PORT", "the gate"),
    )
    for host, port, knob, who in wanted:
        trouble = bind_trouble(host, port)
        if trouble:
            return f"Port {port} {trouble} ({who} on {host}); choose another ({knob})."
    if config.web_port == config.gate_port:
        return f"Port {config.web_port} is given to the web and to the gate; choose another (QD_GATE_PORT)."
    return ""


def bind_trouble(host: str, port: int) -> str:
    """Return why nothing can listen there, as the end of a sentence; empty when it can."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        return f"cannot be taken: {host} is no address ({error.strerror})"
    for family, kind, protocol, _, address in found:
        with socket.socket(family, kind, protocol) as probe:
            # As the servers themselves do it, so that a port in TIME_WAIT counts as free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)
                probe.listen(1)
            except OSError as error:
                return "is in use" if error.errno == errno.EADDRINUSE else f"cannot be taken ({error.strerror})"
    return ""


def fresh_token() -> str:
    """Return what only the web of this start says in its answers."""
    return secrets.token_hex(16)


def web_answers(host: str, port: int, token: str) -> bool:
    """True when the web there is the one that was started with this token."""
    asked = http.client.HTTPConnection(reached_at(host), port, timeout=PROBE_SECONDS)
    try:
        asked.request("GET", "/enrol/")
        return asked.getresponse().getheader(START_HEADER) == token
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()


def gate_answers(host: str, port: int, host_key: Path) -> bool:
    """True when an SSH server there proves that it holds the gate's own host key."""
    try:
        own = host_key.read_text().split()[:2]
        asked = subprocess.run(
            ["ssh-keyscan", "-T", "2", "-p", str(port), reached_at(host)],
            capture_output=True,
            text=True,
            timeout=3 * PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return any(line.split()[1:3] == own for line in asked.stdout.splitlines() if not line.startswith("#"))


def reached_at(host: str) -> str:
    """Return where to knock at a server that listens at `host`: a wildcard is asked on loopback."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  compared, not bound
