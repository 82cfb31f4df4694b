"""One ticket for the report: where it stood when, what was approved by whom, what held, what the evidence is."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quarterdeck.access import api as access
from quarterdeck.assessor.judged import Judged, judged
from quarterdeck.assessor.naming import Names
from quarterdeck.assessor.openings import Opening
from quarterdeck.assessor.report_timeline import plain, timeline
from quarterdeck.assessor.report_work import Casts, backup_rows, drift_rows, grant_rows, session_rows
from quarterdeck.assessor.words import STEPS, spoken, status
from quarterdeck.controls.api import fact_kind, is_fact_kind
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry
from quarterdeck.kernel.clock import parse_rfc3339
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Allowance, Before, ExtensionView, HoldState, TicketView

_BEFORE = {Before.APPROVE: "Before approval", Before.OPEN: "Before opening", Before.CLOSE: "Before closing"}
_CHECKS = ("precheck.", "postcheck.", "sole_path.", "recorder.", "leftovers.", "staging.", "rollback.", "recovery.")


@dataclass(frozen=True, slots=True)
class Desk:
    """What every ticket's section is written with: names, openings, recordings, paths of files, the export's moment."""

    names: Names
    openings: Mapping[str, Opening]
    casts: Casts
    files: Mapping[str, str]
    at: datetime


def ticket_section(view: TicketView, entries: Sequence[Entry], desk: Desk) -> dict[str, Any]:
    """Return everything that the report says of one ticket; `entries` are the ticket's own, in order."""
    names, number = desk.names, view.number
    seq_of = {entry.event_id: entry.seq for entry in entries}
    frozen = tickets.frozen_snapshot(number)
    holds = judged(number, entries, desk.at)
    spare = _not_needed(holds)
    return {
        "number": number,
        "title": view.title,
        "state": status(view.state.value),
        "steps": _steps(view, entries, names),
        "work_class": spoken(view.work_class.value),
        "emergency": view.emergency,
        "ratify_until": names.moment(view.ratify_until),
        "finding": spoken(view.finding) if view.finding else "",
        "handles_cui": _handles_cui(frozen, view, names),
        "assets": [names.asset(place.asset_id) for place in view.assets],
        "window": {"from": names.moment(view.window.from_), "until": names.moment(view.window.until)},
        "approved_until": names.moment(view.content.window.until) if view.extended_until else None,
        "extensions": [_extension(one, names) for one in tickets.extensions(number)],
        "people": _people(view, names),
        "hash": view.content_hash,
        "frozen": _frozen(frozen, names),
        "approvals": [_approval(approval, names, _signed(number)) for approval in view.approvals],
        "holds": _holds(holds, names, seq_of),
        "meter": [_meter(row, names, seq_of, spare) for row in tickets.evidence_meter(number, desk.at)],
        "checks": _checks(number, names, seq_of),
        "grants": grant_rows(number, names),
        "sessions": session_rows(number, names, desk.casts, desk.files),
        "drift": drift_rows(number, names, _reasons(entries)),
        "backups": backup_rows(number, names),
        "refusals": [_refusal(entry, names) for entry in entries if entry.event == "act.refused"],
        "comments": [
            {"author": names.actor(one.author), "text": one.text, "at": names.moment(one.at)}
            for one in tickets.comments(number)
        ],
        "timeline": timeline(entries, names, desk.openings, desk.files),
        "count": len(entries),
        "head": entries[-1].leaf.hex() if entries else "",
    }


def _extension(one: ExtensionView, names: Names) -> dict[str, Any]:
    """More time that was asked for, in words: who, until when, why, and who decided."""
    decided = "; ".join(
        f"{names.actor(each.person)} {each.verdict.value} as {spoken(each.role.value)}: {each.reason}"
        for each in one.decisions
    )
    return {
        "by": names.actor(one.person),
        "until": names.moment(one.until),
        "reason": one.reason,
        "state": status(one.state.value),
        "decided": "within policy, without an approver" if one.by_self else decided,
        "terminal": one.by_terminal,
    }


def _handles_cui(frozen: Mapping[str, Any], view: TicketView, names: Names) -> bool:
    if frozen:
        return any(asset.get("handles_cui") for asset in frozen["assets"])
    return any(names.assets[place.asset_id].handles_cui for place in view.assets if place.asset_id in names.assets)


