"""Makes an import plan from the inventory as it is, and applies one, up to 1,000 rows in an act.

A file of up to 1,000 rows with changes is applied whole or not at all. A larger one is applied in acts of 1,000; when
the machine stops between two of them, importing the same file again does the rest and repeats nothing.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from quarterdeck.evidence.api import Act, ArtifactRef, ObjectRef, act, store_artifact
from quarterdeck.inventory.assets import apply_changes, record_added, record_changed, save_connection
from quarterdeck.inventory.models import Asset
from quarterdeck.inventory.planning import ImportPlan, PlannedRow, RowKind, export_rows, make_plan, may_apply, state_of
from quarterdeck.inventory.ports import OwnerDirectory
from quarterdeck.inventory.reading import assets
from quarterdeck.inventory.rows import asset_columns
from quarterdeck.inventory.rules import may_keep
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.kernel.ids import new_id

ROWS_PER_ACT = 1_000


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import did; `skipped` are rows with errors that were left out as asked."""

    added: int
    changed: int
    unchanged: int
    skipped: int
    file_sha256: str


def plan_import(
    data: bytes | str, mapping: Mapping[str, str] | None, owners: OwnerDirectory, *, skip_bad_rows: bool = False
) -> ImportPlan:
    """Return what importing this file would do, writing nothing; Refused for a file that can't be read."""
    return make_plan(data, mapping, assets(), owners, skip_bad_rows=skip_bad_rows)


def export_csv(email_of: Callable[[str], str]) -> bytes:
    """Return the assets in use as CSV; `email_of` turns the owner's person id into a mail address."""
    return export_rows(assets(), email_of)


def inventory_state() -> str:
    """Return the hash of the inventory by which a stale plan is known."""
    return state_of(dict(Asset.objects.filter(active=True).values_list("id", "version")))


def apply_import(plan: ImportPlan, *, file: bytes, actor: Actor, clock: Clock) -> ImportResult:
    """Do what the plan says and return the counts; Refused for a stale plan, bad rows or another file.

    `file` is what the plan was made from; it is kept as evidence of who brought in what.
    """
    may_keep(actor).require()
    may_apply(plan, inventory_state()).require()
    result = ImportResult(
        added=plan.count(RowKind.ADD),
        changed=plan.count(RowKind.CHANGE),
        unchanged=plan.count(RowKind.UNCHANGED),
        skipped=len(plan.bad_lines),
        file_sha256=plan.file_sha256,
    )
    work = [row for row in plan.rows if row.kind is not RowKind.UNCHANGED]
    if not work:
        return result
    kept = store_artifact(
        file, media_type="text/csv", role="inventory-import", name="inventory-import.csv", may_contain_cui=False
    )
    if kept.sha256 != plan.file_sha256:
        raise Refused(
            refuse("import.other_file", "This is not the file of the plan.", "Make the plan again with this file.")
        )
    ids = {row.hostname: new_id("as") for row in work if row.kind is RowKind.ADD}
    ids |= dict(Asset.objects.filter(active=True).values_list("hostname", "id"))
    state = plan.state
    for batch in _batches(_in_order(work)):
        with act(actor, clock) as current:
            may_apply(replace(plan, state=state), inventory_state()).require()
            _apply_batch(current, batch, ids)
            _record_import(current, plan, kept, batch)
            state = inventory_state()
    return result


def _in_order(work: Sequence[PlannedRow]) -> list[PlannedRow]:
    """Return the rows so that, where there is no circle, an asset comes after those that it depends on."""
    new = {row.hostname: row for row in work if row.kind is RowKind.ADD}
    ordered: dict[int, PlannedRow] = {}
    for row in work:
        stack, entered = [row], {row.line}
        while stack:
            needs = [new[name] for name in stack[-1].needs if name in new]
            unmet = [one for one in needs if one.line not in ordered and one.line not in entered]
            if unmet:
                stack.append(unmet[0])
                entered.add(unmet[0].line)
            else:
                done = stack.pop()
                ordered.setdefault(done.line, done)
    return list(ordered.values())


def _batches(rows: Sequence[PlannedRow]) -> Iterator[list[PlannedRow]]:
    remaining = iter(rows)
    while batch := list(islice(remaining, ROWS_PER_ACT)):
        yield batch


def _apply_batch(current: Act, batch: Sequence[PlannedRow], ids: Mapping[str, str]) -> None:
    added = [_new_row(current, row, ids) for row in batch if row.kind is RowKind.ADD]
    Asset.objects.bulk_create(added, batch_size=100)
    rows = {row.hostname: row for row in added}
    changed_ids = [row.asset_id for row in batch if row.asset_id is not None]
    rows |= {row.hostname: row for row in Asset.objects.select_for_update().filter(id__in=changed_ids)}
    for planned in batch:
        row = rows[planned.hostname]
        if planned.kind is RowKind.ADD:
            if planned.connection is not None:
                save_connection(current, row, planned.connection, None)
            record_added(current, row)
        else:
            _change_row(current, row, planned, ids)


def _new_row(current: Act, planned: PlannedRow, ids: Mapping[str, str]) -> Asset:
    fields = replace(planned.fields, depends_on=tuple(ids[name] for name in planned.needs))
    return Asset(id=ids[planned.hostname], added_at=current.at, changed_at=current.at, **asset_columns(fields))


def _change_row(current: Act, row: Asset, planned: PlannedRow, ids: Mapping[str, str]) -> None:
    fields = replace(planned.fields, depends_on=tuple(ids[name] for name in planned.needs))
    columns = asset_columns(fields)
    changed = [name for name, value in columns.items() if getattr(row, name) != value]
    change = apply_changes(row, columns, changed) if changed else ""
    if planned.connection is not None and save_connection(current, row, planned.connection, planned.connection_id):
        changed.append("connections")
    row.version, row.changed_at = row.version + 1, current.at
    row.save()
    record_changed(current, row, changed, change)


def _record_import(current: Act, plan: ImportPlan, kept: ArtifactRef, batch: Sequence[PlannedRow]) -> None:
    added = sum(row.kind is RowKind.ADD for row in batch)
    current.record(
        "inventory.imported",
        ObjectRef("inventory", "assets"),
        data={
            "file": plan.file_sha256,
            "plan": plan.token,
            "added": added,
            "changed": len(batch) - added,
            "unchanged": plan.count(RowKind.UNCHANGED),
            "skipped": len(plan.bad_lines),
        },
        artifacts=[kept],
    )
