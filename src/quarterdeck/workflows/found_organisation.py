"""First run: the factor key, the founding roster and the codes to hand out, before the first ticket."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quarterdeck.kernel.actors import OPERATOR
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Reason
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import DutyNeeds, FoundingMember, IssuedCode, Role


@dataclass(frozen=True, slots=True)
class Founded:
    """The codes to hand to each person, and what the roster can't carry yet."""

    codes: tuple[IssuedCode, ...]
    gaps: tuple[Reason, ...]


def found_organisation(members: Sequence[FoundingMember], *, factor_key: Path, clock: Clock) -> Founded:
    """Make the factor key and enter the founding roster as the operator; Refused(founding.*).

    `gaps` says, before anybody relies on it, which duties of a CUI asset nobody could fill (3.1.4).
    """
    personnel.make_factor_key(factor_key)
    codes = personnel.found_roster(members, actor=OPERATOR, clock=clock)
    return Founded(codes, duty_gaps(clock))


def duty_gaps(clock: Clock) -> tuple[Reason, ...]:
    """Return what stands against a CUI ticket asked for by the IT lead and done by a technician of the roster."""
    at = clock.now()
    leads, technicians = personnel.holders(Role.IT_LEAD, at), personnel.holders(Role.TECHNICIAN, at)
    plan = personnel.duties(
        requester=leads[0] if leads else "", technicians=technicians[:1], needs=DutyNeeds(cui=True), at=at
    )
    return plan.decision.reasons
