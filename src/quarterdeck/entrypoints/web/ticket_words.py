"""A ticket's parts as its page shows them: stepped line, hold points failing first, evidence meter, timeline lines.

Pure arrangement of what the tickets app and the ledger say; nothing is decided here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from quarterdeck.controls.api import fact_kind, is_fact_kind
from quarterdeck.entrypoints.web import words
from quarterdeck.entrypoints.web.refusal_words import refused_act, refused_why
from quarterdeck.evidence.api import Entry
from quarterdeck.tickets.api import Before, HoldPointView, HoldState, MeterRow, State, TicketView

_LINE = (State.DRAFT, State.SUBMITTED, State.APPROVED, State.SCHEDULED, State.OPEN, State.VERIFYING, State.CLOSED)
_STEP_WORDS = {State.SUBMITTED: "Submitted", State.VERIFYING: "Verifying"}
_STATE_EVENTS = {
    "ticket.requested": State.DRAFT,
    "ticket.submitted": State.SUBMITTED,
    "ticket.approved": State.APPROVED,
    "ticket.scheduled": State.SCHEDULED,
    "ticket.opened": State.OPEN,
    "ticket.work_ended": State.VERIFYING,
    "ticket.closed": State.CLOSED,
}
_FIRST = (HoldState.FAILED, HoldState.FLAGGED, HoldState.WAIVED)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the line: `css` is done, now, stop or empty."""

    word: str
    css: str
    at: datetime | None


def steps(ticket: TicketView, entries: Iterable[Entry]) -> list[Step]:
    """Return the stepped line; a ticket that ended another way shows where it stopped."""
    times: dict[State, datetime] = {}
    for entry in entries:
        reached = _STATE_EVENTS.get(entry.event)
        if reached is not None:
            times[reached] = entry.at
    at = _LINE.index(ticket.state) if ticket.state in _LINE else None
    if at is None:
        passed = [Step(_word(state), "done", times[state]) for state in _LINE if state in times]
        return [*passed, Step(words.status(ticket.state).word, "stop", ticket.state_at)]
    closed = ticket.state is State.CLOSED
    return [
        Step(
            _word(state),
            "done" if number < at or closed else "now" if number == at else "",
            times.get(state) if number <= at else None,
        )
        for number, state in enumerate(_LINE)
    ]


def _word(state: State) -> str:
    return _STEP_WORDS.get(state, words.status(state).word)


def hold_groups(holds: Sequence[HoldPointView], state: State) -> list[dict[str, Any]]:
    """Return the hold points by the act they stand before; failing, flagged and waived first, the rest folded."""
    order = list(Before)
    current = {
        State.DRAFT: Before.APPROVE,
        State.SUBMITTED: Before.APPROVE,
        State.APPROVED: Before.OPEN,
        State.SCHEDULED: Before.OPEN,
    }
    now = current.get(state, Before.CLOSE)
    groups = []
    for before in Before:
        of = [hold for hold in holds if hold.before is before]
        if not of:
            continue
        failed = sum(hold.state is HoldState.FAILED for hold in of)
        first = sorted((hold for hold in of if hold.state in _FIRST), key=lambda hold: _FIRST.index(hold.state))
        groups.append({
            "before": before.value,
            "failed": failed,
            "failed_words": f"{failed} to go",
            "first": first,
            "all": of,
            "later": order.index(before) > order.index(now),
            "rest": [hold for hold in of if hold.state not in _FIRST],
            "current": before is now,
        })  # fmt: skip
    return sorted(groups, key=lambda group: (not group["current"], group["later"]))


def meter(rows: Sequence[MeterRow], asset_names: Mapping[str, str]) -> dict[str, Any]:
    """Return the evidence meter: what is required, present, missing, by grade; missing first."""
    shown = []
    several = len({row.asset_id for row in rows if row.asset_id}) > 1
    for row in rows:
        css = row.grade if row.state in ("present", "passed") else "missing"
        label = fact_kind(row.kind).label if is_fact_kind(row.kind) else row.kind
        shown.append({
            "label": label, "asset": asset_names.get(row.asset_id, "") if several else "", "css": css,
            "entry": row.entry,
            "word": row.state.replace("_", " "),
        })  # fmt: skip
    present, captured = (
        sum(line["css"] != "missing" for line in shown),
        sum(line["css"] == "captured" for line in shown),
    )
    total = len(shown) or 1
    missing = len(shown) - present
    said = f"{missing} missing" if missing else "complete"
    return {
        "rows": sorted(shown, key=lambda line: line["css"] != "missing"),
        "required": len(shown),
        "present": present,
        "captured_width": round(100 * captured / total, 1),
        "attached_width": round(100 * (present - captured) / total, 1),
        "words": said if shown else "nothing required",
    }


