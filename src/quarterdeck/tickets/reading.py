"""Reading tickets: lists, hold points, the evidence meter, who is waited for, and who may read what."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from django.db.models.functions import Coalesce

from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.decision import ALLOWED, Decision, refuse
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.tickets.escorts import is_escort
from quarterdeck.tickets.hold_points import Picture, newest_fact
from quarterdeck.tickets.pictures import LIVE_STATES, applicable, duty_of, judged, picture_of, sealed_view, workers
from quarterdeck.tickets.policies import policy
from quarterdeck.tickets.rows import find, prefetched, view
from quarterdeck.tickets.sealing import check_ticket, editors
from quarterdeck.tickets.snapshot import content_hash, differences, snapshot
from quarterdeck.tickets.terms import (
    ApprovalKind,
    ApprovalRole,
    Before,
    CommentView,
    HoldPointView,
    HoldState,
    MeterRow,
    State,
    TicketView,
    Verdict,
)


class Reading(StrEnum):
    """What somebody asks to read."""

    TICKET = "ticket"
    RECORDING = "recording"
    BASELINE = "baseline"
    PACKAGE = "package"
    LEDGER = "ledger"


_ALL_TICKETS = frozenset({Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.ASSESSOR})
_READERS: dict[Reading, frozenset[Role]] = {
    Reading.TICKET: _ALL_TICKETS,
    Reading.RECORDING: frozenset({Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.ASSESSOR}),
    Reading.BASELINE: frozenset({Role.IT_LEAD, Role.APPROVER, Role.CUI_OWNER, Role.ASSESSOR}),
    Reading.PACKAGE: frozenset({Role.IT_LEAD, Role.ASSESSOR}),
    Reading.LEDGER: frozenset({Role.IT_LEAD, Role.ASSESSOR}),
}
# The entries that name a frozen snapshot.
_FREEZING = ("ticket.submitted", "ticket.edited", "snapshot.kept")
_PARTICIPANTS_READ = frozenset({Reading.TICKET, Reading.RECORDING, Reading.BASELINE})


def may_read(what: Reading, *, roles: Collection[Role], takes_part: bool) -> Decision:
    """Decide whether somebody with these roles may read; people of a ticket read it, all else is denied by default."""
    if _READERS[what] & set(roles) or (takes_part and what in _PARTICIPANTS_READ):
        return ALLOWED
    return refuse("reading.denied", "You may not read this.", "Ask the IT lead, if your work needs it.")


def reading_of(number: str, person_id: str, at: datetime, what: Reading = Reading.TICKET) -> Decision:
    """Decide whether this person may read this part of this ticket."""
    row = find(number)
    ticket = view(row)
    part = person_id == ticket.requester or duty_of(ticket, person_id) is not None or is_escort(ticket, person_id, at)
    # Somebody written into the database by hand takes no part.
    part = part and check_ticket(row).allowed
    return may_read(what, roles=personnel.roles_of(person_id, at), takes_part=part)


def ticket(number: str) -> TicketView:
    """Return a ticket; approvals that no sealed entry carries are left out. Refused(ticket.unknown)."""
    return sealed_view(find(number))


def is_sealed(number: str) -> Decision:
    """Decide whether the ticket's row is what the ledger says; Refused(ticket.unknown) when there is none."""
    return check_ticket(find(number))


def exists(number: str) -> bool:
    """True when a ticket of this number was given out."""
    return prefetched().filter(number=number).exists()


def tickets(*, person_id: str = "", at: datetime | None = None, states: Sequence[State] = ()) -> list[TicketView]:
    """Return tickets, newest first; with a person, those that this person may read."""
    rows = prefetched().order_by("-number")
    if states:
        rows = rows.filter(state__in=[state.value for state in states])
    views = [view(row) for row in rows]
    if not person_id or at is None:
        return views
    roles = personnel.roles_of(person_id, at)
    if roles & _ALL_TICKETS:
        return views
    return [v for v in views if person_id == v.requester or duty_of(v, person_id) is not None]


