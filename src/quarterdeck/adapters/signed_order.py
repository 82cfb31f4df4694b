"""Signs orders to targets with the target authority's key: SSHSIG, as the target's own `ssh-keygen -Y verify` reads it.

What is signed begins with a magic and a namespace of its own, so that no order is a certificate and the reverse.
"""

import base64
import hashlib
import struct

from quarterdeck.adapters.openssh_ca import CertificateAuthority

_MAGIC = b"SSHSIG"
_HASH = b"sha512"
_LINE = 70


def sign_order(authority: CertificateAuthority, order: bytes, namespace: str) -> bytes:
    """Return the armored signature of an order (PROTOCOL.sshsig of OpenSSH)."""
    space = _string(namespace.encode()) + _string(b"") + _string(_HASH)
    signature = authority.signature(_MAGIC + space + _string(hashlib.sha512(order).digest()))
    blob = _MAGIC + struct.pack(">I", 1) + _string(authority.public_key.blob) + space + _string(signature)
    text = base64.b64encode(blob)
    body = b"\n".join(text[at : at + _LINE] for at in range(0, len(text), _LINE))
    return b"-----BEGIN SSH SIGNATURE-----\n" + body + b"\n-----END SSH SIGNATURE-----\n"


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value
