"""A host certificate for a target: ordered in one act, signed by the signer from it, kept in a second act.

The IT lead orders, stepped up. Whoever holds the API alone gets no signature: the signer reads the order in the ledger.
"""

from dataclasses import dataclass
from typing import Protocol

from quarterdeck.access import api as access
from quarterdeck.evidence.api import act
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.refusals import refusals_recorded


class HostSigner(Protocol):
    """The process that holds the host authority's key."""

    def host(self, order: str) -> str:
        """Return the host certificate (one OpenSSH line) for an order; raises Refused with the signer's reasons."""

    def status(self) -> dict[str, object]:
        """Return the authorities' public keys; raises Refused when the signer does not answer."""


@dataclass(frozen=True, slots=True)
class CertifiedHost:
    """The certificate, and the line that pins the authority instead of the key."""

    certificate: access.HostCertificateView
    identity: str


def certify_host(
    actor: Actor, clock: Clock, *, asset: str, connection: str = "", host_key: str = "", signer: HostSigner
) -> CertifiedHost:
    """Return the signed certificate for the pinned host key, or for `host_key` where the authority is pinned.

    Raises Refused, which is also recorded. A signer that says no leaves the order as it is: it goes stale.
    """
    with refusals_recorded(actor, clock, "host.certify"):
        tickets.has_role(actor, [Role.IT_LEAD], clock.now()).require()
        identity = f"@cert-authority {signer.status()['host_ca']}"
        place = connection or _only_connection(asset)
        with act(actor, clock) as current:
            order = access.order_host_certificate(current, asset=asset, connection=place, host_key=host_key)
        line = signer.host(order.id)
        with act(actor, clock) as current:
            signed = access.bind_host_certificate(current, order.id, line)
    return CertifiedHost(signed, identity)


def give_host_key_up(actor: Actor, clock: Clock, certificate: str) -> access.HostCertificateView:
    """Revoke a host certificate and its key: from the next connection on the gate believes neither."""
    with refusals_recorded(actor, clock, "host.give_up"), act(actor, clock) as current:
        return access.revoke_host_certificate(current, certificate)


def _only_connection(asset: str) -> str:
    found = inventory.asset(asset).connections
    if len(found) == 1:
        return found[0].id
    raise Refused(
        refuse(
            "host.which_connection",
            f"This asset has {len(found)} connections.",
            "Name one; they stand on the asset's page.",
        )
    )
