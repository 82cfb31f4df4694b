"""Objectives: the ten of family MA first, then the related ones; what evidence speaks to each, and how fresh it is."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from quarterdeck.controls.api import MA_OBJECTIVES, OBJECTIVES, Objective, PoamRule, kinds_for, practice
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Fact, Outcome

_POAM = {PoamRule.YES: "yes", PoamRule.NO: "no", PoamRule.CONDITIONAL: "under conditions"}


@page()
def objective_list(request: HttpRequest, seen: Visitor) -> HttpResponse:
    """Every objective with its evidence."""
    by_kind: dict[str, list[Fact]] = {}
    for fact in evidence.facts():
        by_kind.setdefault(fact.kind, []).append(fact)
    mine = {one.id for one in MA_OBJECTIVES}
    groups = [
        {"name": "Maintenance (MA)", "rows": [_row(one, by_kind) for one in MA_OBJECTIVES]},
        {"name": "Related", "rows": [_row(one, by_kind) for one in OBJECTIVES if one.id not in mine]},
    ]
    return render(request, "objectives/list.html", {"groups": groups})


def _row(one: Objective, by_kind: dict[str, list[Fact]]) -> dict[str, Any]:
    facts = [fact for kind in kinds_for(one.id) for fact in by_kind.get(kind.code, ())]
    failed = sum(fact.outcome is not Outcome.PASSED for fact in facts)
    return {
        "id": one.id,
        "url": reverse("objective", args=[one.token]),
        "label": one.label,
        "points": one.points,
        "poam": _POAM[practice(one.practice).poam],
        "count": len(facts),
        "failed": failed,
        "newest": max((fact.at for fact in facts), default=None),
        "on_site": one.on_site,
        "r3": ", ".join(one.r3),
        "kinds": [kind.label for kind in kinds_for(one.id)],
    }


@page()
def objective_page(request: HttpRequest, seen: Visitor, token: str) -> HttpResponse:
    """One objective like an assessor's worksheet: what speaks to it, newest first."""
    one = next((found for found in OBJECTIVES if found.token == token), None)
    if one is None:
        raise Http404
    names = Names()
    kinds = kinds_for(one.id)
    facts = evidence.facts(kinds=[kind.code for kind in kinds]) if kinds else []
    labels = {kind.code: kind.label for kind in kinds}
    rows = [
        {
            "label": labels[fact.kind],
            "ticket": fact.ticket,
            "asset": names.asset(fact.asset) if fact.asset else "",
            "outcome": fact.outcome.value,
            "word": fact.outcome.value.capitalize(),
            "grade": fact.grade.value,
            "at": fact.at,
            "until": fact.valid_until,
            "entry": fact.entry,
        }
        for fact in sorted(facts, key=lambda fact: fact.at, reverse=True)[:200]
    ]
    context = {
        "one": one,
        "practice": practice(one.practice),
        "poam": _POAM[practice(one.practice).poam],
        "rows": rows,
        "kinds": [{"label": kind.label, "count": sum(fact.kind == kind.code for fact in facts)} for kind in kinds],
    }
    return render(request, "objectives/page.html", context)
