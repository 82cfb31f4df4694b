"""A FIDO security key in software: an ssh agent that signs as the authenticator would, with or without its PIN shown.

What `sshd` sees is real: key, certificate, signature, flags. Only the device behind the agent is ours.
"""

import hashlib
import socket
import struct
import threading
from pathlib import Path

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

KIND = b"sk-ecdsa-sha2-nistp256@openssh.com"
APPLICATION = b"ssh:"
TOUCHED, VERIFIED = 0x01, 0x04


def string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def mpint(number: int) -> bytes:
    return string(number.to_bytes(number.bit_length() // 8 + 1))


class SoftwareKey:
    """One key; `blob` is its public half, `flags` what the authenticator says of the touch and of the PIN."""

    def __init__(self, flags: int = TOUCHED) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.flags = flags
        point = self._key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.blob = string(KIND) + string(b"nistp256") + string(point) + string(APPLICATION)

    def sign(self, message: bytes) -> bytes:
        told = struct.pack(">BI", self.flags, 7)
        signed = hashlib.sha256(APPLICATION).digest() + told + hashlib.sha256(message).digest()
        r, s = decode_dss_signature(self._key.sign(signed, ec.ECDSA(hashes.SHA256())))
        return string(KIND) + string(mpint(r) + mpint(s)) + told


class Agent:
    """Serves one identity on a unix socket, as ssh-agent does, until closed."""

    def __init__(self, path: Path, key: SoftwareKey, identity: bytes) -> None:
        self._key, self._identity = key, identity
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(path))
        self._listener.listen(4)
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            with peer, peer.makefile("rwb") as stream:
                while head := stream.read(4):
                    stream.write(string(self._answer(stream.read(int.from_bytes(head)))))
                    stream.flush()

    def _answer(self, request: bytes) -> bytes:
        if request[0] == 11:  # the identities
            return b"\x0c" + struct.pack(">I", 1) + string(self._identity) + string(b"software key")
        if request[0] == 13:  # a signature: key blob, data, flags
            at = 5 + int.from_bytes(request[1:5])
            data = request[at + 4 : at + 4 + int.from_bytes(request[at : at + 4])]
            return b"\x0e" + string(self._key.sign(data))
        return b"\x05"
