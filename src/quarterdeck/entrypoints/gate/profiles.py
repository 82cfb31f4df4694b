"""The two algorithm profiles, the same on both hops: from the technician to the gate, from the gate to the target.

`fips` is the default and names only what a FIPS-mode OpenSSH has: one unknown word there and `sshd` does not start.
`modern` puts the hybrid of sntrup761 and X25519 first and takes Ed25519 keys. Both stay with AES-GCM: it is the fastest
here (gate.md section 3), and without CBC or ChaCha20 the Terrapin attack has nothing to work on.
"""

import os
from dataclasses import dataclass
from typing import Literal

Profile = Literal["fips", "modern"]
VARIABLE = "QD_GATE_PROFILE"
_NIST_KEX = "ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521"
_MODERN_KEX = "sntrup761x25519-sha512@openssh.com,curve25519-sha256,curve25519-sha256@libssh.org"
_GCM = "aes256-gcm@openssh.com,aes128-gcm@openssh.com"
_NIST_USERS = (
    "ecdsa-sha2-nistp256-cert-v01@openssh.com",
    "ecdsa-sha2-nistp384-cert-v01@openssh.com",
    "ecdsa-sha2-nistp521-cert-v01@openssh.com",
    "sk-ecdsa-sha2-nistp256-cert-v01@openssh.com",
)


@dataclass(frozen=True, slots=True)
class Algorithms:
    """Words for `KexAlgorithms`, `Ciphers` and technicians' certificates, in order of preference."""

    kex: str
    ciphers: str
    users: tuple[str, ...]


PROFILES: dict[Profile, Algorithms] = {
    "fips": Algorithms(_NIST_KEX, _GCM, _NIST_USERS),
    "modern": Algorithms(
        f"{_MODERN_KEX},{_NIST_KEX}",
        _GCM,
        (*_NIST_USERS, "ssh-ed25519-cert-v01@openssh.com", "sk-ssh-ed25519-cert-v01@openssh.com"),
    ),
}


def of_environment() -> Profile:
    """Return the profile that the gate gave its forker and its children."""
    return "modern" if os.environ.get(VARIABLE) == "modern" else "fips"
