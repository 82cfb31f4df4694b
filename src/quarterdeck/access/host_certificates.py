"""Host certificates of targets: ordered by the IT lead, signed by the signer from the sealed order, kept as rows.

The gate asks a target for the host key that was approved. With a certificate the approved identity is the authority and
the host name, so that a host key can be replaced by an act of its own, without a new approval of every ticket; a plain
pinned key stays bound to that key (3.13.15, attacks.md row 3).
"""

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from quarterdeck.access.certificates import certificate_blob, read_host_certificate, read_public_key
from quarterdeck.access.models import HostCertificate
from quarterdeck.access.rules import row_is_sealed
from quarterdeck.access.terms import HOST_SIGNED
from quarterdeck.evidence.api import Act, JsonValue, ObjectRef, entries, last_entry, row_digest
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import ConnectionView
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets

HOST_LIFETIME = timedelta(days=365)
FRESH_ORDER = timedelta(minutes=10)
HOST_REVOKED = "host_certificate.revoked"
_EVENTS = ("host_certificate.ordered", HOST_SIGNED, "host_certificate.replaced", HOST_REVOKED)
_AUTHORITY = "@cert-authority "
_UNKNOWN = refuse(
    "host.unknown_order", "There is no such order of a host certificate.", "Order one: qd gate host-certificate."
)


class HostCertificateState(StrEnum):
    """Ordered, then signed; a newer one for the same connection replaces it; revoked when its key is not trusted."""

    ORDERED = "ordered"
    SIGNED = "signed"
    REPLACED = "replaced"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class HostCertificateView:
    """One host certificate; `certificate` is its OpenSSH line, empty before it was signed."""

    id: str
    asset: str
    connection: str
    hostname: str
    address: str
    host_key: str
    fingerprint: str
    ordered_by: str
    ordered_at: datetime
    valid_until: datetime
    state: HostCertificateState
    serial: int | None
    cert_sha256: str
    certificate: str


def order_host_certificate(act: Act, *, asset: str, connection: str, host_key: str = "") -> HostCertificateView:
    """Order a host certificate for a target's key, `host_key` or the pinned one; the IT lead's act, stepped up.

    Refused: no host key pinned, another key than the pinned one, a key that no certificate is made for, and rows that
    the ledger does not vouch for.
    """
    tickets.has_role(act.actor, [Role.IT_LEAD], act.at).require()
    tickets.stepped_up(act.actor, act.at).require()
    seen, place = inventory.asset(asset), inventory.connection(connection)
    all_of((inventory.check_row(asset, connection), _belongs(place, asset), _has_identity(place))).require()
    line = _usable_key(host_key or _pinned_key(place))
    all_of((_is_the_pinned_one(place, line), _is_not_given_up(asset, line))).require()
    row = HostCertificate(
        id=new_id("hc"),
        asset_id=asset,
        connection_id=connection,
        hostname=seen.hostname,
        address=_spelt(place.address),
        host_key=line,
        fingerprint=read_public_key(line).fingerprint,
        ordered_by=act.actor.id,
        ordered_at=act.at,
        valid_until=act.at.replace(microsecond=0) + HOST_LIFETIME,
        state=HostCertificateState.ORDERED.value,
    )
    row.save(force_insert=True)
    _record(act, row, _EVENTS[0], {"asset": asset, "connection": connection, "valid_until": rfc3339(row.valid_until)})
    return view_of_host_certificate(row)


def bind_host_certificate(act: Act, order: str, line: str) -> HostCertificateView:
    """Keep the certificate that the signer made of this order; the one before it is replaced."""
    row = HostCertificate.objects.select_for_update().get(id=order)
    check_host_certificate(order).require()
    require_that(
        row.state == HostCertificateState.ORDERED.value, "host.already_signed", "This order was signed already.", ""
    ).require()
    blob = certificate_blob(line)
    for old in HostCertificate.objects.filter(
        connection_id=row.connection_id, state=HostCertificateState.SIGNED.value
    ).order_by("id"):
        old.state = HostCertificateState.REPLACED.value
        old.save(update_fields=["state"])
        _record(act, old, "host_certificate.replaced", {"by": row.id})
    row.serial, row.cert_sha256 = read_host_certificate(blob).serial, hashlib.sha256(blob).hexdigest()
    row.certificate, row.state = line, HostCertificateState.SIGNED.value
    row.save(update_fields=["serial", "cert_sha256", "certificate", "state"])
    _record(act, row, HOST_SIGNED, {"serial": row.serial, "cert_sha256": row.cert_sha256})
    return view_of_host_certificate(row)


