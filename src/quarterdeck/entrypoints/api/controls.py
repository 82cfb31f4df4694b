"""Objectives and kinds of fact over the wire: the catalogue as data, without a word on what is met."""

from django.http import HttpRequest
from ninja import Router, Schema

from quarterdeck.controls import api as controls
from quarterdeck.controls.api import FactKind, Objective, PoamRule
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut

router = Router(tags=["objectives"])


class ObjectiveOut(Schema):
    """One objective; `points` are those of its practice, none where it carries no value."""

    id: str
    practice: str
    practice_label: str
    label: str
    points: int | None
    poam: PoamRule
    on_site: bool
    revision_3: list[str]
    facts: list[str]

    @classmethod
    def of(cls, objective: Objective) -> "ObjectiveOut":
        """Return the objective as it goes over the wire."""
        practice = controls.practice(objective.practice)
        return cls(
            id=objective.id,
            practice=practice.id,
            practice_label=practice.label,
            label=objective.label,
            points=objective.points,
            poam=practice.poam,
            on_site=objective.on_site,
            revision_3=list(objective.r3),
            facts=[kind.code for kind in controls.kinds_for(objective.id)],
        )


class FactKindOut(Schema):
    """One kind of fact and the objectives that it speaks to."""

    code: str
    label: str
    objectives: list[str]

    @classmethod
    def of(cls, kind: FactKind) -> "FactKindOut":
        """Return the kind as it goes over the wire."""
        return cls(code=kind.code, label=kind.label, objectives=list(kind.objectives))


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 409: RefusedOut, 422: RefusedOut}


@router.get("", response=_answers(list[ObjectiveOut]))
def list_objectives(request: HttpRequest, family: str = "") -> list[ObjectiveOut]:
    """Return the objectives, those of the maintenance family first; `family` (such as MA) leaves only one family."""
    actor_of(request)
    chosen = [one for one in controls.OBJECTIVES if not family or one.practice.startswith(f"{family.upper()}.")]
    return [ObjectiveOut.of(one) for one in chosen]


@router.get("/fact-kinds", response=_answers(list[FactKindOut]))
def list_fact_kinds(request: HttpRequest) -> list[FactKindOut]:
    """Return the kinds of fact that captures may state."""
    actor_of(request)
    return [FactKindOut.of(kind) for kind in controls.FACT_KINDS]
