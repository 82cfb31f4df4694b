"""Assessments under CMMC: kind, the tickets whose evidence they used, and their CMMC status date; told by entries.

The status date begins the six years for which their artifacts are kept (32 CFR 170.16(c)(4), 170.17(c)(4)); it stays
that of the conditional status after a close-out (170.4). Every date that was ever told counts for keeping.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time

from quarterdeck.assessor.orders import order
from quarterdeck.assessor.slices import touched_in
from quarterdeck.assessor.terms import AssessmentKind, AssessmentView, ScopeKind
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, JsonValue, ObjectRef
from quarterdeck.kernel.decision import Refused, all_of, refuse, require_that
from quarterdeck.kernel.ids import new_id
from quarterdeck.personnel.api import Role
from quarterdeck.tickets import api as tickets

RECORDED, DATED = "assessment.recorded", "assessment.dated"
MOST_TICKETS = 2_000


def tickets_of_packages(packages: Sequence[str]) -> tuple[str, ...]:
    """Return the tickets whose evidence these packages hold; Refused(package.unknown)."""
    found: set[str] = set()
    for package in packages:
        one = order(package)
        found |= set(one.tickets) or set(touched_in(one.since, one.until) if one.kind is ScopeKind.PERIOD else ())
    return tuple(sorted(found))


def record_assessment(
    act: Act, kind: AssessmentKind, *, packages: Sequence[str], numbers: Sequence[str], status_at: date | None = None
) -> str:
    """Record an assessment and return its id; `numbers` are further tickets beside those of the packages."""
    used = sorted({*tickets_of_packages(packages), *numbers})
    all_of(
        [
            tickets.has_role(act.actor, (Role.IT_LEAD,), act.at),
            require_that(
                0 < len(used) <= MOST_TICKETS,
                "assessment.tickets",
                f"An assessment uses the evidence of 1 to {MOST_TICKETS} tickets.",
                "Name the packages that the assessor got, or tickets.",
            ),
            *(
                require_that(tickets.exists(one), "ticket.unknown", f"There is no ticket {one[:20]}.", "See Tickets.")
                for one in numbers
            ),
        ]
    ).require()
    assessment_id = new_id("am")
    data: dict[str, JsonValue] = {
        "kind": kind.value,
        "packages": list(packages),
        "tickets": list(used),
        "status_date": "" if status_at is None else status_at.isoformat(),
    }
    act.record(RECORDED, ObjectRef("assessment", assessment_id), data=data)
    return assessment_id


def date_assessment(act: Act, assessment_id: str, status_at: date) -> None:
    """Tell the CMMC status date of an assessment; a corrected date never shortens what an earlier one keeps."""
    assessment(assessment_id)
    all_of(
        [
            tickets.has_role(act.actor, (Role.IT_LEAD,), act.at),
            require_that(
                status_at <= act.at.date(),
                "assessment.future",
                "A CMMC status date lies in the past.",
                "Record it when the status was given.",
            ),
        ]
    ).require()
    act.record(DATED, ObjectRef("assessment", assessment_id), data={"status_date": status_at.isoformat()})


def assessments() -> list[AssessmentView]:
    """Return every assessment, newest first."""
    found: dict[str, AssessmentView] = {}
    for entry in evidence.entries(events=[RECORDED, DATED]):
        told = str(entry.data["status_date"])
        dates = () if not told else (datetime.combine(date.fromisoformat(told), time.min, UTC),)
        if entry.event == RECORDED:
            found[entry.object.id] = AssessmentView(
                entry.object.id,
                AssessmentKind(str(entry.data["kind"])),
                tuple(map(str, entry.data["packages"])),
                tuple(map(str, entry.data["tickets"])),
                dates,
                entry.actor_id,
                entry.at,
            )
        elif entry.object.id in found:
            one = found[entry.object.id]
            found[one.id] = replace(one, status_dates=(*one.status_dates, *dates))
    return list(found.values())[::-1]


def assessment(assessment_id: str) -> AssessmentView:
    """Return one assessment; Refused(assessment.unknown)."""
    found = next((one for one in assessments() if one.id == assessment_id), None)
    if found is None:
        raise Refused(refuse("assessment.unknown", "There is no such assessment.", "See Assessments under Evidence."))
    return found
