"""The words of the catalogue: practice, objective, r3 determination.

Nothing here is prose of NIST or of the DoD; labels are our own, short, and say the same.
"""

from dataclasses import dataclass
from enum import StrEnum


class PoamRule(StrEnum):
    """Whether a practice that is not met may wait on an assessment POA&M (32 CFR 170.21(a)(2))."""

    YES = "yes"
    NO = "no"
    CONDITIONAL = "conditional"


@dataclass(frozen=True, slots=True)
class Objective:
    """One determination of SP 800-171A for a practice; `points` are those of the whole practice.

    `points` is None for a practice that carries no value (3.12.4). `r3` names the determinations of
    SP 800-171A r3 that ask the same (a preview, not assessed). `on_site` marks objectives that an assessor
    is expected to look at in person, so that no export can settle them alone.
    """

    id: str
    practice: str
    letter: str
    label: str
    points: int | None
    poam_eligible: bool
    r3: tuple[str, ...] = ()
    on_site: bool = False

    @property
    def token(self) -> str:
        """Return the id in the alphabet of ledger strings: `MA.L2-3.7.2.d`."""
        return f"{self.practice}.{self.letter}"

    @property
    def oscal_id(self) -> str:
        """Return the part id of an OSCAL catalogue: `r2_3.7.2_obj.a`."""
        return f"r2_{requirement_number(self.practice)}_obj.{self.letter}"


@dataclass(frozen=True, slots=True)
class Practice:
    """One practice of CMMC Level 2; `partial_points` is the smaller deduction where half the work counts."""

    id: str
    label: str
    points: int | None
    partial_points: int | None
    poam: PoamRule
    r3: tuple[str, ...]
    objectives: tuple[Objective, ...]

    @property
    def family(self) -> str:
        """Return the family's two letters, such as `MA`."""
        return self.id.split(".", 1)[0]

    @property
    def requirement(self) -> str:
        """Return the number of SP 800-171 r2, such as `3.7.5`."""
        return requirement_number(self.id)


@dataclass(frozen=True, slots=True)
class R3Determination:
    """One determination of SP 800-171A r3 for 03.07.04 to 03.07.06, with our short label."""

    id: str
    requirement: str
    label: str


def requirement_number(practice: str) -> str:
    """Return `3.7.2` of `MA.L2-3.7.2`; ValueError for another form."""
    number = practice.partition("L2-")[2]
    if not number:
        raise ValueError(f"not a practice of Level 2: {practice}")
    return number
