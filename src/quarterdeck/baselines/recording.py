"""Recording a baseline: rows and entry in one act, after the artifacts were stored."""

from quarterdeck.baselines import rules
from quarterdeck.baselines.models import Baseline
from quarterdeck.baselines.rules import Phase
from quarterdeck.baselines.terms import BaselineView, Measurement
from quarterdeck.evidence.api import Act, Grade, JsonValue, ObjectRef, Outcome, last_entry, row_digest
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.kernel.ids import new_id
from quarterdeck.tickets import api as tickets

_FACT = {Phase.BEFORE: "baseline.before", Phase.AFTER: "baseline.after"}


def record_baseline(
    act: Act, *, ticket: str, asset: str, connection: str, phase: Phase, measured: Measurement
) -> BaselineView:
    """Record a measurement as a baseline of this ticket and asset, with its fact (CM.L2-3.4.1).

    Raises Refused when the phase does not fit the ticket's state or the asset is not in the ticket. The fact fails
    when a watched folder itself could not be read.
    """
    tickets.lock(act, ticket)
    seen = tickets.ticket(ticket)
    rules.may_record(
        phase,
        opened=seen.opened_at is not None,
        final=seen.is_final,
        named=any(one.asset_id == asset and one.connection_id == connection for one in seen.assets),
    ).require()
    row = baseline_row(asset, connection, phase, measured)
    row.ticket_id, row.recorded_at = ticket, act.at
    row.entry = act.record(
        "baseline.recorded",
        ObjectRef("baseline", row.id),
        ticket=ticket,
        data={
            "phase": row.phase,
            "asset": asset,
            "manifest": row.manifest_sha256,
            "collector": row.collector_sha256,
            "entries": row.entries,
            "unreadable": row.unreadable,
            "complete": row.complete,
            "row": baseline_digest(row),
        },
        artifacts=measured.artifacts,
    )
    row.save(force_insert=True)
    if phase in _FACT:
        act.fact(
            _FACT[phase],
            entry=row.entry,
            outcome=Outcome.PASSED if row.complete else Outcome.FAILED,
            grade=Grade.CAPTURED,
            ticket=ticket,
            asset=asset,
            detail={"baseline": row.id, "entries": row.entries, "unreadable": row.unreadable},
        )
    return baseline_view(row)


def baseline_row(asset: str, connection: str, phase: Phase, measured: Measurement) -> Baseline:
    """Return a row that is not saved yet: what it stands under and when it is recorded is still to be said."""
    return Baseline(
        id=new_id("bl"),
        asset=asset,
        connection=connection,
        phase=phase.value,
        manifest_sha256=measured.manifest.sha256,
        posture_sha256=measured.posture.sha256,
        account_sha256=measured.account.sha256,
        entries=measured.entries,
        unreadable=measured.unreadable,
        hashed=measured.hashed,
        complete=measured.blind_roots == 0 and measured.entries > measured.unreadable,
        collector_sha256=measured.header.collector_sha256,
        started_at=measured.started_at,
        finished_at=measured.finished_at,
    )


def record_failure(act: Act, *, ticket: str, asset: str, phase: Phase, code: str) -> None:
    """Record that a measurement did not come about; `code` is one word, the sentence went to who asked for it."""
    entry = act.record(
        "baseline.failed",
        ObjectRef("asset", asset),
        ticket=ticket,
        data={"phase": phase.value, "asset": asset, "why": code},
    )
    if phase in _FACT:
        act.fact(
            _FACT[phase], entry=entry, outcome=Outcome.UNKNOWN, grade=Grade.CAPTURED, ticket=ticket, asset=asset,
            detail={"why": code},
        )  # fmt: skip


def baseline_digest(row: Baseline) -> str:
    """Return the digest of a baseline's fields that its entry carries."""
    fields: dict[str, JsonValue] = {
        name: getattr(row, name)
        for name in (
            "id", "ticket_id", "asset", "connection", "phase", "manifest_sha256", "posture_sha256", "account_sha256",
            "entries", "unreadable", "hashed", "complete", "collector_sha256",
        )
    } | ({"plan": row.plan} if row.plan else {})  # fmt: skip
    fields["started_at"], fields["finished_at"] = rfc3339(row.started_at), rfc3339(row.finished_at)
    return row_digest(fields)


def baseline_view(row: Baseline) -> BaselineView:
    """Return the row as a value."""
    return BaselineView(
        id=row.id,
        ticket=row.ticket_id or "",
        asset=row.asset,
        connection=row.connection,
        phase=Phase(row.phase),
        manifest_sha256=row.manifest_sha256,
        posture_sha256=row.posture_sha256,
        account_sha256=row.account_sha256,
        entries=row.entries,
        unreadable=row.unreadable,
        hashed=row.hashed,
        complete=row.complete,
        collector_sha256=row.collector_sha256,
        started_at=row.started_at,
        finished_at=row.finished_at,
        entry=row.entry,
        plan=row.plan,
    )


def baselines(*, ticket: str | None = None, asset: str | None = None, phase: Phase | None = None) -> list[BaselineView]:
    """Return baselines, oldest first."""
    rows = Baseline.objects.order_by("recorded_at", "id")
    if ticket is not None:
        rows = rows.filter(ticket_id=ticket)
    if asset is not None:
        rows = rows.filter(asset=asset)
    if phase is not None:
        rows = rows.filter(phase=phase.value)
    return [baseline_view(row) for row in rows]


def newest(ticket: str, asset: str, phase: Phase) -> BaselineView | None:
    """Return the last baseline of a ticket's asset in this phase, checked against its sealed entry."""
    rows = Baseline.objects.filter(ticket_id=ticket, asset=asset, phase=phase.value)
    row = rows.order_by("-recorded_at", "-id").first()
    if row is None:
        return None
    return sealed_view(row)


def sealed_view(row: Baseline) -> BaselineView:
    """Return the row as a value; Refused(baseline.unsealed) when it is not what its entry says of it."""
    event = "baseline.monitored" if row.phase == Phase.BETWEEN else "baseline.recorded"
    sealed = last_entry([event], object=ObjectRef("baseline", row.id))
    rules.row_is_sealed(sealed is not None and sealed.data.get("row") == baseline_digest(row)).require()
    return baseline_view(row)
