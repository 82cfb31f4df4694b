"""OpenSSH certificates as bytes: what one says, read and written here (PROTOCOL.certkeys of OpenSSH).

Pure. The one codec of certificates: the signer encodes with it, the gate and the grant's check read with it. It keeps
the `application` of FIDO keys, which a certificate for an `sk-` key must carry. Strict: what is left over is refused.
"""

import base64
import binascii
import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

USER_CERTIFICATE = 1
HOST_CERTIFICATE = 2
_SUFFIX = b"-cert-v01@openssh.com"
_SK_SUFFIX = b"@openssh.com"
_LONGEST = 32_768
# Wire strings between the key type and the end of the public key.
_KEY_FIELDS = {
    b"ecdsa-sha2-nistp256": 2,
    b"ecdsa-sha2-nistp384": 2,
    b"ecdsa-sha2-nistp521": 2,
    b"ssh-ed25519": 1,
    b"ssh-rsa": 2,
    b"sk-ecdsa-sha2-nistp256@openssh.com": 3,
    b"sk-ssh-ed25519@openssh.com": 2,
}
_CURVES = {
    b"ecdsa-sha2-nistp256": (b"nistp256", 65),
    b"ecdsa-sha2-nistp384": (b"nistp384", 97),
    b"ecdsa-sha2-nistp521": (b"nistp521", 133),
}
_SHORTEST_RSA = 384  # bytes: 3072 bits


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A technician's or connection's public key: type, the fields after the type, the whole blob."""

    kind: str
    fields: bytes
    blob: bytes

    @property
    def line(self) -> str:
        """The key as `type base64`, without comment."""
        return f"{self.kind} {base64.b64encode(self.blob).decode()}"

    @property
    def fingerprint(self) -> str:
        """`SHA256:...` as ssh-keygen prints it."""
        return fingerprint_of(self.blob)


@dataclass(frozen=True, slots=True)
class CertificateFields:
    """What a certificate says; times in seconds since 1970, options by name in bytewise order.

    An option whose value is empty is a flag (`verify-required`): OpenSSH refuses one with so much as an empty string.
    """

    key: PublicKey
    serial: int
    key_id: str
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    critical_options: Mapping[str, str]
    extensions: tuple[str, ...]
    authority: bytes
    signature: bytes = b""
    signed_part: bytes = b""
    cert_type: int = USER_CERTIFICATE


def fingerprint_of(blob: bytes) -> str:
    """Return OpenSSH's SHA-256 fingerprint of a public key blob."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def read_public_key(line: str) -> PublicKey:
    """Return the key of an authorized_keys style line; ValueError for another type, options or left-over bytes."""
    words = line.split()
    if len(line) > _LONGEST or len(words) < 2:
        raise ValueError("not a public key line")
    reader = _Reader(_decoded(words[1]))
    kind = reader.string()
    if kind.decode("ascii", "replace") != words[0] or kind not in _KEY_FIELDS:
        raise ValueError("only ECDSA, Ed25519, RSA and FIDO (sk-) keys are accepted")
    fields = reader.key_fields(kind)
    reader.must_end()
    return PublicKey(words[0], fields, _string(kind) + fields)


def certificate_body(fields: CertificateFields, nonce: bytes) -> bytes:
    """Return the bytes that the authority signs: everything of the certificate up to the signature."""
    return b"".join(
        (
            _string(_certificate_kind(fields.key.kind.encode())),
            _string(nonce),
            fields.key.fields,
            struct.pack(">QI", fields.serial, fields.cert_type),
            _string(fields.key_id.encode()),
            _string(b"".join(_string(name.encode()) for name in fields.principals)),
            struct.pack(">QQ", fields.valid_after, fields.valid_before),
            _string(_options(fields.critical_options)),
            _string(b"".join(_string(name.encode()) + _string(b"") for name in sorted(fields.extensions))),
            _string(b""),
            _string(fields.authority),
        )
    )


def certificate_line(body: bytes, signature: bytes, kind: str) -> str:
    """Return `type base64` of the signed certificate."""
    return f"{_certificate_kind(kind.encode()).decode()} {base64.b64encode(body + _string(signature)).decode()}"


def certificate_blob(line: str) -> bytes:
    """Return the bytes of a `type base64 [comment]` certificate line; ValueError when it is none."""
    words = line.split()
    if len(line) > _LONGEST or len(words) < 2:
        raise ValueError("not a certificate line")
    return _decoded(words[1])