def _steps(view: TicketView, entries: Sequence[Entry], names: Names) -> list[dict[str, Any]]:
    """The line of states: the last time each was reached; another end takes the place of what was never reached."""
    reached: dict[str, Entry] = {}
    for entry in entries:
        to = entry.data.get("to")
        # What moves a ticket says from where; an extension only repeats the state that it leaves as it is.
        if isinstance(to, str) and (to not in reached or "from" in entry.data):
            reached[to] = entry
    order = [*STEPS] if view.state.value in STEPS else [*(s for s in STEPS if s in reached), view.state.value]
    now = order.index(view.state.value)
    return [
        {
            "word": spoken(state),
            "at": names.moment(reached[state].at) if state in reached and place <= now else None,
            "by": names.actor(reached[state].actor_id) if state in reached and place <= now else "",
            "done": place <= now,
            "now": place == now,
            "tone": status(state)["tone"] if place == now else "",
        }
        for place, state in enumerate(order)
    ]


def _people(view: TicketView, names: Names) -> list[dict[str, str]]:
    rows = [("Requester", view.requester), *(("Technician", person) for person in view.technicians)]
    if view.escort:
        rows.append(("Escort", view.escort))
    seen: dict[tuple[str, str], None] = {}
    for approval in view.approvals:
        seen[(spoken(approval.role.value), approval.person)] = None
    return [{"role": role, "name": names.actor(person), "id": person} for role, person in [*rows, *seen]]


def _frozen(frozen: Mapping[str, Any], names: Names) -> dict[str, Any] | None:
    """The approved content in reading order; None before it was submitted."""
    if not frozen:
        return None
    agreement = frozen.get("agreement") or {}
    # A ticket of before says nothing of it, and everything was allowed.
    words = tickets.allowance_words(Allowance(**frozen.get("allowance", {})))
    return {
        **{name: spoken(frozen[name]) for name in ("maintenance_type", "action", "method", "risk")},
        **{name: frozen[name] for name in ("plan", "impact", "rollback", "expected_paths", "conflicts_with", "policy")},
        "from": names.moment(parse_rfc3339(frozen["window"]["from"])),
        "until": names.moment(parse_rfc3339(frozen["window"]["until"])),
        "requester": names.actor(frozen["requester"]),
        "technicians": names.people_of(frozen["technicians"]),
        "escort": names.people_of(frozen["escort"]),
        "pool": frozen.get("pool") or "",
        "assets": [_frozen_asset(asset, names) for asset in frozen["assets"]],
        "items": [
            {"name": f"{item.get('name', item['id'])} {item.get('version', '')}", "kind": spoken(item.get("kind", "")),
             "sha256": item.get("sha256", "")}
            for item in frozen["items"]
        ],
        "sessions_may": ", ".join(word for word, allowed in words if allowed),
        "sessions_may_not": ", ".join(word for word, allowed in words if not allowed),
        "agreement": [
            {"key": spoken(key), "text": plain(value, names)}
            for key, value in agreement.items()
            if key not in {"id", "sealed"} and value not in ("", None, [])
        ],
    }  # fmt: skip


def _frozen_asset(asset: Mapping[str, Any], names: Names) -> dict[str, Any]:
    connection = asset.get("connection") or {}
    return {
        "hostname": asset["hostname"],
        "handles_cui": asset["handles_cui"],
        "category": spoken(asset["category"]),
        "criticality": spoken(asset["criticality"]),
        "environment": spoken(asset["environment"]),
        "kind": spoken(asset["asset_kind"]),
        "system": asset["operating_system"],
        "owner": names.actor(asset["owner"]),
        "address": f"{connection['address']} port {connection['port']}" if connection else "",
        "account": connection.get("target_account", ""),
        "elevation": spoken(connection.get("elevation", "")),
        "host_identity": connection.get("host_identity", ""),
        "fingerprint": _fingerprint(connection.get("host_identity", "")),
        "roots": list(connection.get("watched_roots") or ()),
    }


def _fingerprint(key: str) -> str:
    """Return the fingerprint of a host key as ssh shows it, empty where there is none to read."""
    try:
        return access.read_public_key(key).fingerprint
    except ValueError:
        return ""


