"""SSH signatures: those of the real ssh-keygen, canonical armor, FIDO keys, and hostile curve points."""

import base64
import hashlib
import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from tests.attack.package_fixture import Key, ssh_mpint, ssh_string

from quarterdeck_verify import curves, sshsig

NAMESPACE = "quarterdeck-package"
MESSAGE = b"the bytes that are signed\n"

needs_ssh_keygen = pytest.mark.skipif(
    shutil.which("ssh-keygen") is None, reason="NOT RUN HERE: ssh-keygen is missing, install openssh-client"
)


@pytest.fixture(params=["ecdsa", "ed25519"])
def keygen_signature(request, tmp_path):
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", request.param, "-N", "", "-f", key], check=True)
    command = ["ssh-keygen", "-q", "-Y", "sign", "-f", key, "-n", NAMESPACE, "-"]
    return subprocess.run(command, input=MESSAGE, capture_output=True, check=True).stdout


@needs_ssh_keygen
def test_signatures_of_ssh_keygen_verify(keygen_signature):
    signature = sshsig.parse(keygen_signature)
    assert sshsig.verify(signature, MESSAGE, NAMESPACE)
    assert not sshsig.verify(signature, MESSAGE + b"x", NAMESPACE)
    assert not sshsig.verify(signature, MESSAGE, "git")


@needs_ssh_keygen
def test_every_changed_character_of_the_armor_is_refused(keygen_signature):
    for place in range(len(keygen_signature)):
        for mask in (0x01, 0x04, 0x20):
            mutant = bytearray(keygen_signature)
            mutant[place] ^= mask
            try:
                signature = sshsig.parse(bytes(mutant))
            except ValueError:
                continue
            assert not sshsig.verify(signature, MESSAGE, NAMESPACE), place


@needs_ssh_keygen
@pytest.mark.parametrize("space", [b" ", b"\n", b"\t", b"\r", b"\r\n", b"\x00"])
def test_whitespace_mutants_are_refused(keygen_signature, space):
    for place in range(len(keygen_signature) + 1):
        with pytest.raises(ValueError, match="signature"):
            sshsig.parse(keygen_signature[:place] + space + keygen_signature[place:])
    lines = keygen_signature.splitlines(keepends=True)
    with pytest.raises(ValueError, match="canonical"):
        sshsig.parse(lines[0] + b"".join(lines[1:-1]).replace(b"\n", b"") + b"\n" + lines[-1])
    with pytest.raises(ValueError, match="armored"):
        sshsig.parse(keygen_signature.rstrip(b"\n"))


@needs_ssh_keygen
@pytest.mark.parametrize("make", [Key.p256, Key.ed25519])
def test_signatures_of_the_tests_own_signer_satisfy_ssh_keygen(make, tmp_path):
    key = make()
    (tmp_path / "allowed").write_bytes(key.allowed())
    (tmp_path / "sig").write_bytes(key.sign(NAMESPACE)(MESSAGE))
    command = ["ssh-keygen", "-Y", "verify", "-f", tmp_path / "allowed", "-I", "ledger@acme.example", "-n", NAMESPACE]
    subprocess.run([*command, "-s", tmp_path / "sig"], input=MESSAGE, check=True, capture_output=True)


FIDO = {sshsig.ECDSA: sshsig.SK_ECDSA, sshsig.ED25519: sshsig.SK_ED25519}


def fido_key(key):
    return sshsig.PublicKey(ssh_string(FIDO[key.type].encode()) + key.blob[4 + len(key.type) :] + ssh_string(b"ssh:"))


def fido_signature(key, signed, flags):
    tail = bytes([flags]) + (7).to_bytes(4, "big")
    inner = hashlib.sha256(b"ssh:").digest() + tail + hashlib.sha256(signed).digest()
    plain = key.sign_raw(inner)[4 + len(key.type) :]
    return ssh_string(FIDO[key.type].encode()) + plain + tail


@pytest.mark.parametrize("make", [Key.p256, Key.ed25519])
def test_fido_signatures_need_a_touch(make):
    key = make()
    public = fido_key(key)
    assert sshsig.verify_raw(public, fido_signature(key, b"x", 1), b"x")
    assert not sshsig.verify_raw(public, fido_signature(key, b"x", 0), b"x")
    assert not sshsig.verify_raw(public, fido_signature(key, b"x", 1), b"y")


