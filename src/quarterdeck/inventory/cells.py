"""Turns the cells of one row into fields of an asset and its connection; what does not fit is a problem by column.

An empty cell clears what may be empty (texts, owner, dependencies, window) and keeps what may not.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from quarterdeck.inventory.columns import CONNECTION_COLUMNS, FREE_TEXT
from quarterdeck.inventory.ports import OwnerDirectory
from quarterdeck.inventory.recurrence import FIRST_MONDAY, Recurrence
from quarterdeck.inventory.rules import check_asset, check_connection, shown
from quarterdeck.inventory.sheet import MAX_CELL, undo_defuse
from quarterdeck.inventory.terms import AssetCategory, AssetFields, AssetView, ConnectionFields, ConnectionView
from quarterdeck.kernel.decision import Reason

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,6}", re.ASCII)
_YES = frozenset({"yes", "y", "true", "1", "x"})
_NO = frozenset({"no", "n", "false", "0"})
_WORDS: Mapping[str, Mapping[str, str]] = {
    "category": {
        "cui": "cui_asset",
        "security_protection_asset": "security_protection",
        "spa": "security_protection",
        "contractor_risk_managed_asset": "contractor_risk_managed",
        "crma": "contractor_risk_managed",
        "specialised": "specialized",
        "specialized_asset": "specialized",
        "out": "out_of_scope",
    },
    "criticality": {"medium": "moderate", "normal": "moderate", "critical": "high"},
    "environment": {"prod": "production", "live": "production", "stage": "staging", "dev": "other", "test": "other"},
    "asset_kind": {"vm": "server", "pc": "workstation", "laptop": "workstation", "firewall": "network",
                   "switch": "network", "router": "network", "copier": "printer", "scanner": "printer"},
    "elevation": {"no": "none", "yes": "sudo"},
    "platform": {"linux": "unix", "bsd": "unix", "ios": "cisco_ios", "ios_xe": "cisco_ios", "nx_os": "cisco_nxos",
                 "nxos": "cisco_nxos", "juniper": "junos", "fortigate": "fortios", "fortinet": "fortios"},
}  # fmt: skip
# A reason of the rules speaks of a field; these fields have several columns or another name in the file.
_COLUMN_OF_CODE = {
    "maintenance_window.rule": "window_rule",
    "maintenance_window.minutes": "window_minutes",
    "maintenance_window.zone": "window_zone",
}


@dataclass(frozen=True, slots=True)
class Parsed:
    """What one row says; `needs` are host names, `connection` is None when the row says nothing of one."""

    fields: AssetFields
    needs: tuple[str, ...]
    connection: ConnectionFields | None
    connection_id: str | None
    problems: tuple[tuple[str, Reason], ...]


class _Reader:
    """Reads cells one after the other and collects what does not fit, by column."""

    def __init__(self, cells: Mapping[str, str]) -> None:
        self.problems: list[tuple[str, Reason]] = []
        self._cells: dict[str, str] = {}
        for field, cell in cells.items():
            if len(cell) > MAX_CELL:
                self.add(field, "cell.long", f"The cell is longer than {MAX_CELL} characters.", "Shorten it.")
                continue
            text, is_formula = undo_defuse(cell.strip())
            if is_formula and field in FREE_TEXT:
                self.add(
                    field,
                    "cell.formula",
                    f"{shown(text)} would run as a formula in a spreadsheet.",
                    "Put an apostrophe in front if it is meant as text.",
                )
            self._cells[field] = text

    def add(self, field: str, code: str, sentence: str, next_step: str) -> None:
        self.problems.append((field, Reason(code, sentence, next_step)))

    def has(self, field: str) -> bool:
        """True when the file has this column and its cell could be read."""
        return field in self._cells

    def said(self, field: str) -> str:
        """Return the cell's text, empty when the cell is empty or there is no such column."""
        return self._cells.get(field, "")

    def text(self, field: str, old: str) -> str:
        """Return a text that an empty cell clears."""
        return self._cells.get(field, old)

    def word(self, field: str, old: str) -> str:
        """Return a choice; an empty cell keeps the old one."""
        said = self.said(field).lower().replace(" ", "_").replace("-", "_")
        return _WORDS[field].get(said, said) if said else old

    def number(self, field: str, old: int) -> int:
        said = self.said(field)
        if said and not _DIGITS.fullmatch(said):
            self.add(field, f"{field}.number", f"{shown(said)} is not a whole number.", "Write digits only.")
            return old
        return int(said) if said else old

    def flag(self, field: str, old: bool) -> bool:
        said = self.said(field).lower()
        if said and said not in _YES | _NO:
            self.add(field, f"{field}.flag", f"{shown(said)} is neither yes nor no.", "Write yes or no.")
        return said in _YES if said in _YES | _NO else old

    def day(self, field: str, old: date) -> date:
        said = self.said(field)
        if not said:
            return old
        try:
            if _DAY.fullmatch(said):
                return date.fromisoformat(said)
        except ValueError:
            pass  # the form is right, the day does not exist
        self.add(field, f"{field}.date", f"{shown(said)} is not a date.", "Write it like 2026-11-30.")
        return old


