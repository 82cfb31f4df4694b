"""Whether a certificate carries the signature of an authority, checked with its public half alone."""

import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from quarterdeck.access.api import read_certificate, read_public_key

_KIND = b"ecdsa-sha2-nistp256"


def signed_by(blob: bytes, authority_line: str) -> bool:
    """Return whether this user certificate is whole and signed by the authority of `authority_line` (its public key).

    Time, principals and options are not judged here; raises nothing for rubbish.
    """
    try:
        fields = read_certificate(blob)
        if fields.authority != read_public_key(authority_line).blob:
            return False
        key = serialization.load_ssh_public_key(authority_line.encode())
        if not isinstance(key, ec.EllipticCurvePublicKey):
            return False
        key.verify(_der_signature(fields.signature), fields.signed_part, ec.ECDSA(hashes.SHA256()))
    except (ValueError, KeyError, struct.error, InvalidSignature):
        return False
    return True


def _der_signature(signature: bytes) -> bytes:
    kind, rest = _split(signature)
    inner, left = _split(rest)
    r, more = _split(inner)
    s, end = _split(more)
    if kind != _KIND or left or end:
        raise ValueError("not an ECDSA P-256 signature")
    return encode_dss_signature(int.from_bytes(r), int.from_bytes(s))


def _split(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack_from(">I", data)
    if len(data) < 4 + length:
        raise ValueError("the signature ends too early")
    return data[4 : 4 + length], data[4 + length :]