def rewrap(key, *, reserved=b"", algorithm=b"sha512", version=1, tail=b""):
    fields = [key.blob, NAMESPACE.encode(), reserved, algorithm, key.sign_raw(b"whatever")]
    raw = b"SSHSIG" + version.to_bytes(4, "big") + b"".join(map(ssh_string, fields)) + tail
    return sshsig.armor(raw)


@pytest.mark.parametrize(
    "changes",
    [{"reserved": b"x"}, {"algorithm": b"md5"}, {"algorithm": b"sha1"}, {"version": 2}, {"tail": b"\x00"}],
)
def test_unknown_fields_are_refused(changes):
    with pytest.raises(ValueError, match="signature"):
        sshsig.parse(rewrap(Key.p256(), **changes))


@pytest.mark.parametrize(
    "armored",
    [b"", b"x", sshsig.armor(b""), sshsig.armor(b"SSHSIG"), sshsig.armor(b"SSHSIG\x00\x00\x00\x01\xff\xff\xff\xff")],
)
def test_rubbish_is_refused(armored):
    with pytest.raises(ValueError, match="signature"):
        sshsig.parse(armored)


def test_other_key_types_are_refused():
    with pytest.raises(ValueError, match="neither"):
        sshsig.parse_key(ssh_string(b"ssh-rsa") + ssh_string(b"\x01") + ssh_string(b"\x01"))
    with pytest.raises(ValueError, match="curve"):
        sshsig.parse_key(ssh_string(sshsig.ECDSA.encode()) + ssh_string(b"nistp384") + ssh_string(b"\x04"))


def test_numbers_have_one_spelling():
    key = Key.p256()
    r, s = decode_dss_signature(key.private.sign(b"m", ec.ECDSA(hashes.SHA256())))
    kind, public = ssh_string(key.type.encode()), sshsig.PublicKey(key.blob)
    assert sshsig.verify_raw(public, kind + ssh_string(ssh_mpint(r) + ssh_mpint(s)), b"m")
    padded = ssh_string(b"\x00" * 2 + r.to_bytes(32, "big"))
    for bad in (padded + ssh_mpint(s), ssh_mpint(r) + ssh_mpint(s) + b"\x00", ssh_string(b"\xff") + ssh_mpint(s)):
        with pytest.raises(ValueError, match=r"number|bytes"):
            sshsig.verify_raw(public, kind + ssh_string(bad), b"m")


ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def test_hostile_p256_values_are_refused():
    key = Key.p256()
    point = key.blob[-65:]
    r, s = decode_dss_signature(key.private.sign(b"m", ec.ECDSA(hashes.SHA256())))
    assert curves.verify_p256(point, b"m", r, s)
    for bad_r, bad_s in ((0, s), (r, 0), (r + ORDER, s), (r, s + ORDER), (ORDER, s), (0, 0), (s, r)):
        assert not curves.verify_p256(point, b"m", bad_r, bad_s)
    for bad_point in (
        b"",
        point[:-1],
        b"\x02" + point[1:],
        point[:-1] + bytes([point[-1] ^ 1]),
        b"\x04" + b"\xff" * 64,
    ):
        assert not curves.verify_p256(bad_point, b"m", r, s)


def test_hostile_ed25519_values_are_refused():
    key = Key.ed25519()
    public, signature = key.blob[-32:], key.private.sign(b"m")
    assert curves.verify_ed25519(public, b"m", signature)
    scalar = int.from_bytes(signature[32:], "little") + 2**252 + 27742317777372353535851937790883648493
    assert not curves.verify_ed25519(public, b"m", signature[:32] + scalar.to_bytes(32, "little"))
    assert not curves.verify_ed25519(public, b"m", signature[:-1])
    assert not curves.verify_ed25519(public[:-1], b"m", signature)
    assert not curves.verify_ed25519(b"\xff" * 32, b"m", signature)
    assert not curves.verify_ed25519((2).to_bytes(32, "little"), b"m", signature)


@pytest.mark.parametrize("make", [Key.p256, Key.ed25519])
def test_curves_agree_with_the_cryptography_library(make):
    for number in range(30):
        key, message = make(), number.to_bytes(40, "big")
        armored = key.sign(NAMESPACE)(message)
        assert sshsig.verify(sshsig.parse(armored), message, NAMESPACE)
        assert not sshsig.verify(sshsig.parse(armored), message[1:], NAMESPACE)


def test_fingerprint_is_that_of_openssh():
    key = sshsig.PublicKey(Key.ed25519().blob)
    digest = base64.b64encode(hashlib.sha256(key.blob).digest()).decode().rstrip("=")
    assert key.fingerprint == f"SHA256:{digest}"
    assert key.type == "ssh-ed25519"
