"""The views of a package, derived from the slice: the report for people, a JSON file and a timeline per ticket."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import datetime

from quarterdeck.assessor.report import render_report
from quarterdeck.assessor.slices import Slice
from quarterdeck.assessor.terms import OrderView
from quarterdeck.evidence.api import Entry
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketView


def derive_views(
    order: OrderView, cut: Slice, withheld: Mapping[str, str], at: datetime, player: Mapping[str, bytes]
) -> dict[str, bytes]:
    """Return the views by their path below `data/`; every byte of them is hashed into the ledger."""
    views = {"report.html": render_report(order, cut, withheld, at, player)}
    for view in cut.tickets:
        mine = [entry for entry in cut.entries if entry.ticket == view.number]
        views[f"tickets/{view.number}/ticket.json"] = _ticket_json(view)
        views[f"tickets/{view.number}/timeline.csv"] = _timeline(mine)
    return views


def _ticket_json(view: TicketView) -> bytes:
    document = {
        "number": view.number,
        "state": view.state,
        "work_class": view.work_class,
        "emergency": view.emergency,
        "content_hash": view.content_hash,
        "frozen": tickets.frozen_snapshot(view.number),
        "approvals": [
            {
                "role": a.role,
                "kind": a.kind,
                "verdict": a.verdict,
                "person": a.person,
                "reason": a.reason,
                "at": rfc3339(a.at),
                "content_hash": a.content_hash,
                "void": a.void_at is not None,
                "signed": a.signed,
            }
            for a in view.approvals
        ],
        "finding": view.finding,
    }
    return (json.dumps(document, indent=1, sort_keys=True) + "\n").encode()


def _timeline(entries: list[Entry]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["ticket_seq", "seq", "time_utc", "event", "actor", "actor_kind", "proof", "object"])
    for entry in entries:
        writer.writerow(
            [
                entry.ticket_seq,
                entry.seq,
                rfc3339(entry.at),
                entry.event,
                entry.actor_id,
                entry.actor_kind,
                entry.actor_auth,
                f"{entry.object.type}:{entry.object.id}",
            ]
        )
    return out.getvalue().encode()
