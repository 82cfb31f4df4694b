"""One session with the mail server: encrypted where it is told to be, bounded in time, one mail handed in."""

import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from quarterdeck.config.api import sends_password_unencrypted

TIMEOUT = 20
SECONDS = 60.0  # for the whole of one mail: a server that answers a byte at a time must not hold up other holders


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in; `password_file` holds one line, mode 0600.

    `tls` is TLS from the first byte (port 465, RFC 8314), `starttls` TLS after a greeting in the clear.
    """

    host: str
    port: int = 25
    user: str = ""
    password_file: Path | None = None
    starttls: bool = False
    tls: bool = False
    sender: str = "quarterdeck@localhost"
    ca_file: Path | None = None
    seconds: float = SECONDS


def hand_in(server: MailServer, address: str, raw: bytes) -> tuple[int, bytes]:
    """Hand a finished mail in for one recipient and return the server's last answer; smtplib's errors otherwise."""
    with _session(server) as smtp:
        _expect(smtp.mail(server.sender), 250)
        _expect(smtp.rcpt(address), 250, 251)
        reply = smtp.data(raw)
        _expect(reply, 250)
        return reply


class _Bounded(smtplib.SMTP):
    """A session that ends after `seconds` altogether; smtplib's own limit starts anew with every byte."""

    def __init__(self, server: MailServer) -> None:
        self._tls = _trust(server) if server.tls else None
        self._connection: socket.socket | None = None
        self._guard = threading.Timer(server.seconds, self._cut)
        self._guard.daemon = True
        self._guard.start()
        try:
            super().__init__(server.host, server.port, timeout=min(TIMEOUT, server.seconds))
        except BaseException:
            self._forget()
            raise

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect as smtplib asks; over TLS where that comes first, as its SMTP_SSL does."""
        plain = socket.create_connection((host, port), timeout)
        # A handshake takes the socket out of its object: only a copy can still be cut then.
        self._connection = plain.dup()
        return plain if self._tls is None else self._tls.wrap_socket(plain, server_hostname=host)

    def close(self) -> None:
        """Close the connection and forget the limit."""
        self._forget()
        super().close()

    def _forget(self) -> None:
        self._guard.cancel()
        if self._connection is not None:
            self._connection.close()

    def _cut(self) -> None:
        connection = self._connection
        if connection is not None:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def _trust(server: MailServer) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=server.ca_file)


@contextmanager
def _session(server: MailServer) -> Iterator[smtplib.SMTP]:
    if sends_password_unencrypted(server.host, user=server.user, encrypted=server.tls or server.starttls):
        raise ValueError("its password would go there unencrypted")
    smtp = _Bounded(server)
    try:
        smtp.ehlo()
        if server.starttls and not server.tls:
            smtp.starttls(context=_trust(server))
            smtp.ehlo()
        if server.user and server.password_file is not None:
            smtp.login(server.user, server.password_file.read_text().strip())
        yield smtp
    finally:
        # What was accepted counts, whatever the server says to our leaving: a mail must not be sent twice for that.
        with suppress(OSError, smtplib.SMTPException):
            smtp.quit()
        smtp.close()


def _expect(reply: tuple[int, bytes], *codes: int) -> None:
    code, text = reply
    if code not in codes:
        raise smtplib.SMTPResponseException(code, text.decode(errors="replace"))