KINDS: Mapping[str, tuple[str, frozenset[str]]] = {
    "ticket": ("Ticket", frozenset({"ticket", "hold_point", "escort", "template"})),
    "decisions": ("Decisions", frozenset({"approval", "emergency"})),
    "refusals": ("Refusals", frozenset({"act"})),
    "access": ("Access", frozenset({"access"})),
    "sessions": ("Sessions", frozenset({"session", "sessions"})),
    "checks": ("Checks", frozenset({"precheck", "postcheck", "backup", "recorder", "sole_path", "snapshot"})),
    "rollback": ("Rollback", frozenset({"rollback"})),
    "runs": ("Runs", frozenset({"run", "runbook"})),
    "files": ("Files measured", frozenset({"baseline", "drift"})),
    "other": ("Other", frozenset()),
}


def kind_of(entry: Entry) -> str:
    """Return the kind of an entry, by which the timeline is narrowed."""
    noun = entry.event.partition(".")[0]
    return next((kind for kind, (_, nouns) in KINDS.items() if noun in nouns), "other")


def kinds(entries: Iterable[Entry]) -> dict[str, int]:
    """Return how many entries there are of each kind that occurs."""
    found = [kind_of(entry) for entry in entries]
    return {kind: found.count(kind) for kind in KINDS if kind in found}


def timeline(entries: Sequence[Entry], names: Mapping[str, str], kind: str = "") -> list[dict[str, Any]]:
    """Return the entries newest first as lines: time, act in words, who, files."""
    lines = []
    for entry in reversed(entries):
        if kind and kind_of(entry) != kind:
            continue
        who = names.get(entry.actor_id, "" if entry.actor_kind == "system" else entry.actor_id)
        lines.append({
            "event_id": entry.event_id, "at": entry.at, "event": entry.event, "words": words.act_words(entry.event),
            "who": who or f"by the {entry.actor_id}", "note": _note(entry, names), "seq": entry.seq,
            "machine": entry.actor_kind == "system" and entry.event.startswith("access.") and not entry.artifacts,
            "ticket_seq": entry.ticket_seq, "leaf": entry.leaf.hex(),
            "artifacts": [str(one["sha256"]) for one in entry.artifacts],
        })  # fmt: skip
    return lines


def folded(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines with each run of the system's own access (to measure and to check) as one that opens."""
    found: list[dict[str, Any]] = []
    run: list[dict[str, Any]] = []
    for line in [*lines, None]:
        if line is not None and line["machine"]:
            run.append(line)
            continue
        found += [_fold(run)] if len(run) > 2 else run
        run = []
        if line is not None:
            found.append(line)
    return found


def _fold(run: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"at": run[0]["at"], "fold": list(run), "count": len(run), "from_seq": run[-1]["seq"], "seq": run[0]["seq"]}


_TOLD = frozenset(
    {
        "role",
        "verdict",
        "end_reason",
        "outcome",
        "count",
        "hold_point",
        "method",
        "kind",
        "phase",
        "how",
        "items",
        "rule",
        "codes",
    }
)


def _note(entry: Entry, names: Mapping[str, str]) -> str:
    """Say the few plain values of an entry that help a reader; hashes and ids without a name stay away."""
    if entry.event == "act.refused":
        return f"{refused_act(entry.object.id)}: {refused_why(str(code) for code in entry.data.get('codes', []))}"
    said = [text for key, value in entry.data.items() if key != "facts" for text in _told(key, value, names)]
    return ", ".join(dict.fromkeys(said))


def _told(key: str, value: object, names: Mapping[str, str]) -> list[str]:
    if isinstance(value, dict):
        return [text for inner, one in value.items() for text in _told(inner, one, names)]
    if isinstance(value, list):
        return [text for one in value for text in _told(key, one, names)]
    if isinstance(value, str) and value in names:
        return [f"{key.replace('_', ' ')} {names[value]}"]
    if key == "role":
        return [f"as {words.called(str(value))}"]
    if key in _TOLD and isinstance(value, str | int) and value not in ("", "prior"):
        return [
            words.called(str(value))
            if key in {"verdict", "outcome"}
            else f"{key.replace('_', ' ')} {words.called(str(value))}"
        ]
    return []
