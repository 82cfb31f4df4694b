"""Verbs of assets and their connections; each is one act with its entries."""

from collections.abc import Iterable, Mapping
from typing import Any

from quarterdeck.evidence.api import Act, JsonValue, ObjectRef, act, row_digest
from quarterdeck.inventory.models import Asset, Connection
from quarterdeck.inventory.reading import asset, dependants
from quarterdeck.inventory.rows import asset_columns, connection_columns, digest_of, view_of_asset, view_of_connection
from quarterdeck.inventory.rules import check_asset, check_connection, may_keep
from quarterdeck.inventory.terms import AssetFields, AssetView, ConnectionFields, ConnectionView
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, all_of, refuse
from quarterdeck.kernel.ids import new_id

_AGAIN = "Reload the page, look at what changed, and do it again."


def add_asset(fields: AssetFields, *, actor: Actor, clock: Clock) -> AssetView:
    """Add an asset and return it; Refused with every reason that stands against it."""
    all_of([may_keep(actor), check_asset(fields)]).require()
    with act(actor, clock) as current:
        _refuse_taken(fields.hostname)
        _refuse_unknown_assets(fields.depends_on)
        row = Asset(id=new_id("as"), added_at=current.at, changed_at=current.at, **asset_columns(fields))
        row.save(force_insert=True)
        record_added(current, row)
    return view_of_asset(row)


def change_asset(
    asset_id: str, changes: Mapping[str, Any], *, actor: Actor, clock: Clock, expected_version: int | None = None
) -> AssetView:
    """Change named fields of an asset and return it; writes nothing when nothing differs.

    `expected_version` is the version that the person saw; another one is refused, so that no edit is lost.
    """
    may_keep(actor).require()
    unknown = sorted(set(changes) - set(asset_field_names()))
    if unknown:
        raise Refused(refuse("asset.unknown_field", f"Assets have no field {unknown[0][:40]}.", "See the API's page."))
    with act(actor, clock) as current:
        row = _locked_asset(asset_id, expected_version)
        before = view_of_asset(row).fields
        after = AssetFields(**({name: getattr(before, name) for name in asset_field_names()} | dict(changes)))
        check_asset(after).require()
        columns = asset_columns(after)
        changed = [name for name, value in columns.items() if getattr(row, name) != value]
        if not changed:
            return asset(asset_id)
        if "hostname" in changed:
            _refuse_taken(after.hostname)
        if "depends_on" in changed:
            _refuse_unknown_assets(after.depends_on, but_not=asset_id)
        change = apply_changes(row, columns, changed)
        row.version, row.changed_at = row.version + 1, current.at
        row.save()
        record_changed(current, row, changed, change)
    return asset(asset_id)


def retire_asset(asset_id: str, *, actor: Actor, clock: Clock) -> AssetView:
    """Take an asset out of use with its connections; refused while another asset depends on it."""
    may_keep(actor).require()
    with act(actor, clock) as current:
        row = _locked_asset(asset_id, None)
        needed_by = [one.hostname for one in dependants(asset_id)]
        if needed_by:
            raise Refused(
                refuse(
                    "asset.depended_on",
                    f"{row.hostname} can't be retired: {', '.join(needed_by[:5])} depends on it.",
                    "Change that dependency first.",
                )
            )
        for link in row.connections.select_for_update().filter(active=True):
            _remove(current, link)
        row.active, row.version, row.changed_at = False, row.version + 1, current.at
        row.save()
        current.record(
            "asset.retired", ObjectRef("asset", row.id), data={"row": digest_of(row), "version": row.version}
        )
    return asset(asset_id)


def set_connection(
    asset_id: str, fields: ConnectionFields, *, actor: Actor, clock: Clock, connection_id: str | None = None
) -> ConnectionView:
    """Add a connection to an asset, or change the one named; writes nothing when nothing differs."""
    all_of([may_keep(actor), check_connection(fields)]).require()
    with act(actor, clock) as current:
        owner = _locked_asset(asset_id, None)
        row = save_connection(current, owner, fields, connection_id)
        if row is not None:
            owner.version, owner.changed_at = owner.version + 1, current.at
            owner.save()
            record_changed(current, owner, ["connections"], "")
    kept = row.id if row is not None else connection_id or ""
    return view_of_connection(Connection.objects.get(id=kept))


def remove_connection(connection_id: str, *, actor: Actor, clock: Clock) -> None:
    """Take a connection out of use; Refused when there is none."""
    may_keep(actor).require()
    with act(actor, clock) as current:
        row = _locked_connection(connection_id)
        owner = _locked_asset(row.asset_id, None)
        _remove(current, row)
        owner.version, owner.changed_at = owner.version + 1, current.at
        owner.save()
        record_changed(current, owner, ["connections"], "")