def read_certificate(blob: bytes) -> CertificateFields:
    """Return what a user certificate says; ValueError unless it is one, whole, with nothing left over.

    The authority's signature is not checked here: see the adapter `openssh_ca`.
    """
    fields = _read_any(blob)
    if fields.cert_type != USER_CERTIFICATE:
        raise ValueError("a host certificate is no user certificate")
    return fields


def read_host_certificate(blob: bytes) -> CertificateFields:
    """Return what a host certificate says; ValueError unless it is one, whole, with nothing left over."""
    fields = _read_any(blob)
    if fields.cert_type != HOST_CERTIFICATE:
        raise ValueError("a user certificate is no host certificate")
    return fields


def _read_any(blob: bytes) -> CertificateFields:
    if len(blob) > _LONGEST:
        raise ValueError("too long for a certificate")
    reader = _Reader(blob)
    kind = _plain_kind(reader.string())
    reader.string()
    key_fields = reader.key_fields(kind)
    serial, cert_type = reader.numbers(">QI")
    key_id = reader.text()
    principals = tuple(_Reader(reader.string()).texts())
    valid_after, valid_before = reader.numbers(">QQ")
    critical = _read_options(reader.string())
    extensions = _read_options(reader.string())
    reader.string()
    authority = reader.string()
    signed_part = blob[: reader.at]
    signature = reader.string()
    reader.must_end()
    key = PublicKey(kind.decode(), key_fields, _string(kind) + key_fields)
    return CertificateFields(
        key=key,
        serial=serial,
        key_id=key_id,
        principals=principals,
        valid_after=valid_after,
        valid_before=valid_before,
        critical_options=critical,
        extensions=tuple(extensions),
        authority=authority,
        signature=signature,
        signed_part=signed_part,
        cert_type=cert_type,
    )


class _Reader:
    """Reads SSH wire values from the front; ValueError for anything short."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def take(self, count: int) -> bytes:
        if count > len(self.data) - self.at:
            raise ValueError("the bytes end too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def string(self) -> bytes:
        (length,) = self.numbers(">I")
        return self.take(length)

    def text(self) -> str:
        return self.string().decode("utf-8")

    def texts(self) -> Sequence[str]:
        found = []
        while self.at < len(self.data):
            found.append(self.text())
        return found

    def key_fields(self, kind: bytes) -> bytes:
        start = self.at
        values = [self.string() for _ in range(_KEY_FIELDS[kind])]
        curve = _CURVES.get(kind.removeprefix(b"sk-").removesuffix(_SK_SUFFIX))
        if curve is not None and (values[0] != curve[0] or len(values[1]) != curve[1] or values[1][:1] != b"\x04"):
            raise ValueError("the key's curve or point is wrong")
        if kind == b"ssh-rsa":
            if len(values[1].lstrip(b"\0")) < _SHORTEST_RSA:
                raise ValueError("an RSA key has at least 3072 bits")
        elif curve is None and len(values[0]) != 32:
            raise ValueError("an Ed25519 key has 32 bytes")
        return self.data[start : self.at]

    def must_end(self) -> None:
        if self.at != len(self.data):
            raise ValueError("bytes are left over")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _options(options: Mapping[str, str]) -> bytes:
    return b"".join(_string(name.encode()) + _string(_option_value(options[name])) for name in sorted(options))


def _option_value(value: str) -> bytes:
    return _string(value.encode()) if value else b""


def _read_options(data: bytes) -> dict[str, str]:
    reader = _Reader(data)
    found: dict[str, str] = {}
    previous = ""
    while reader.at < len(data):
        name = reader.text()
        value = _Reader(reader.string())
        if name <= previous:
            raise ValueError("options out of order")
        found[name] = value.text() if value.data else ""
        value.must_end()
        previous = name
    return found


def _certificate_kind(kind: bytes) -> bytes:
    if kind not in _KEY_FIELDS:
        raise ValueError("no certificate is made for this key type")
    return kind.removesuffix(_SK_SUFFIX) + _SUFFIX


def _plain_kind(kind: bytes) -> bytes:
    if not kind.endswith(_SUFFIX):
        raise ValueError("not a certificate")
    plain = kind.removesuffix(_SUFFIX)
    plain = plain + _SK_SUFFIX if plain.startswith(b"sk-") else plain
    if plain not in _KEY_FIELDS:
        raise ValueError("a certificate for a key type that we do not accept")
    return plain
