"""The views of a package, derived from the slice: the report for people, and files for programs and spreadsheets."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.assessor.clean import cell
from quarterdeck.assessor.envelopes import encrypted_views
from quarterdeck.assessor.naming import Names
from quarterdeck.assessor.objectives import ObjectiveStatus
from quarterdeck.assessor.openings import Opening, openings_of
from quarterdeck.assessor.oscal import assessment_results
from quarterdeck.assessor.ports import Sink
from quarterdeck.assessor.report import objectives_of, render_report
from quarterdeck.assessor.report_work import Casts
from quarterdeck.assessor.slices import Slice
from quarterdeck.assessor.terms import OrderView, ScopeKind
from quarterdeck.evidence.api import Entry
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.sessions import api as sessions
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView
from quarterdeck_verify.container import Source

TIMELINE = (
    "ticket_seq", "seq", "time_utc", "event", "actor", "actor_name", "actor_kind", "proof", "object", "facts", "files",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Making:
    """What views are made with: the files of the player, where views go, and who is told how far it is."""

    player: Mapping[str, bytes]
    sink: Sink
    progress: Callable[[str], None] = lambda text: None


def derive_views(
    order: OrderView, cut: Slice, withheld: Mapping[str, str], at: datetime, making: Making
) -> dict[str, Source]:
    """Return the views by their path below `data/`; every byte of them is hashed into the ledger.

    `making.progress` is told of each ticket and may raise to stop.
    """
    names, casts = Names(), Casts(withheld, making.player, making.sink)
    mine: dict[str, list[Entry]] = {view.number: [] for view in cut.tickets}
    for entry in cut.entries:
        if entry.ticket in mine:
            mine[entry.ticket].append(entry)
    worked = [one for view in cut.tickets for one in sessions.sessions(view.number)]
    hidden = [one.id for one in worked if one.recording and not casts.leaves(one)]
    openings = openings_of((entry for found in mine.values() for entry in found), hidden_sessions=hidden)
    objectives = objectives_of(cut, at, whole_period=order.kind is ScopeKind.PERIOD and not order.tickets)
    report = render_report(
        order,
        cut,
        withheld,
        at,
        casts=casts,
        openings=openings,
        objectives=objectives,
        progress=making.progress,
    )
    made = {
        "report.html": report,
        "objectives.json": _json([_objective(row) for row in objectives]),
        "people.json": _people(names, cut.entries),
        "openings.json": _json(_openings(openings)),
        "oscal/assessment-results.json": assessment_results(order, cut, withheld, objectives, at),
    }
    views: dict[str, Source] = {name: making.sink.keep(name, content) for name, content in made.items()}
    for view in cut.tickets:
        folder = f"tickets/{view.number}"
        for name, content in (("ticket.json", _ticket(view)), ("timeline.csv", _timeline(mine[view.number], names))):
            views[f"{folder}/{name}"] = making.sink.keep(f"{folder}/{name}", content)
    views |= casts.views
    return views | encrypted_views(cut, withheld, order.recipient, worked, making.sink, making.player)


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=True) + "\n").encode("ascii")


def _ticket(view: TicketView) -> bytes:
    return _json(
        {
            "number": view.number,
            "state": view.state.value,
            "title": view.title,
            "work_class": view.work_class.value,
            "emergency": view.emergency,
            "requester": view.requester,
            "created_at": rfc3339(view.created_at),
            "opened_at": None if view.opened_at is None else rfc3339(view.opened_at),
            "closed_at": None if view.closed_at is None else rfc3339(view.closed_at),
            "content_hash": view.content_hash,
            "frozen": tickets.frozen_snapshot(view.number),
            "approvals": [_approval(approval) for approval in view.approvals],
            "finding": view.finding,
        }
    )


def _approval(approval: tickets.ApprovalView) -> dict[str, object]:
    return {
        "role": approval.role.value,
        "kind": approval.kind.value,
        "verdict": approval.verdict.value,
        "person": approval.person,
        "reason": approval.reason,
        "basis": approval.basis,
        "at": rfc3339(approval.at),
        "content_hash": approval.content_hash,
        "void": approval.void_at is not None,
        "signed": approval.signed,
    }


def _timeline(entries: Sequence[Entry], names: Names) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(TIMELINE)
    for entry in entries:
        row = (
            entry.ticket_seq,
            entry.seq,
            rfc3339(entry.at),
            entry.event,
            entry.actor_id,
            names.actor(entry.actor_id),
            entry.actor_kind,
            entry.actor_auth,
            f"{entry.object.type}:{entry.object.id}",
            " ".join(f"{fact['kind']}={fact['outcome']}" for fact in entry.data.get("facts") or ()),
            " ".join(str(item["name"]) for item in entry.artifacts),
        )
        writer.writerow([cell(value) for value in row])
    return out.getvalue().encode("utf-8", "replace")


def _objective(row: ObjectiveStatus) -> dict[str, object]:
    one = row.objective
    return {
        "id": one.id,
        "practice": one.practice,
        "label": one.label,
        "proposal": row.proposal.value,
        "points": one.points,
        "poam": row.poam.value,
        "physical_presence": one.on_site,
        "revision_3": list(one.r3),
        "newest": None if row.newest is None else rfc3339(row.newest),
        "captured": row.captured,
        "attached": row.attached,
        "evidence": [
            {"kind": f.kind, "ticket": f.ticket, "asset": f.asset, "at": rfc3339(f.at), "entry": f.entry,
             "grade": f.grade.value}
            for f in row.evidence
        ],
        "gaps": [
            {"code": gap.code, "sentence": gap.sentence, "next_step": gap.next_step, "ticket": gap.ticket}
            for gap in row.gaps
        ],
    }  # fmt: skip


def _people(names: Names, entries: Iterable[Entry]) -> bytes:
    """Ids to names, so that entries can be read; only what an entry of the package names."""
    said = " ".join(f"{entry.actor_id} {entry.object.id} {json.dumps(entry.data)}" for entry in entries)
    return _json(
        {
            "people": {p.id: {"name": p.name, "organisation": p.organisation, "kind": p.kind.value}
                       for p in names.people.values() if p.id in said},
            "assets": {a.id: a.hostname for a in names.assets.values() if a.id in said},
            "items": {i.id: f"{i.name} {i.version}" for i in names.items.values() if i.id in said},
        }
    )  # fmt: skip


def _openings(openings: Mapping[str, Opening]) -> dict[str, object]:
    return {digest: {"salt": one.salt.hex(), "value": one.value} for digest, one in openings.items()}
