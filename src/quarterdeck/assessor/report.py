"""The human report: one self-contained HTML page that asks nobody for anything, from a file, on paper, on a phone."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string

from quarterdeck.assessor import gaps
from quarterdeck.assessor.clean import clean_all
from quarterdeck.assessor.naming import Names
from quarterdeck.assessor.objectives import ObjectiveStatus, maintenance_first, propose
from quarterdeck.assessor.openings import Opening
from quarterdeck.assessor.page_policy import policy
from quarterdeck.assessor.report_ticket import Desk, ticket_section
from quarterdeck.assessor.report_work import Casts
from quarterdeck.assessor.slices import Slice
from quarterdeck.assessor.terms import OrderView, ScopeKind
from quarterdeck.assessor.withholding import REASONS
from quarterdeck.assessor.words import spoken, status
from quarterdeck.config.api import load
from quarterdeck.controls.api import PoamRule
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Fact
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck_verify import package

SHOWN_EVIDENCE = 12
_POAM = {
    PoamRule.YES: "may wait on an assessment POA&M",
    PoamRule.NO: "may not wait on an assessment POA&M",
    PoamRule.CONDITIONAL: "may wait under conditions",
}


def file_paths(cut: Slice, withheld: Mapping[str, str]) -> dict[str, str]:
    """Return for each artifact in the package its path beside the report, by SHA-256."""
    paths: dict[str, str] = {}
    for entry in cut.entries:
        for position, item in enumerate(entry.artifacts):
            if item["sha256"] not in withheld and item["sha256"] not in paths:
                path = package.artifact_path(entry.ticket, entry.seq, position, item["name"])
                paths[item["sha256"]] = path.removeprefix(package.PAYLOAD)
    return paths


def objectives_of(cut: Slice, at: datetime, *, whole_period: bool) -> list[ObjectiveStatus]:
    """Return every objective as the facts and gaps of this package's tickets and registers propose it."""
    known = {entry.event_id for entry in cut.entries}
    facts = [fact for view in cut.tickets for fact in evidence.facts(ticket=view.number)]
    facts += [fact for fact in evidence.facts(kinds=gaps.REGISTER_KINDS) if not fact.ticket and fact.entry in known]
    found = [
        *gaps.register_gaps(at),
        *(gaps.maintenance_gaps(facts, at) if whole_period else ()),
        *(pair for view in cut.tickets for pair in gaps.ticket_gaps(view, gaps.meter_of(view, at), at)),
        *gaps.session_gaps(one for view in cut.tickets for one in sessions.sessions(view.number)),
    ]
    return propose(facts, found, at)


def render_report(
    order: OrderView,
    cut: Slice,
    withheld: Mapping[str, str],
    at: datetime,
    *,
    casts: Casts,
    openings: Mapping[str, Opening],
    objectives: Sequence[ObjectiveStatus],
    progress: Callable[[str], None],
) -> bytes:
    """Return the page; what people wrote is cleaned here and escaped by the template engine."""
    names = Names()
    desk = Desk(names, openings, casts, file_paths(cut, withheld), at)
    own: dict[str, list[evidence.Entry]] = {view.number: [] for view in cut.tickets}
    for entry in cut.entries:
        if entry.ticket in own:
            own[entry.ticket].append(entry)
    sections = []
    for number, view in enumerate(cut.tickets, 1):
        progress(f"Reading ticket {number} of {len(cut.tickets)}")
        sections.append(ticket_section(view, own[view.number], desk))
    seq_of = {entry.event_id: (entry.seq, entry.ticket) for entry in cut.entries}
    ours, related = maintenance_first(objectives)
    context = {
        "cover": _cover(order, cut, at, names),
        "complete": _completeness(cut, withheld),
        "people": _people(cut, names),
        "changes": _changes(names),
        "ours": [_objective(row, names, seq_of) for row in ours],
        "related": [_objective(row, names, seq_of) for row in related if row.kinds],
        "tickets": sections,
    }
    script = render_to_string("assessor/parts/report.js").strip()
    page = {
        **_mapping(clean_all(context)),
        "style": render_to_string("assessor/parts/report.css"),
        "script": script,
        "policy": policy([script]),
    }
    return render_to_string("assessor/report.html", page).encode("utf-8", "replace")


