"""One objective as an assessor's worksheet: examine, interview, test, each with its entries and files.

800-171A has an assessor examine documents and records, interview people, and test mechanisms. Facts that a mechanism
left while it worked stand under test, all others under examine; the people behind them under interview.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from quarterdeck.assessor import api as assessor
from quarterdeck.assessor.api import ObjectiveStatus
from quarterdeck.controls.api import FactKind, may_stand_on_poam
from quarterdeck.entrypoints.web.naming import Names
from quarterdeck.entrypoints.web.objectives import READERS, freshness, graded
from quarterdeck.entrypoints.web.pages import Visitor, page
from quarterdeck.entrypoints.web.reading import reads
from quarterdeck.entrypoints.web.ticket_tabs import SECRET_ROLES
from quarterdeck.entrypoints.web.words import act_words, called, file_label
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry, Fact
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.api import Reading

_MECHANISMS = frozenset({
    "access", "backup", "baseline", "drift", "leftovers", "mfa", "network", "postcheck", "precheck", "recorder",
    "restore", "session", "sole_path",
})  # fmt: skip
SHOWN = 8
# What an assessor can have shown live, beside what the mechanisms left by themselves.
_LIVE = {
    "MA.L2-3.7.5[a]": "Have a technician take access with a wrong code: it is refused and recorded.",
    "MA.L2-3.7.5[b]": "Have an open session ended from the ticket's page: the connection is gone within two seconds.",
    "MA.L2-3.7.2[d]": "Have somebody without an authorisation take access: it is refused and recorded.",
    "MA.L2-3.7.6[a]": "Have a supervised person's window opened without the escort: it is refused and recorded.",
    "MA.L2-3.7.2[a]": "Have a ticket opened that names a withdrawn tool: it is refused and recorded.",
}


@page(*READERS)
def objective_page(request: HttpRequest, seen: Visitor, token: str) -> HttpResponse:
    """The worksheet."""
    row = next((one for one in assessor.objective_status(seen.now) if one.objective.token == token), None)
    if row is None:
        raise Http404
    names = Names()
    facts = _facts(row)
    sealed = evidence.entries_of([fact.entry for fact in facts])
    groups = [_group(kind, facts, sealed, seen, names) for kind in row.kinds]
    poam = may_stand_on_poam(row.objective.practice) if row.objective.points is not None else None
    context = {
        "row": row,
        "one": row.objective,
        "poam": poam,
        "freshness": freshness(row, seen),
        "graded": graded(row),
        "examine": [group for group in groups if not group["mechanism"]],
        "test": [group for group in groups if group["mechanism"]],
        "interview": _people(sealed.values(), seen, names),
        "live": _LIVE.get(row.id, ""),
        "may_ask": seen.has(Role.ASSESSOR),
        "asked": [one for one in assessor.questions() if one.objective == token]
        if seen.has(Role.ASSESSOR, Role.IT_LEAD)
        else [],
    }
    return render(request, "objectives/page.html", context)


def _facts(row: ObjectiveStatus) -> list[Fact]:
    codes = [kind.code for kind in row.kinds]
    found = evidence.facts(kinds=codes) if codes else []
    return sorted(found, key=lambda fact: fact.at, reverse=True)


def _group(
    kind: FactKind, facts: list[Fact], sealed: Mapping[str, Entry], seen: Visitor, names: Names
) -> dict[str, Any]:
    mine = [fact for fact in facts if fact.kind == kind.code]
    return {
        "label": kind.label,
        "code": kind.code,
        "mechanism": kind.code.partition(".")[0] in _MECHANISMS,
        "count": len(mine),
        "more": max(0, len(mine) - SHOWN),
        "rows": [_fact(fact, sealed.get(fact.entry), seen, names) for fact in mine[:SHOWN]],
    }


def _fact(fact: Fact, entry: Entry | None, seen: Visitor, names: Names) -> dict[str, Any]:
    url = f"{reverse('ticket', args=[fact.ticket])}?tab=timeline#{fact.entry}" if fact.ticket else ""
    return {
        "ticket": fact.ticket or "",
        "url": url,
        "asset": names.asset(fact.asset) if fact.asset else "",
        "act": act_words(entry.event) if entry else "",
        "who": names.person(entry.actor_id) if entry and entry.actor_kind == "person" else "the system",
        "seq": entry.seq if entry else None,
        "outcome": fact.outcome.value,
        "word": fact.outcome.value.capitalize(),
        "grade": fact.grade.value,
        "at": fact.at,
        "until": fact.valid_until,
        "files": _files(fact.ticket, entry, seen) if entry else [],
    }


def _files(ticket: str | None, entry: Entry, seen: Visitor) -> list[dict[str, str]]:
    found = []
    for item in entry.artifacts:
        sha256, role = str(item["sha256"]), str(item["role"])
        open_ = ticket and (role not in SECRET_ROLES or reads(seen, ticket, Reading.RECORDING))
        url = reverse("ticket_file", args=[ticket, sha256]) if open_ else ""
        found.append({"name": file_label(role), "title": str(item["name"]), "url": url})
    return found


def _people(entries: Iterable[Entry], seen: Visitor, names: Names) -> list[dict[str, Any]]:
    """Return who did what stands for the objective, most acts first: the people to talk to."""
    acts: dict[str, list[str]] = {}
    for entry in entries:
        if entry.actor_kind == "person" and entry.actor_id in names.people:
            acts.setdefault(entry.actor_id, []).append(entry.event)
    return [
        {
            "name": names.person(person),
            "url": reverse("person", args=[person]),
            "organisation": names.people[person].organisation,
            "roles": ", ".join(sorted(called(role.value) for role in personnel.roles_of(person, seen.now))) or "left",
            "count": len(done),
            "did": ", ".join(act_words(event).lower() for event in sorted(set(done))[:4]),
        }
        for person, done in sorted(acts.items(), key=lambda item: -len(item[1]))
    ]
