"""The frozen snapshot: an approval hashes not names but what they mean at that moment (attacks.md row 3).

Version 2 says what sessions may do; a ticket from before keeps version 1, so that its approvals stay what they were.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import date, datetime, timedelta
from enum import Enum

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import JsonValue
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets.models import MaintenanceTicket, PolicyVersion
from quarterdeck.tickets.terms import Duty
from quarterdeck.tools import api as tools

# Facts of a person or register item that may change without changing what was approved.
_NOT_FROZEN = frozenset({"name", "email", "mfa_enrolled", "review_due", "active", "members"})


def plain(value: object) -> JsonValue:
    """Return dataclasses, enums, moments and tuples as JSON-ready values."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, Enum):
        return plain(value.value)
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [plain(item) for item in value]
        return sorted(items, key=str) if isinstance(value, set | frozenset) else items
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"{type(value).__name__} can't be frozen")


def snapshot(row: MaintenanceTicket) -> dict[str, JsonValue]:
    """Return everything that an approval of this ticket is about, resolved from the registers as they are now."""
    named = list(row.person_rows.all())
    people = {duty: sorted(p.person_id for p in named if p.duty == duty) for duty in Duty}
    return {
        **({"v": 1} if row.allowance is None else {"v": 2, "allowance": dict(row.allowance)}),
        "ticket": row.number,
        "work_class": row.work_class,
        "emergency": row.emergency,
        "title": row.title,
        "maintenance_type": row.maintenance_type,
        "action": row.action,
        "method": row.method,
        "risk": row.risk,
        "plan": row.plan,
        "impact": row.impact,
        "rollback": row.rollback,
        **({} if row.rollback_plan is None else {"rollback_plan": plain(row.rollback_plan)}),
        "window": {"from": rfc3339(row.window_from), "until": rfc3339(row.window_until)},
        "requester": row.requester_id,
        "technicians": list(people[Duty.TECHNICIAN]),
        "escort": list(people[Duty.ESCORT]),
        "people": [_person(person_id) for duty in Duty for person_id in people[duty]],
        "pool": row.pool_id or "",
        "agreement": _agreement(row.agreement_id),
        "assets": [
            _asset(one.asset_id, one.connection_id) for one in sorted(row.asset_rows.all(), key=lambda a: a.asset_id)
        ],
        "items": [_item(item_id) for item_id in sorted(i.item_id for i in row.item_rows.all())],
        "expected_paths": list(row.expected_paths),
        "conflicts_with": sorted(row.conflicts_with),
        "policy": _policy(),
    }


def snapshot_bytes(document: Mapping[str, JsonValue]) -> bytes:
    """Return the canonical bytes of a snapshot, the ones that are stored and hashed."""
    return evidence.encode_fields(document)


def content_hash(document: Mapping[str, JsonValue]) -> str:
    """Return the SHA-256 (hex) that approvals carry."""
    return hashlib.sha256(snapshot_bytes(document)).hexdigest()


def differences(old: Mapping[str, JsonValue], new: Mapping[str, JsonValue], prefix: str = "") -> list[dict[str, str]]:
    """Return what changed between two snapshots: dotted name, old and new value as text, lists and the like as JSON."""
    found: list[dict[str, str]] = []
    for key in sorted(set(old) | set(new)):
        before, now = old.get(key), new.get(key)
        if before == now:
            continue
        if isinstance(before, dict) and isinstance(now, dict):
            found += differences(before, now, f"{prefix}{key}.")
        elif isinstance(before, list) and isinstance(now, list) and any(isinstance(x, dict) for x in [*before, *now]):
            found += differences(_by_id(before), _by_id(now), f"{prefix}{key}.")
        else:
            found.append({"field": f"{prefix}{key}", "old": _text(before), "new": _text(now)})
    return found


def _by_id(items: list[JsonValue]) -> dict[str, JsonValue]:
    return {
        str(item.get("hostname") or item.get("id") or number) if isinstance(item, dict) else str(number): item
        for number, item in enumerate(items)
    }


def _text(value: JsonValue) -> str:
    """Return a text as it is, nothing as an empty one, everything else as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _frozen(value: object) -> dict[str, JsonValue]:
    document = plain(value)
    if not isinstance(document, dict):
        raise TypeError("only a view can be frozen")
    return {key: item for key, item in document.items() if key not in _NOT_FROZEN}


def _person(person_id: str) -> dict[str, JsonValue]:
    return _frozen(personnel.person(person_id))


def _agreement(agreement_id: str | None) -> dict[str, JsonValue]:
    return _frozen(personnel.agreement(agreement_id)) if agreement_id else {}


def _asset(asset_id: str, connection_id: str | None) -> JsonValue:
    return plain(inventory.frozen_asset(asset_id, connection_id))


def _item(item_id: str) -> JsonValue:
    try:
        found = plain(tools.item(item_id))
    except Refused:
        return {"id": item_id, "state": "unknown"}
    if not isinstance(found, dict):
        raise TypeError("a register item is a view")
    return {key: found.get(key) for key in ("id", "kind", "name", "version", "sha256", "state")}


def _policy() -> str:
    newest = PolicyVersion.objects.order_by("-version").values_list("version", "digest").first()
    return "none" if newest is None else f"v{newest[0]}.{newest[1]}"
