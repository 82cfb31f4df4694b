"""A one-key, one-session SSH agent for the upstream `ssh`: the last barrier before the target is entered.

The private key is made here, never leaves this process and dies with it. `ssh` asks for a signature only after it has
reached the target and checked its host identity, so admission is asked again at exactly that moment: a window that
closed or a grant that was revoked during a slow dial gets no signature (attacks.md row 17).
"""

import base64
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

_FAILURE = b"\x05"
_IDENTITIES_ANSWER = b"\x0c"
_SIGN_RESPONSE = b"\x0e"
_REQUEST_IDENTITIES = 11
_SIGN_REQUEST = 13
_LIMIT = 65536
SIGNATURE_TYPE = b"ecdsa-sha2-nistp256"


class OneKeyAgent:
    """Listens on `folder`/agent.sock; `certify` turns the key into a certificate line, `may_sign` is the barrier.

    Both callables may raise; then the request fails and `failure` holds the exception for the caller to tell.
    """

    def __init__(self, folder: Path, certify: Callable[[str], str], may_sign: Callable[[], None]) -> None:
        self.path = folder / "agent.sock"
        self.signed = False
        self.failure: Exception | None = None
        self._certify = certify
        self._may_sign = may_sign
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._blob = b""
        self._buffer = b""
        self._connection: socket.socket | None = None
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self.path))
        self._listener.listen(4)

    def fileno(self) -> int:
        """The descriptor to wait on: the listener, or the connection while there is one."""
        return (self._connection or self._listener).fileno()

    def serve(self) -> None:
        """Take the waiting connection or answer what it asks; call when `fileno` is readable."""
        if self._connection is None:
            self._connection, _ = self._listener.accept()
            self._connection.settimeout(2.0)
            return
        try:
            data = self._connection.recv(_LIMIT)
            self._buffer += data
            if data and len(self._buffer) <= 2 * _LIMIT:
                self._answer_all(self._connection)
                return
        except OSError:
            self._buffer = b""
        self._hang_up()

    def close(self) -> None:
        """Stop listening and forget the key."""
        self._hang_up()
        self._listener.close()
        with contextlib.suppress(OSError):
            self.path.unlink()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._buffer = None, b""

    def _answer_all(self, connection: socket.socket) -> None:
        while len(self._buffer) >= 4:
            size = int.from_bytes(self._buffer[:4], "big")
            if len(self._buffer) < 4 + size:
                return
            request, self._buffer = self._buffer[4 : 4 + size], self._buffer[4 + size :]
            connection.sendall(_string(self._answer(request)))

    def _answer(self, request: bytes) -> bytes:
        try:
            if request[:1] == bytes([_REQUEST_IDENTITIES]):
                return self._identities()
            if request[:1] == bytes([_SIGN_REQUEST]):
                return self._sign(request[1:])
        except Exception as error:  # noqa: BLE001  whatever stops the certificate must stop the login, and be told
            self.failure = error
        return _FAILURE

    def _identities(self) -> bytes:
        if not self._blob:
            line = self._key.public_key().public_bytes(
                serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
            )
            self._blob = base64.b64decode(self._certify(line.decode("ascii")).split(" ")[1], validate=True)
        return _IDENTITIES_ANSWER + (1).to_bytes(4, "big") + _string(self._blob) + _string(b"quarterdeck")

    def _sign(self, body: bytes) -> bytes:
        blob, rest = _take(body)
        data, _ = _take(rest)
        if not self._blob or blob != self._blob:
            return _FAILURE
        self._may_sign()
        r, s = decode_dss_signature(self._key.sign(data, ec.ECDSA(hashes.SHA256())))
        self.signed = True
        return _SIGN_RESPONSE + _string(_string(SIGNATURE_TYPE) + _string(_number(r) + _number(s)))


def rehearse(folder: Path) -> None:
    """Make, show and use a key that nobody trusts, so that what OpenSSL sets up at its first use is there already."""
    agent = OneKeyAgent(folder, lambda line: line, lambda: None)
    agent._answer(bytes([_REQUEST_IDENTITIES]))
    agent._answer(bytes([_SIGN_REQUEST]) + _string(agent._blob) + _string(b"rehearsal"))
    agent.close()


def _number(value: int) -> bytes:
    return _string(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _string(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _take(body: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(body[:4], "big")
    if len(body) < 4 + size:
        raise ValueError("an agent request is not whole")
    return body[4 : 4 + size], body[4 + size :]
