"""Syslog over TLS (RFC 5425): octet counting, the collector's name checked, a client certificate where there is one.

Under TLS 1.3 handshake and sending succeed at the client before the collector has looked at its certificate. So the
end of the connection is what counts: after the line we send close_notify and read until the collector's own comes (RFC
5425 section 4.4 asks for it). An alert, a reset or a bare end is a failure. `SSLSocket.unwrap` cannot tell these apart,
hence the memory buffers. It shows that the collector was reached and accepted us, not that it kept the line: rsyslog
8.2302 lost acknowledged lines at 2 of 45 stops that came right after they were taken, with a longer
queue.timeoutShutdown too, and now and then where connections follow each other within milliseconds.
"""

import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

CHUNK = 16_384
MOST_READ = 65_536
Result = TypeVar("Result")


class NotTaken(Exception):
    """The collector did not take the line; the text says why."""


class _Broke(NotTaken):
    """The connection broke for no reason that was told."""


@dataclass(frozen=True, slots=True)
class TlsEnd:
    """Whom we believe and who we are: CA file (empty: the machine's own), certificate and key, the collector's name."""

    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    server_name: str = ""


def hand_over(lines: Sequence[bytes], host: str, port: int, end: TlsEnd, seconds: float) -> None:
    """Bring the lines to the collector in one connection, within `seconds`; NotTaken when it may not have read them."""
    deadline = time.monotonic() + seconds
    try:
        _talk_once(lines, host, port, end, deadline)
    except _Broke:
        # Rsyslog breaks off about one connection in forty that comes while it clears away the one before (measured).
        _talk_once(lines, host, port, end, deadline)


def _talk_once(lines: Sequence[bytes], host: str, port: int, end: TlsEnd, deadline: float) -> None:
    context = _context(end)
    seconds = max(0.001, deadline - time.monotonic())
    try:
        with socket.create_connection((host, port), timeout=seconds) as connection:
            talk = _Talk(connection, context, end.server_name or host, deadline)
            talk.run(talk.tls.do_handshake)
            framed = b"".join(b"%d %s" % (len(line), line) for line in lines)
            talk.run(lambda: talk.tls.write(framed))
            talk.say_end()
            talk.read_to_end()
    except ssl.SSLCertVerificationError as error:
        raise NotTaken(f"its certificate is not accepted: {error.verify_message}") from error
    except ssl.SSLError as error:
        raise _refusal(error, end) from error
    except TimeoutError as error:
        raise NotTaken("it did not answer in time") from error
    except OSError as error:
        hint = "" if end.cert_file else "; it may want a client certificate (QD_SYSLOG_CERT_FILE)"
        raise NotTaken(f"{error}{hint if isinstance(error, ConnectionResetError) else ''}") from error


def _context(end: TlsEnd) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=end.ca_file)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Some builds of Python ask OpenSSL to take any end for an orderly one; here the difference is the receipt.
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        if end.cert_file is not None:
            # Without a password callback OpenSSL asks at the terminal, and a service has none.
            context.load_cert_chain(end.cert_file, end.key_file, password=_no_password)
    except (OSError, ssl.SSLError, ValueError) as error:
        raise NotTaken(f"our own certificate, key or CA file can't be read: {error}") from error
    return context


def _no_password() -> str:
    raise ValueError("the key has a password; give it one without, mode 0600")


def _refusal(error: ssl.SSLError, end: TlsEnd) -> NotTaken:
    reason = error.reason or str(error)
    if "ALERT" not in reason:
        return _Broke(f"the TLS connection broke: {reason.replace('_', ' ').lower()}")
    if end.cert_file is None:
        return NotTaken(f"it refused the connection without a client certificate ({reason}); set QD_SYSLOG_CERT_FILE")
    return NotTaken(f"it refused our certificate {end.cert_file.name} or the connection ({reason})")


class _Talk:
    """One TLS conversation over a socket, with one deadline for all of it."""

    def __init__(self, connection: socket.socket, context: ssl.SSLContext, name: str, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)

    def run(self, step: Callable[[], Result]) -> Result:
        """Do a step of the protocol, moving bytes as long as it wants some."""
        while True:
            try:
                result = step()
            except ssl.SSLWantReadError:
                self._flush()
                self._fill()
                continue
            self._flush()
            return result

    def say_end(self) -> None:
        """Send our close_notify; what the other side says is read afterwards."""
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        self._flush()

    def read_to_end(self) -> None:
        """Read until the collector's close_notify; NotTaken for an end without one."""
        read = 0
        words = "it ended the connection without close_notify, so nobody knows whether it took the line"
        while read < MOST_READ:
            try:
                data = self.run(lambda: self.tls.read(CHUNK))
            except ssl.SSLZeroReturnError:
                return
            except ssl.SSLEOFError as error:
                raise NotTaken(words) from error
            if not data:
                raise NotTaken(words)
            read += len(data)
        raise NotTaken("it answers with more than a collector has to say")

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._connection.settimeout(self._left())
            self._connection.sendall(self._outgoing.read())

    def _fill(self) -> None:
        self._connection.settimeout(self._left())
        data = self._connection.recv(CHUNK)
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()
