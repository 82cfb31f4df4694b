"""The host authority: a third key that signs host certificates of targets and nothing else.

A key of its own, so that no flaw in how a program reads the type of a certificate makes a host certificate open an
account: no `sshd` trusts this authority for users, no client trusts the other two for hosts.
"""

import ipaddress
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from quarterdeck.access.api import HOST_CERTIFICATE, CertificateFields, PublicKey, certificate_body
from quarterdeck.adapters.openssh_ca import BACKDATE, CertificateAuthority, Minted
from quarterdeck.kernel.names import is_hostname

LONGEST_HOST = timedelta(days=397)
_KEY_ID = re.compile(r"[A-Za-z0-9._:@=+-]{1,200}", re.ASCII)
_MAX_SERIAL = (1 << 53) - 1


@dataclass(frozen=True, slots=True)
class HostOrder:
    """Everything that a host certificate shall say; raises ValueError for what none may say."""

    key: PublicKey
    serial: int
    key_id: str
    hostname: str
    address: str
    now: datetime
    valid_until: datetime

    def __post_init__(self) -> None:
        if not 0 < self.serial <= _MAX_SERIAL or _KEY_ID.fullmatch(self.key_id) is None:
            raise ValueError("serial or key id outside the grammar")
        if not is_hostname(self.hostname):
            raise ValueError("a host certificate names a host")
        if self.key.kind.startswith("sk-"):
            raise ValueError("a host has no security key")
        if not self.now < self.valid_until <= self.now + LONGEST_HOST:
            raise ValueError("a host certificate ends after it starts and within 13 months")

    @property
    def principals(self) -> tuple[str, ...]:
        """The host name by which the gate asks, and the address where that is one."""
        try:
            return (self.hostname, str(ipaddress.ip_address(self.address)))
        except ValueError:
            return (self.hostname,) if self.address == self.hostname else (self.hostname, self.address)


def mint_host(authority: CertificateAuthority, order: HostOrder) -> Minted:
    """Return the signed host certificate; it has neither options nor extensions."""
    body = certificate_body(
        CertificateFields(
            key=order.key,
            serial=order.serial,
            key_id=order.key_id,
            principals=order.principals,
            valid_after=int((order.now - BACKDATE).timestamp()),
            valid_before=int(order.valid_until.timestamp()),
            critical_options={},
            extensions=(),
            authority=authority.public_key.blob,
            cert_type=HOST_CERTIFICATE,
        ),
        nonce=secrets.token_bytes(32),
    )
    return authority.sealed(body, order.key.kind)
