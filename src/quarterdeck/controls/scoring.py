"""Points and dates of an assessment as 32 CFR 170.21 and 170.24 set them. It counts; it never says what is MET."""

from collections.abc import Collection

from quarterdeck.controls.practices import POAM_BARRED, practice
from quarterdeck.controls.terms import PoamRule
from quarterdeck.kernel.decision import ALLOWED, Decision, refuse

FULL_SCORE = 110
CONDITIONAL_MINIMUM = 88
POAM_CLOSE_OUT_DAYS = 180
RETENTION_YEARS = 6
ACCESS_CAP_HOURS = 12
PERIODICALLY_MAX_DAYS = 365


def deduction(practice_id: str, *, partly: bool = False) -> int:
    """Return the points lost when the practice is not met (32 CFR 170.24).

    `partly` takes the smaller deduction of 3.5.3 and 3.13.11 and changes nothing elsewhere. A practice without
    a value raises ValueError: without a system security plan there is no assessment and so no score.
    """
    found = practice(practice_id)
    if found.points is None:
        raise ValueError(f"{practice_id} has no point value: without it the assessment cannot be completed")
    if partly and found.partial_points is not None:
        return found.partial_points
    return found.points


def may_stand_on_poam(practice_id: str, *, partly: bool = False) -> Decision:
    """Decide whether a practice that is not met may wait on an assessment POA&M (32 CFR 170.21(a)(2))."""
    found = practice(practice_id)
    if found.poam is PoamRule.YES:
        return ALLOWED
    operational = "Correct it now, or keep it in the operational plan of action, which is another list."
    if found.poam is PoamRule.CONDITIONAL:
        if partly:
            return ALLOWED
        return refuse(
            "poam.not_encrypted",
            f"{practice_id} may stand on a POA&M only when encryption is in use and merely lacks validation.",
            operational,
        )
    if found.requirement in POAM_BARRED:
        return refuse("poam.barred", f"{practice_id} is named by the rule as never on a POA&M.", operational)
    return refuse(
        "poam.too_many_points",
        f"{practice_id} is worth {found.points} points; only practices of one point may stand on a POA&M.",
        operational,
    )


def may_be_conditional(score: int, poam_practices: Collection[str]) -> Decision:
    """Decide whether this score with these open practices allows a conditional status (32 CFR 170.21(a)(2)).

    `poam_practices` are practice ids; 3.13.11 counts as encrypted but not validated, since otherwise
    `may_stand_on_poam` has refused it before.
    """
    reasons = tuple(r for name in sorted(poam_practices) for r in may_stand_on_poam(name, partly=True).reasons)
    if score < CONDITIONAL_MINIMUM:
        low = refuse(
            "score.too_low",
            f"The score is {score}; a conditional status needs at least {CONDITIONAL_MINIMUM} of {FULL_SCORE}.",
            "Close practices of five and three points first.",
        )
        reasons = low.reasons + reasons
    return Decision(reasons)
