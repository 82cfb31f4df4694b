"""What stands against objectives beside failed facts: registers, other ways in, sessions, overdue ratifications."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from quarterdeck.assessor.altered import altered_rows
from quarterdeck.assessor.objectives import STALE, Gap, ObjectiveStatus, propose
from quarterdeck.controls.api import FACT_KINDS, fact_kind, is_fact_kind
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Fact, Outcome
from quarterdeck.inventory import api as inventory
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import EndReason, SessionKind, SessionState
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import ApprovalKind, MeterRow, State, TicketView, Verdict
from quarterdeck.tools import api as tools

SHOWN = 10
# Facts that registers state, of no ticket.
REGISTER_KINDS = tuple(
    kind.code for kind in FACT_KINDS if kind.code.partition(".")[0] in {"tool", "technique", "mechanism", "asset",
    "person", "agreement", "entry_points"}
)  # fmt: skip
_KIND_OF_ITEM = {"tool": "MA.L2-3.7.2[a]", "technique": "MA.L2-3.7.2[b]", "mechanism": "MA.L2-3.7.2[c]"}
_ENTRY_POINT = {"mfa": "MA.L2-3.7.5[a]", "termination": "MA.L2-3.7.5[b]"}
_PERSONNEL = "MA.L2-3.7.2[d]"
Pair = tuple[str, Gap]


def objective_status(at: datetime) -> list[ObjectiveStatus]:
    """Return every objective as proposed from all that is on record at `at`, family MA first."""
    kinds = [kind.code for kind in FACT_KINDS if kind.objectives]
    facts = evidence.facts(kinds=kinds)
    known, held = tickets.tickets(), sessions.all_sessions()
    gaps = [
        *altered_rows(known, held),
        *register_gaps(at),
        *maintenance_gaps(facts, at),
        *(
            pair
            for view in known
            for pair in ticket_gaps(view, [] if _in_its_window(view, at) else meter_of(view, at), at)
        ),
        *session_gaps(held),
    ]
    return propose(facts, gaps, at)


def meter_of(view: TicketView, at: datetime) -> list[MeterRow]:
    """Return the evidence meter of a ticket under way, nothing of others: a closed one had everything."""
    return tickets.evidence_meter(view.number, at) if view.state in (State.OPEN, State.VERIFYING) else []


def _in_its_window(view: TicketView, at: datetime) -> bool:
    """Whether somebody may still be working: what only the end of the work brings isn't lacking yet."""
    return view.state is State.OPEN and at < view.window.until


def register_gaps(at: datetime) -> Iterator[Pair]:
    """What the registers lack: items that may not be used, ways in without evidence, agreements that ran out."""
    for item in tools.items():
        for reason in tools.usable(item.id, at).reasons:
            yield _KIND_OF_ITEM[item.kind.value], Gap(reason.code, reason.sentence, reason.next_step)
    for decision in inventory.entry_point_gaps(at).values():
        for reason in decision.reasons:
            gap = Gap(reason.code, reason.sentence, reason.next_step)
            yield _PERSONNEL, gap
            about = _ENTRY_POINT.get(reason.code.partition(".")[0])
            if about:
                yield about, gap
    agreements = {agreement.id: agreement for agreement in personnel.agreements()}
    for right in personnel.authorisations():
        agreement = agreements.get(right.agreement_id)
        if right.in_date(at) and agreement is not None and not agreement.in_date(at):
            yield (
                _PERSONNEL,
                Gap(
                    "agreement.over",
                    f"An authorisation stands on agreement {agreement.number} of {agreement.vendor}, which is over.",
                    "Withdraw the authorisation, or record the new agreement.",
                ),
            )


def maintenance_gaps(facts: Iterable[Fact], at: datetime) -> Iterator[Pair]:
    """Assets with CUI of which no maintenance is on record in the last year ("periodically" is a year at most)."""
    done = {
        fact.asset
        for fact in facts
        if fact.kind == "maintenance.performed" and fact.outcome is Outcome.PASSED and at - fact.at <= STALE
    }
    late = [asset.hostname for asset in inventory.assets() if asset.handles_cui and asset.id not in done]
    if late:
        more = f" and {len(late) - SHOWN} more" if len(late) > SHOWN else ""
        yield (
            "MA.L2-3.7.1[a]",
            Gap(
                "maintenance.none",
                f"No maintenance on record within a year: {', '.join(late[:SHOWN])}{more}.",
                "Request a ticket for what is due, or show the schedule that says otherwise.",
            ),
        )


def ticket_gaps(view: TicketView, meter: Sequence[MeterRow], at: datetime) -> Iterator[Pair]:
    """What one ticket lacks: facts that policy asks for, the ratification of an emergency, a finding kept."""
    for row in meter:
        if row.state == "missing" and is_fact_kind(row.kind):
            kind = fact_kind(row.kind)
            step = "Prepare or verify the ticket; its page says what is missing."
            for objective in kind.objectives:
                yield objective, Gap(f"{row.kind}.missing", f"Not known yet: {kind.label.lower()}.", step, view.number)
    ratified = any(a.kind is ApprovalKind.RATIFICATION and a.verdict is Verdict.APPROVED for a in view.approvals)
    if view.ratify_until is not None and at > view.ratify_until and not ratified:
        yield (
            "CM.L2-3.4.3[c]",
            Gap(
                "emergency.not_ratified",
                f"The emergency {view.number} was to be ratified until {view.ratify_until:%Y-%m-%d %H:%M} UTC.",
                "Ask the approver and the CUI owner to ratify it or to refuse.",
                view.number,
            ),
        )
    if view.finding:
        yield (
            "CM.L2-3.4.3[c]",
            Gap(
                f"ticket.{view.finding}",
                f"{view.number} carries the finding: {view.finding.replace('_', ' ')}.",
                "Plan and record what is done about it.",
                view.number,
            ),
        )


def _red(one: sessions.SessionView) -> str:
    altered = one.end_reason == EndReason.ROW_ALTERED.value
    return "was written by hand in the database while it ran" if altered else "has no end that was observed"


def session_gaps(found: Iterable[sessions.SessionView]) -> Iterator[Pair]:
    """Sessions whose end nobody saw and nobody explained, and those whose connection was not proven gone."""
    for one in found:
        if one.kind is not SessionKind.GATE or one.state is SessionState.RUNNING:
            continue
        began = f"{one.began_at:%Y-%m-%d %H:%M} UTC"
        if one.state is SessionState.INTERRUPTED and not one.explained:
            gap = Gap(
                "session.interrupted",
                f"The session of {began} {_red(one)}, and nobody has explained it.",
                "Explain it on its page.",
                one.ticket,
            )
            yield "MA.L2-3.7.5[b]", gap
            yield "AC.L2-3.1.12[d]", gap
        elif not one.network_terminated and not one.explained:
            yield (
                "MA.L2-3.7.5[b]",
                Gap(
                    "session.connection",
                    f"The connection of the session of {began} was not proven gone.",
                    "Look at the session's page.",
                    one.ticket,
                ),
            )