def hold_points(number: str, at: datetime) -> list[HoldPointView]:
    """Return all hold points of the ticket, grouped by the act they stand before.

    On a live ticket they stand as they do now; on one that is over, as they were judged when the act happened: another
    ticket that asks for the same asset later does not undo an approval.
    """
    in_force = policy()
    picture = picture_of(find(number), at, in_force)
    return [
        _as_judged(hold, then) for before in Before for then in [_judged_then(picture.ticket, before)]
        for hold in judged(picture, in_force, before)
    ]  # fmt: skip


_DONE: dict[Before, tuple[frozenset[State], tuple[str, ...], str]] = {
    Before.APPROVE: (
        frozenset(State) - {State.DRAFT, State.SUBMITTED, State.REJECTED, State.WITHDRAWN, State.EXPIRED},
        ("ticket.approved",),
        "approved",
    ),
    Before.OPEN: (
        frozenset({State.OPEN, State.VERIFYING, State.CLOSED, State.ROLLED_BACK}),
        ("ticket.opened",),
        "opened",
    ),
    Before.CLOSE: (frozenset({State.CLOSED, State.ROLLED_BACK}), ("ticket.closed", "ticket.rolled_back"), "closed"),
}


def _judged_then(seen: TicketView, before: Before) -> dict[str, str]:
    """Return the states that the act's entry carries, empty while the act is ahead; `done` names the act."""
    states, events, done = _DONE[before]
    happened = seen.is_final and seen.state in states
    sealed = evidence.last_entry(events, ticket=seen.number) if happened else None
    told = sealed.data.get("hold_points") if sealed is not None else None
    return {"done": done, **{item["id"]: item["state"] for item in told}} if told else {}


def _as_judged(hold: HoldPointView, then: dict[str, str]) -> HoldPointView:
    """Return the hold point as it was judged; what the entry does not name was not asked for then."""
    if not then:
        return hold
    state = HoldState(then.get(hold.id, HoldState.NOT_APPLICABLE))
    if state is hold.state:
        return hold
    words = {HoldState.PASSED: "Held", HoldState.WAIVED: "Was waived or deferred", HoldState.FLAGGED: "Was marked"}
    sentence = f"{words.get(state, 'Was not asked for')} when the ticket was {then['done']}."
    return replace(hold, state=state, sentence=sentence, next_step="", codes=())


def evidence_meter(number: str, at: datetime) -> list[MeterRow]:
    """Return every fact that policy asks for, and whether it is there: present, failed, stale or missing."""
    in_force = policy()
    picture = picture_of(find(number), at, in_force)
    rows: list[MeterRow] = []
    for before in Before:
        # An escort's presence is only asked for where somebody works supervised: then its hold point fails without.
        holding = {hold.id for hold in judged(picture, in_force, before) if hold.state is HoldState.PASSED}
        for point, policy_row in applicable(picture, in_force, before):
            ids = [a.id for a in picture.assets if policy_row.covers(a)] if policy_row.per_asset else [""]
            found = [_meter(picture, kind, asset_id, at) for kind in policy_row.fact_kinds for asset_id in ids]
            rows += [row for row in found if row.state != "missing" or point.id not in holding]
    return list({(row.kind, row.asset_id): row for row in rows}.values())


def _meter(picture: Picture, kind: str, asset_id: str, at: datetime) -> MeterRow:
    fact = newest_fact(picture.facts, kind, asset_id)
    if fact is None:
        return MeterRow(kind, asset_id, "missing", "", "")
    state = "present" if fact.outcome is evidence.Outcome.PASSED else "failed"
    # Freshness matters until the work begins; afterwards a fact stays what it was.
    if state == "present" and picture.ticket.opened_at is None and not fact.holds_at(at):
        state = "stale"
    return MeterRow(kind, asset_id, state, fact.grade.value, fact.entry)


def changes_since_frozen(number: str) -> list[dict[str, str]]:
    """Return what has changed between the frozen snapshot and what its names mean now."""
    row = find(number)
    if not row.snapshot_sha256:
        return []
    now = snapshot(row)
    if content_hash(now) == row.content_hash:
        return []
    frozen = frozen_snapshot(number)
    return differences(frozen, now)


def has_moved(number: str) -> bool:
    """True when a frozen ticket's names mean something else now: its approvals no longer count (3.7.2[d])."""
    row = find(number)
    return bool(row.snapshot_sha256) and content_hash(snapshot(row)) != row.content_hash


