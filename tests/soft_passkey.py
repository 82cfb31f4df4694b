"""An authenticator in software, for tests without a browser: P-256, answers as WebAuthn level 2 says."""

import base64
import hashlib
import json
import secrets

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor

PRESENT, VERIFIED, ATTESTED = 1, 4, 64


def url64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class SoftPasskey:
    """One credential at one site."""

    def __init__(self, rp_id: str, origin: str) -> None:
        self.rp_id, self.origin = rp_id, origin
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.credential = secrets.token_bytes(32)

    def _authenticator(self, flags: int, more: bytes = b"") -> bytes:
        return hashlib.sha256(self.rp_id.encode()).digest() + bytes([flags]) + bytes(4) + more

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _shown(self, client: bytes, **response: bytes) -> dict:
        told = {name: url64(value) for name, value in response.items()}
        return {"id": url64(self.credential), "rawId": url64(self.credential), "type": "public-key",
                "clientExtensionResults": {}, "response": {"clientDataJSON": url64(client), **told}}  # fmt: skip

    def created(self, challenge: str) -> dict:
        """Answer a registration."""
        numbers = self.key.public_key().public_numbers()
        cose = {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + cbor.encode(cose)
        data = self._authenticator(PRESENT | VERIFIED | ATTESTED, attested)
        made = cbor.encode({"fmt": "none", "authData": data, "attStmt": {}})
        return self._shown(self._client("webauthn.create", challenge), attestationObject=made)

    def signed(self, challenge: bytes, *, flags: int = PRESENT | VERIFIED) -> dict:
        """Answer an assertion."""
        client, data = self._client("webauthn.get", url64(challenge)), self._authenticator(flags)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._shown(client, authenticatorData=data, signature=signature)
