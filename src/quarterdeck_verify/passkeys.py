"""Public keys of passkeys: P-256 (ES256) and Ed25519, as COSE_Key, SubjectPublicKeyInfo, PEM or the bare point."""

import base64
import binascii
from dataclasses import dataclass

from quarterdeck_verify import curves, sshsig

_P256_SPKI = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
_ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")
_MAX = 2_000


class PasskeyError(ValueError):
    """The key is of a kind that cannot be checked here, or malformed."""


@dataclass(frozen=True, slots=True)
class Passkey:
    """A public key: `point` is 65 bytes of P-256 or 32 of Ed25519."""

    kind: str
    point: bytes

    def verify(self, message: bytes, signature: bytes) -> bool:
        """True when the signature, DER for P-256, signs the message."""
        if self.kind == "Ed25519":
            return curves.verify_ed25519(self.point, message, signature)
        numbers = _der_numbers(signature)
        return numbers is not None and curves.verify_p256(self.point, message, *numbers)


def read_public_key(text: str) -> Passkey:
    """Return the key; PasskeyError when it is none of those that are known here."""
    if len(text) > _MAX:
        raise PasskeyError("the public key is too long")
    if text.split(" ")[0] in sshsig.KEY_TYPES:
        raise PasskeyError("an SSH key makes no passkey")
    raw = _decode(text)
    if raw.startswith(_P256_SPKI) and len(raw) == len(_P256_SPKI) + 65:
        return Passkey("ES256", raw[len(_P256_SPKI) :])
    if raw.startswith(_ED25519_SPKI) and len(raw) == len(_ED25519_SPKI) + 32:
        return Passkey("Ed25519", raw[len(_ED25519_SPKI) :])
    if len(raw) == 65 and raw[0] == 4:
        return Passkey("ES256", raw)
    return _cose(raw)


def _decode(text: str) -> bytes:
    lines = [line for line in text.strip().split("\n") if not line.startswith("-----")]
    word = "".join(line.strip() for line in lines).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(word + "=" * (-len(word) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise PasskeyError("the public key is not base64") from None


def _cose(raw: bytes) -> Passkey:
    """RFC 9053: kty 2 (EC2) with curve 1 and algorithm -7, or kty 1 (OKP) with curve 6 and algorithm -8."""
    told, end = _cbor_map(raw)
    if end != len(raw):
        raise PasskeyError("the public key has bytes after its end")
    x, y, kind = told.get(-2), told.get(-3), (told.get(1), told.get(3), told.get(-1))
    if kind == (2, -7, 1) and isinstance(x, bytes) and isinstance(y, bytes) and len(x) == len(y) == 32:
        return Passkey("ES256", b"\x04" + x + y)
    if kind == (1, -8, 6) and isinstance(x, bytes) and len(x) == 32:
        return Passkey("Ed25519", x)
    raise PasskeyError("the public key is neither ECDSA P-256 nor Ed25519")


def _cbor_map(raw: bytes) -> tuple[dict[int, int | bytes], int]:
    """Return a CBOR map of small integers to integers or byte strings, and where it ends."""
    if not raw or raw[0] >> 5 != 5 or raw[0] & 31 > 23:
        raise PasskeyError("the public key is in no form that is known here")
    found, at = dict[int, int | bytes](), 1
    for _ in range(raw[0] & 31):
        key, at = _cbor_item(raw, at)
        value, at = _cbor_item(raw, at)
        if not isinstance(key, int) or key in found:
            raise PasskeyError("the public key is malformed")
        found[key] = value
    return found, at


def _cbor_item(raw: bytes, at: int) -> tuple[int | bytes, int]:
    if at >= len(raw):
        raise PasskeyError("the public key ends too early")
    major, small = raw[at] >> 5, raw[at] & 31
    at += 1
    width = {24: 1, 25: 2}.get(small, 0)
    if small > 25 or major > 2 or at + width > len(raw):
        raise PasskeyError("the public key is malformed")
    number = int.from_bytes(raw[at : at + width], "big") if width else small
    at += width
    if major == 2:
        if at + number > len(raw):
            raise PasskeyError("the public key ends too early")
        return raw[at : at + number], at + number
    return (number if major == 0 else -1 - number), at


def _der_numbers(signature: bytes) -> tuple[int, int] | None:
    """Return r and s of a DER ECDSA signature, None when it is not exactly one."""
    if len(signature) < 8 or len(signature) > 72 or signature[0] != 0x30 or signature[1] != len(signature) - 2:
        return None
    numbers, at = [], 2
    while at + 2 <= len(signature):
        tag, length = signature[at], signature[at + 1]
        value = signature[at + 2 : at + 2 + length]
        negative = not value or value[0] & 0x80
        if tag != 2 or len(value) != length or negative or (length > 1 and value[0] == 0 and value[1] < 0x80):
            return None
        numbers.append(int.from_bytes(value, "big"))
        at += 2 + length
    return (numbers[0], numbers[1]) if len(numbers) == 2 and at == len(signature) else None
