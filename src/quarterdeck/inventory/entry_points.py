"""Verbs and reads of the entry-point register: every way in that lets somebody maintain (3.7.2[d])."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from quarterdeck.evidence.api import Act, JsonValue, ObjectRef, act, last_entry
from quarterdeck.inventory.models import Asset, EntryPoint
from quarterdeck.inventory.rows import digest_of, entry_point_columns, view_of_entry_point
from quarterdeck.inventory.rules import check_entry_point, gaps_of, may_keep
from quarterdeck.inventory.terms import EntryPointFields, EntryPointView
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, all_of, refuse
from quarterdeck.kernel.ids import new_id


def entry_points(*, asset_id: str | None = None, include_withdrawn: bool = False) -> list[EntryPointView]:
    """Return the entry points by name, on request only those that lead to one asset or also withdrawn ones."""
    rows = EntryPoint.objects.all() if include_withdrawn else EntryPoint.objects.filter(active=True)
    views = [view_of_entry_point(row) for row in rows]
    return [one for one in views if asset_id is None or asset_id in one.assets]


def entry_point(entry_point_id: str) -> EntryPointView:
    """Return one entry point, a withdrawn one too; Refused(entry_point.unknown) when there is none."""
    row = EntryPoint.objects.filter(id=entry_point_id).first()
    if row is None:
        raise Refused(refuse("entry_point.unknown", "There is no such entry point.", "Choose one from the register."))
    return view_of_entry_point(row)


def entry_point_gaps(at: datetime, *, asset_id: str | None = None) -> dict[str, Decision]:
    """Return by entry point id what it lacks on the day of `at`; those without a gap are left out."""
    decisions = {one.id: gaps_of(one, at.date()) for one in entry_points(asset_id=asset_id)}
    return {name: decision for name, decision in decisions.items() if not decision.allowed}


def add_entry_point(fields: EntryPointFields, *, actor: Actor, clock: Clock) -> EntryPointView:
    """Add an entry point and return it; Refused with every reason that stands against it."""
    all_of([may_keep(actor), check_entry_point(fields)]).require()
    with act(actor, clock) as current:
        _refuse_conflicts(fields, "")
        row = EntryPoint(id=new_id("ep"), added_at=current.at, changed_at=current.at, **entry_point_columns(fields))
        row.save(force_insert=True)
        _record(current, "entry_point.added", row)
    return view_of_entry_point(row)


def change_entry_point(
    entry_point_id: str, changes: Mapping[str, Any], *, actor: Actor, clock: Clock
) -> EntryPointView:
    """Change named fields of an entry point and return it; writes nothing when nothing differs."""
    may_keep(actor).require()
    names = tuple(EntryPointFields.__dataclass_fields__)
    unknown = sorted(set(changes) - set(names))
    if unknown:
        raise Refused(refuse("entry_point.unknown_field", f"Entry points have no field {unknown[0][:40]}."))
    with act(actor, clock) as current:
        row = _locked(entry_point_id)
        before = view_of_entry_point(row).fields
        after = EntryPointFields(**({name: getattr(before, name) for name in names} | dict(changes)))
        check_entry_point(after).require()
        columns = entry_point_columns(after)
        changed = [name for name, value in columns.items() if getattr(row, name) != value]
        if changed:
            _refuse_conflicts(after, entry_point_id)
            for name in changed:
                setattr(row, name, columns[name])
            row.version, row.changed_at = row.version + 1, current.at
            row.save()
            _record(current, "entry_point.changed", row, changed)
    return view_of_entry_point(row)


def withdraw_entry_point(entry_point_id: str, *, actor: Actor, clock: Clock) -> EntryPointView:
    """Take an entry point out of the register: the way in has been closed."""
    may_keep(actor).require()
    with act(actor, clock) as current:
        row = _locked(entry_point_id)
        row.active, row.version, row.changed_at = False, row.version + 1, current.at
        row.save()
        _record(current, "entry_point.withdrawn", row)
    return view_of_entry_point(row)


def check_entry_point_row(entry_point_id: str) -> Decision:
    """Decide whether the row of an entry point equals its newest sealed entry (attacks.md row 28)."""
    row = EntryPoint.objects.filter(id=entry_point_id).first()
    events = ("entry_point.added", "entry_point.changed", "entry_point.withdrawn")
    sealed = last_entry(events, object=ObjectRef("entry_point", entry_point_id))
    if row is not None and sealed is not None and sealed.data.get("row") == digest_of(row):
        return ALLOWED
    return refuse(
        "entry_point.unsealed",
        "The entry point's row does not match the ledger: it was changed without an entry.",
        "Stop, and ask the IT lead to run qd ledger verify.",
    )


def _record(current: Act, event: str, row: EntryPoint, changed: list[str] | None = None) -> None:
    data: dict[str, JsonValue] = {
        "row": digest_of(row),
        "version": row.version,
        "kind": row.kind,
        "mfa": row.mfa,
        "assets": len(row.assets),
    }
    if changed is not None:
        data["fields"] = list(changed)
    current.record(event, ObjectRef("entry_point", row.id), data=data)


def _locked(entry_point_id: str) -> EntryPoint:
    row = EntryPoint.objects.select_for_update().filter(id=entry_point_id, active=True).first()
    if row is None:
        raise Refused(
            refuse("entry_point.unknown", "There is no such entry point in use.", "Choose one from the register.")
        )
    return row


def _refuse_conflicts(fields: EntryPointFields, own_id: str) -> None:
    if EntryPoint.objects.filter(name=fields.name, active=True).exclude(id=own_id).exists():
        raise Refused(
            refuse("name.taken", "An entry point of this name is in the register already.", "Change that one instead.")
        )
    known = set(Asset.objects.filter(id__in=fields.assets, active=True).values_list("id", flat=True))
    if set(fields.assets) - known:
        raise Refused(
            refuse("assets.not_listed", "It leads to an asset that is not in the inventory.", "Choose assets in use.")
        )