def parse_row(
    cells: Mapping[str, str],
    old: AssetView | None,
    owners: OwnerDirectory,
    hostname_of: Callable[[str], str],
) -> Parsed:
    """Return what the mapped cells of one row mean for the asset as it stands (`old`, None for a new one).

    `hostname_of` turns the id of an asset into its host name.
    """
    reader = _Reader(cells)
    before = old.fields if old else AssetFields(hostname="", category="")
    hostname = reader.said("hostname")
    fields = replace(
        before,
        # a non-ASCII letter could fold to an ASCII one, so only ASCII is lowered
        hostname=hostname.lower() if hostname.isascii() else hostname,
        category=reader.word("category", before.category),
        criticality=reader.word("criticality", before.criticality),
        environment=reader.word("environment", before.environment),
        asset_kind=reader.word("asset_kind", before.asset_kind),
        owner=_owner(reader, before.owner, owners),
        maintenance_window=_window(reader, before.maintenance_window),
        title=reader.text("title", before.title),
        category_reason=reader.text("category_reason", before.category_reason),
        location=reader.text("location", before.location),
        operating_system=reader.text("operating_system", before.operating_system),
        firmware=reader.text("firmware", before.firmware),
        patch_level=reader.text("patch_level", before.patch_level),
    )
    is_cui = before.handles_cui if old else fields.category == AssetCategory.CUI_ASSET
    fields = replace(fields, handles_cui=reader.flag("handles_cui", is_cui))
    if not fields.category:
        reader.add("category", "category.missing", "A new asset needs a category.", "See docs, import assets.")
    else:
        reader.problems += [(_column_of(reason), reason) for reason in check_asset(fields).reasons]
    needs = tuple(sorted(hostname_of(one) for one in before.depends_on))
    if reader.has("depends_on"):
        needs = tuple(sorted({name.lower() for name in reader.said("depends_on").replace("|", " ").split()}))
    connection, connection_id = _connection(reader, old)
    return Parsed(fields, needs, connection, connection_id, tuple(_first_per_code(reader.problems)))


def _owner(reader: _Reader, old: str, owners: OwnerDirectory) -> str:
    if not reader.has("owner"):
        return old
    email = reader.said("owner")
    if not email:
        return ""
    person = owners.person_of(email)
    if person is None:
        reader.add(
            "owner",
            "owner.not_on_roster",
            f"Nobody on the roster has the mail address {shown(email)}.",
            "Add the person first, or correct the address.",
        )
        return old
    return person


def _window(reader: _Reader, old: Recurrence | None) -> Recurrence | None:
    if not reader.has("window_rule"):
        return old
    rule = reader.said("window_rule")
    if not rule:
        return None
    base = old or Recurrence(rule, 0, "")
    return Recurrence(
        rrule=rule.upper().removeprefix("RRULE:"),
        minutes=reader.number("window_minutes", base.minutes),
        zone=reader.said("window_zone") or base.zone,
        starts_on=reader.day("window_starts_on", old.starts_on if old else FIRST_MONDAY),
    )


def _connection(reader: _Reader, old: AssetView | None) -> tuple[ConnectionFields | None, str | None]:
    if not any(reader.said(name) for name in CONNECTION_COLUMNS):
        return None, None
    known = old.connections if old else ()
    base = _same_connection(reader, known)
    if base is None and len(known) > 1:
        reader.add(
            "address",
            "address.ambiguous",
            "This asset has several connections and the row does not say which one it means.",
            "Change connections on the asset's page, or leave these cells empty.",
        )
        return None, None
    before = base.fields if base else ConnectionFields("", "")
    account = reader.said("target_account") or before.target_account
    address = reader.said("address")
    fields = ConnectionFields(
        address=(address.lower() if address.isascii() else address) or before.address,
        target_account=account,
        port=reader.number("port", before.port),
        host_identity=reader.said("host_identity") or before.host_identity,
        elevation=reader.word("elevation", before.elevation if base else "root" if account == "root" else "none"),
        watched_roots=tuple(reader.said("watched_roots").replace("|", " ").split()) or before.watched_roots,
        platform=reader.word("platform", before.platform),
    )
    reader.problems += [(_column_of(reason), reason) for reason in check_connection(fields).reasons]
    return fields, base.id if base else None


def _same_connection(reader: _Reader, known: tuple[ConnectionView, ...]) -> ConnectionView | None:
    if len(known) == 1:
        return known[0]
    wanted = (reader.said("address").lower(), reader.said("target_account"))
    return next((one for one in known if (one.address, one.target_account) == wanted), None)


def _column_of(reason: Reason) -> str:
    return _COLUMN_OF_CODE.get(reason.code, reason.code.partition(".")[0])


def _first_per_code(problems: list[tuple[str, Reason]]) -> list[tuple[str, Reason]]:
    """A cell that could not be read shows once, not again as what the rules think of its replacement."""
    unreadable = {field for field, reason in problems if reason.code.endswith((".number", ".flag", ".date", ".long"))}
    kept, seen = [], set()
    for field, reason in problems:
        is_echo = field in unreadable and not reason.code.endswith((".number", ".flag", ".date", ".long"))
        if (field, reason.code) in seen or is_echo:
            continue
        seen.add((field, reason.code))
        kept.append((field, reason))
    return kept
