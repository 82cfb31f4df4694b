"""OpenSSH signatures (SSHSIG, PROTOCOL.sshsig) in plain Python, with canonical armor required.

Keys: ECDSA P-256, Ed25519 and their FIDO forms. `ssh-keygen -Y verify` ignores whitespace inside the armor
(attacks.md row 24); here an armored signature has exactly one spelling.
"""

import base64
import binascii
import hashlib
from dataclasses import dataclass

from quarterdeck_verify import curves

ECDSA = "ecdsa-sha2-nistp256"
ED25519 = "ssh-ed25519"
SK_ECDSA = "sk-ecdsa-sha2-nistp256@openssh.com"
SK_ED25519 = "sk-ssh-ed25519@openssh.com"
KEY_TYPES = (ECDSA, ED25519, SK_ECDSA, SK_ED25519)
MAX_ARMOR_BYTES = 10_000
MAX_FOUND = 50

_MAGIC = b"SSHSIG"
_BEGIN = b"-----BEGIN SSH SIGNATURE-----\n"
_END = b"-----END SSH SIGNATURE-----\n"
_COLUMNS = 70
_USER_PRESENT = 1


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key by its SSH wire bytes; compared by them."""

    blob: bytes

    @property
    def type(self) -> str:
        """The key type's name, for example `ssh-ed25519`."""
        return _Reader(self.blob).text().decode("ascii", "replace")

    @property
    def fingerprint(self) -> str:
        """The fingerprint as OpenSSH prints it: `SHA256:` and unpadded base64."""
        digest = base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")
        return f"SHA256:{digest}"


@dataclass(frozen=True, slots=True)
class Signature:
    """A parsed SSHSIG: who signed (a claim until verified), for which namespace, how."""

    key: PublicKey
    namespace: str
    hash_algorithm: str
    blob: bytes


def armor(raw: bytes) -> bytes:
    """Return the one canonical armored spelling of an SSHSIG blob, the one that `ssh-keygen -Y sign` writes."""
    text = base64.b64encode(raw)
    lines = [text[i : i + _COLUMNS] + b"\n" for i in range(0, len(text), _COLUMNS)]
    return _BEGIN + b"".join(lines) + _END


def parse(armored: bytes) -> Signature:
    """Return the signature; ValueError for anything that is not in the canonical form."""
    if len(armored) > MAX_ARMOR_BYTES or not (armored.startswith(_BEGIN) and armored.endswith(_END)):
        raise ValueError("the signature is not an armored SSH signature")
    try:
        raw = base64.b64decode(armored[len(_BEGIN) : -len(_END)].replace(b"\n", b""), validate=True)
    except binascii.Error:
        raise ValueError("the signature's armor is not base64") from None
    if armor(raw) != armored:
        raise ValueError("the signature's armor is not in its canonical form")
    if raw[:6] != _MAGIC:
        raise ValueError("the signature is not an SSH signature")
    reader = _Reader(raw[6:])
    version = reader.number()
    blob, namespace, reserved, algorithm, signature = (reader.text() for _ in range(5))
    reader.end()
    if version != 1 or reserved or algorithm not in (b"sha256", b"sha512"):
        raise ValueError("the signature has an unknown version, hash or reserved field")
    key = PublicKey(blob)
    parse_key(blob)
    return Signature(key, namespace.decode("ascii", "replace"), algorithm.decode("ascii"), signature)


def find(text: bytes) -> list[Signature]:
    """Return the armored signatures in a text, such as a kept mail; those that cannot be used are passed over."""
    found = []
    for part in text.replace(b"\r\n", b"\n").split(_BEGIN)[1 : 1 + MAX_FOUND]:
        try:
            found.append(parse(_BEGIN + part.partition(_END)[0] + _END))
        except ValueError:
            continue
    return found


def parse_key(blob: bytes) -> tuple[str, bytes, bytes]:
    """Return key type, public value and FIDO application of an SSH public key; ValueError for other types."""
    reader = _Reader(blob)
    kind = reader.text().decode("ascii", "replace")
    if kind not in KEY_TYPES:
        raise ValueError("the key is neither ECDSA P-256 nor Ed25519")
    if kind in (ECDSA, SK_ECDSA) and reader.text() != b"nistp256":
        raise ValueError("the key names another curve")
    value = reader.text()
    application = reader.text() if kind in (SK_ECDSA, SK_ED25519) else b""
    reader.end()
    return kind, value, application


def verify(signature: Signature, message: bytes, namespace: str) -> bool:
    """True when `signature` is valid for `message` in `namespace`; whose key it is must be asked elsewhere."""
    if signature.namespace != namespace:
        return False
    digest = hashlib.new(signature.hash_algorithm, message).digest()
    parts = (namespace.encode("ascii"), b"", signature.hash_algorithm.encode("ascii"), digest)
    signed = _MAGIC + b"".join(_string(part) for part in parts)
    try:
        return verify_raw(signature.key, signature.blob, signed)
    except ValueError:
        return False


def verify_raw(key: PublicKey, blob: bytes, signed: bytes) -> bool:
    """True when the SSH signature `blob` signs the bytes `signed` under `key`; ValueError when it is malformed."""
    kind, value, application = parse_key(key.blob)
    reader = _Reader(blob)
    if reader.text() != kind.encode("ascii"):
        return False
    inner = reader.text()
    if kind in (SK_ECDSA, SK_ED25519):
        flags, counter = reader.take(1), reader.take(4)
        if not flags[0] & _USER_PRESENT:
            return False
        signed = hashlib.sha256(application).digest() + flags + counter + hashlib.sha256(signed).digest()
    reader.end()
    if kind in (ED25519, SK_ED25519):
        return curves.verify_ed25519(value, signed, inner)
    numbers = _Reader(inner)
    r, s = numbers.mpint(), numbers.mpint()
    numbers.end()
    return curves.verify_p256(value, signed, r, s)


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


class _Reader:
    """SSH wire format, strict: nothing may be short, long or spelled in two ways."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, count: int) -> bytes:
        found = self._data[self._at : self._at + count]
        if len(found) != count:
            raise ValueError("the signature or key ends too early")
        self._at += count
        return found

    def number(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def text(self) -> bytes:
        return self.take(self.number())

    def mpint(self) -> int:
        data = self.text()
        if not data or len(data) > 33 or data[0] & 0x80 or (data[0] == 0 and (len(data) == 1 or data[1] < 0x80)):
            raise ValueError("a number in the signature is not in its canonical form")
        return int.from_bytes(data, "big")

    def end(self) -> None:
        if self._at != len(self._data):
            raise ValueError("the signature or key has more bytes than it needs")
