"""Certificate authorities for OpenSSH: ECDSA P-256 keys and the three kinds of user certificate that two of them sign.

P-256 because FIPS providers of the 3.0 era refuse Ed25519 (facts.md section 6). An *entry* certificate opens the gate
and no target, a *target* or *measure* certificate opens one account of one target and no gate: other authority, other
principal. A third key signs host certificates alone, see `openssh_host_ca`. Only the signer process holds the keys;
everybody else only checks signatures with the public half.
"""

import ipaddress
import os
import re
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from quarterdeck.access.api import (
    CertificateFields,
    PublicKey,
    certificate_blob,
    certificate_body,
    certificate_line,
    read_public_key,
)

TARGET_LIFETIME = timedelta(seconds=90)
ENTRY_CAP = timedelta(hours=12)
# A target's clock may lag by the five seconds that the pre-check allows, and by one second of rounding.
BACKDATE = timedelta(seconds=6)
ENTRY_CA = "entry_ca"
TARGET_CA = "target_ca"
HOST_CA = "host_ca"
VERIFY_REQUIRED = "verify-required"
_KIND = b"ecdsa-sha2-nistp256"
_KEY_ID = re.compile(r"[A-Za-z0-9._:@=+-]{1,200}", re.ASCII)
_PRINCIPAL = re.compile(r"[a-z0-9][a-z0-9._:@-]{2,300}", re.ASCII)
_MAX_SERIAL = (1 << 53) - 1


@dataclass(frozen=True, slots=True)
class Order:
    """Everything that a certificate shall say; made by `entry_order`, `target_order` or `measure_order` only."""

    key: PublicKey
    serial: int
    key_id: str
    principal: str
    valid_from: datetime
    valid_until: datetime
    critical_options: Mapping[str, str] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.serial <= _MAX_SERIAL:
            raise ValueError("a serial is a positive number below 2**53")
        if _KEY_ID.fullmatch(self.key_id) is None or _PRINCIPAL.fullmatch(self.principal) is None:
            raise ValueError("key id or principal outside the grammar")
        if not self.valid_from < self.valid_until <= self.valid_from + ENTRY_CAP + BACKDATE:
            raise ValueError("a certificate must end after it starts and within twelve hours")


@dataclass(frozen=True, slots=True)
class Minted:
    """A signed certificate: its line and its bytes."""

    line: str
    blob: bytes


def entry_order(
    key: PublicKey,
    *,
    serial: int,
    key_id: str,
    principal: str,
    now: datetime,
    valid_until: datetime,
    verified: bool = False,
) -> Order:
    """Return the order of a technician's certificate for the gate: a terminal, nothing else; at most twelve hours.

    `verified` asks `sshd` to refuse each signature that the security key made without its PIN or fingerprint.
    """
    until = min(valid_until, now + ENTRY_CAP)
    options = {VERIFY_REQUIRED: ""} if verified else {}
    return Order(key, serial, key_id, principal, now.replace(microsecond=0), until, options, ("permit-pty",))


def target_order(
    key: PublicKey, *, serial: int, key_id: str, principal: str, source_address: str, now: datetime
) -> Order:
    """Return the order of the gate's certificate for one account of one target: 90 s, from the gate's address only."""
    options = {"source-address": checked_source(source_address)}
    return Order(key, serial, key_id, principal, now - BACKDATE, now + TARGET_LIFETIME, options, ("permit-pty",))


def measure_order(
    key: PublicKey,
    *,
    serial: int,
    key_id: str,
    principal: str,
    source_address: str,
    force_command: str,
    now: datetime,
) -> Order:
    """Return the order of a measuring certificate: 90 s, from the gate only, one fixed command, no terminal."""
    if not force_command or "\n" in force_command or "\0" in force_command:
        raise ValueError("a measuring certificate names one command on one line")
    options = {"force-command": force_command, "source-address": checked_source(source_address)}
    return Order(key, serial, key_id, principal, now - BACKDATE, now + TARGET_LIFETIME, options)


def checked_source(address: str) -> str:
    """Return one IP address as text for `source-address`; ValueError for a name, a network or several addresses."""
    return str(ipaddress.ip_address(address))


class CertificateAuthority:
    """One authority's private key, held by the signer process alone."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        line = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
        self.public_key = read_public_key(line.decode())

    @classmethod
    def from_file(cls, path: Path) -> "CertificateAuthority":
        """Read the key; PermissionError unless the file is ours alone (mode 0600), ValueError for another curve."""
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            if state.st_mode & 0o077 or state.st_uid != os.geteuid():
                raise PermissionError(f"{path} must belong to the signer's user and have mode 0600")
            key = serialization.load_ssh_private_key(file.read(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise ValueError(f"{path} does not hold an ECDSA P-256 key")
        return cls(key)

    def mint(self, order: Order) -> Minted:
        """Return the signed certificate for `order`; the caller answers for the serial being unused."""
        body = certificate_body(
            CertificateFields(
                key=order.key,
                serial=order.serial,
                key_id=order.key_id,
                principals=(order.principal,),
                valid_after=int(order.valid_from.timestamp()),
                valid_before=int(order.valid_until.timestamp()),
                critical_options=order.critical_options,
                extensions=order.extensions,
                authority=self.public_key.blob,
            ),
            nonce=secrets.token_bytes(32),
        )
        return self.sealed(body, order.key.kind)

    def sealed(self, body: bytes, kind: str) -> Minted:
        """Return this certificate body with our signature; `kind` is the type of the certified key."""
        line = certificate_line(body, self.signature(body), kind)
        return Minted(line, certificate_blob(line))

    def signature(self, body: bytes) -> bytes:
        """Return the signature of these bytes as OpenSSH writes it: type and two numbers."""
        r, s = decode_dss_signature(self._key.sign(body, ec.ECDSA(hashes.SHA256())))
        return _string(_KIND) + _string(_mpint(r) + _mpint(s))


def init_keys(folder: Path) -> dict[str, str]:
    """Make the three authorities' keys in `folder` (0700, files 0600) unless they exist; return their public lines.

    Idempotent: an existing key is never replaced. The public halves lie beside them as `<name>.pub`.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    return {name: _ensure_key(folder / name) for name in (ENTRY_CA, TARGET_CA, HOST_CA)}


def new_private_key() -> tuple[str, str]:
    """Return a fresh ECDSA P-256 key for one connection: (OpenSSH private key text, public key line)."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH)
    return _private_text(key), public.decode()


def _ensure_key(path: Path) -> str:
    if not path.exists():
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        _write(temporary, _private_text(ec.generate_private_key(ec.SECP256R1())), 0o600)
        try:
            os.link(temporary, path)  # two starts at once: the first link wins and the key is never replaced
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    line = CertificateAuthority.from_file(path).public_key.line
    public = path.with_name(path.name + ".pub")
    if not public.exists():
        _write(public, line + "\n", 0o644)
    return line


def _write(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, mode)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _private_text(key: ec.EllipticCurvePrivateKey) -> str:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    ).decode()


def _string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


def _mpint(number: int) -> bytes:
    return _string(number.to_bytes(number.bit_length() // 8 + 1))