def _mapping(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("a context is a map")
    return value


def _cover(order: OrderView, cut: Slice, at: datetime, names: Names) -> dict[str, Any]:
    config = load()
    newest = cut.entries[-1].seq if cut.entries else 0
    return {
        "base": order.base,
        "zip": order.file_name,
        "organisation": config.organisation,
        "kind": order.kind.value,
        "is_period": order.kind is ScopeKind.PERIOD,
        "tickets": [view.number for view in cut.tickets],
        "since": names.moment(order.since),
        "until": names.moment(order.until),
        "at": names.moment(at),
        "by": names.actor(order.ordered_by),
        "origin": config.ledger_origin,
        "newest": newest,
        "entries": len(cut.entries),
        "zone": names.zone,
    }


def _completeness(cut: Slice, withheld: Mapping[str, str]) -> dict[str, Any]:
    heads = cut.heads
    uses: dict[str, dict[str, Any]] = {}
    for entry in cut.entries:
        for item in entry.artifacts:
            if item["sha256"] in withheld:
                reason = withheld[item["sha256"]]
                uses.setdefault(
                    item["sha256"],
                    {"name": item["name"], "role": spoken(item["role"]), "ticket": entry.ticket or "", "seq": entry.seq,
                     "sha256": item["sha256"], "size": item["size"], "code": reason,
                     "reason": REASONS.get(reason, spoken(reason)), "alarm": reason in {"missing", "lost"}},
                )  # fmt: skip
    sealed = sorted({str(entry.data["period"]) for entry in cut.entries if entry.event == "period.sealed"})
    return {
        "tickets": [
            {"number": view.number, "title": view.title, "state": status(view.state.value),
             "count": heads.get(view.number, 0)}
            for view in cut.tickets
        ],
        "left_out": list(cut.left_out),
        "ranges": [{"first": first, "last": last} for first, last in cut.ranges],
        "sealed": sealed,
        "withheld": sorted(uses.values(), key=lambda row: (not row["alarm"], row["seq"])),
        "organisation_entries": sum(entry.ticket is None for entry in cut.entries),
    }  # fmt: skip


def _people(cut: Slice, names: Names) -> list[dict[str, Any]]:
    """Everybody who acted or was named in a ticket, and everybody who may decide: with each role and who gave it."""
    involved = {entry.actor_id for entry in cut.entries if entry.ticket and entry.actor_kind == "person"}
    for view in cut.tickets:
        involved |= {view.requester, view.escort, *view.technicians, *(a.person for a in view.approvals)}
    grants: dict[str, list[personnel.RoleGrantView]] = {}
    for grant in personnel.role_grants():
        grants.setdefault(grant.person_id, []).append(grant)
        if grant.role in personnel.GUARDED_ROLES:
            involved.add(grant.person_id)
    shown = [person for person in names.people.values() if person.id in involved]
    return [
        {
            "id": person.id,
            "name": person.name,
            "email": person.email,
            "organisation": person.organisation,
            "kind": spoken(person.kind.value),
            "active": person.active,
            "mfa": person.mfa_enrolled,
            "roles": [_role(grant, names) for grant in grants.get(person.id, [])],
        }
        for person in shown
    ]


def _role(grant: personnel.RoleGrantView, names: Names) -> dict[str, Any]:
    return {
        "role": spoken(grant.role.value),
        "state": status(grant.state.value),
        "founding": grant.founding,
        "requested_by": names.actor(grant.requested_by),
        "requested_at": names.moment(grant.requested_at),
        "confirmed_by": names.actor(grant.confirmed_by) if grant.confirmed_by else "",
        "effective_at": names.moment(grant.effective_at),
        "revoked_at": names.moment(grant.revoked_at),
        "revoked_by": names.actor(grant.revoked_by) if grant.revoked_by else "",
        "deputy_for": names.actor(grant.deputy_for) if grant.deputy_for else "",
        "sealed": grant.sealed,
    }


def _changes(names: Names) -> list[dict[str, Any]]:
    """Resets of second factors and changes of mail: who asked, who confirmed (attacks.md row 2)."""
    return [
        {
            "kind": spoken(one.kind.value),
            "state": spoken(one.state.value),
            "person": names.actor(one.subject_id),
            "requested_by": names.actor(one.requested_by),
            "requested_at": names.moment(one.requested_at),
            "confirmed_by": names.actor(one.confirmed_by) if one.confirmed_by else "",
            "two_people": one.two_people,
            "done_at": names.moment(one.done_at),
        }
        for one in personnel.changes()
    ]


def _objective(row: ObjectiveStatus, names: Names, seq_of: Mapping[str, tuple[int, str | None]]) -> dict[str, Any]:
    labels = {kind.code: kind.label for kind in row.kinds}
    return {
        "id": row.id,
        "label": row.objective.label,
        "practice": row.practice_label,
        "status": status(row.proposal.value),
        "count": len(row.evidence),
        "captured": row.captured,
        "attached": row.attached,
        "newest": names.moment(row.newest),
        "points": row.objective.points,
        "poam": _POAM[row.poam],
        "on_site": row.objective.on_site,
        "r3": list(row.objective.r3),
        "evidence": [_speaks(fact, labels, names, seq_of) for fact in row.evidence[:SHOWN_EVIDENCE]],
        "more": max(0, len(row.evidence) - SHOWN_EVIDENCE),
        "gaps": [
            {"sentence": gap.sentence, "next_step": gap.next_step, "ticket": gap.ticket}
            for gap in row.gaps
        ],
    }  # fmt: skip


def _speaks(
    fact: Fact, labels: Mapping[str, str], names: Names, seq_of: Mapping[str, tuple[int, str | None]]
) -> dict[str, Any]:
    seq, ticket = seq_of.get(fact.entry, (None, None))
    return {
        "label": labels[fact.kind],
        "ticket": fact.ticket or "",
        "asset": names.asset(fact.asset) if fact.asset else "",
        "at": names.moment(fact.at),
        "grade": status(fact.grade.value),
        "seq": seq,
        "linked": ticket is not None,
    }
