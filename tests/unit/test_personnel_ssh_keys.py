"""Public keys: one key has one form, and everything that is none is refused with a sentence for its owner."""

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quarterdeck.personnel.ssh_keys import UnreadableKey, read_public_key


def line_of(key) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def pack(*fields: bytes) -> bytes:
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def line(kind: str, *fields: bytes) -> str:
    return f"{kind} {base64.b64encode(pack(kind.encode(), *fields)).decode()}"


def mpint(number: int) -> bytes:
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


ED25519 = line_of(ed25519.Ed25519PrivateKey.generate())
RSA_NUMBERS = rsa.generate_private_key(65537, 3072).public_key().public_numbers()
POINT = b"\x04" + bytes(64)


@pytest.mark.parametrize(
    "text",
    [
        ED25519,
        line_of(ec.generate_private_key(ec.SECP256R1())),
        line_of(ec.generate_private_key(ec.SECP384R1())),
        line_of(ec.generate_private_key(ec.SECP521R1())),
        line("ssh-rsa", mpint(RSA_NUMBERS.e), mpint(RSA_NUMBERS.n)),
        line("sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:"),
        line("sk-ecdsa-sha2-nistp256@openssh.com", b"nistp256", POINT, b"ssh:"),
    ],
)
def test_usual_keys_are_taken_and_lose_their_comment(text: str) -> None:
    assert read_public_key(f"  {text} max@laptop my key\n").line == text


def test_the_fingerprint_is_the_one_of_ssh_keygen() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ1fDCUOsBmVqiBhRvPLQ1dEjHlW5pPvTvJZ8hbMzqkC"
    assert read_public_key(key).fingerprint == "SHA256:3x+57d9v+jZ5CE/yMxaPIi88jOp58Y7DhIsDLT+dh9I"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "not one line"),
        ("ssh-ed25519", "not one line"),
        (ED25519 + "\n" + ED25519, "not one line"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nabc", "private key"),
        ("ssh-ed25519-cert-v01@openssh.com AAAA", "certificate"),
        ("ssh-dss AAAA", "not taken"),
        ("-oProxyCommand=x AAAA", "not taken"),
        ("ssh-ed25519 !!!!", "no base64"),
        ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA", "base64"),
        (f"ssh-rsa {ED25519.split()[1]}", "do not belong together"),
        (line("ssh-ed25519", bytes(31)), "32 bytes"),
        (line("ssh-ed25519", bytes(32), b"extra"), "32 bytes"),
        (line("ecdsa-sha2-nistp256", b"nistp384", POINT), "does not fit its curve"),
        (line("ecdsa-sha2-nistp256", b"nistp256", b"\x02" + bytes(32)), "does not fit its curve"),
        (line("ecdsa-sha2-nistp256", b"nistp256"), "too many or too few"),
        (line("ssh-rsa", mpint(65537), mpint(2**2047 + 1)), "3072 bits"),
        (line("ssh-rsa", mpint(3), mpint(RSA_NUMBERS.n)), "3072 bits"),
        (line("ssh-rsa", mpint(65537), b"\x00" + mpint(RSA_NUMBERS.n)), "one canonical form"),
        (line("ssh-rsa", b"\x00" + mpint(65537), mpint(RSA_NUMBERS.n)), "one canonical form"),
        (line("ssh-rsa", b"", mpint(RSA_NUMBERS.n)), "one canonical form"),
        ("ssh-ed25519 " + base64.b64encode(pack(b"ssh-ed25519", bytes(32))[:-1]).decode(), "ends too early"),
        ("ssh-rsa " + "A" * 4000, "not one line"),
    ],
)
def test_what_is_no_key_is_refused_in_words(text: str, says: str) -> None:
    with pytest.raises(UnreadableKey, match=says):
        read_public_key(text)


def test_base64_has_one_form_too() -> None:
    blob = pack(b"sk-ssh-ed25519@openssh.com", bytes(32), b"ssh:xy")
    text = base64.b64encode(blob).decode()
    assert text.endswith("=")
    odd = text.rstrip("=")
    twisted = odd[:-1] + chr(ord(odd[-1]) + 1) + "=" * (len(text) - len(odd))
    with pytest.raises(UnreadableKey, match=r"canonical|base64"):
        read_public_key(f"sk-ssh-ed25519@openssh.com {twisted}")
