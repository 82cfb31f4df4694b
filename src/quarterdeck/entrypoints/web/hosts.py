"""A target's host certificates and cryptography on its asset's page: shown, ordered, downloaded."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.entrypoints.web import stepup
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.people_in import CLOCK
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import AssetView
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel.api import Role
from quarterdeck.workflows.certify_host import certify_host, give_host_key_up
from quarterdeck.workflows.target_cryptography import target_cryptography

_STATES = {
    "signed": ("active", "Signed"),
    "replaced": ("ended", "Replaced"),
    "ordered": ("draft", "Ordered"),
    "revoked": ("interrupted", "Key given up"),
}


def of_asset(asset: AssetView, seen: Visitor, names: Names) -> dict[str, Any]:
    """Return the context of `assets/hosts.html`."""
    certificates = [
        {
            "id": one.id,
            "fingerprint": one.fingerprint,
            "by": names.person(one.ordered_by),
            "until": one.valid_until,
            "code": _STATES[one.state.value][0],
            "word": _STATES[one.state.value][1],
            "signed": bool(one.certificate),
            "standing": bool(one.certificate) and one.state is not access.HostCertificateState.REVOKED,
            "genuine": access.check_host_certificate(one.id).allowed,
        }
        for one in access.host_certificates(asset.id)
    ]
    return {
        "host_certificates": certificates,
        "cryptography": target_cryptography(asset.id),
        "may_certify": seen.has(Role.IT_LEAD) and asset.active,
    }


@page(Role.IT_LEAD)
def certify(request: HttpRequest, seen: Visitor, asset_id: str, connection_id: str) -> HttpResponse:
    """Order and sign a certificate for the host key of a connection; asks for the second factor in its form."""
    asset = inventory.asset(asset_id)
    place = next((one for one in asset.connections if one.id == connection_id), None)
    if place is None:
        raise Http404
    said = request.POST.get("host_key", "").strip()[:1500]
    context: dict[str, Any] = {"asset": asset, "place": place, "host_key": said}
    context["code_form"] = stepup.code_form(request, seen)
    if request.method == "POST" and seen.stepped_up:
        try:
            made = certify_host(
                seen.actor,
                CLOCK,
                asset=asset_id,
                connection=connection_id,
                host_key=said,
                signer=wiring.signer(),
            )
            messages.success(request, "Signed. Install it with `qd gate target-setup`, then pin the authority here.")
            context |= {"made": made.certificate, "identity": made.identity}
        except Refused as refused:
            context["refused"] = refused.decision
    return render(request, "assets/host_certify.html", context)


@page(Role.IT_LEAD)
@require_POST
def give_up(request: HttpRequest, seen: Visitor, asset_id: str, certificate_id: str) -> HttpResponse:
    """Give a host key up."""
    made = give_host_key_up(seen.actor, CLOCK, certificate_id)
    messages.success(request, f"The gate believes the host key {made.fingerprint} no more.")
    return redirect("asset", asset_id)


@page()
def download(request: HttpRequest, seen: Visitor, asset_id: str, certificate_id: str) -> HttpResponse:
    """Return the certificate as the file that `HostCertificate` names; it is public."""
    del request, seen
    found = access.host_certificate(certificate_id)
    if found.asset != asset_id or not found.certificate:
        return redirect("asset", asset_id)
    answer = HttpResponse(found.certificate + "\n", content_type="text/plain; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="host_key-cert.pub"'
    return answer
