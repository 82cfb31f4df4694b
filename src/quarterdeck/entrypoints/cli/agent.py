"""The person's running ssh-agent: which keys it holds, and a key that lives in it and nowhere else.

Speaks the agent's protocol itself (draft-miller-ssh-agent), so that a private key is never in a file, in an argument
or in another process than the agent and, while it is made, this one.
"""

import base64
import hashlib
import os
import socket
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from quarterdeck.entrypoints.cli.server import Failed

PATIENCE = 30.0
LONGEST_ANSWER = 1 << 20
_FAILURE, _SUCCESS = 5, 6
_LIST, _LISTED = 11, 12
_REMOVE, _ADD_CONSTRAINED = 18, 25
_LIFETIME = 1


@dataclass(frozen=True, slots=True)
class PublicHalf:
    """A public key or certificate as the agent and OpenSSH files name it."""

    blob: bytes

    @property
    def line(self) -> str:
        """The OpenSSH line, without comment."""
        kind = self.blob[4 : 4 + int.from_bytes(self.blob[:4], "big")]
        return f"{kind.decode('ascii', 'replace')} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """As `ssh-keygen -l` prints it."""
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @classmethod
    def of_line(cls, line: str) -> "PublicHalf":
        """Read an OpenSSH line; ValueError for something else."""
        words = line.split()
        if len(words) < 2:
            raise ValueError("this is no line of an OpenSSH public key file")
        return cls(base64.b64decode(words[1], validate=True))


class MemoryKey:
    """An ECDSA P-256 key that exists in this process only, until it is given to the agent."""

    def __init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        line = self._key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        self.public = PublicHalf.of_line(line.decode())

    def identity(self, certificate: PublicHalf | None = None) -> bytes:
        """Return what the agent is to hold: the key itself, or the key under a certificate."""
        scalar = _mpint(self._key.private_numbers().private_value)
        if certificate is not None:
            return _text(certificate.line.split()[0].encode()) + _text(certificate.blob) + scalar
        return self.public.blob + scalar


class Agent:
    """The agent that SSH_AUTH_SOCK names."""

    def __init__(self) -> None:
        self._path = os.environ.get("SSH_AUTH_SOCK", "")
        if not self._path:
            raise Failed("No ssh-agent runs here (SSH_AUTH_SOCK is not set). Start one: eval $(ssh-agent)")

    def keys(self) -> list[PublicHalf]:
        """Return what it holds, keys and certificates."""
        answer = self._ask(bytes([_LIST]))
        if answer[:1] != bytes([_LISTED]):
            raise Failed("The ssh-agent tells no list of keys. Is it locked (`ssh-add -X`)?")
        found = []
        rest = answer[5:]
        while rest:
            blob, rest = _cut(rest)
            _, rest = _cut(rest)
            found.append(PublicHalf(blob))
        return found

    def holds(self, fingerprint: str) -> PublicHalf | None:
        """Return the key with this fingerprint, None when the agent has none."""
        return next((key for key in self.keys() if key.fingerprint == fingerprint), None)

    def add(self, identity: bytes, comment: str, seconds: int) -> None:
        """Have it hold an identity for so many seconds; Failed when it does not want to."""
        lifetime = bytes([_LIFETIME]) + max(1, seconds).to_bytes(4, "big")
        answer = self._ask(bytes([_ADD_CONSTRAINED]) + identity + _text(comment.encode()) + lifetime)
        if answer != bytes([_SUCCESS]):
            raise Failed("The ssh-agent takes no key with an end. Use OpenSSH's own ssh-agent, or a key in a file.")

    def remove(self, public: PublicHalf) -> bool:
        """Have it forget an identity; False when it did not hold it."""
        return self._ask(bytes([_REMOVE]) + _text(public.blob)) == bytes([_SUCCESS])

    def _ask(self, message: bytes) -> bytes:
        try:
            with socket.socket(socket.AF_UNIX) as stream:
                stream.settimeout(PATIENCE)
                stream.connect(self._path)
                stream.sendall(_text(message))
                size = int.from_bytes(_exactly(stream, 4), "big")
                if not 0 < size <= LONGEST_ANSWER:
                    raise OSError("an answer of impossible length")
                return _exactly(stream, size)
        except OSError as error:
            raise Failed(f"The ssh-agent at {self._path} does not answer ({error}).") from error


def _exactly(stream: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        part = stream.recv(size - len(received))
        if not part:
            raise OSError("it hung up")
        received += part
    return bytes(received)


def _text(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _mpint(value: int) -> bytes:
    return _text(value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _cut(data: bytes) -> tuple[bytes, bytes]:
    size = int.from_bytes(data[:4], "big")
    if len(data) < 4 + size:
        raise Failed("The ssh-agent's list of keys is not understood.")
    return data[4 : 4 + size], data[4 + size :]
