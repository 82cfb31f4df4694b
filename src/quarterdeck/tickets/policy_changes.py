"""How the policy is changed, a setting or a row at a time, and what differs between two versions. Pure.

What a row asks for can be narrowed, aged, graded and deferred; the facts themselves and their words come with the
hold point, because a fact that nothing brings would close every door (and none at all would open it).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from quarterdeck.kernel.decision import Decision, all_of, require_that
from quarterdeck.tickets.policy import ASSET_CLASSES, DEFAULT_SETTINGS, PolicyRow
from quarterdeck.tickets.terms import MaintenanceType, Method, Risk, WorkClass

GRADES = ("attached", "captured")
MOST_MINUTES = 24 * 60
OLDEST = timedelta(days=366)
NO_LIMIT = timedelta(0)
VOCABULARY: Mapping[str, tuple[str, ...]] = {
    "work_classes": tuple(WorkClass),
    "maintenance_types": tuple(MaintenanceType),
    "methods": tuple(Method),
    "risks": tuple(Risk),
}


@dataclass(frozen=True, slots=True)
class RowTerms:
    """What shall be said anew of a row; None leaves a term as it is, an empty tuple means all, `NO_LIMIT` no age."""

    asset_class: str | None = None
    work_classes: tuple[str, ...] | None = None
    maintenance_types: tuple[str, ...] | None = None
    methods: tuple[str, ...] | None = None
    risks: tuple[str, ...] | None = None
    maximum_age: timedelta | None = None
    minimum_grade: str | None = None
    deferrable: bool | None = None
    flag_only: bool | None = None

    def said(self) -> dict[str, Any]:
        """Return the terms that are to change, as fields of a row."""
        found = {name: getattr(self, name) for name in TERMS if getattr(self, name) is not None}
        if found.get("maximum_age") == NO_LIMIT:
            found["maximum_age"] = None
        return found


TERMS = tuple(RowTerms.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """One difference between two versions: of a setting (`term` empty) or of a term of a hold point's row."""

    about: str
    term: str
    before: object
    after: object


def usable_setting(name: str, value: bool | int) -> Decision:
    """Decide whether there is such a setting and it takes this value."""
    known = DEFAULT_SETTINGS.get(name)
    fits = type(value) is type(known) and (isinstance(value, bool) or 0 <= value <= MOST_MINUTES)
    return require_that(
        known is not None and fits,
        "policy.setting",
        "There is no such setting, or it does not take this value.",
        f"See `qd policy show`: yes or no, or 0 to {MOST_MINUTES:,} minutes.",
    )


def usable_terms(terms: RowTerms) -> Decision:
    """Decide whether a row may say this at all; whether the whole policy is sound is decided at its adoption."""
    return all_of(
        [
            require_that(
                bool(terms.said()), "policy.nothing", "Nothing is said that shall change.", "Name at least one term."
            ),
            require_that(
                terms.asset_class is None or terms.asset_class in ASSET_CLASSES,
                "policy.unknown_asset_class",
                "There is no such asset class.",
                f"Use one of: {', '.join(ASSET_CLASSES)}.",
            ),
            require_that(
                terms.minimum_grade is None or terms.minimum_grade in GRADES,
                "policy.unknown_grade",
                "There is no such grade.",
                "Use attached or captured.",
            ),
            require_that(
                terms.maximum_age is None or terms.maximum_age == NO_LIMIT
                or timedelta(minutes=1) <= terms.maximum_age <= OLDEST,
                "policy.age",
                "A maximum age is one minute to 366 days.",
                "Give minutes, or 0 for no limit.",
            ),
            *(
                require_that(
                    set(getattr(terms, name) or ()) <= set(words),
                    f"policy.unknown_{name}",
                    f"The {name.replace('_', ' ')} name something that there is not.",
                    f"Use words of: {', '.join(words)}; none means all.",
                )
                for name, words in VOCABULARY.items()
            ),
        ]
    )  # fmt: skip


def with_terms(rows: Sequence[PolicyRow], hold_point: str, terms: RowTerms) -> tuple[PolicyRow, ...]:
    """Return the rows with the terms said of this hold point's row; Refused(policy.row) when there is not one."""
    usable_terms(terms).require()
    require_that(
        sum(row.hold_point == hold_point for row in rows) == 1,
        "policy.row",
        "The policy has not exactly one row for this hold point.",
        "See `qd policy show`: it lists each row.",
    ).require()
    said = terms.said()
    return tuple(replace(row, **said) if row.hold_point == hold_point else row for row in rows)


def differences(
    before: tuple[Iterable[PolicyRow], Mapping[str, object]], after: tuple[Iterable[PolicyRow], Mapping[str, object]]
) -> tuple[PolicyChange, ...]:
    """Return what differs between the rows and settings of two versions, settings first."""
    (rows_before, settings_before), (rows_after, settings_after) = before, after
    old, new = {**DEFAULT_SETTINGS, **settings_before}, {**DEFAULT_SETTINGS, **settings_after}
    found = [
        PolicyChange(name, "", old.get(name), new.get(name))
        for name in sorted({*old, *new})
        if old.get(name) != new.get(name)
    ]
    was, now = _by_hold_point(rows_before), _by_hold_point(rows_after)
    for name in sorted({*was, *now}):
        found += _row_differences(name, was.get(name, []), now.get(name, []))
    return tuple(found)


def _by_hold_point(rows: Iterable[PolicyRow]) -> dict[str, list[dict[str, object]]]:
    found: dict[str, list[dict[str, object]]] = {}
    for row in rows:
        found.setdefault(row.hold_point, []).append(row.as_dict())
    return found


def _row_differences(name: str, was: list[dict[str, object]], now: list[dict[str, object]]) -> Iterable[PolicyChange]:
    if len(was) != 1 or len(now) != 1:
        return [PolicyChange(name, "rows", len(was), len(now))] if was != now else []
    (old,), (new,) = was, now
    return [PolicyChange(name, term, old[term], new[term]) for term in old if old[term] != new[term]]