def save_connection(
    current: Act, owner: Asset, fields: ConnectionFields, connection_id: str | None
) -> Connection | None:
    """Write a connection inside an open act and record it; None when nothing differs."""
    columns = connection_columns(fields)
    twin = owner.connections.filter(
        active=True,
        method=fields.method,
        address=fields.address,
        port=fields.port,
        target_account=fields.target_account,
    ).exclude(id=connection_id or "")
    if twin.exists():
        raise Refused(
            refuse(
                "connection.twice",
                f"{owner.hostname} has a connection to this address, port and account already.",
                "Change that one instead.",
            )
        )
    if connection_id is None:
        row = Connection(id=new_id("co"), asset=owner, added_at=current.at, changed_at=current.at, **columns)
        row.save(force_insert=True)
        _record_connection(current, row, list(columns))
        return row
    row = _locked_connection(connection_id, owner.id)
    changed = [name for name, value in columns.items() if getattr(row, name) != value]
    if not changed:
        return None
    apply_changes(row, columns, changed)
    row.version, row.changed_at = row.version + 1, current.at
    row.save()
    _record_connection(current, row, changed)
    return row


def record_added(current: Act, row: Asset) -> None:
    """Record a new asset: its class openly, its names only as a digest."""
    current.record("asset.added", ObjectRef("asset", row.id), data=_said(row))


def record_changed(current: Act, row: Asset, changed: list[str], change: str) -> None:
    """Record a change: the fields by name, the old and new values only as a digest (empty: none of the asset's own)."""
    names: list[JsonValue] = list(changed)
    current.record("asset.changed", ObjectRef("asset", row.id), data=_said(row) | {"fields": names, "change": change})


def apply_changes(row: Asset | Connection, columns: Mapping[str, object], changed: Iterable[str]) -> str:
    """Set the changed columns on the row and return the salted digest of old and new values."""
    told: dict[str, JsonValue] = {"salt": row.salt}
    for name in changed:
        told[name] = [str(getattr(row, name)), str(columns[name])]
        setattr(row, name, columns[name])
    return row_digest(told)


def asset_field_names() -> tuple[str, ...]:
    """Return the names of the fields that a person may set."""
    return tuple(AssetFields.__dataclass_fields__)


def _said(row: Asset) -> dict[str, JsonValue]:
    return {
        "row": digest_of(row),
        "version": row.version,
        "category": row.category,
        "handles_cui": row.handles_cui,
        "criticality": row.criticality,
        "environment": row.environment,
    }


def _record_connection(current: Act, row: Connection, changed: list[str]) -> None:
    names: list[JsonValue] = list(changed)
    current.record(
        "connection.changed",
        ObjectRef("connection", row.id),
        data={"row": digest_of(row), "version": row.version, "asset": row.asset_id, "fields": names},
    )


def _remove(current: Act, row: Connection) -> None:
    row.active, row.version, row.changed_at = False, row.version + 1, current.at
    row.save()
    current.record(
        "connection.removed",
        ObjectRef("connection", row.id),
        data={"row": digest_of(row), "version": row.version, "asset": row.asset_id},
    )


def _locked_asset(asset_id: str, expected_version: int | None) -> Asset:
    row = Asset.objects.select_for_update().filter(id=asset_id).first()
    if row is None:
        raise Refused(refuse("asset.unknown", "There is no such asset.", "Choose one from the list of assets."))
    if not row.active:
        raise Refused(
            refuse("asset.retired", f"{row.hostname} is retired.", "Add it again if it has come back into use.")
        )
    if expected_version is not None and row.version != expected_version:
        raise Refused(
            refuse("asset.changed_meanwhile", f"{row.hostname} was changed by somebody while you edited.", _AGAIN)
        )
    return row


def _locked_connection(connection_id: str, asset_id: str | None = None) -> Connection:
    row = Connection.objects.select_for_update().filter(id=connection_id, active=True).first()
    if row is None or asset_id not in {None, row.asset_id}:
        raise Refused(refuse("connection.unknown", "There is no such connection.", "Choose one on the asset's page."))
    return row


def _refuse_taken(hostname: str) -> None:
    if Asset.objects.filter(hostname=hostname, active=True).exists():
        raise Refused(
            refuse("hostname.taken", f'"{hostname}" is in the inventory already.', "Change that asset instead.")
        )


def _refuse_unknown_assets(ids: tuple[str, ...], *, but_not: str = "") -> None:
    wanted = set(ids)
    known = set(Asset.objects.filter(id__in=wanted, active=True).values_list("id", flat=True))
    if wanted - known or but_not in wanted:
        raise Refused(
            refuse(
                "depends_on.not_listed",
                "It depends on an asset that is not in the inventory, or on itself.",
                "Choose other assets that are in use.",
            )
        )
