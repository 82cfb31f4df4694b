"""A host certificate's order as the signer makes it: the request names an order, the rest comes from sealed rows."""

import re
from datetime import datetime

from quarterdeck.access import api as access
from quarterdeck.adapters.openssh_ca import CertificateAuthority
from quarterdeck.adapters.openssh_host_ca import HostOrder
from quarterdeck.kernel.decision import Refused, refuse

_ORDER = re.compile(r"hc_[a-z2-9]{16}", re.ASCII)


def sealed_order(
    order_id: str, authority: CertificateAuthority, serial: int, now: datetime
) -> tuple[HostOrder, access.HostCertificateView]:
    """Return what the certificate shall say, and the order; Refused unless the ledger vouches for all of it."""
    if _ORDER.fullmatch(order_id) is None:
        raise Refused(refuse("signer.no_order", "The request names no order of a host certificate.", "Order one."))
    access.may_sign_host(order_id, authority.public_key.line, now).require()
    seen = access.host_certificate(order_id)
    order = HostOrder(
        key=access.read_public_key(seen.host_key),
        serial=serial,
        key_id=f"host:{seen.hostname}:{seen.id}",
        hostname=seen.hostname,
        address=seen.address,
        now=now,
        valid_until=seen.valid_until,
    )
    return order, seen
