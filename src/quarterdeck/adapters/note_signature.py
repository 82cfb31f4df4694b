"""The Ed25519 line of a C2SP signed note, for witnesses; a second small key of the sealer, never the pinned one."""

import base64
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quarterdeck_verify.checkpoint import NOTE_ED25519, NoteSignature, key_id, make_note


class NoteSigner:
    """Signs checkpoint bodies as the log `origin`; the 32-byte key lies in a file of mode 0600."""

    def __init__(self, path: Path, origin: str) -> None:
        self.origin = origin
        if not path.exists():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as out:
                out.write(Ed25519PrivateKey.generate().private_bytes_raw())
                out.flush()
                os.fsync(out.fileno())
        self._key = Ed25519PrivateKey.from_private_bytes(path.read_bytes())

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