def revoke_host_certificate(act: Act, certificate: str) -> HostCertificateView:
    """Give a host key up: the gate believes neither the key nor any certificate for it; the IT lead's act, stepped up.

    Final. Raises Refused for one that was never signed or is revoked already.
    """
    tickets.has_role(act.actor, [Role.IT_LEAD], act.at).require()
    tickets.stepped_up(act.actor, act.at).require()
    host_certificate(certificate)
    row = HostCertificate.objects.select_for_update().get(id=certificate)
    check_host_certificate(certificate).require()
    require_that(
        row.state in (HostCertificateState.SIGNED.value, HostCertificateState.REPLACED.value),
        "host.not_signed",
        "This host certificate was never signed, or is revoked already.",
        "Look at the asset's host certificates.",
    ).require()
    row.state = HostCertificateState.REVOKED.value
    row.save(update_fields=["state"])
    _record(act, row, HOST_REVOKED, {"serial": row.serial, "asset": row.asset_id})
    return view_of_host_certificate(row)


def revoked_host_keys(asset: str) -> tuple[str, ...]:
    """Return the host keys of an asset that were given up; a row put back by hand stays given up by its entry.

    Refused while the row of such an entry is gone or names another key: then nobody knows what not to believe (row 28).
    """
    told = [entry for entry in entries(events=[HOST_REVOKED]) if entry.data.get("asset") == asset]
    rows = HostCertificate.objects.in_bulk([entry.object.id for entry in told])
    keys = []
    for entry in told:
        row = rows.get(entry.object.id)
        revoked = "" if row is None else row_digest(_sealed(row) | {"state": HostCertificateState.REVOKED.value})
        row_is_sealed("host certificate", revoked, entry.data.get("row_digest")).require()
        keys += [] if row is None else [row.host_key]
    return tuple(dict.fromkeys(keys))


def host_certificate(order: str) -> HostCertificateView:
    """Return one; Refused(host.unknown_order) when there is none."""
    row = HostCertificate.objects.filter(id=order).first()
    if row is None:
        raise Refused(_UNKNOWN)
    return view_of_host_certificate(row)


def host_certificates(asset: str = "") -> list[HostCertificateView]:
    """Return the host certificates, newest first, of one asset where asked."""
    rows = HostCertificate.objects.order_by("-ordered_at", "-id")
    return [view_of_host_certificate(row) for row in (rows.filter(asset_id=asset) if asset else rows)]


def may_sign_host(order: str, host_authority: str, at: datetime) -> Decision:
    """Return whether this order may be signed now: sealed, fresh, and its key still what the connection stands for.

    Asked by the signer, which believes rows only as far as the ledger vouches for them (attacks.md rows 1, 14, 28).
    """
    seen = host_certificate(order)
    place = inventory.connection(seen.connection)
    return all_of(
        (
            check_host_certificate(order),
            inventory.check_row(seen.asset, seen.connection),
            require_that(
                seen.state is HostCertificateState.ORDERED and seen.ordered_at <= at < seen.ordered_at + FRESH_ORDER,
                "host.stale_order",
                "This order was signed already, or is older than ten minutes.",
                "Order a new host certificate.",
            ),
            tickets.has_role(Actor(seen.ordered_by, ActorKind.PERSON), [Role.IT_LEAD], at),
            _is_the_pinned_one(place, seen.host_key, host_authority),
            _is_not_given_up(seen.asset, seen.host_key),
            require_that(
                inventory.asset(seen.asset).hostname == seen.hostname and _spelt(place.address) == seen.address,
                "host.moved",
                "Host name or address have changed since the order.",
                "Order a new host certificate.",
            ),
        )
    )


