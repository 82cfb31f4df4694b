"""Files of signed approvals, made as a person's passkey or SSH key makes them, right or wrong."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from tests.attack.package_fixture import Key

from quarterdeck_verify import approvals, entry
from quarterdeck_verify.story import Approval

TICKET, CONTENT, RP = "MT-2026-00001", "c" * 64, "qd.example"
STATEMENT = json.dumps({"content": CONTENT, "person": "pe_iris", "role": "approver", "ticket": TICKET})
APPROVAL = Approval(3, TICKET, "pe_iris", "approver", "approved", CONTENT, "")
Change = Callable[[dict[str, object]], Mapping[str, object]]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class Passkey:
    """An authenticator with one P-256 or Ed25519 key."""

    def __init__(self, kind: str = "ES256") -> None:
        self.kind = kind
        self.p256, self.ed25519 = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()

    @property
    def cose(self) -> bytes:
        if self.kind == "Ed25519":
            return b"\xa4\x01\x01\x03\x27\x20\x06\x21\x58\x20" + self.ed25519.public_key().public_bytes_raw()
        numbers = self.p256.public_key().public_numbers()
        x, y = (number.to_bytes(32, "big") for number in (numbers.x, numbers.y))
        return b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20" + x + b"\x22\x58\x20" + y

    def sign(self, message: bytes) -> bytes:
        if self.kind == "Ed25519":
            return self.ed25519.sign(message)
        return self.p256.sign(message, ec.ECDSA(hashes.SHA256()))

    def file(
        self, statement: str = STATEMENT, *, challenge: bytes | None = None, rp: str = RP, flags: int = 5,
        kind: str = "webauthn.get", change: Change = lambda told: {},
    ) -> bytes:  # fmt: skip
        asked = hashlib.sha256(statement.encode()).digest() if challenge is None else challenge
        word = base64.urlsafe_b64encode(asked).decode().rstrip("=")
        client = json.dumps({"type": kind, "challenge": word, "origin": f"https://{RP}", "crossOrigin": False}).encode()
        authenticator = hashlib.sha256(rp.encode()).digest() + bytes([flags]) + (7).to_bytes(4, "big")
        signature = self.sign(authenticator + hashlib.sha256(client).digest())
        told: dict[str, object] = {
            "v": 1, "kind": "webauthn", "approval": hashlib.sha256(statement.encode()).hexdigest(),
            "statement": statement, "public_key": b64(self.cose), "rp_id": RP, "authenticator_data": b64(authenticator),
            "client_data_json": b64(client), "signature": b64(signature),
        }  # fmt: skip
        return entry.canonical(told | dict(change(told)))  # type: ignore[arg-type]


def ssh_file(key: Key, statement: str = STATEMENT, namespace: str = approvals.APPROVAL_NAMESPACE) -> bytes:
    signature = key.sign(namespace)(statement.encode()).decode()
    return entry.canonical(
        {"v": 1, "kind": "sshsig", "approval": hashlib.sha256(statement.encode()).hexdigest(), "statement": statement,
         "public_key": key.line, "signature": signature}
    )  # fmt: skip
