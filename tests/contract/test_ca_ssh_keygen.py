"""Our certificates against OpenSSH's own tool: both read the same fields, both verify, for every key type."""

import base64
import re
import shutil
import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from quarterdeck.access.api import certificate_blob, read_certificate, read_public_key
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.adapters.openssh_ca import (
    CertificateAuthority,
    Minted,
    entry_order,
    init_keys,
    measure_order,
    new_private_key,
    target_order,
)

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="needs ssh-keygen")
NOW = datetime(2026, 11, 23, 9, 30, 0, 250_000, tzinfo=UTC)
SK_ED25519 = (
    "sk-ssh-ed25519@openssh.com AAAAGnNrLXNzaC1lZDI1NTE5QG9wZW5zc2guY29tAAAAIBERERERERERERERERERERERERERERERERERERER"
    "ERERAAAABHNzaDo="
)


def keygen(*arguments: str) -> str:
    return subprocess.run(
        ["ssh-keygen", *arguments], check=True, capture_output=True, text=True, timeout=20, env={"TZ": "UTC"}
    ).stdout


def make_key(folder: Path, kind: str, bits: str) -> str:
    path = folder / f"key-{kind}{bits}"
    keygen("-q", "-t", kind, *(["-b", bits] if bits else []), "-N", "", "-C", "", "-f", str(path))
    return path.with_name(path.name + ".pub").read_text().strip()


def sk_ecdsa_line(folder: Path) -> str:
    """A FIDO key as a token would show it: an ordinary P-256 point and the application string."""

    def wire(value: bytes) -> bytes:
        return struct.pack(">I", len(value)) + value

    blob = read_public_key((folder / "key-ecdsa256.pub").read_text()).fields
    kind = b"sk-ecdsa-sha2-nistp256@openssh.com"
    return f"{kind.decode()} {base64.b64encode(wire(kind) + blob + wire(b'ssh:')).decode()}"


@pytest.fixture
def authority(tmp_path: Path) -> CertificateAuthority:
    init_keys(tmp_path / "signer")
    return CertificateAuthority.from_file(tmp_path / "signer" / "target_ca")


def technician_lines(folder: Path) -> dict[str, str]:
    return {
        "p256": make_key(folder, "ecdsa", "256"),
        "p384": make_key(folder, "ecdsa", "384"),
        "ed25519": make_key(folder, "ed25519", ""),
        "sk-ed25519": SK_ED25519,
        "sk-ecdsa": sk_ecdsa_line(folder),
    }


def shown(folder: Path, line: str) -> str:
    path = folder / "shown-cert.pub"
    path.write_text(line + "\n")
    return "\n".join(keygen("-L", "-f", str(path)).splitlines()[1:])


def without_key(text: str) -> str:
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("kind", ["p256", "p384", "ed25519", "sk-ed25519", "sk-ecdsa"])
@pytest.mark.parametrize("purpose", ["entry", "target", "measure"])
def test_our_certificate_reads_like_the_one_of_ssh_keygen(
    tmp_path: Path, authority: CertificateAuthority, kind: str, purpose: str
) -> None:
    line = technician_lines(tmp_path)[kind]
    minted, options, after, before = _ours(authority, line, purpose)
    theirs = tmp_path / "theirs.pub"
    theirs.write_text(line + "\n")
    keygen(
        "-q", "-s", str(tmp_path / "signer" / "target_ca"), "-I", "MT-2026-00014:pe_a:ag_b", "-n", "qd:maint@web01",
        "-z", "77", "-V", f"{after:%Y%m%d%H%M%S}:{before:%Y%m%d%H%M%S}", "-O", "clear",
        *[word for option in options for word in ("-O", option)], str(theirs),
    )  # fmt: skip
    expected = (tmp_path / "theirs-cert.pub").read_text().strip()
    assert without_key(shown(tmp_path, minted.line)) == without_key(shown(tmp_path, expected))
    assert minted.line.split()[0] == expected.split()[0]
    mine, other = read_certificate(minted.blob), read_certificate(certificate_blob(expected))
    assert (mine.serial, mine.key_id, mine.principals, mine.critical_options, mine.extensions, mine.key) == (
        other.serial, other.key_id, other.principals, other.critical_options, other.extensions, other.key,
    )  # fmt: skip
    assert signed_by(minted.blob, authority.public_key.line)
    assert signed_by(certificate_blob(expected), authority.public_key.line)
    if not kind.startswith("sk-"):  # the library reads FIDO keys, but not their certificates
        loaded = load_ssh_public_identity(minted.line.encode())
        assert isinstance(loaded, SSHCertificate)
        loaded.verify_cert_signature()


def _ours(authority: CertificateAuthority, line: str, purpose: str) -> tuple[Minted, list[str], datetime, datetime]:
    key = read_public_key(line)
    common = {"serial": 77, "key_id": "MT-2026-00014:pe_a:ag_b", "principal": "qd:maint@web01", "now": NOW}
    whole = NOW.replace(microsecond=0)
    if purpose == "entry":
        order = entry_order(key, valid_until=NOW + timedelta(hours=2), **common)  # type: ignore[arg-type]
        return authority.mint(order), ["permit-pty"], whole, whole + timedelta(hours=2)
    after, before = whole - timedelta(seconds=6), whole + timedelta(seconds=90)
    if purpose == "target":
        order = target_order(key, source_address="127.0.0.1", **common)  # type: ignore[arg-type]
        return authority.mint(order), ["source-address=127.0.0.1", "permit-pty"], after, before
    order = measure_order(key, source_address="127.0.0.1", force_command="python3 -I", **common)  # type: ignore[arg-type]
    return authority.mint(order), ["force-command=python3 -I", "source-address=127.0.0.1"], after, before


def test_ssh_keygen_signs_with_the_key_that_init_made(tmp_path: Path) -> None:
    lines = init_keys(tmp_path / "signer")
    for name, line in lines.items():
        assert keygen("-y", "-f", str(tmp_path / "signer" / name)).split()[:2] == line.split()[:2]
    assert lines == init_keys(tmp_path / "signer")
    assert lines["entry_ca"] != lines["target_ca"]


def test_a_fresh_connection_key_is_read_by_ssh_keygen(tmp_path: Path) -> None:
    private, public = new_private_key()
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(private)
    assert keygen("-y", "-f", str(path)).split()[:2] == public.split()[:2]
