"""Reads of assets and connections: views, what an approval freezes, whether a row is what the ledger says."""

import hashlib
import hmac
from collections.abc import Callable

from django.db.models import Prefetch, QuerySet

from quarterdeck.evidence.api import JsonValue, ObjectRef, last_entry
from quarterdeck.inventory.checks import check_definitions_of, frozen_checks
from quarterdeck.inventory.models import Asset, Connection
from quarterdeck.inventory.rows import digest_of, view_of_asset, view_of_connection
from quarterdeck.inventory.terms import AssetView, ConnectionView, Platform
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, all_of, refuse


def assets(*, include_retired: bool = False) -> list[AssetView]:
    """Return all assets by host name, without retired ones unless asked."""
    rows = _with_connections(Asset.objects.all())
    if not include_retired:
        rows = rows.filter(active=True)
    return [view_of_asset(row, row.connections.all()) for row in rows]


def asset(asset_id: str) -> AssetView:
    """Return one asset, a retired one too (`active` says so); Refused(asset.unknown) when there is none."""
    row = _with_connections(Asset.objects.filter(id=asset_id)).first()
    if row is None:
        raise Refused(refuse("asset.unknown", "There is no such asset.", "Choose one from the list of assets."))
    return view_of_asset(row, row.connections.all())


def find_by_hostname(hostname: str) -> AssetView | None:
    """Return the asset in use with this host name, whatever the case of the letters; None when there is none."""
    row = _with_connections(Asset.objects.filter(hostname=hostname.lower(), active=True)).first()
    return None if row is None else view_of_asset(row, row.connections.all())


def dependants(asset_id: str) -> list[AssetView]:
    """Return the assets in use that depend on this one."""
    return [one for one in assets() if asset_id in one.depends_on]


def connection(connection_id: str) -> ConnectionView:
    """Return one connection in use; Refused(connection.unknown) when there is none or it was removed."""
    row = Connection.objects.filter(id=connection_id, active=True).first()
    if row is None:
        raise Refused(refuse("connection.unknown", "There is no such connection.", "Choose one on the asset's page."))
    return view_of_connection(row)


def secret_marks(connection_id: str) -> Callable[[str], str]:
    """Return what makes a short mark of a secret that a device's configuration holds.

    Equal secrets of one connection have equal marks, so a changed one shows; the key is derived from the row's salt,
    which leaves no database, so that nobody tries out passwords on an exported configuration.
    """
    row = Connection.objects.filter(id=connection_id).first()
    if row is None:
        raise Refused(refuse("connection.unknown", "There is no such connection.", "Choose one on the asset's page."))
    key = hashlib.sha256(b"quarterdeck-secret-mark\0" + row.salt.encode()).digest()
    return lambda secret: hmac.new(key, secret.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:12]


def frozen_asset(asset_id: str, connection_id: str | None = None) -> dict[str, JsonValue]:
    """Return all that an approval of work on this asset freezes, as JSON-ready values (attacks.md row 3).

    Left out is what maintenance itself changes or what grants nothing: title, location, firmware, patch level and
    the recurring window. Retired assets and removed connections are returned as inactive, so that an old approval no
    longer fits. Raises Refused for an asset that is unknown or a connection that is not its own.
    """
    found = asset(asset_id)
    frozen: dict[str, JsonValue] = {
        "id": found.id,
        "active": found.active,
        "hostname": found.hostname,
        "owner": found.owner,
        "category": str(found.category),
        "handles_cui": found.handles_cui,
        "criticality": str(found.criticality),
        "environment": str(found.environment),
        "asset_kind": str(found.asset_kind),
        "operating_system": found.operating_system,
        "depends_on": list(found.depends_on),
        "connection": None,
    }
    # Left out where there is none, so that what was approved before checks could be defined keeps its hash.
    defined = frozen_checks(asset_id)
    if defined:
        frozen["checks"] = defined
    if connection_id is None:
        return frozen
    row = Connection.objects.filter(id=connection_id, asset_id=asset_id).first()
    if row is None:
        raise Refused(
            refuse(
                "connection.unknown",
                f"{found.hostname} has no such connection.",
                "Choose one of its connections, or add one on its page.",
            )
        )
    frozen["connection"] = _frozen_connection(row)
    return frozen


def _frozen_connection(row: Connection) -> dict[str, JsonValue]:
    link: dict[str, JsonValue] = {
        "id": row.id,
        "active": row.active,
        "method": row.method,
        "address": row.address,
        "port": row.port,
        "host_identity": row.host_identity,
        "target_account": row.target_account,
        "elevation": row.elevation,
        "watched_roots": list(row.watched_roots),
    }
    # Left out for Unix, so that what was approved before platforms were told apart keeps its hash.
    if row.platform != Platform.UNIX:
        link["platform"] = row.platform
    return link


def check_row(asset_id: str, connection_id: str | None = None) -> Decision:
    """Decide whether the rows of an asset and its connection equal their newest sealed entries (attacks.md row 28)."""
    checks = [_check(Asset, "asset", asset_id, ("asset.added", "asset.changed", "asset.retired"))]
    if connection_id is not None:
        checks.append(_check(Connection, "connection", connection_id, ("connection.changed", "connection.removed")))
    checks.append(check_definitions_of(asset_id))
    return all_of(checks)


def _check(model: type[Asset] | type[Connection], kind: str, row_id: str, events: tuple[str, ...]) -> Decision:
    row: Asset | Connection | None = model.objects.filter(id=row_id).first()
    sealed = last_entry(events, object=ObjectRef(kind, row_id))
    if row is not None and sealed is not None and sealed.data.get("row") == digest_of(row):
        return ALLOWED
    return refuse(
        f"{kind}.unsealed",
        f"The {kind}'s row does not match the ledger: it was changed without an entry.",
        "Stop, and ask the IT lead to run qd ledger verify.",
    )


def _with_connections(rows: QuerySet[Asset]) -> QuerySet[Asset]:
    return rows.prefetch_related(Prefetch("connections", queryset=Connection.objects.filter(active=True)))
