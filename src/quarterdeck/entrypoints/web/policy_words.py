"""The policy in plain words: what each setting does, what a row asks for, what a change changed."""

from collections.abc import Iterable
from datetime import timedelta

from quarterdeck.entrypoints.web import zones
from quarterdeck.entrypoints.web.words import called
from quarterdeck.tickets.api import HOLD_POINTS, PolicyChange, PolicyRow

SETTINGS = {
    "record_screens_of_cui_assets": (
        "Record screens of CUI assets",
        "No: of sessions on assets that handle CUI, times, sizes, files and ends are recorded, not what a screen "
        "showed. There is then no CUI in a recording, and nothing to replay.",
    ),
    "one_independent_person_may_hold_both_roles": (
        "One person as approver and CUI owner",
        "Yes: one independent person may approve work on a CUI asset in both roles. The ticket says so.",
    ),
    "self_extension_minutes": (
        "More time without an approver",
        "Minutes by which own staff lengthen an open window once by themselves. 0 lets nobody.",
    ),
    "verified_keys_for_cui_assets": (
        "Keys with a PIN for CUI assets",
        "Yes: access to assets that handle CUI takes a security key that asks for its PIN at every connection (3.5.3).",
    ),
    "verified_keys_for_all_assets": (
        "Keys with a PIN everywhere",
        "Yes: access to every asset takes a security key that asks for its PIN at every connection (3.5.3).",
    ),
    "grace_minutes_staff": ("Grace for own staff", "Minutes after the window's end before sessions are ended."),
    "grace_minutes_vendor": ("Grace for vendors", "Minutes after the window's end before sessions are ended."),
    "idle_minutes_terminal": ("Unattended terminals", "Minutes without typing after which a terminal ends. 0: never."),
}
TERMS = {
    "asset_class": "Assets",
    "work_classes": "Work classes",
    "maintenance_types": "Maintenance types",
    "methods": "Methods",
    "risks": "Risks",
    "fact_kinds": "Facts",
    "per_asset": "For each asset",
    "maximum_age_seconds": "Maximum age",
    "minimum_grade": "Minimum grade",
    "deferrable": "Can be deferred",
    "flag_only": "Flag only",
    "next_step": "Next step",
    "wording": "Wording",
    "rows": "Rows",
}
CLASSES = {"any": "all assets", "cui": "assets that handle CUI", "cui_server": "CUI servers", "server": "servers"}


def setting_name(name: str) -> str:
    """Return what a setting is called on a page."""
    return SETTINGS[name][0] if name in SETTINGS else called(name).capitalize()


def setting_value(name: str, value: object) -> str:
    """Return a setting's value in words."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value} min" if "minutes" in name else str(value)


def listed(codes: Iterable[str]) -> str:
    """Return codes as people say them, `all` for none."""
    return ", ".join(called(code) for code in codes) or "all"


def about(row: PolicyRow) -> str:
    """Return the work and the assets that a row is about."""
    parts = [CLASSES.get(row.asset_class, row.asset_class) if row.asset_class != "any" else ""]
    parts += [listed(row.work_classes) if row.work_classes else "all work"]
    parts += [", ".join(called(one) for one in words) for words in (row.maintenance_types, row.methods) if words]
    parts += [f"risk {', '.join(row.risks)}" if row.risks else ""]
    return " · ".join(part for part in parts if part)


def asks(row: PolicyRow) -> str:
    """Return the facts that a row asks for, with the age and grade it wants; empty where it asks for none."""
    if not row.fact_kinds:
        return ""
    said = ", ".join(row.wording.get(kind, kind) for kind in row.fact_kinds)
    age = "" if row.maximum_age is None else f", not older than {zones.spoken(row.maximum_age)}"
    return f"{said}{age}{', captured' if row.minimum_grade == 'captured' else ''}"


def change_words(change: PolicyChange) -> str:
    """Return one change as a line: what, from what, to what."""
    if not change.term:
        before, after = setting_value(change.about, change.before), setting_value(change.about, change.after)
        return f"{setting_name(change.about)}: {before} → {after}"
    label = HOLD_POINTS[change.about].label if change.about in HOLD_POINTS else change.about
    return f"{label}, {TERMS[change.term].lower()}: {_value(change, change.before)} → {_value(change, change.after)}"


def _value(change: PolicyChange, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if change.term == "maximum_age_seconds":
        return "no limit" if value is None else zones.spoken(timedelta(seconds=int(str(value))))
    if change.term == "asset_class":
        return CLASSES.get(str(value), str(value))
    return listed(map(str, value)) if isinstance(value, list) else str(value)
