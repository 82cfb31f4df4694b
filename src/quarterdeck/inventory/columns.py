"""Columns of the CSV: which header means which field, and how a field is written in a cell, both ways."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from quarterdeck.inventory.terms import AssetFields, ConnectionFields
from quarterdeck.kernel.decision import Refused, refuse

ASSET_COLUMNS = (
    "hostname",
    "title",
    "owner",
    "category",
    "category_reason",
    "handles_cui",
    "location",
    "criticality",
    "environment",
    "asset_kind",
    "operating_system",
    "firmware",
    "patch_level",
    "depends_on",
    "window_rule",
    "window_minutes",
    "window_zone",
    "window_starts_on",
)
CONNECTION_COLUMNS = ("address", "port", "target_account", "elevation", "host_identity", "watched_roots", "platform")
COLUMNS = ASSET_COLUMNS + CONNECTION_COLUMNS
FREE_TEXT = frozenset({"title", "category_reason", "location", "operating_system", "firmware", "patch_level"})

_SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "hostname": ("host", "host name", "name", "computer", "computer name", "device", "device name", "fqdn", "server"),
    "title": ("description", "purpose", "asset", "what"),
    "owner": ("owner mail", "owner email", "owner e-mail", "responsible", "contact"),
    "category": ("cmmc category", "asset category", "scope"),
    "category_reason": ("reason", "category reason", "scope reason"),
    "handles_cui": ("cui", "handles cui", "has cui", "cui?"),
    "location": ("site", "room", "place", "where"),
    "criticality": ("critical", "priority", "importance"),
    "environment": ("env", "stage"),
    "asset_kind": ("kind", "type", "asset type", "device type"),
    "operating_system": ("os", "operating system", "system", "os version"),
    "firmware": ("firmware version", "bios"),
    "patch_level": ("patch", "patch level", "patched to", "build"),
    "depends_on": ("depends on", "dependencies", "needs"),
    "window_rule": ("maintenance window", "window", "rrule"),
    "window_minutes": ("window minutes", "window length"),
    "window_zone": ("time zone", "timezone", "zone", "tz"),
    "window_starts_on": ("window starts on", "window start"),
    "address": ("ip", "ip address", "ipv4", "ipv6"),
    "port": ("ssh port", "tcp port"),
    "target_account": ("account", "user", "login", "ssh user"),
    "elevation": ("sudo", "privilege"),
    "host_identity": ("host key", "hostkey", "ssh host key", "host identity"),
    "watched_roots": ("watched folders", "watched roots", "watched"),
    "platform": ("answers as",),
}
_FIELD_OF = {name: name for name in COLUMNS} | {alias: name for name, some in _SYNONYMS.items() for alias in some}
KNOWN_HEADERS = frozenset(_FIELD_OF)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the file: the field it fills (empty: ignored) and whether that was guessed from its name."""

    header: str
    field: str
    guessed: bool


def map_columns(header: Sequence[str], mapping: Mapping[str, str] | None = None) -> tuple[Column, ...]:
    """Return what each column means: as `mapping` (header to field, empty to ignore) says, else by its name.

    Raises `Refused` for a mapping that names a column or field that does not exist, for two columns that fill one
    field, and for a file without a column for the host name.
    """
    explicit = {name.strip().casefold(): field.strip() for name, field in (mapping or {}).items()}
    _refuse_unknown(explicit, header)
    columns = tuple(_column(name, explicit) for name in header)
    filled: dict[str, str] = {}
    for column in columns:
        if column.field and column.field in filled:
            raise Refused(
                refuse(
                    "csv.duplicate_field",
                    f'Columns "{filled[column.field]}" and "{column.header}" would both fill {column.field}.',
                    "Map one of them to another field, or ignore it.",
                )
            )
        filled[column.field] = column.header
    if "hostname" not in filled:
        raise Refused(
            refuse(
                "csv.missing_column",
                "The file has no column for the host name, by which assets are told apart.",
                "Name a column hostname, or map one to hostname.",
            )
        )
    return columns


def _refuse_unknown(explicit: Mapping[str, str], header: Sequence[str]) -> None:
    present = {name.casefold() for name in header}
    for name, field in explicit.items():
        if name not in present:
            raise Refused(
                refuse(
                    "mapping.unknown_column",
                    f'The mapping names column "{name[:60]}", which the file does not have.',
                    f"The file has: {', '.join(header[:30])}.",
                )
            )
        if field and field not in COLUMNS:
            raise Refused(
                refuse(
                    "mapping.unknown_field",
                    f'The mapping names field "{field[:60]}", which assets do not have.',
                    f"Choose one of: {', '.join(COLUMNS)}; or leave it empty to ignore the column.",
                )
            )


def near_field(header: str) -> str:
    """Return the field whose name is near this header, empty when none is."""
    near = difflib.get_close_matches(header.casefold(), _FIELD_OF, n=1, cutoff=0.7)
    return _FIELD_OF[near[0]] if near else ""


def _column(name: str, explicit: Mapping[str, str]) -> Column:
    if name.casefold() in explicit:
        return Column(name, explicit[name.casefold()], guessed=False)
    field = _FIELD_OF.get(name.casefold().replace("-", " ").strip(), _FIELD_OF.get(name.casefold(), ""))
    return Column(name, field, guessed=bool(field) and field != name)


def asset_cells(fields: AssetFields, needs: Sequence[str]) -> dict[str, str]:
    """Return an asset as cells, the owner as person id; `needs` are host names instead of the ids it depends on."""
    window = fields.maintenance_window
    return {
        "hostname": fields.hostname,
        "title": fields.title,
        "owner": fields.owner,
        "category": str(fields.category),
        "category_reason": fields.category_reason,
        "handles_cui": "yes" if fields.handles_cui else "no",
        "location": fields.location,
        "criticality": str(fields.criticality),
        "environment": str(fields.environment),
        "asset_kind": str(fields.asset_kind),
        "operating_system": fields.operating_system,
        "firmware": fields.firmware,
        "patch_level": fields.patch_level,
        "depends_on": " ".join(sorted(needs)),
        "window_rule": window.rrule if window else "",
        "window_minutes": str(window.minutes) if window else "",
        "window_zone": window.zone if window else "",
        "window_starts_on": window.starts_on.isoformat() if window else "",
    }


def connection_cells(fields: ConnectionFields | None) -> dict[str, str]:
    """Return a connection as cells, all empty for none."""
    if fields is None:
        return dict.fromkeys(CONNECTION_COLUMNS, "")
    return {
        "address": fields.address,
        "port": str(fields.port),
        "target_account": fields.target_account,
        "elevation": str(fields.elevation),
        "host_identity": fields.host_identity,
        "watched_roots": " ".join(fields.watched_roots),
        "platform": str(fields.platform),
    }
