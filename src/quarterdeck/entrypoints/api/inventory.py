"""Assets, the CSV import and the entry-point register over the wire: parse, call one verb or read, answer."""

import json

from django.http import HttpRequest, HttpResponse
from ninja import File, Form, Router
from ninja.files import UploadedFile

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.entry_point_schemas import EntryPointChangeIn, EntryPointIn, EntryPointOut
from quarterdeck.entrypoints.api.import_schemas import ImportIn, ImportOut
from quarterdeck.entrypoints.api.inventory_schemas import (
    AssetChangeIn,
    AssetIn,
    AssetOut,
    AssetPageOut,
    ConnectionIn,
    ConnectionOut,
    WindowOut,
)
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import EntryPointView
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.decision import ALLOWED, Refused, refuse
from quarterdeck.workflows import import_inventory, keep_inventory

router = Router(tags=["assets"])
entry_points_router = Router(tags=["entry points"])
NEXT_WINDOWS = 5
CSV_ANSWER = {
    "description": "The assets in use, one row each.",
    "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
}


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


def _reader(request: HttpRequest) -> Actor:
    """Return the caller, who holds at least one role; every role may read the inventory."""
    actor = actor_of(request)
    keep_inventory.may_read(actor, wiring.clock().now()).require()
    return actor


@router.get("", response=_answers(list[AssetOut]))
def list_assets(request: HttpRequest, include_retired: bool = False) -> list[AssetOut]:
    """Return the assets by host name."""
    _reader(request)
    return [AssetOut.of(view) for view in inventory.assets(include_retired=include_retired)]


@router.post("", response=_answers(AssetOut))
def add_asset(request: HttpRequest, body: AssetIn) -> AssetOut:
    """Add an asset."""
    return AssetOut.of(keep_inventory.add_asset(actor_of(request, "write"), wiring.clock(), body.fields()))


@router.post("/import", response=_answers(ImportOut))
def import_assets(request: HttpRequest, file: File[UploadedFile], body: Form[ImportIn]) -> ImportOut:
    """Plan the import of a CSV (`dry_run`, the default), or apply the plan whose token is sent."""
    actor = actor_of(request, "read" if body.dry_run else "write")
    keep_inventory.may_read(actor, wiring.clock().now()).require()
    data = file.read(inventory.MAX_BYTES + 1)
    mapping = _mapping(body.mapping)
    plan = import_inventory.plan(data, mapping, skip_bad_rows=body.skip_bad_rows)
    if body.dry_run:
        return ImportOut.of(plan)
    result = import_inventory.apply(
        actor, wiring.clock(), data, mapping, token=body.token, skip_bad_rows=body.skip_bad_rows
    )
    return ImportOut.of(plan, result)


@router.get(
    "/export.csv",
    response={401: RefusedOut, 403: RefusedOut, 409: RefusedOut, 422: RefusedOut},
    openapi_extra={"responses": {200: CSV_ANSWER}},
)
def export_assets(request: HttpRequest) -> HttpResponse:
    """Return the assets in use as CSV (text/csv); imported again it changes nothing."""
    _reader(request)
    headers = {"Content-Disposition": 'attachment; filename="assets.csv"', "Cache-Control": "no-store"}
    return HttpResponse(import_inventory.export(), content_type="text/csv; charset=utf-8", headers=headers)


@router.get("/{asset_id}", response=_answers(AssetPageOut))
def show_asset(request: HttpRequest, asset_id: str) -> AssetPageOut:
    """Return one asset, what depends on it, and its next maintenance windows."""
    _reader(request)
    view = inventory.asset(asset_id)
    coming = view.maintenance_window.next_windows(wiring.clock().now(), NEXT_WINDOWS) if view.maintenance_window else []
    return AssetPageOut(
        asset=AssetOut.of(view),
        needed_by=[one.id for one in inventory.dependants(asset_id)],
        next_windows=[WindowOut.of(window) for window in coming],
    )


@router.patch("/{asset_id}", response=_answers(AssetOut))
def change_asset(request: HttpRequest, asset_id: str, body: AssetChangeIn) -> AssetOut:
    """Change the named fields; refused when somebody else changed the asset since `version`."""
    actor = actor_of(request, "write")
    view = keep_inventory.change_asset(actor, wiring.clock(), asset_id, body.changes(), version=body.version)
    return AssetOut.of(view)


