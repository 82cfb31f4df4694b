"""A witness with a key of its own, and the lines that it signs."""

import base64

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quarterdeck_verify import checkpoint, cosignature

NAME, AT = "witness.example/w1", 1_795_449_600


class Witness:
    """A witness with a key of its own."""

    def __init__(self, name: str = NAME, kind: int = cosignature.COSIGNATURE) -> None:
        self.name, self.kind, self.private = name, kind, Ed25519PrivateKey.generate()
        self.public = self.private.public_key().public_bytes_raw()

    @property
    def key(self) -> bytes:
        identity = checkpoint.key_id(self.name, self.kind, self.public).hex()
        return f"{self.name}+{identity}+{base64.b64encode(bytes([self.kind]) + self.public).decode()}\n".encode()

    def line(self, text: bytes, at: int = AT) -> bytes:
        signed = at.to_bytes(8, "big") + self.private.sign(cosignature.cosigned_message(at, text))
        identity = checkpoint.key_id(self.name, self.kind, self.public)
        return f"\u2014 {self.name} {base64.b64encode(identity + signed).decode()}\n".encode()
