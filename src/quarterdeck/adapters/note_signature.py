"""Ed25519 lines of C2SP signed notes: the log's own, for witnesses, and our cosignatures of the logs of others.

Small keys of the sealer, never the pinned one.
"""

import base64
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from quarterdeck_verify.checkpoint import NOTE_ED25519, NoteSignature, key_id, make_note
from quarterdeck_verify.cosignature import COSIGNATURE, VerifierKey, cosignature_line, cosigned_message

VERIFIER_KEYS_FILE = "verifier_keys"  # in the sealer's folder: the log's key, then the witness's, as peers take them


class NoteSigner:
    """Signs checkpoint bodies as the log `origin`; the 32-byte key lies in a file of mode 0600."""

    def __init__(self, path: Path, origin: str) -> None:
        self.origin = origin
        self._key = _kept_key(path)

    def note(self, body: bytes) -> bytes:
        """Return the signed note of a checkpoint's three lines."""
        public = self._key.public_key().public_bytes_raw()
        identity = key_id(self.origin, NOTE_ED25519, public)
        return make_note(body, [NoteSignature(self.origin, identity, self._key.sign(body))])

    def verifier_line(self) -> str:
        """Return the key as witnesses take it: `name+hash+key`."""
        public = self._key.public_key().public_bytes_raw()
        identity = key_id(self.origin, NOTE_ED25519, public).hex()
        return f"{self.origin}+{identity}+{base64.b64encode(bytes([NOTE_ED25519]) + public).decode()}"


class Cosigner:
    """Cosigns checkpoints of other logs as the witness `name`; the 32-byte key lies in a file of mode 0600."""

    def __init__(self, path: Path, name: str) -> None:
        self._key = _kept_key(path)
        self.key = VerifierKey(name, COSIGNATURE, self._key.public_key().public_bytes_raw())

    def cosign(self, text: bytes, at: int) -> str:
        """Return the cosignature line of a checkpoint's text at the POSIX time `at`."""
        return cosignature_line(self.key, at, self._key.sign(cosigned_message(at, text)))


def is_signed(key: VerifierKey, text: bytes, signature: bytes) -> bool:
    """True when the log key signed this text."""
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _kept_key(path: Path) -> Ed25519PrivateKey:
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as out:
            out.write(Ed25519PrivateKey.generate().private_bytes_raw())
            out.flush()
            os.fsync(out.fileno())
    return Ed25519PrivateKey.from_private_bytes(path.read_bytes())
