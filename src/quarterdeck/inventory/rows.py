"""Between rows and views: what a row says, and the digest of it that an entry carries (attacks.md row 28)."""

from collections.abc import Iterable
from typing import Any

from quarterdeck.evidence.api import JsonValue, row_digest
from quarterdeck.inventory.models import Asset, Connection, EntryPoint
from quarterdeck.inventory.recurrence import FIRST_MONDAY, Recurrence
from quarterdeck.inventory.terms import (
    AssetCategory,
    AssetFields,
    AssetKind,
    AssetView,
    ConnectionFields,
    ConnectionView,
    Criticality,
    Elevation,
    EntryPointFields,
    EntryPointKind,
    EntryPointView,
    Environment,
    Method,
    Platform,
    SecondFactor,
)


def asset_columns(fields: AssetFields) -> dict[str, Any]:
    """Return the columns of a row for these fields; dependencies sorted, so that order makes no difference."""
    window = fields.maintenance_window
    return {
        "hostname": fields.hostname,
        "title": fields.title,
        "owner": fields.owner,
        "category": str(fields.category),
        "category_reason": fields.category_reason,
        "handles_cui": fields.handles_cui,
        "location": fields.location,
        "criticality": str(fields.criticality),
        "environment": str(fields.environment),
        "operating_system": fields.operating_system,
        "firmware": fields.firmware,
        "patch_level": fields.patch_level,
        "asset_kind": str(fields.asset_kind),
        "window_rule": window.rrule if window else "",
        "window_minutes": window.minutes if window else 0,
        "window_zone": window.zone if window else "",
        "window_starts_on": window.starts_on if window else FIRST_MONDAY,
        "depends_on": sorted(fields.depends_on),
    }


def connection_columns(fields: ConnectionFields) -> dict[str, Any]:
    """Return the columns of a row for these fields."""
    return {
        "method": str(fields.method),
        "address": fields.address,
        "port": fields.port,
        "host_identity": fields.host_identity,
        "target_account": fields.target_account,
        "elevation": str(fields.elevation),
        "watched_roots": list(fields.watched_roots),
        "platform": str(fields.platform),
    }


def entry_point_columns(fields: EntryPointFields) -> dict[str, Any]:
    """Return the columns of a row for these fields."""
    return {
        "kind": str(fields.kind),
        "name": fields.name,
        "mfa": str(fields.mfa),
        "termination": fields.termination,
        "log_source": fields.log_source,
        "owner": fields.owner,
        "review_due": fields.review_due,
        "assets": sorted(fields.assets),
    }


_SEALED = {
    Asset: tuple(asset_columns(AssetFields("", ""))),
    Connection: (*connection_columns(ConnectionFields("", "")), "asset_id"),
    EntryPoint: tuple(entry_point_columns(EntryPointFields("", ""))),
}


def digest_of(row: Asset | Connection | EntryPoint) -> str:
    """Return the salted digest of all that the row says, as its newest entry carries it."""
    said: dict[str, JsonValue] = {name: _plain(getattr(row, name)) for name in _SEALED[type(row)]}
    # Left out of what was sealed before platforms were told apart, so that those rows keep their digest.
    if said.get("platform") == Platform.UNIX:
        del said["platform"]
    return row_digest(said | {"id": row.id, "salt": row.salt, "version": row.version, "active": row.active})


def _plain(value: object) -> JsonValue:
    if isinstance(value, list):
        return [str(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    return str(value)


def view_of_asset(row: Asset, connections: Iterable[Connection] = ()) -> AssetView:
    """Return the frozen view of a row with its active connections."""
    window = None
    if row.window_rule:
        window = Recurrence(row.window_rule, row.window_minutes, row.window_zone, row.window_starts_on)
    return AssetView(
        id=row.id,
        hostname=row.hostname,
        title=row.title,
        owner=row.owner,
        category=AssetCategory(row.category),
        category_reason=row.category_reason,
        handles_cui=row.handles_cui,
        location=row.location,
        criticality=Criticality(row.criticality),
        environment=Environment(row.environment),
        operating_system=row.operating_system,
        firmware=row.firmware,
        patch_level=row.patch_level,
        maintenance_window=window,
        asset_kind=AssetKind(row.asset_kind),
        depends_on=tuple(row.depends_on),
        active=row.active,
        version=row.version,
        connections=tuple(view_of_connection(one) for one in connections if one.active),
    )


def view_of_connection(row: Connection) -> ConnectionView:
    """Return the frozen view of a row."""
    return ConnectionView(
        id=row.id,
        asset_id=row.asset_id,
        method=Method(row.method),
        address=row.address,
        port=row.port,
        host_identity=row.host_identity,
        target_account=row.target_account,
        elevation=Elevation(row.elevation),
        watched_roots=tuple(row.watched_roots),
        platform=Platform(row.platform),
    )


def view_of_entry_point(row: EntryPoint) -> EntryPointView:
    """Return the frozen view of a row."""
    return EntryPointView(
        id=row.id,
        kind=EntryPointKind(row.kind),
        name=row.name,
        mfa=SecondFactor(row.mfa),
        termination=row.termination,
        log_source=row.log_source,
        owner=row.owner,
        review_due=row.review_due,
        assets=tuple(row.assets),
        active=row.active,
        version=row.version,
        added_at=row.added_at,
    )