def moved_tickets(states: Sequence[State]) -> list[str]:
    """Return the numbers of the tickets in these states whose approvals no longer count, oldest first."""
    rows = prefetched().filter(state__in=[state.value for state in states]).exclude(snapshot_sha256="")
    return sorted(row.number for row in rows if content_hash(snapshot(row)) != row.content_hash)


def changes_since_decided(number: str, decided_hash: str) -> list[dict[str, str]]:
    """Return what differs between a content that was decided on and the one that is frozen now."""
    if decided_hash == find(number).content_hash:
        return []
    decided = evidence.parse_fields(evidence.read_artifact(decided_hash))
    return differences(decided, frozen_snapshot(number))


def frozen_snapshot(number: str) -> dict[str, evidence.JsonValue]:
    """Return the frozen snapshot that approvals are about; empty before the ticket was submitted."""
    find(number)
    # What the ledger names: the row's column is under no digest, and whoever changes it shows another plan.
    kept = [
        str(item["sha256"])
        for entry in evidence.entries(ticket=number, events=_FREEZING)
        for item in entry.artifacts
        if item["role"] == "snapshot"
    ]
    return evidence.parse_fields(evidence.read_artifact(kept[-1])) if kept else {}


def current_snapshot(number: str) -> dict[str, evidence.JsonValue]:
    """Return what the ticket's names mean at this moment."""
    return snapshot(find(number))


def comments(number: str) -> list[CommentView]:
    """Return the ticket's remarks, oldest first."""
    return [CommentView(row.author_id, row.text, row.at) for row in find(number).comment_rows.order_by("pk")]


def waiting_for(number: str, at: datetime) -> dict[ApprovalRole, tuple[str, ...]]:
    """Return for each approval that is missing the people who can give it."""
    seen = ticket(number)
    if seen.state is not State.SUBMITTED:
        return {}
    given = {
        a.role for a in seen.approvals
        if a.void_at is None and a.verdict is Verdict.APPROVED and a.kind is not ApprovalKind.RATIFICATION
        and a.content_hash == seen.content_hash
    }  # fmt: skip
    picture = picture_of(find(number), at)
    wanted = [ApprovalRole.APPROVER]
    if picture.needs_cui_owner and not seen.emergency:
        wanted.append(ApprovalRole.CUI_OWNER)
    busy = workers(seen) | {seen.requester, seen.escort}
    busy |= editors(number)
    if not policy().flag("one_independent_person_may_hold_both_roles"):
        busy |= {a.person for a in seen.approvals if a.void_at is None}
    return {
        role: tuple(p for p in personnel.holders(Role(role.value), at) if p not in busy)
        for role in wanted
        if role not in given
    }


def live_tickets_of_asset(asset_id: str) -> list[TicketView]:
    """Return live tickets that name the asset."""
    rows = prefetched().filter(state__in=[s.value for s in LIVE_STATES], asset_rows__asset_id=asset_id)
    return [view(row) for row in rows.order_by("number")]


def tickets_of_asset(asset_id: str) -> list[TicketView]:
    """Return every ticket that names the asset, newest first."""
    return [view(row) for row in prefetched().filter(asset_rows__asset_id=asset_id).order_by("-number")]


def due_tickets(now: datetime) -> tuple[list[str], list[str]]:
    """Return the numbers of tickets whose window is over: those never opened, and those still open."""
    rows = prefetched().annotate(ends=Coalesce("extended_until", "window_until")).filter(ends__lte=now)
    never = [State.SUBMITTED.value, State.APPROVED.value, State.SCHEDULED.value]
    return (
        list(rows.filter(state__in=never).values_list("number", flat=True)),
        list(rows.filter(state=State.OPEN.value).values_list("number", flat=True)),
    )


def altered_tickets(states: Sequence[State] = (State.OPEN, State.VERIFYING)) -> dict[str, Decision]:
    """Return why the row of an open or verified ticket, or of one in `states`, is not what the ledger says."""
    rows = prefetched().filter(state__in=[state.value for state in states])
    checked = {row.number: check_ticket(row) for row in rows}
    return {number: decision for number, decision in checked.items() if not decision.allowed}


def given_out(year: int) -> int:
    """Return how many ticket numbers of the year were given out."""
    return prefetched().filter(number__startswith=f"MT-{year:04d}-").count()