def _signed(number: str) -> set[tuple[str, str, str]]:
    """Return person, role and content of the approvals that an entry names a signature of; no row's word counts."""
    return {
        (entry.actor_id, str(entry.data["approval"]["role"]), str(entry.data["approval"]["content"]))
        for entry in evidence.entries(ticket=number, events=["approval.recorded"])
        if any(item["role"] == "approval-signature" for item in entry.artifacts)
    }


def _approval(approval: tickets.ApprovalView, names: Names, signed: set[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "role": spoken(approval.role.value),
        "kind": spoken(approval.kind.value),
        "verdict": status(approval.verdict.value),
        "person": names.actor(approval.person),
        "reason": approval.reason,
        "basis": spoken(approval.basis) if approval.basis else "",
        "at": names.moment(approval.at),
        "hash": approval.content_hash,
        "void": names.moment(approval.void_at),
        "signed": (approval.person, approval.role.value, approval.content_hash) in signed,
    }


def _holds(rows: Iterable[Judged], names: Names, seq_of: Mapping[str, int]) -> list[dict[str, Any]]:
    groups: dict[Before, list[dict[str, Any]]] = {before: [] for before in Before}
    acts: dict[Before, Entry | None] = {}
    for row in rows:
        acts[row.hold.before] = row.act
        groups[row.hold.before].append(
            {
                "id": row.hold.id,
                "label": row.hold.label,
                "control": row.hold.control,
                "state": status(row.state.value),
                "sentence": row.sentence,
                "next_step": row.hold.next_step if row.act is None else "",
                "entries": sorted({seq_of[one] for one in row.evidence if one in seq_of}),
            }
        )
    return [
        {
            "title": _BEFORE[before],
            "rows": found,
            "act": None if (act := acts.get(before)) is None else {"seq": act.seq, "at": names.moment(act.at)},
        }
        for before, found in groups.items()
        if found
    ]


def _not_needed(holds: Iterable[Judged]) -> set[str]:
    """Kinds of fact without which every hold point that may ask for them held: nobody had to be escorted, say."""
    held = {row.hold.id for row in holds if row.act is not None and row.state is HoldState.PASSED}
    rows = tickets.policy().rows
    asked = {kind for row in rows for kind in row.fact_kinds}
    return asked - {kind for row in rows if row.hold_point not in held for kind in row.fact_kinds}


def _meter(row: tickets.MeterRow, names: Names, seq_of: Mapping[str, int], spare: set[str]) -> dict[str, Any]:
    return {
        "label": fact_kind(row.kind).label if is_fact_kind(row.kind) else spoken(row.kind),
        "asset": names.asset(row.asset_id) if row.asset_id else "",
        "state": status("not_needed" if row.state == "missing" and row.kind in spare else row.state),
        "grade": status(row.grade) if row.grade else None,
        "seq": seq_of.get(row.entry),
    }


def _checks(number: str, names: Names, seq_of: Mapping[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "label": fact_kind(fact.kind).label if is_fact_kind(fact.kind) else spoken(fact.kind),
            "asset": names.asset(fact.asset) if fact.asset else "",
            "status": status(fact.outcome.value),
            "grade": status(fact.grade.value),
            "at": names.moment(fact.at),
            "detail": plain(fact.detail, names),
            "seq": seq_of.get(fact.entry),
        }
        for fact in evidence.facts(ticket=number)
        if fact.kind.startswith(_CHECKS)
    ]


def _refusal(entry: Entry, names: Names) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "at": names.moment(entry.at),
        "actor": names.actor(entry.actor_id),
        "act": spoken(entry.object.id),
        "codes": [str(code) for code in entry.data.get("codes") or ()],
        "folded": entry.data.get("folded_before") or 0,
    }


def _reasons(entries: Sequence[Entry]) -> dict[str, str]:
    """The texts of small reason files that entries name, by hash; what is gone or too long is left out."""
    found: dict[str, str] = {}
    for entry in entries:
        for item in entry.artifacts:
            if item["role"] == "reason" and item["size"] <= 20_000:
                try:
                    found[item["sha256"]] = evidence.read_artifact(item["sha256"]).decode("utf-8", "replace")
                except (Refused, ValueError):
                    continue
    return found
