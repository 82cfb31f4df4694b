"""Reading one OpenSSH public key strictly: one key has exactly one form, so that a shared key always shows. Pure."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MINIMUM_RSA_BITS = 3072
MAXIMUM_LENGTH = 1400
_CURVES = {"nistp256": 65, "nistp384": 97, "nistp521": 133}


class UnreadableKey(ValueError):
    """Why a text is no public key that Quarterdeck takes; the message is a sentence for its owner."""


@dataclass(frozen=True, slots=True)
class ReadKey:
    """A public key in its one canonical form, without comment; fingerprint as `ssh-keygen -l` prints it."""

    kind: str
    line: str
    fingerprint: str


def read_public_key(text: str) -> ReadKey:
    """Return the key of this line; UnreadableKey for certificates, private keys, weak, odd or damaged ones."""
    kind, blob = _parts(text)
    fields = _fields(blob)
    if not fields or fields[0] != kind.encode():
        raise UnreadableKey("The key's type and its content do not belong together.")
    _CHECKS[kind](fields)
    digest = base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
    return ReadKey(kind, f"{kind} {base64.b64encode(blob).decode()}", f"SHA256:{digest}")


def _parts(text: str) -> tuple[str, bytes]:
    if "PRIVATE KEY" in text:
        raise UnreadableKey("This is a private key; it must never leave your machine. Make a new pair.")
    lines = text.strip().splitlines()
    words = lines[0].split() if len(lines) == 1 else []
    if len(words) < 2 or len(words[0]) + len(words[1]) > MAXIMUM_LENGTH:
        raise UnreadableKey("This is not one line of an OpenSSH public key file.")
    if words[0].endswith("-cert-v01@openssh.com"):
        raise UnreadableKey("This is a certificate; register the public key that it was made for.")
    if words[0] not in _CHECKS:
        raise UnreadableKey(f"Keys of type {words[0][:40]!r} are not taken; use ECDSA, Ed25519, RSA or an sk- key.")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error as error:
        raise UnreadableKey("The key is damaged: its middle part is no base64.") from error
    if base64.b64encode(blob).decode() != words[1]:
        raise UnreadableKey("The key is damaged: its middle part is no canonical base64.")
    return words[0], blob


def _fields(blob: bytes) -> list[bytes]:
    fields: list[bytes] = []
    rest = blob
    while rest:
        length = int.from_bytes(rest[:4], "big")
        if len(rest) < 4 + length:
            raise UnreadableKey("The key is damaged: it ends too early.")
        fields.append(rest[4 : 4 + length])
        rest = rest[4 + length :]
    return fields


def _check_ecdsa(fields: list[bytes], *, hardware: bool) -> None:
    if len(fields) != (4 if hardware else 3):
        raise UnreadableKey("The key is damaged: it has too many or too few parts.")
    curve = fields[1].decode("ascii", "replace")
    named = fields[0].decode("ascii", "replace").partition("-sha2-")[2].partition("@")[0]
    if curve != named or len(fields[2]) != _CURVES.get(curve, 0) or fields[2][:1] != b"\x04":
        raise UnreadableKey("The key is damaged: its point does not fit its curve.")


def _check_ed25519(fields: list[bytes], *, hardware: bool) -> None:
    if len(fields) != (3 if hardware else 2) or len(fields[1]) != 32:
        raise UnreadableKey("The key is damaged: an Ed25519 key has 32 bytes.")


def _check_rsa(fields: list[bytes]) -> None:
    if len(fields) != 3 or not all(_is_positive_minimal(number) for number in fields[1:]):
        raise UnreadableKey("The key is damaged: its numbers are not in their one canonical form.")
    exponent, modulus = (int.from_bytes(number, "big") for number in fields[1:])
    if modulus.bit_length() < MINIMUM_RSA_BITS or exponent < 65537 or not exponent & 1:
        raise UnreadableKey(f"RSA keys need at least {MINIMUM_RSA_BITS} bits and the usual exponent 65537.")


def _is_positive_minimal(number: bytes) -> bool:
    """An mpint of RFC 4251: no sign bit, a leading zero only where the sign bit needs it."""
    if not number or number[0] & 0x80:
        return False
    return number[0] != 0 or (len(number) > 1 and bool(number[1] & 0x80))


_CHECKS: Mapping[str, Callable[[list[bytes]], None]] = {
    "ecdsa-sha2-nistp256": lambda fields: _check_ecdsa(fields, hardware=False),
    "ecdsa-sha2-nistp384": lambda fields: _check_ecdsa(fields, hardware=False),
    "ecdsa-sha2-nistp521": lambda fields: _check_ecdsa(fields, hardware=False),
    "ssh-ed25519": lambda fields: _check_ed25519(fields, hardware=False),
    "sk-ecdsa-sha2-nistp256@openssh.com": lambda fields: _check_ecdsa(fields, hardware=True),
    "sk-ssh-ed25519@openssh.com": lambda fields: _check_ed25519(fields, hardware=True),
    "ssh-rsa": _check_rsa,
}
