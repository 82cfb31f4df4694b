"""Objectives: the ten of family MA first, then the related ones, each as its evidence and gaps propose it; r2 or r3."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import ObjectiveStatus, Proposal
from quarterdeck.controls.api import MA_OBJECTIVES, PERIODICALLY_MAX_DAYS, R3_DETERMINATIONS, PoamRule, R3Determination
from quarterdeck.entrypoints.web import lists, zones
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.personnel.api import Role

READERS = (Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.ASSESSOR)
POAM = {PoamRule.YES: "yes", PoamRule.NO: "no", PoamRule.CONDITIONAL: "under conditions"}
_MINE = frozenset(one.id for one in MA_OBJECTIVES)
_YEAR = timedelta(days=PERIODICALLY_MAX_DAYS)


@page(*READERS)
def objective_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every objective as proposed; with `r=3` the determinations of revision 3 that ask the same."""
    rows = sorted(assessor.objective_status(seen.now), key=lambda row: (row.id not in _MINE, not row.kinds))
    third = request.GET.get("r") == "3"
    shown = (
        lists.build(request, _r3_listing(), _r3_rows(rows)) if third else lists.build(request, _listing(seen), rows)
    )
    if isinstance(shown, HttpResponse):
        return shown
    mine, related = assessor.maintenance_first(rows)
    context = {
        "list": shown,
        "third": third,
        "mine": summary(mine),
        "related": summary([row for row in related if row.kinds]),
        "outside": sum(not row.kinds for row in related),
    }
    return render(request, "objectives/list.html", context)


def summary(rows: Sequence[ObjectiveStatus]) -> list[dict[str, object]]:
    """Return how many rows stand at each proposal, in the order evidence, gaps, none."""
    return [
        {"code": proposal.value, "count": sum(row.proposal is proposal for row in rows)}
        for proposal in (Proposal.EVIDENCE, Proposal.GAPS, Proposal.NONE)
    ]


def freshness(row: ObjectiveStatus, seen: Visitor) -> str:
    """Say how old the newest evidence is, and whether a year has passed."""
    if row.newest is None:
        return ""
    late = " · more than a year" if seen.now - row.newest > _YEAR else ""
    return f"{zones.distance(row.newest, seen.now)}{late}"


def graded(row: ObjectiveStatus) -> str:
    """Say how much evidence there is, by grade."""
    parts = [f"{count} {grade}" for count, grade in ((row.captured, "captured"), (row.attached, "attached")) if count]
    return ", ".join(parts)


def first_gap(row: ObjectiveStatus) -> str:
    """Return the first gap's sentence, and how many more there are."""
    if not row.gaps:
        return ""
    more = f" (and {len(row.gaps) - 1} more)" if len(row.gaps) > 1 else ""
    return f"{row.gaps[0].sentence}{more}"


def _group(row: ObjectiveStatus) -> str:
    if row.id in _MINE:
        return "Maintenance (MA)"
    return "Related" if row.kinds else "Related, answered by evidence outside this product"


def _listing(seen: Visitor) -> lists.Listing[ObjectiveStatus]:
    return lists.Listing(
        name="objectives",
        noun="objectives",
        columns=[
            lists.Column("id", "Objective", lambda row: lists.mono(row.id, sub=row.objective.label)),
            lists.Column(
                "proposed", "Proposed", lambda row: lists.state(row.proposal.value) if row.kinds else lists.text(
                    "outside this product"), lambda row: list(Proposal).index(row.proposal) if row.kinds else 9,
            ),
            lists.Column(
                "evidence", "Evidence", lambda row: lists.text(graded(row), sub=freshness(row, seen)),
                lambda row: len(row.evidence),
            ),
            lists.Column("newest", "Newest", lambda row: lists.moment(row.newest), lambda row: row.newest,
                         shown=False),
            lists.Column(
                "gaps", "Gaps", lambda row: lists.text(first_gap(row) if row.kinds else "",
                                                       sub=row.gaps[0].next_step if row.gaps and row.kinds else ""),
                lambda row: len(row.gaps),
            ),
            lists.Column(
                "points", "Points", lambda row: lists.text("" if row.objective.points is None
                                                           else row.objective.points),
                lambda row: row.objective.points,
            ),
            lists.Column("poam", "May wait on a POA&M", lambda row: lists.text(POAM[row.poam])),
            lists.Column("practice", "Practice", lambda row: lists.text(row.practice_label), shown=False),
            lists.Column("tickets", "Tickets", lambda row: lists.text(", ".join(row.tickets)), shown=False),
            lists.Column("r3", "Revision 3", lambda row: lists.mono(", ".join(row.objective.r3)), shown=False),
            lists.Column("seen", "In person", lambda row: lists.text("yes" if row.objective.on_site else ""),
                         shown=False),
        ],
        row_url=lambda row: reverse("objective", args=[row.objective.token]),
        empty=lists.Empty("No objective", "The catalogue is empty."),
        filters=[
            lists.Filter("proposed", "Proposed", lambda row: row.proposal.value),
            lists.Filter("family", "Family", lambda row: row.objective.practice[:2], lambda code: code),
            lists.Filter("poam", "POA&M", lambda row: POAM[row.poam], lambda code: f"may wait: {code}"),
            lists.Filter("by", "Answered by", lambda row: "this product" if row.kinds else "other evidence",
                         lambda code: code),
        ],
        group=_group,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Third:
    """A determination of revision 3 with the objectives of revision 2 that ask the same."""

    one: R3Determination
    rows: tuple[ObjectiveStatus, ...]

    @property
    def proposal(self) -> Proposal:
        """The worst of what stands behind it."""
        order = (Proposal.NONE, Proposal.GAPS, Proposal.EVIDENCE)
        return min((row.proposal for row in self.rows), key=order.index, default=Proposal.NONE)


def _r3_rows(rows: Sequence[ObjectiveStatus]) -> list[_Third]:
    return [_Third(one, tuple(row for row in rows if one.id in row.objective.r3)) for one in R3_DETERMINATIONS]


def _r3_listing() -> lists.Listing[_Third]:
    return lists.Listing(
        name="objectives-r3",
        noun="determinations",
        columns=[
            lists.Column("id", "Determination", lambda row: lists.mono(row.one.id, sub=row.one.label)),
            lists.Column("proposed", "Proposed", lambda row: lists.state(row.proposal.value)),
            lists.Column("asks", "Asks the same as", lambda row: lists.mono(", ".join(one.id for one in row.rows))),
            lists.Column(
                "evidence", "Evidence",
                lambda row: lists.text(sum(len(one.evidence) for one in row.rows) or ""),
                lambda row: sum(len(one.evidence) for one in row.rows),
            ),
            lists.Column("gaps", "Gaps", lambda row: lists.text(" ".join(dict.fromkeys(
                first_gap(one) for one in row.rows if one.gaps)))),
        ],
        row_url=lambda row: reverse("objective", args=[row.rows[0].objective.token]) if row.rows else "",
        empty=lists.Empty("No determination", "The catalogue is empty."),
        filters=[lists.Filter("proposed", "Proposed", lambda row: row.proposal.value)],
        group=lambda row: f"Requirement {row.one.requirement}",
    )  # fmt: skip
