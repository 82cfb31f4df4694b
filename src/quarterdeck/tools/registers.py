"""Verbs and reads of the registers; each verb is one act with its entries."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Any

from quarterdeck.evidence.api import (
    Act,
    ArtifactRef,
    Grade,
    JsonValue,
    ObjectRef,
    Outcome,
    act,
    last_entry,
    row_digest,
)
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, all_of, refuse
from quarterdeck.kernel.ids import new_id
from quarterdeck.tools.models import Inspection, RegisterItem
from quarterdeck.tools.rules import REVIEW_WITHIN, check_item, has_hash, may_keep, may_use
from quarterdeck.tools.terms import (
    InspectionOutcome,
    InspectionView,
    ItemFields,
    ItemKind,
    ItemState,
    ItemView,
)

_EVENTS = ("item.listed", "item.reviewed", "item.withdrawn")
_SEALED = (
    "id", "salt", "kind", "name", "version", "sha256", "source", "licence", "owner", "inside_boundary", "review_due",
    "state",
)  # fmt: skip


def items(kind: ItemKind | str | None = None, *, include_withdrawn: bool = False) -> list[ItemView]:
    """Return the listed items by kind, name and version; withdrawn ones too on request."""
    rows = RegisterItem.objects.prefetch_related("inspections")
    if kind is not None:
        rows = rows.filter(kind=str(kind))
    if not include_withdrawn:
        rows = rows.filter(state=str(ItemState.LISTED))
    return [_view(row) for row in rows]


def item(item_id: str) -> ItemView:
    """Return one item, a withdrawn one too; Refused(item.unknown) when there is none."""
    row = RegisterItem.objects.filter(id=item_id).first()
    if row is None:
        raise Refused(_unknown())
    return _view(row)


def inspections(item_id: str) -> list[InspectionView]:
    """Return the inspections of an item, oldest first."""
    return [_inspection_view(row) for row in Inspection.objects.filter(item_id=item_id)]


def usable(item_id: str, at: datetime, *, sha256: str | None = None) -> Decision:
    """Decide whether an item may be used at that moment, and with `sha256` whether the file at hand is the listed one.

    The row must equal its newest sealed entry (attacks.md row 28).
    """
    row = RegisterItem.objects.filter(id=item_id).first()
    if row is None:
        return _unknown()
    view = _view(row)
    return all_of([check_row(item_id), may_use(view, at.date()), ALLOWED if sha256 is None else has_hash(view, sha256)])


def check_row(item_id: str) -> Decision:
    """Decide whether an item and its newest inspection are what the ledger says (attacks.md row 28)."""
    row = RegisterItem.objects.filter(id=item_id).first()
    sealed = last_entry(_EVENTS, object=ObjectRef("item", item_id))
    if row is not None and sealed is not None and sealed.data.get("row") == _digest(row):
        newest = _view(row).last_inspection
        inspected = last_entry(("item.inspected",), object=ObjectRef("item", item_id))
        told = None if inspected is None else (inspected.data.get("inspection"), inspected.data.get("outcome"))
        if told == (None if newest is None else (newest.id, str(newest.outcome))):
            return ALLOWED
    return refuse(
        "item.unsealed",
        "The item's row does not match the ledger: it was changed without an entry.",
        "Stop, and ask the IT lead to run qd ledger verify.",
    )


def list_item(fields: ItemFields, *, actor: Actor, clock: Clock) -> ItemView:
    """Put an item into its register and return it; Refused with every reason that stands against it.

    Without a date its review is due in a year, the longest that "periodically" may mean.
    """
    today = clock.now().date()
    if fields.review_due is None:
        fields = replace(fields, review_due=today + REVIEW_WITHIN)
    all_of([may_keep(actor), check_item(fields, today)]).require()
    with act(actor, clock) as current:
        twin = RegisterItem.objects.filter(
            kind=fields.kind, name=fields.name, version=fields.version, state=str(ItemState.LISTED)
        )
        if twin.exists():
            raise Refused(
                refuse(
                    "item.listed_already",
                    f"{fields.name} {fields.version} is in the register already.",
                    "Withdraw that entry first when its hash has changed.",
                )
            )
        row = RegisterItem(id=new_id("it"), listed_by=actor.id, listed_at=current.at, **_columns(fields))
        row.save(force_insert=True)
        entry = _record(current, "item.listed", row)
        current.fact(f"{row.kind}.listed", entry=entry, outcome=Outcome.PASSED, grade=Grade.CAPTURED)
    return _view(row)


def review_item(item_id: str, *, review_due: date, actor: Actor, clock: Clock) -> ItemView:
    """Record that an item was reviewed and stays listed until the next date, within a year."""
    may_keep(actor).require()
    with act(actor, clock) as current:
        row = _locked(item_id)
        fields = ItemFields(**{name: getattr(row, name) for name in ItemFields.__dataclass_fields__})
        row.review_due = review_due
        check_item(replace(fields, review_due=review_due), current.at.date()).require()
        row.save()
        _record(current, "item.reviewed", row)
    return _view(row)


def withdraw_item(item_id: str, *, actor: Actor, clock: Clock) -> ItemView:
    """Take an item out of its register; tickets that name it no longer open."""
    may_keep(actor).require()
    with act(actor, clock) as current:
        row = _locked(item_id)
        row.state, row.withdrawn_by, row.withdrawn_at = str(ItemState.WITHDRAWN), actor.id, current.at
        row.save()
        _record(current, "item.withdrawn", row)
    return _view(row)


def record_inspection(
    item_id: str,
    outcome: InspectionOutcome,
    *,
    actor: Actor,
    clock: Clock,
    record: ArtifactRef | None = None,
) -> InspectionView:
    """Record an inspection of a listed item, with its record from `evidence.api.store_artifact`.

    A failed inspection stops the use of the item until another one passes.
    """
    may_keep(actor).require()
    with act(actor, clock) as current:
        row = _locked(item_id)
        inspection = Inspection(
            id=new_id("in"),
            item=row,
            at=current.at,
            by=actor.id,
            outcome=str(outcome),
            artifact=record.sha256 if record else "",
        )
        inspection.save(force_insert=True)
        entry = current.record(
            "item.inspected",
            ObjectRef("item", row.id),
            data={"inspection": inspection.id, "outcome": str(outcome), "item_row": _digest(row)},
            artifacts=[record] if record else (),
        )
        if row.kind == ItemKind.TOOL:
            passed = outcome is InspectionOutcome.PASSED
            current.fact(
                "tool.inspected",
                entry=entry,
                outcome=Outcome.PASSED if passed else Outcome.FAILED,
                grade=Grade.ATTACHED,  # a person says so, with or without a record
            )
    return _inspection_view(inspection)


def _columns(fields: ItemFields) -> dict[str, Any]:
    return {name: getattr(fields, name) for name in ItemFields.__dataclass_fields__} | {"kind": str(fields.kind)}


def _locked(item_id: str) -> RegisterItem:
    row = RegisterItem.objects.select_for_update().filter(id=item_id).first()
    if row is None:
        raise Refused(_unknown())
    if row.state == ItemState.WITHDRAWN:
        raise Refused(
            refuse("item.withdrawn", f"{row.name} {row.version} was withdrawn.", "List it again if it is needed.")
        )
    return row


def _unknown() -> Decision:
    return refuse("item.unknown", "The registers have no such item.", "Choose one from the registers, or list it.")


def _digest(row: RegisterItem) -> str:
    said: Mapping[str, JsonValue] = {
        name: value if isinstance(value := getattr(row, name), str | bool) else str(value) for name in _SEALED
    }
    return row_digest(said)


def _record(current: Act, event: str, row: RegisterItem) -> str:
    return current.record(
        event,
        ObjectRef("item", row.id),
        data={
            "row": _digest(row),
            "kind": row.kind,
            "sha256": row.sha256,
            "inside_boundary": row.inside_boundary,
            "review_due": row.review_due.isoformat(),
        },
    )


def _view(row: RegisterItem) -> ItemView:
    newest = max(_by_time(row.inspections.all()), default=None)
    return ItemView(
        id=row.id,
        kind=ItemKind(row.kind),
        name=row.name,
        version=row.version,
        sha256=row.sha256,
        source=row.source,
        licence=row.licence,
        owner=row.owner,
        inside_boundary=row.inside_boundary,
        review_due=row.review_due,
        state=ItemState(row.state),
        listed_by=row.listed_by,
        listed_at=row.listed_at,
        last_inspection=None if newest is None else _inspection_view(newest[2]),
    )


def _by_time(rows: Iterable[Inspection]) -> Iterable[tuple[datetime, str, Inspection]]:
    return ((row.at, row.id, row) for row in rows)


def _inspection_view(row: Inspection) -> InspectionView:
    return InspectionView(row.id, row.item_id, row.at, row.by, InspectionOutcome(row.outcome), row.artifact)
