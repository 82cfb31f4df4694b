"""The codec of certificates and the grammar of orders: only whole, well-formed bytes are read, only sane ones made."""

import base64
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.access.certificates import (
    certificate_blob,
    read_certificate,
    read_public_key,
)
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.adapters.openssh_ca import (
    CertificateAuthority,
    entry_order,
    measure_order,
    new_private_key,
    target_order,
)

NOW = datetime(2026, 11, 23, 14, 0, tzinfo=UTC)
AUTHORITY = CertificateAuthority(ec.generate_private_key(ec.SECP256R1()))
KEY = read_public_key(new_private_key()[1])
COMMON = {"serial": 7, "key_id": "MT-2026-00001:pe_a:ag_b", "principal": "qd:maint@web01", "now": NOW}
ORDER = target_order(KEY, source_address="127.0.0.1", **COMMON)  # type: ignore[arg-type]
BLOB = AUTHORITY.mint(ORDER).blob


def line_of(key: object) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()  # type: ignore[attr-defined]


def test_a_certificate_says_what_was_ordered_and_nothing_more() -> None:
    fields = read_certificate(BLOB)
    assert fields.key == KEY
    assert fields.serial == 7
    assert fields.principals == ("qd:maint@web01",)
    assert fields.critical_options == {"source-address": "127.0.0.1"}
    assert fields.extensions == ("permit-pty",)
    assert fields.valid_before - fields.valid_after == 96
    assert fields.authority == AUTHORITY.public_key.blob


def test_an_entry_certificate_ends_with_its_window_and_after_twelve_hours() -> None:
    short = entry_order(KEY, valid_until=NOW + timedelta(hours=2), **COMMON)  # type: ignore[arg-type]
    long = entry_order(KEY, valid_until=NOW + timedelta(days=3), **COMMON)  # type: ignore[arg-type]
    assert short.valid_until == NOW + timedelta(hours=2)
    assert long.valid_until == NOW + timedelta(hours=12)
    assert (short.critical_options, short.extensions) == ({}, ("permit-pty",))


def test_a_measuring_certificate_has_one_command_and_no_terminal() -> None:
    order = measure_order(KEY, source_address="10.0.0.5", force_command="python3 -I", **COMMON)  # type: ignore[arg-type]
    assert order.critical_options == {"force-command": "python3 -I", "source-address": "10.0.0.5"}
    assert order.extensions == ()


@pytest.mark.parametrize("command", ["", "id\nid", "id\0"])
def test_a_measuring_certificate_needs_one_command_on_one_line(command: str) -> None:
    with pytest.raises(ValueError, match="one command"):
        measure_order(KEY, source_address="10.0.0.5", force_command=command, **COMMON)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["gate.example", "10.0.0.0/8", "10.0.0.1,0.0.0.0/0", "", "*"])
def test_the_source_is_one_address(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        target_order(KEY, source_address=address, **COMMON)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"serial": 0},
        {"serial": 1 << 53},
        {"key_id": "two words"},
        {"key_id": "line\nbreak"},
        {"principal": "root,maint"},
        {"principal": ""},
        {"principal": "qd:maint@web01\n"},
        {"valid_until": NOW - timedelta(minutes=1)},
        {"valid_until": NOW + timedelta(hours=13)},
    ],
)
def test_an_order_outside_the_grammar_is_not_made(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"serial|grammar|end after"):
        replace(ORDER, **changes)  # type: ignore[arg-type]


def test_a_changed_byte_is_never_signed() -> None:
    # One test, not one per byte: the length of a signature varies, and two workers must collect the same tests.
    for at in range(len(BLOB)):
        changed = bytearray(BLOB)
        changed[at] ^= 0x01
        assert not signed_by(bytes(changed), AUTHORITY.public_key.line), at


def test_another_authority_has_not_signed_it() -> None:
    other = CertificateAuthority(ec.generate_private_key(ec.SECP256R1()))
    assert signed_by(BLOB, AUTHORITY.public_key.line)
    assert not signed_by(BLOB, other.public_key.line)
    assert not signed_by(BLOB + b"\0", AUTHORITY.public_key.line)
    assert not signed_by(BLOB, "ssh-ed25519 rubbish")


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_rubbish_is_refused_as_a_value_error(rubbish: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_certificate(rubbish)
    assert not signed_by(rubbish, AUTHORITY.public_key.line)


@settings(max_examples=300)
@given(st.integers(0, len(BLOB)), st.binary(max_size=40))
def test_a_spliced_certificate_is_never_signed(at: int, piece: bytes) -> None:
    spliced = BLOB[:at] + piece + BLOB[at + len(piece) :]
    assert spliced == BLOB or not signed_by(spliced, AUTHORITY.public_key.line)


def test_accepted_kinds_of_key() -> None:
    for key in (
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 3072),
    ):
        line = line_of(key)
        order = replace(ORDER, key=read_public_key(line + " somebody@somewhere"))
        minted = AUTHORITY.mint(order)
        assert read_certificate(minted.blob).key.line == line
        assert certificate_blob(minted.line + " comment") == minted.blob


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ssh-ed25519",
        "ssh-ed25519 !!!!",
        "ssh-dss AAAAB3NzaC1kc3M=",
        "ssh-ed25519 " + KEY.line.split()[1],
        KEY.line.split()[0] + " " + base64.b64encode(KEY.blob + b"x").decode(),
        KEY.line.split()[0] + " " + base64.b64encode(KEY.blob[:-1]).decode(),
        'command="id" ' + KEY.line,
        "ssh-ed25519 " + "A" * 40_000,
    ],
)
def test_a_line_that_is_no_accepted_key_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        read_public_key(line)


def test_a_short_rsa_key_is_refused() -> None:
    with pytest.raises(ValueError, match="3072"):
        read_public_key(line_of(rsa.generate_private_key(65537, 2048)))
