"""Hold points as they were judged: an act that happened says that what stands before it held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Entry, Fact, Outcome
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Before, HoldPointView, HoldState

# The entry that tells of the act which a hold point stands before.
_ACTS: Mapping[Before, tuple[str, ...]] = {
    Before.APPROVE: ("ticket.approved",),
    Before.OPEN: ("ticket.opened",),
    Before.CLOSE: ("ticket.closed", "ticket.rolled_back"),
}
_DONE = {Before.APPROVE: "approved", Before.OPEN: "opened", Before.CLOSE: "closed"}


@dataclass(frozen=True, slots=True)
class Judged:
    """A hold point with its state, the sentence, the entries behind it, and the act that it was judged for.

    `act` is the entry of the act, None while it has not happened; then the state is that of the export.
    """

    hold: HoldPointView
    state: HoldState
    sentence: str
    evidence: tuple[str, ...]
    act: Entry | None


def judged(number: str, entries: Sequence[Entry], at: datetime) -> list[Judged]:
    """Return every hold point of the ticket, in the order of the acts; `entries` are the ticket's own."""
    facts = evidence.facts(ticket=number)
    waived = {
        str(entry.data["waiver"]["hold_point"]) for entry in entries if isinstance(entry.data.get("waiver"), dict)
    }
    rows = []
    for hold in tickets.hold_points(number, at):
        done = [entry for entry in entries if entry.event in _ACTS[hold.before]]
        rows.append(_then(hold, done[-1], facts, waived) if done else _now(hold))
    order = list(tickets.HOLD_POINTS)
    return sorted(rows, key=lambda row: order.index(row.hold.id) if row.hold.id in order else len(order))


def _now(hold: HoldPointView) -> Judged:
    return Judged(hold, hold.state, hold.sentence, hold.evidence, None)


def _then(hold: HoldPointView, act: Entry, facts: Sequence[Fact], waived: set[str]) -> Judged:
    mine = set(hold.evidence)
    kinds = {fact.kind for fact in facts if fact.entry in mine}
    before = [fact for fact in facts if fact.kind in kinds and fact.at <= act.at]
    newest = {(fact.kind, fact.asset): fact for fact in before}
    short = [fact for fact in newest.values() if fact.outcome is not Outcome.PASSED]
    entries = tuple(dict.fromkeys(fact.entry for fact in newest.values()))
    if _said(hold.id, act) is not None:
        state = HoldState(str(_said(hold.id, act)))
    elif hold.id in waived or hold.state is HoldState.WAIVED:
        state = HoldState.WAIVED
    else:
        state = HoldState.FLAGGED if short else HoldState.PASSED
    return Judged(hold, state, _sentence(hold, state, act), entries, act)


def _said(hold_point: str, act: Entry) -> str | None:
    """Return the state that the entry of the act itself carries for this hold point, where it carries one."""
    told = act.data.get("hold_points")
    states = {item.get("id"): item.get("state") for item in told if isinstance(item, dict)} if told else {}
    state = states.get(hold_point)
    return state if state in set(HoldState) else None


def _sentence(hold: HoldPointView, state: HoldState, act: Entry) -> str:
    done = _DONE[hold.before]
    if state is HoldState.WAIVED:
        return f"Waived with a reason, or deferred as an emergency, when the ticket was {done}."
    if state is HoldState.FLAGGED:
        return f"Did not hold and was let pass as the policy says when the ticket was {done}; it stays marked."
    return ""
