"""Differences of what is approved, as people read them: plain words, names, long texts line by line."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import ndiff
from typing import Any
from zoneinfo import ZoneInfo

from quarterdeck.entrypoints.web import zones
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.words import called
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.tools import api as tools

_LABELS = {
    "title": "Title", "plan": "Plan", "impact": "Impact", "rollback": "Rollback", "risk": "Risk", "action": "Action",
    "method": "Way of working", "maintenance_type": "Kind of maintenance", "work_class": "Work class",
    "emergency": "Emergency", "window.from": "Window opens", "window.until": "Window ends", "requester": "Requester",
    "technicians": "Technicians", "escort": "Escort", "people": "People", "pool": "Pool", "agreement": "Agreement",
    "assets": "Assets", "items": "Tools, techniques and mechanisms", "expected_paths": "Paths that may change",
    "conflicts_with": "Other tickets in this window", "policy": "Policy in force", "v": "Form of the record",
    "allowance": "Sessions may", "allowance.terminal": "Sessions may open a terminal",
    "allowance.command": "Sessions may run single commands", "allowance.to_target": "Files may go to the target",
    "allowance.from_target": "Files may leave the target", "allowance.rsync": "Sessions may use rsync",
    "collector_sha256": "Collector (SHA-256)", "cadence_hours": "Every how many hours", "valid_until": "Until",
    "reason": "Reason", "proposer": "Proposer", "epoch": "Restored from a backup since", "asset": "Asset",
}  # fmt: skip
_PARTS = {
    "sha256": "SHA-256", "handles_cui": "handles CUI", "host_identity": "host identity", "id": "record",
    "target_account": "account on the target", "watched_roots": "watched folders", "depends_on": "depends on",
    "kind": "kind", "nda": "NDA", "no_cui_offsite": "no CUI leaves the site", "permitted_actions": "permitted actions",
}  # fmt: skip
_SILENT = frozenset({"v", "people"})
_ABSENT = "nothing"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a difference: `gone`, `come`, or `same` for what stands around it."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Change:
    """One field that changed, with its lines."""

    label: str
    lines: Sequence[Line]


def in_words(differences: Iterable[Mapping[str, str]], names: Names, zone: ZoneInfo) -> list[Change]:
    """Return each difference by field; what only repeats another field (the people behind a name) is left out."""
    told = _Teller(names, zone)
    return [told.change(one["field"], one["old"], one["new"]) for one in differences if told.speaks_of(one["field"])]


class _Teller:
    """Tells differences with the names of one page."""

    def __init__(self, names: Names, zone: ZoneInfo) -> None:
        self._names = names
        self._zone = zone

    def speaks_of(self, field: str) -> bool:
        """False for what is told by another field already: who is named says all of a person who came or went."""
        head, _, rest = field.partition(".")
        return head not in _SILENT or (head == "people" and "." in rest)

    def change(self, field: str, old: str, new: str) -> Change:
        """Return one field in words."""
        before, now = _read(old), _read(new)
        if isinstance(before, list) or isinstance(now, list):
            return Change(self._label(field), self._members(_listed(before), _listed(now)))
        if isinstance(before, dict) or isinstance(now, dict):
            return Change(_LABELS.get(field.partition(".")[0], self._label(field)), self._members([before], [now]))
        gone, come = self._said(before, field), self._said(now, field)
        if "\n" in gone or "\n" in come:
            return Change(self._label(field), _by_line(gone, come))
        lines = [Line("gone", gone), Line("come", come)]
        return Change(self._label(field), lines if before != "" else lines[1:])

    def _label(self, field: str) -> str:
        if field in _LABELS:
            return _LABELS[field]
        head, _, rest = field.partition(".")
        whose, part = self._whose(head, rest)
        words = ", ".join(_PARTS.get(one, called(one)) for one in part.split(".") if one)
        return ": ".join(word for word in (whose or _LABELS.get(head, called(head).capitalize()), words) if word)

    def _whose(self, head: str, rest: str) -> tuple[str, str]:
        """Return whose field this is, by name, and what is left of the dotted name; host names hold dots too."""
        if head == "assets":
            hosts = sorted((one.hostname for one in self._names.assets.values()), key=len, reverse=True)
            host = next((one for one in hosts if rest == one or rest.startswith(f"{one}.")), "")
            return (host, rest[len(host) + 1 :]) if host else ("Asset", "")
        if head in {"people", "items"}:
            which, _, part = rest.partition(".")
            return self._name(which), part
        return "", rest

    def _members(self, before: list[Any], now: list[Any]) -> list[Line]:
        gone = [Line("gone", self._said(one)) for one in before if one not in now and one != ""]
        come = [Line("come", self._said(one)) for one in now if one not in before and one != ""]
        return gone + come or [Line("same", "the same in another order")]

    def _said(self, value: Any, field: str = "") -> str:  # noqa: ANN401  a value of a JSON document
        if isinstance(value, bool):
            return "yes" if value else "no"
        if value is None or value == "" or value == {}:
            return _ABSENT
        if isinstance(value, dict):
            return self._thing(value)
        if isinstance(value, str):
            return self._text(value, field)
        return str(value)

    def _thing(self, value: Mapping[str, Any]) -> str:
        """Name a thing that came or went as a whole."""
        name = value.get("hostname") or value.get("name") or value.get("number") or value.get("id")
        if name:
            version = value.get("version", "")
            return f"{self._name(str(name))} {version}".strip() if isinstance(version, str) else self._name(str(name))
        return ", ".join(f"{called(key)} {self._said(one)}" for key, one in value.items())

    def _text(self, value: str, field: str) -> str:
        moment = _moment(value)
        if moment is not None:
            return zones.shown(moment, self._zone)
        if field == "policy":
            return f"version {value.partition('.')[0].removeprefix('v')}"
        return called(value) if field in _CODES or field.endswith(_CODE_PARTS) else self._name(value)

    def _name(self, value: str) -> str:
        known = self._names.all.get(value)
        if known is not None:
            return known
        look = _LOOKED_UP.get(value.partition("_")[0])
        if look is None or not value.isidentifier():
            return value
        try:
            return look(value)
        except Refused:
            return value


def _item(item_id: str) -> str:
    item = tools.item(item_id)
    return f"{item.name} {item.version}"


def _pool(pool_id: str) -> str:
    return personnel.pool(pool_id).name


def _agreement(agreement_id: str) -> str:
    terms = personnel.agreement(agreement_id)
    return f"{terms.number} of {terms.vendor}"


_LOOKED_UP = {"it": _item, "po": _pool, "pl": _pool, "va": _agreement}
_CODES = frozenset({"risk", "action", "method", "maintenance_type", "work_class"})
_CODE_PARTS = (".category", ".criticality", ".environment", ".state", ".kind", ".elevation", ".asset_kind", ".method",
               ".platform")  # fmt: skip


def _read(text: str) -> Any:  # noqa: ANN401  a value of a JSON document
    """Return lists, things, numbers and yes or no as what they are; every other text stays a text."""
    if not text.startswith(("[", "{")) and text not in {"true", "false"}:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _listed(value: Any) -> list[Any]:  # noqa: ANN401  a value of a JSON document
    return value if isinstance(value, list) else [value] if value else []


def _moment(value: str) -> datetime | None:
    if len(value) < len("2026-01-01T00:00:00Z") or value[4:5] != "-" or value[10:11] != "T":
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def _by_line(old: str, new: str) -> list[Line]:
    """Return two texts line by line, with the lines that stayed."""
    kinds = {"- ": "gone", "+ ": "come", "  ": "same"}
    told = (Line(kinds.get(one[:2], ""), one[2:]) for one in ndiff(old.splitlines(), new.splitlines()))
    return [line for line in told if line.kind]