@router.delete("/{asset_id}", response=_answers(AssetOut))
def retire_asset(request: HttpRequest, asset_id: str) -> AssetOut:
    """Take an asset out of use; it stays for the record."""
    return AssetOut.of(keep_inventory.retire_asset(actor_of(request, "write"), wiring.clock(), asset_id))


@router.post("/{asset_id}/connections", response=_answers(ConnectionOut))
def add_connection(request: HttpRequest, asset_id: str, body: ConnectionIn) -> ConnectionOut:
    """Add a way to an asset; takes a fresh second factor."""
    actor = actor_of(request, "write")
    return ConnectionOut.of(keep_inventory.set_connection(actor, wiring.clock(), asset_id, body.fields()))


@router.put("/{asset_id}/connections/{connection_id}", response=_answers(ConnectionOut))
def change_connection(request: HttpRequest, asset_id: str, connection_id: str, body: ConnectionIn) -> ConnectionOut:
    """Change a way to an asset; takes a fresh second factor."""
    actor = actor_of(request, "write")
    view = keep_inventory.set_connection(actor, wiring.clock(), asset_id, body.fields(), connection_id=connection_id)
    return ConnectionOut.of(view)


@router.delete("/{asset_id}/connections/{connection_id}", response=_answers(AssetOut))
def remove_connection(request: HttpRequest, asset_id: str, connection_id: str) -> AssetOut:
    """Take a way to an asset out of use and return the asset."""
    actor = actor_of(request, "write")
    if connection_id not in {one.id for one in inventory.asset(asset_id).connections}:
        inventory.frozen_asset(asset_id, connection_id)
        raise Refused(refuse("connection.unknown", "This connection is out of use already.", "Reload the asset."))
    keep_inventory.remove_connection(actor, wiring.clock(), connection_id)
    return AssetOut.of(inventory.asset(asset_id))


@entry_points_router.get("", response=_answers(list[EntryPointOut]))
def list_entry_points(request: HttpRequest, asset: str = "", include_withdrawn: bool = False) -> list[EntryPointOut]:
    """Return the ways in by name, with what each lacks; `asset` leaves only those that lead to it."""
    _reader(request)
    views = inventory.entry_points(asset_id=asset or None, include_withdrawn=include_withdrawn)
    return [_entry_point(view) for view in views]


@entry_points_router.post("", response=_answers(EntryPointOut))
def add_entry_point(request: HttpRequest, body: EntryPointIn) -> EntryPointOut:
    """Add a way in to the register."""
    actor = actor_of(request, "write")
    return _entry_point(keep_inventory.add_entry_point(actor, wiring.clock(), body.fields()))


@entry_points_router.patch("/{entry_point_id}", response=_answers(EntryPointOut))
def change_entry_point(request: HttpRequest, entry_point_id: str, body: EntryPointChangeIn) -> EntryPointOut:
    """Change the named fields of a way in."""
    actor = actor_of(request, "write")
    return _entry_point(keep_inventory.change_entry_point(actor, wiring.clock(), entry_point_id, body.changes()))


@entry_points_router.delete("/{entry_point_id}", response=_answers(EntryPointOut))
def withdraw_entry_point(request: HttpRequest, entry_point_id: str) -> EntryPointOut:
    """Take a way in out of the register: it has been closed."""
    actor = actor_of(request, "write")
    return _entry_point(keep_inventory.withdraw_entry_point(actor, wiring.clock(), entry_point_id))


def _entry_point(view: EntryPointView) -> EntryPointOut:
    gaps = inventory.entry_point_gaps(wiring.clock().now())
    return EntryPointOut.of(view, gaps.get(view.id, ALLOWED))


def _mapping(text: str) -> dict[str, str]:
    """Return the mapping of a form field; Refused when it is not a JSON object of texts."""
    if not text.strip():
        return {}
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise Refused(
            refuse(
                "mapping.grammar",
                "The mapping is not a JSON object of column names and fields.",
                'Write it like {"Computer Name": "hostname", "Notes": ""}.',
            )
        )
    return found
