"""Anchor by syslog: one RFC 5424 line per checkpoint, over TLS (RFC 5425), TCP (octet counting, RFC 6587) or UDP.

Over TLS the collector's own end of the connection shows that it read the line; plain TCP and UDP acknowledge nothing.
No receipt says that the line was stored, so each delivery carries the last few lines once more: a collector that lost
one, as rsyslog does when it is stopped right after reading it, has it from the next delivery.
"""

import base64
import os
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from quarterdeck.adapters.syslog_tls import NotTaken, TlsEnd, hand_over
from quarterdeck.evidence.api import AnchorGrade
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.names import is_address, is_port
from quarterdeck.workflows.anchor_checkpoints import Anchor, AnchorFailed

TIMEOUT = 10.0
PRIORITY = 13 * 8 + 5  # facility "log audit", severity "notice"
ENTERPRISE = "quarterdeck@32473"  # 32473: the number that IANA reserves for documentation and private agreement


@dataclass(frozen=True, slots=True)
class SyslogAnchor:
    """Fulfils anchor_checkpoints.AnchorChannel; `target` is `tls:host:port`, `tcp:host:port` or `udp:host:port`."""

    target: str
    grade: AnchorGrade
    end: TlsEnd = field(default_factory=TlsEnd)
    seconds: float = TIMEOUT
    channel: str = "syslog"

    def send(self, anchor: Anchor) -> str:
        """Hand the line over and return what was sent; AnchorFailed when nobody took it."""
        transport, host, port = parse_target(self.target)
        told = [replace(anchor, checkpoint=one) for one in (*anchor.again, anchor.checkpoint)]
        lines = [compose(one, host_name=socket.gethostname(), process=os.getpid()) for one in told]
        try:
            if transport == "tls":
                hand_over(lines, host, port, self.end, self.seconds)
            elif transport == "udp":
                _send_datagrams(lines, host, port, self.seconds)
            else:
                _send_stream(lines, host, port, self.seconds)
        except (OSError, UnicodeError, NotTaken) as error:
            why = "it did not answer in time" if isinstance(error, TimeoutError) else error
            raise AnchorFailed(f"the syslog server {self.target} did not take it: {why}") from error
        how = (
            "read by the collector over tls" if transport == "tls" else f"handed over by {transport}, not acknowledged"
        )
        return f"{how}: {lines[-1].decode()}"


def parse_target(text: str) -> tuple[str, str, int]:
    """Return transport, host and port; AnchorFailed with a sentence when the address is malformed."""
    transport, colon, rest = text.partition(":")
    if not colon or transport not in {"tcp", "udp", "tls"}:
        transport, rest = "tcp", text
    host, _, port = rest.rpartition(":")
    host = host.strip("[]")
    if not is_address(host) or not port.isdecimal() or not is_port(int(port)):
        raise AnchorFailed(f"{text!r} is no syslog address; write tls:host:port, tcp:host:port or udp:host:port")
    return transport, host, int(port)


def compose(anchor: Anchor, *, host_name: str, process: int) -> bytes:
    """Return the RFC 5424 line, without framing."""
    checkpoint = anchor.checkpoint
    origin = checkpoint.body.decode("ascii").split("\n")[0]
    root = base64.b64encode(bytes.fromhex(checkpoint.root)).decode()
    data = (
        f'[{ENTERPRISE} origin="{origin}" size="{checkpoint.size}" root="{root}" key="{checkpoint.key_id}" '
        f'reason="{checkpoint.reason}"]'
    )
    host = "".join(letter if 33 <= ord(letter) <= 126 else "-" for letter in host_name)[:255] or "-"
    text = f"checkpoint of {origin}: {checkpoint.size} entries, root {root}"
    return f"<{PRIORITY}>1 {rfc3339(checkpoint.at)} {host} quarterdeck {process} checkpoint {data} {text}".encode()


def _send_datagrams(lines: Sequence[bytes], host: str, port: int, seconds: float) -> None:
    family = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0][0]
    with socket.socket(family, socket.SOCK_DGRAM) as connection:
        connection.settimeout(seconds)
        connection.connect((host, port))
        for line in lines:
            connection.send(line)


def _send_stream(lines: Sequence[bytes], host: str, port: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    with socket.create_connection((host, port), timeout=seconds) as connection:
        connection.sendall(b"".join(b"%d %s" % (len(line), line) for line in lines))
        connection.shutdown(socket.SHUT_WR)
        # A refusal after the fact (a reset) arrives only on a read: wait until the other side has closed.
        while connection.recv(4096):
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError  # one that never stops talking is no better than one that never answers
            connection.settimeout(left)
