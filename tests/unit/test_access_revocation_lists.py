"""Key revocation lists as OpenSSH itself reads them: `ssh-keygen -Q` is the judge."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.access.api import Revoked, read_public_key, revocation_list
from quarterdeck.adapters.openssh_ca import CertificateAuthority, entry_order, init_keys, new_private_key

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)


def says(folder: Path, krl: bytes, line: str) -> str:
    """What ssh-keygen says of one key or certificate: `ok` or `REVOKED`."""
    (folder / "list").write_bytes(krl)
    (folder / "one.pub").write_text(line + "\n")
    done = subprocess.run(
        ["ssh-keygen", "-Q", "-f", str(folder / "list"), str(folder / "one.pub")],
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert "invalid" not in done.stderr.lower(), done.stderr
    return done.stdout.strip().rpartition(": ")[2]


def certificate(authority: CertificateAuthority, serial: int) -> str:
    order = entry_order(
        read_public_key(new_private_key()[1]),
        serial=serial,
        key_id="MT-2026-00001:pe_a:ag_b",
        principal="qd-entry-example",
        now=AT,
        valid_until=AT + timedelta(hours=1),
    )
    return authority.mint(order).line


@pytest.fixture
def authorities(tmp_path: Path) -> tuple[CertificateAuthority, CertificateAuthority]:
    init_keys(tmp_path / "keys")
    keys = tmp_path / "keys"
    return CertificateAuthority.from_file(keys / "entry_ca"), CertificateAuthority.from_file(keys / "target_ca")


def test_a_serial_is_revoked_for_its_authority_alone(
    tmp_path: Path, authorities: tuple[CertificateAuthority, CertificateAuthority]
) -> None:
    entry, target = authorities
    krl = revocation_list(Revoked(entry.public_key.line, frozenset({7, 1 << 52})), AT)
    assert says(tmp_path, krl, certificate(entry, 7)) == "REVOKED"
    assert says(tmp_path, krl, certificate(entry, 1 << 52)) == "REVOKED"
    assert says(tmp_path, krl, certificate(entry, 8)) == "ok"
    assert says(tmp_path, krl, certificate(target, 7)) == "ok"


def test_a_retired_authority_takes_all_its_certificates_with_it(
    tmp_path: Path, authorities: tuple[CertificateAuthority, CertificateAuthority]
) -> None:
    entry, target = authorities
    krl = revocation_list(Revoked(entry.public_key.line, retired=(target.public_key.line,)), AT)
    assert says(tmp_path, krl, certificate(target, 99)) == "REVOKED"
    assert says(tmp_path, krl, certificate(entry, 99)) == "ok"


def test_an_empty_list_is_a_list(
    tmp_path: Path, authorities: tuple[CertificateAuthority, CertificateAuthority]
) -> None:
    krl = revocation_list(Revoked(authorities[0].public_key.line), AT)
    assert says(tmp_path, krl, certificate(authorities[0], 1)) == "ok"


@given(st.sets(st.integers(1, (1 << 53) - 1), min_size=1, max_size=50))
def test_serials_stand_in_order_and_once(serials: set[int]) -> None:
    line = new_private_key()[1]
    krl = revocation_list(Revoked(line, frozenset(serials)), AT)
    listed = b"".join(number.to_bytes(8) for number in sorted(serials))
    assert krl.endswith(b"\x20" + len(listed).to_bytes(4) + listed)


def test_a_serial_outside_the_numbers_is_no_serial() -> None:
    for serial in (0, 1 << 64):
        with pytest.raises(ValueError, match="serial"):
            revocation_list(Revoked(new_private_key()[1], frozenset({serial})), AT)
