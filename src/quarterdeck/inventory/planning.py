"""The plan of an import: what would be added, changed and left alone, and what is wrong, row by row. Pure.

The plan carries the hash of the file and of the inventory it was made against; applied to another inventory it is
refused. By default one bad row stops the whole import; with `skip_bad_rows` the bad rows are left out and listed.
"""

import hashlib
import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from quarterdeck.inventory.cells import Parsed, parse_row
from quarterdeck.inventory.columns import (
    ASSET_COLUMNS,
    COLUMNS,
    KNOWN_HEADERS,
    Column,
    asset_cells,
    connection_cells,
    map_columns,
    near_field,
)
from quarterdeck.inventory.ports import OwnerDirectory
from quarterdeck.inventory.rules import shown
from quarterdeck.inventory.sheet import Row, Sheet, read_sheet, write_sheet
from quarterdeck.inventory.terms import AssetFields, AssetView, ConnectionFields
from quarterdeck.kernel.decision import ALLOWED, Decision, Reason, refuse


class RowKind(StrEnum):
    """What an import would do with a row."""

    ADD = "add"
    CHANGE = "change"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Difference:
    """One field of one asset, old and new as a person would read them."""

    field: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with one cell or row, where, and what to do about it; the bad row is not imported."""

    line: int
    column: str
    field: str
    code: str
    sentence: str
    next_step: str


@dataclass(frozen=True, slots=True)
class PlannedRow:
    """One good row: `needs` are the host names that the asset will depend on, resolved to ids when it is applied."""

    line: int
    kind: RowKind
    hostname: str
    asset_id: str | None
    version: int
    fields: AssetFields
    needs: tuple[str, ...]
    connection: ConnectionFields | None
    connection_id: str | None
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class ImportPlan:
    """What an import would do; nothing is written by making one. `token` names exactly this plan."""

    columns: tuple[Column, ...]
    rows: tuple[PlannedRow, ...]
    errors: tuple[RowError, ...]
    notices: tuple[str, ...]
    encoding: str
    encoding_guessed: bool
    delimiter: str
    skip_bad_rows: bool
    file_sha256: str
    state: str
    token: str

    def count(self, kind: RowKind) -> int:
        """Return how many rows are of this kind."""
        return sum(row.kind is kind for row in self.rows)

    @property
    def bad_lines(self) -> tuple[int, ...]:
        """Return the lines that are not imported, in order."""
        return tuple(sorted({error.line for error in self.errors}))


def may_apply(plan: ImportPlan, state: str) -> Decision:
    """Decide whether this plan may be applied to an inventory whose state hash is `state`."""
    if plan.state != state:
        return refuse(
            "import.stale",
            "The inventory has changed since this plan was made.",
            "Make the plan again, look at the differences, then import.",
        )
    if plan.errors and not plan.skip_bad_rows:
        lines = plan.bad_lines
        named = ", ".join(str(line) for line in lines[:10]) + (" and more" if len(lines) > 10 else "")
        return refuse(
            "import.bad_rows",
            f"{len(lines)} row{'s' if len(lines) > 1 else ''} can't be imported (line {named}), so nothing was.",
            "Correct the file, or import again and choose to leave out bad rows.",
        )
    return ALLOWED


def state_of(versions: Mapping[str, int]) -> str:
    """Return the hash of an inventory: ids of active assets with the count of their changes."""
    return _hash(sorted([name, version] for name, version in versions.items()))


def make_plan(
    data: bytes | str,
    mapping: Mapping[str, str] | None,
    existing: Sequence[AssetView],
    owners: OwnerDirectory,
    *,
    skip_bad_rows: bool = False,
) -> ImportPlan:
    """Return what importing this file over the active assets `existing` would do; Refused for an unreadable file."""
    sheet = read_sheet(data, KNOWN_HEADERS)
    columns = map_columns(sheet.header, mapping)
    good, errors = _read_rows(sheet, columns, existing, owners)
    headers = {column.field: column.header for column in columns if column.field}
    errors += _drop_unmet_needs(good, {one.hostname for one in existing}, headers)
    hostname_of = {one.id: one.hostname for one in existing}
    planned = tuple(_planned(line, parsed, old, hostname_of, owners) for line, (parsed, old) in sorted(good.items()))
    state = state_of({one.id: one.version for one in existing})
    mapped: list[object] = [[column.header, column.field] for column in columns]
    return ImportPlan(
        columns=columns,
        rows=planned,
        errors=tuple(sorted(errors, key=lambda error: (error.line, error.column, error.code))),
        notices=(*sheet.notices, *_notices(columns, planned, existing)),
        encoding=sheet.encoding,
        encoding_guessed=sheet.encoding_guessed,
        delimiter=sheet.delimiter,
        skip_bad_rows=skip_bad_rows,
        file_sha256=sheet.sha256,
        state=state,
        token=_hash([sheet.sha256, state, mapped, skip_bad_rows, [_row_hash(row) for row in planned]]),
    )


_Good = dict[int, tuple[Parsed, AssetView | None]]


def _read_rows(
    sheet: Sheet, columns: Sequence[Column], existing: Sequence[AssetView], owners: OwnerDirectory
) -> tuple[_Good, list[RowError]]:
    by_name = {one.hostname: one for one in existing}
    hostname_of = {one.id: one.hostname for one in existing}
    headers = {column.field: column.header for column in columns if column.field}
    good: _Good = {}
    errors: list[RowError] = []
    first_line: dict[str, int] = {}
    for row in sheet.rows:
        cells, shape = _cells(row, columns)
        old = by_name.get(cells.get("hostname", "").strip().lower())
        parsed = parse_row(cells, old, owners, lambda one: hostname_of.get(one, one))
        name = parsed.fields.hostname
        problems = [*shape, *(() if shape else parsed.problems)]
        if name and name in first_line:
            problems.append(("hostname", _twice(name, first_line[name])))
        first_line.setdefault(name, row.line)
        if problems:
            errors += [_error(row.line, field, reason, headers) for field, reason in problems]
        else:
            good[row.line] = (parsed, old)
    return good, errors


def _cells(row: Row, columns: Sequence[Column]) -> tuple[dict[str, str], list[tuple[str, Reason]]]:
    extra = [cell for cell in row.cells[len(columns) :] if cell.strip()]
    if extra or len(row.cells) < len(columns):
        wrong = Reason(
            "row.cells",
            f"This row has {len(row.cells)} cells where the header has {len(columns)}.",
            "Look for a missing or superfluous delimiter, or a cell with a delimiter that is not in quotes.",
        )
        return {}, [("", wrong)]
    return {column.field: cell for column, cell in zip(columns, row.cells, strict=False) if column.field}, []


def _drop_unmet_needs(good: _Good, known: set[str], headers: Mapping[str, str]) -> list[RowError]:
    """Take out rows that depend on an asset that neither exists nor will; then those that depend on them."""
    errors: list[RowError] = []
    available = known | {parsed.fields.hostname for parsed, _ in good.values()}
    needed_by: dict[str, list[int]] = {}
    for line, (parsed, _) in good.items():
        for name in parsed.needs:
            needed_by.setdefault(name, []).append(line)
    missing = [name for name in needed_by if name not in available]
    missing += [p.fields.hostname for p, _ in good.values() if p.fields.hostname in p.needs]
    while missing:
        name = missing.pop()
        for line in needed_by.get(name, ()):
            if line not in good or (name in available and good[line][0].fields.hostname != name):
                continue
            parsed, old = good.pop(line)
            errors.append(_error(line, "depends_on", _unmet(name, parsed.fields.hostname), headers))
            if old is None:
                available.discard(parsed.fields.hostname)
                missing.append(parsed.fields.hostname)
    return errors


def _planned(
    line: int, parsed: Parsed, old: AssetView | None, hostname_of: Mapping[str, str], owners: OwnerDirectory
) -> PlannedRow:
    differences = _differences(parsed, old, hostname_of, owners)
    kind = RowKind.ADD if old is None else RowKind.CHANGE if differences else RowKind.UNCHANGED
    return PlannedRow(
        line=line,
        kind=kind,
        hostname=parsed.fields.hostname,
        asset_id=old.id if old else None,
        version=old.version if old else 0,
        fields=replace(parsed.fields, depends_on=()),
        needs=parsed.needs,
        connection=parsed.connection,
        connection_id=parsed.connection_id,
        differences=differences,
    )


def _differences(
    parsed: Parsed, old: AssetView | None, hostname_of: Mapping[str, str], owners: OwnerDirectory
) -> tuple[Difference, ...]:
    new_cells = asset_cells(parsed.fields, parsed.needs)
    old_cells = dict.fromkeys(ASSET_COLUMNS, "")
    before = None
    if old is not None:
        old_cells = asset_cells(old.fields, [hostname_of.get(one, one) for one in old.depends_on])
        before = next((one.fields for one in old.connections if one.id == parsed.connection_id), None)
    if parsed.connection is not None:
        old_cells |= connection_cells(before)
        new_cells |= connection_cells(parsed.connection)
    changed = [name for name in new_cells if new_cells[name] != old_cells[name]]
    return tuple(
        Difference(name, _readable(name, old_cells[name], owners), _readable(name, new_cells[name], owners))
        for name in changed
    )


def _readable(field: str, cell: str, owners: OwnerDirectory) -> str:
    return (owners.email_of(cell) or cell) if field == "owner" and cell else cell


def _notices(columns: Sequence[Column], rows: Sequence[PlannedRow], existing: Sequence[AssetView]) -> list[str]:
    found = []
    ignored = [column.header for column in columns if not column.field]
    if ignored:
        found.append(f"Ignored columns: {', '.join(map(_ignored, ignored[:20]))}. Map them if they mean something.")
    guessed = [f"{column.header} as {column.field}" for column in columns if column.guessed]
    if guessed:
        found.append(f"Guessed columns: {', '.join(guessed)}.")
    absent = len(existing) - sum(row.asset_id is not None for row in rows)
    if absent and rows:
        found.append(f"{absent} asset{'s' if absent > 1 else ''} of the inventory not in this file: left as they are.")
    return found


def _ignored(header: str) -> str:
    field = near_field(header)
    return f"{header} (did you mean {field}? Then --map {shlex.quote(f'{header}={field}')})" if field else header


def export_rows(assets: Sequence[AssetView], email_of: Callable[[str], str]) -> bytes:
    """Return the active assets as a CSV file that can be imported again and changes nothing.

    An asset with several connections has these cells empty: a row holds one, and an empty one changes nothing.
    """
    hostname_of = {one.id: one.hostname for one in assets}

    def row(one: AssetView) -> list[str]:
        cells = asset_cells(one.fields, [hostname_of[name] for name in one.depends_on if name in hostname_of])
        cells |= connection_cells(one.connections[0].fields if len(one.connections) == 1 else None)
        cells["owner"] = email_of(one.owner) if one.owner else ""
        return [cells[name] for name in COLUMNS]

    return write_sheet(COLUMNS, (row(one) for one in sorted(assets, key=lambda one: one.hostname)))


def _twice(name: str, line: int) -> Reason:
    return Reason("hostname.twice", f"{shown(name)} stands in line {line} already.", "Keep one of the two rows.")


def _unmet(name: str, hostname: str) -> Reason:
    if name == hostname:
        return Reason("depends_on.self", f"{shown(name)} can't depend on itself.", "Remove it from this cell.")
    return Reason(
        "depends_on.not_listed",
        f"{shown(name)} is neither in the inventory nor a good row of this file.",
        "Add it, correct the name, or correct its row.",
    )


def _error(line: int, field: str, reason: Reason, headers: Mapping[str, str]) -> RowError:
    return RowError(line, headers.get(field, field), field, reason.code, reason.sentence, reason.next_step)


def _row_hash(row: PlannedRow) -> list[object]:
    cells = asset_cells(row.fields, row.needs) | (connection_cells(row.connection) if row.connection else {})
    return [row.line, str(row.kind), row.asset_id, row.version, row.connection_id, cells]


def _hash(document: object) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