def check_host_certificate(order: str) -> Decision:
    """Return whether the row is what its newest ledger entry sealed."""
    row = HostCertificate.objects.filter(id=order).first()
    sealed = last_entry(_EVENTS, object=ObjectRef("host_certificate", order))
    digest = None if sealed is None else sealed.data.get("row_digest")
    return row_is_sealed("host certificate", "" if row is None else row_digest(_sealed(row)), digest)


def view_of_host_certificate(row: HostCertificate) -> HostCertificateView:
    """Return the row as a value."""
    return HostCertificateView(
        id=row.id,
        asset=row.asset_id,
        connection=row.connection_id,
        hostname=row.hostname,
        address=row.address,
        host_key=row.host_key,
        fingerprint=row.fingerprint,
        ordered_by=row.ordered_by,
        ordered_at=row.ordered_at,
        valid_until=row.valid_until,
        state=HostCertificateState(row.state),
        serial=row.serial,
        cert_sha256=row.cert_sha256,
        certificate=row.certificate,
    )


def _sealed(row: HostCertificate) -> dict[str, JsonValue]:
    return {
        "id": row.id,
        "asset": row.asset_id,
        "connection": row.connection_id,
        "hostname": row.hostname,
        "address": row.address,
        "host_key": row.host_key,
        "ordered_by": row.ordered_by,
        "ordered_at": rfc3339(row.ordered_at),
        "valid_until": rfc3339(row.valid_until),
        "state": row.state,
        "serial": row.serial,
        "cert_sha256": row.cert_sha256,
    }


def _record(act: Act, row: HostCertificate, event: str, data: dict[str, JsonValue]) -> None:
    act.record(event, ObjectRef("host_certificate", row.id), data={**data, "row_digest": row_digest(_sealed(row))})


def _belongs(place: ConnectionView, asset: str) -> Decision:
    return require_that(
        place.asset_id == asset, "host.other_asset", "This connection belongs to another asset.", "Choose its own."
    )


def _has_identity(place: ConnectionView) -> Decision:
    return require_that(
        bool(place.host_identity),
        "host.no_identity",
        "No host key is pinned for this connection, so nobody has said which host it is.",
        "Enter the host key on the asset's page, read from the host's own console.",
    )


def _pinned_key(place: ConnectionView) -> str:
    if not place.host_identity.startswith(_AUTHORITY):
        return place.host_identity
    raise Refused(
        refuse(
            "host.which_key",
            "The connection pins the authority, so the target's key has to be named.",
            "Give the public host key, read from the host's own console: --host-key FILE.",
        )
    )


def _usable_key(text: str) -> str:
    try:
        key = read_public_key(" ".join(text.split()[:2]))
        if key.kind.startswith("sk-"):
            raise ValueError("a host has no security key")
    except ValueError as error:
        raise Refused(
            refuse("host.bad_key", f"This is no usable host key: {error}.", "Give an ECDSA, Ed25519 or RSA public key.")
        ) from error
    return key.line


def _is_the_pinned_one(place: ConnectionView, line: str, host_authority: str = "") -> Decision:
    """A plain pinned key is certified itself and no other; under the pinned authority any key the IT lead names."""
    if place.host_identity.startswith(_AUTHORITY):
        pinned = place.host_identity.removeprefix(_AUTHORITY)
        return require_that(
            host_authority in ("", pinned),
            "host.other_authority",
            "The connection pins another authority than Quarterdeck's host authority.",
            "That authority signs the target's host key, or pin Quarterdeck's (qd gate host-authority).",
        )
    return require_that(
        " ".join(place.host_identity.split()[:2]) == line,
        "host.other_key",
        "The key is not the one that is pinned and approved for this connection.",
        "Change the pinned key first (open approvals are void then), or pin the host authority instead.",
    )


def _is_not_given_up(asset: str, line: str) -> Decision:
    return require_that(
        line not in revoked_host_keys(asset),
        "host.key_given_up",
        "This host key was given up.",
        "Make new host keys on the target, then certify one of those.",
    )


def _spelt(address: str) -> str:
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return address
