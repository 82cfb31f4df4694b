"""Host certificates of targets over the wire: list them, order and sign one."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.workflows import certify_host, keep_inventory

router = Router(tags=["host certificates"])


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class HostCertificateIn(Schema):
    """Whose host key is certified; without `host_key` the pinned one, without `connection` the asset's only one."""

    model_config = ConfigDict(extra="forbid")

    asset: str
    connection: str = ""
    host_key: str = ""


class HostCertificateOut(Schema):
    """One host certificate; `certificate` is what the target's `HostCertificate` file holds."""

    id: str
    asset: str
    connection: str
    hostname: str
    address: str
    fingerprint: str
    ordered_by: str
    ordered_at: datetime
    valid_until: datetime
    state: access.HostCertificateState
    serial: int | None
    certificate: str

    @classmethod
    def of(cls, view: access.HostCertificateView) -> "HostCertificateOut":
        """Return the certificate as it goes over the wire."""
        return cls(**{name: getattr(view, name) for name in cls.model_fields})


class CertifiedHostOut(Schema):
    """The signed certificate, and the host identity that pins the authority instead of the key."""

    host_certificate: HostCertificateOut
    identity: str


@router.get("", response=_answers(list[HostCertificateOut]))
def list_host_certificates(request: HttpRequest, asset: str = "") -> list[HostCertificateOut]:
    """Return the host certificates, newest first, of one asset where asked."""
    keep_inventory.may_read(actor_of(request), wiring.clock().now()).require()
    return [HostCertificateOut.of(view) for view in access.host_certificates(asset)]


@router.post("/{certificate}/revoke", response=_answers(HostCertificateOut))
def revoke(request: HttpRequest, certificate: str) -> HostCertificateOut:
    """Give a host key up, with every certificate for it; takes the IT lead and a fresh second factor."""
    view = certify_host.give_host_key_up(actor_of(request, "write"), wiring.clock(), certificate)
    return HostCertificateOut.of(view)


@router.post("", response=_answers(CertifiedHostOut))
def certify(request: HttpRequest, body: HostCertificateIn) -> CertifiedHostOut:
    """Order and sign a host certificate; takes the IT lead and a fresh second factor."""
    made = certify_host.certify_host(
        actor_of(request, "write"),
        wiring.clock(),
        asset=body.asset,
        connection=body.connection,
        host_key=body.host_key,
        signer=wiring.signer(),
    )
    return CertifiedHostOut(host_certificate=HostCertificateOut.of(made.certificate), identity=made.identity)
