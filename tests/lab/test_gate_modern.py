"""The modern profile on a real gate: an Ed25519 key enters, the hybrid key exchange is used, on both hops AES-GCM."""

import hashlib
import re
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from tests.lab.gate_lab import ENTRY_PRINCIPAL, gate_lab, sign


def with_ed25519(lab):
    """Return a grant whose key is Ed25519: the books get the certificate's own hash."""
    ticketed = lab.grant()
    key = Ed25519PrivateKey.generate()
    ticketed.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    line = sign(lab.entry_ca, key.public_key(), principal=ENTRY_PRINCIPAL, serial=ticketed.serial, seconds=600)
    ticketed.key.with_name(ticketed.key.name + "-cert.pub").write_text(line + "\n")
    blob = subprocess.run(["base64", "-d"], input=line.split()[1].encode(), capture_output=True, check=True).stdout
    with lab.books.changing() as books:
        books["grants"][str(ticketed.serial)]["sha256"] = hashlib.sha256(blob).hexdigest()
    return ticketed


@pytest.mark.parametrize("profile", ["fips", "modern"])
def test_ed25519_enters_where_the_profile_says_so(monkeypatch, profile):
    monkeypatch.setenv("QD_TEST_GATE_PROFILE", profile)
    with gate_lab() as lab:
        told = lab.run(with_ed25519(lab), "echo entered", options=("-v",))
        said = told.stderr.decode(errors="replace")
        assert (told.stdout == b"entered\n") is (profile == "modern"), said
        expected = "sntrup761x25519-sha512@openssh.com" if profile == "modern" else "ecdh-sha2-nistp256"
        assert f"kex: algorithm: {expected}" in said
        ciphers = re.findall(r"cipher: (\S+) MAC", said)
        assert ciphers
        assert all(cipher.endswith("-gcm@openssh.com") for cipher in ciphers)
        assert lab.run(lab.grant(), "echo entered").stdout == b"entered\n"
