"""What others may use of the controls: practices, objectives, fact kinds, points, the wording of a catalogue."""

from quarterdeck.controls.catalog import Wording, load_catalog
from quarterdeck.controls.fact_kinds import FACT_KINDS, FactKind, fact_kind, is_fact_kind, kinds_for
from quarterdeck.controls.practices import (
    MA_OBJECTIVES,
    MA_PRACTICES,
    OBJECTIVES,
    POAM_BARRED,
    PRACTICES,
    R3_DETERMINATIONS,
    objective,
    practice,
)
from quarterdeck.controls.reference import objectives_page
from quarterdeck.controls.scoring import (
    ACCESS_CAP_HOURS,
    CONDITIONAL_MINIMUM,
    FULL_SCORE,
    PERIODICALLY_MAX_DAYS,
    POAM_CLOSE_OUT_DAYS,
    RETENTION_YEARS,
    deduction,
    may_be_conditional,
    may_stand_on_poam,
)
from quarterdeck.controls.terms import Objective, PoamRule, Practice, R3Determination

__all__ = [
    "ACCESS_CAP_HOURS",
    "CONDITIONAL_MINIMUM",
    "FACT_KINDS",
    "FULL_SCORE",
    "MA_OBJECTIVES",
    "MA_PRACTICES",
    "OBJECTIVES",
    "PERIODICALLY_MAX_DAYS",
    "POAM_BARRED",
    "POAM_CLOSE_OUT_DAYS",
    "PRACTICES",
    "R3_DETERMINATIONS",
    "RETENTION_YEARS",
    "FactKind",
    "Objective",
    "PoamRule",
    "Practice",
    "R3Determination",
    "Wording",
    "deduction",
    "fact_kind",
    "is_fact_kind",
    "kinds_for",
    "load_catalog",
    "may_be_conditional",
    "may_stand_on_poam",
    "objective",
    "objectives_page",
    "practice",
]
