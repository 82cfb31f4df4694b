"""Verbs and reads of check definitions: typed, reusable, named assets; what applies to an asset is part of an approval.

Whoever keeps them is asked in the workflow; here a definition stands or falls by its grammar.
"""

from collections.abc import Mapping
from typing import Any

from quarterdeck.evidence.api import Act, JsonValue, ObjectRef, act, last_entry, row_digest
from quarterdeck.inventory.check_rules import MAX_CHECKS_PER_ASSET, check_definition, completed
from quarterdeck.inventory.check_terms import CheckFields, CheckKind, CheckPhase, CheckView
from quarterdeck.inventory.models import Asset, CheckDefinition
from quarterdeck.inventory.rules import may_keep
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import ALLOWED, Decision, Refused, all_of, refuse
from quarterdeck.kernel.ids import new_id

_EVENTS = ("check.defined", "check.changed", "check.withdrawn")
_COLUMNS = ("kind", "name", "phase", "values", "assets")


def checks(*, asset_id: str | None = None, include_withdrawn: bool = False) -> list[CheckView]:
    """Return the definitions by name, on request only those of one asset or also withdrawn ones."""
    rows = CheckDefinition.objects.all() if include_withdrawn else CheckDefinition.objects.filter(active=True)
    views = [_view(row) for row in rows]
    return [one for one in views if asset_id is None or asset_id in one.assets]


def check(check_id: str) -> CheckView:
    """Return one definition, a withdrawn one too; Refused(check.unknown) when there is none."""
    row = CheckDefinition.objects.filter(id=check_id).first()
    if row is None:
        raise Refused(refuse("check.unknown", "There is no such check.", "Choose one from the register."))
    return _view(row)


def frozen_checks(asset_id: str) -> list[JsonValue]:
    """Return what an approval freezes of the checks of an asset, by id."""
    return [
        {"id": one.id, "kind": one.kind.value, "name": one.name, "phase": one.phase.value, "values": dict(one.values)}
        for one in sorted(checks(asset_id=asset_id), key=lambda one: one.id)
    ]


def define_check(fields: CheckFields, *, actor: Actor, clock: Clock) -> CheckView:
    """Add a definition and return it; Refused with every reason that stands against it."""
    said = completed(fields)
    all_of([may_keep(actor), check_definition(said)]).require()
    with act(actor, clock) as current:
        _refuse_conflicts(said, "")
        row = CheckDefinition(id=new_id("ck"), added_at=current.at, changed_at=current.at, **_columns(said))
        row.save(force_insert=True)
        _record(current, "check.defined", row)
    return _view(row)


def change_check(check_id: str, changes: Mapping[str, Any], *, actor: Actor, clock: Clock) -> CheckView:
    """Change named fields of a definition and return it; writes nothing when nothing differs. The kind stays."""
    may_keep(actor).require()
    unknown = sorted(set(changes) - {"name", "phase", "values", "assets"})
    if unknown:
        raise Refused(refuse("check.unknown_field", f"A check has no field {unknown[0][:40]} that can be changed."))
    with act(actor, clock) as current:
        row = _locked(check_id)
        before = _view(row).fields
        after = completed(
            CheckFields(before.kind, **({name: getattr(before, name) for name in _COLUMNS[1:]} | dict(changes)))
        )
        check_definition(after).require()
        columns = _columns(after)
        changed = [name for name, value in columns.items() if getattr(row, name) != value]
        if changed:
            _refuse_conflicts(after, check_id)
            for name in changed:
                setattr(row, name, columns[name])
            row.version, row.changed_at = row.version + 1, current.at
            row.save()
            _record(current, "check.changed", row, changed)
    return _view(row)


def withdraw_check(check_id: str, *, actor: Actor, clock: Clock) -> CheckView:
    """Take a definition out of use."""
    may_keep(actor).require()
    with act(actor, clock) as current:
        row = _locked(check_id)
        row.active, row.version, row.changed_at = False, row.version + 1, current.at
        row.save()
        _record(current, "check.withdrawn", row)
    return _view(row)


def check_definitions_of(asset_id: str) -> Decision:
    """Decide whether the rows of an asset's checks equal their newest sealed entries (attacks.md row 28)."""
    return all_of(_check(row) for row in CheckDefinition.objects.filter(active=True) if asset_id in row.assets)


def _check(row: CheckDefinition) -> Decision:
    sealed = last_entry(_EVENTS, object=ObjectRef("check", row.id))
    if sealed is not None and sealed.data.get("row") == _digest(row):
        return ALLOWED
    return refuse(
        "check.unsealed",
        "A check's row does not match the ledger: it was changed without an entry.",
        "Stop, and ask the IT lead to run qd ledger verify.",
    )


def _digest(row: CheckDefinition) -> str:
    said: dict[str, JsonValue] = {name: getattr(row, name) for name in _COLUMNS}
    return row_digest(said | {"id": row.id, "salt": row.salt, "version": row.version, "active": row.active})


def _columns(fields: CheckFields) -> dict[str, Any]:
    return {
        "kind": str(fields.kind),
        "name": fields.name.strip(),
        "phase": str(fields.phase),
        "values": dict(sorted(fields.values.items())),
        "assets": sorted(fields.assets),
    }


def _view(row: CheckDefinition) -> CheckView:
    return CheckView(
        id=row.id,
        kind=CheckKind(row.kind),
        name=row.name,
        phase=CheckPhase(row.phase),
        values=dict(row.values),
        assets=tuple(row.assets),
        active=row.active,
        version=row.version,
        added_at=row.added_at,
    )


def _record(current: Act, event: str, row: CheckDefinition, changed: list[str] | None = None) -> None:
    data: dict[str, JsonValue] = {
        "row": _digest(row),
        "version": row.version,
        "kind": row.kind,
        "phase": row.phase,
        "assets": len(row.assets),
    }
    if changed is not None:
        data["fields"] = list(changed)
    current.record(event, ObjectRef("check", row.id), data=data)


def _locked(check_id: str) -> CheckDefinition:
    row = CheckDefinition.objects.select_for_update().filter(id=check_id, active=True).first()
    if row is None:
        raise Refused(refuse("check.unknown", "There is no such check in use.", "Choose one from the register."))
    return row


def _refuse_conflicts(fields: CheckFields, own_id: str) -> None:
    others = list(CheckDefinition.objects.filter(active=True).exclude(id=own_id))
    if any(one.name == fields.name.strip() for one in others):
        raise Refused(refuse("name.taken", "A check of this name is defined already.", "Change that one instead."))
    known = set(Asset.objects.filter(id__in=fields.assets, active=True).values_list("id", flat=True))
    if set(fields.assets) - known:
        raise Refused(refuse("assets.not_listed", "It names an asset that is not in use.", "Choose assets in use."))
    full = [one for one in fields.assets if sum(one in other.assets for other in others) >= MAX_CHECKS_PER_ASSET]
    if full:
        raise Refused(
            refuse("assets.full", f"An asset has at most {MAX_CHECKS_PER_ASSET} checks.", "Withdraw one of them.")
        )
