"""Runs: ordered by a technician, begun and ended by our own process; row, entry and facts in one act."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q

from quarterdeck.evidence.api import (
    Act,
    ArtifactRef,
    Grade,
    JsonValue,
    ObjectRef,
    Outcome,
    last_entry,
    row_digest,
)
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Decision, Refused, refuse, require_that
from quarterdeck.runs.models import Run, RunProgress
from quarterdeck.runs.telling import tally_document
from quarterdeck.runs.terms import (
    EVENTS_ROLE,
    FINAL,
    OUTPUT_ROLE,
    REPORT_ROLE,
    RUN_EVENTS,
    Line,
    Mode,
    ProgressView,
    Reach,
    RunbookView,
    RunState,
    RunView,
    Tally,
)

LEASE = timedelta(minutes=2)
MOST_SHOWN = 200
_UNKNOWN = refuse("run.unknown", "There is no such run.", "Look at the ticket's runs.")
_FACTS = {Mode.CHECK: "run.checked", Mode.REAL: "run.done"}


def order_run(
    act: Act,
    run_id: str,
    *,
    ticket: str,
    runbook: RunbookView,
    mode: Mode,
    unattended: bool,
    not_before: datetime,
    until: datetime,
    places: Sequence[Reach],
    after: str = "",
    rollback_step: int | None = None,
) -> RunView:
    """Queue a run of the actor, a person who has just shown a second factor (3.7.5[a])."""
    mfa_at = _factor_shown(act)
    row = Run(
        id=run_id,
        ticket_id=ticket,
        runbook_id=runbook.id,
        sha256=runbook.sha256,
        mode=mode.value,
        unattended=unattended,
        state=RunState.WAITING.value,
        ordered_by_id=act.actor.id,
        ordered_at=act.at,
        mfa_at=mfa_at,
        not_before=not_before,
        until=until,
        places=[{"asset": one.asset, "hostname": one.hostname, "grant": one.grant} for one in places],
        after_id=after or None,
        rollback_step=rollback_step,
    )
    row.save(force_insert=True)
    RunProgress.objects.create(run=row)
    _record(
        act, "run.ordered", row,
        unattended=unattended,
        not_before=rfc3339(not_before),
        until=rfc3339(until),
        runbook=runbook.id,
        sha256=runbook.sha256,
        assets=list[JsonValue](one.asset for one in places),
        factor=act.actor.factor or "not_said",
        mfa_at=rfc3339(mfa_at),
        after=after,
        rollback_step=rollback_step or 0,
    )  # fmt: skip
    return view(row)


def _factor_shown(act: Act) -> datetime:
    if act.actor.mfa_at is None or not act.actor.stepped_up(act.at):
        raise Refused(refuse("access.step_up", "Ordering a run needs a fresh second factor.", "Show it, then repeat."))
    return act.actor.mfa_at


def begin_run(act: Act, run_id: str) -> RunView:
    """Begin a waiting run, or say that it is over meanwhile: Refused(run.not_waiting)."""
    row = _locked(run_id)
    require_that(
        row.state == RunState.WAITING.value, "run.not_waiting", f"The run is {row.state}.", "Order another one."
    ).require()
    row.state, row.started_at = RunState.RUNNING.value, act.at
    row.save()
    RunProgress.objects.filter(run=row).update(lease_until=act.at + LEASE, message="Beginning")
    _record(act, "run.begun", row)
    return view(row)


def end_run(
    act: Act,
    run_id: str,
    state: RunState,
    message: str,
    *,
    tallies: Mapping[str, Tally] | None = None,
    artifacts: Sequence[ArtifactRef] = (),
) -> RunView:
    """End a run with how it came out, its files, and the fact about each of its assets; an ended one stays."""
    row = _locked(run_id)
    if RunState(row.state) in FINAL:
        return view(row)
    began = row.started_at is not None
    row.state, row.finished_at, row.message = state.value, act.at, message[:500]
    row.tallies = tally_document(tallies or {})
    named = {one.role: one.sha256 for one in artifacts}
    row.report, row.events = named.get(REPORT_ROLE, ""), named.get(EVENTS_ROLE, "")
    row.output = named.get(OUTPUT_ROLE, "")
    row.save()
    RunProgress.objects.filter(run=row).update(lease_until=None)
    counts: dict[str, JsonValue] = {
        name: sum(getattr(one, name) for one in (tallies or {}).values())
        for name in ("ok", "changed", "failed", "unreachable", "ignored", "skipped")
    }
    entry = _record(act, "run.ended", row, artifacts=artifacts, state=state.value, counts=counts)
    if began:
        passed = Outcome.PASSED if state is RunState.PASSED else Outcome.FAILED
        for place in view(row).places:
            tally = (tallies or {}).get(place.hostname)
            act.fact(
                _FACTS[Mode(row.mode)],
                entry=entry,
                outcome=passed,
                grade=Grade.CAPTURED,
                ticket=row.ticket_id,
                asset=place.asset,
                detail={} if tally is None else {"changed": tally.changed, "ignored": tally.ignored},
            )
    return view(row)


def run(run_id: str) -> RunView:
    """Return one run; Refused(run.unknown)."""
    row = Run.objects.filter(id=run_id).first()
    if row is None:
        raise Refused(_UNKNOWN)
    return view(row)


def runs(ticket: str) -> list[RunView]:
    """Return the ticket's runs, newest first."""
    return [view(row) for row in Run.objects.filter(ticket_id=ticket).order_by("-ordered_at", "-mode", "-id")]


def check_run(run_id: str) -> Decision:
    """Decide whether the row is what the ledger says of it (attacks.md row 28)."""
    sealed = last_entry(RUN_EVENTS, object=ObjectRef("run", run_id))
    return require_that(
        sealed is not None and sealed.data.get("row") == _digest(run(run_id)),
        "run.unsealed",
        "The run's row does not match the ledger: it was changed without an entry.",
        "Stop, and ask the IT lead to run qd ledger verify.",
    )


def due_runs(now: datetime) -> list[RunView]:
    """Return the runs that wait and whose time has come, oldest first, a check before what follows it."""
    rows = Run.objects.filter(state=RunState.WAITING.value, not_before__lte=now).order_by("not_before", "mode", "id")
    return [view(row) for row in rows]


def lost_runs(now: datetime) -> list[RunView]:
    """Return the runs whose process no longer keeps its lease."""
    lost = Q(progress__lease_until__lt=now) | Q(progress__lease_until__isnull=True)
    return [view(row) for row in Run.objects.filter(lost, state=RunState.RUNNING.value)]


def progress(run_id: str) -> ProgressView:
    """Return what a run shows of itself now."""
    row = RunProgress.objects.filter(run_id=run_id).first()
    if row is None:
        return ProgressView("", 0, (), False)
    return ProgressView(row.message, row.events, tuple(Line(**line) for line in row.lines), row.cancel_asked)


def tell_progress(run_id: str, message: str, events: int, lines: Sequence[Line], clock: Clock) -> bool:
    """Keep the lease and show the newest lines; False when somebody asked to stop the run."""
    RunProgress.objects.filter(run_id=run_id).update(
        message=message[:500],
        events=events,
        lines=[asdict(line) for line in lines[-MOST_SHOWN:]],
        lease_until=clock.now() + LEASE,
    )
    return not RunProgress.objects.filter(run_id=run_id, cancel_asked=True).exists()


def note_wait(run_id: str, message: str) -> None:
    """Show what a waiting run waits for."""
    RunProgress.objects.filter(run_id=run_id).update(message=message[:500])


def ask_cancel(act: Act, run_id: str) -> RunView:
    """Ask a run to stop and record who did; one that still waits is over at once."""
    row = _locked(run_id)
    require_that(
        RunState(row.state) not in FINAL, "run.over", f"The run is {row.state} already.", "Nothing is left to stop."
    ).require()
    with transaction.atomic():
        RunProgress.objects.filter(run=row).update(cancel_asked=True)
    act.record("run.cancel_asked", ObjectRef("run", run_id), ticket=row.ticket_id)
    if row.state == RunState.WAITING.value:
        return end_run(act, run_id, RunState.CANCELLED, "Cancelled before it began.")
    return view(row)


def _locked(run_id: str) -> Run:
    row = Run.objects.select_for_update().filter(id=run_id).first()
    if row is None:
        raise Refused(_UNKNOWN)
    check_run(run_id).require()
    return row


def _record(act: Act, event: str, row: Run, *, artifacts: Sequence[ArtifactRef] = (), **more: JsonValue) -> str:
    data: dict[str, JsonValue] = {"mode": row.mode, "row": _digest(view(row)), **more}
    return act.record(event, ObjectRef("run", row.id), ticket=row.ticket_id, data=data, artifacts=artifacts)


def _digest(seen: RunView) -> str:
    return row_digest(
        {
            "id": seen.id,
            "ticket": seen.ticket,
            "runbook": seen.runbook,
            "sha256": seen.sha256,
            "mode": seen.mode.value,
            "unattended": seen.unattended,
            "state": seen.state.value,
            "ordered_by": seen.ordered_by,
            "mfa_at": rfc3339(seen.mfa_at),
            "not_before": rfc3339(seen.not_before),
            "until": rfc3339(seen.until),
            "places": [f"{one.asset} {one.hostname} {one.grant}" for one in seen.places],
            "after": seen.after,
            "files": [seen.report, seen.events, seen.output],
            **({} if seen.rollback_step is None else {"rollback_step": seen.rollback_step}),
        }
    )


def view(row: Run) -> RunView:
    """Return the row as a value."""
    return RunView(
        id=row.id,
        ticket=row.ticket_id,
        runbook=row.runbook_id,
        sha256=row.sha256,
        mode=Mode(row.mode),
        unattended=row.unattended,
        state=RunState(row.state),
        ordered_by=row.ordered_by_id,
        ordered_at=row.ordered_at,
        mfa_at=row.mfa_at,
        not_before=row.not_before,
        until=row.until,
        places=tuple(Reach(one["asset"], one["hostname"], one["grant"]) for one in row.places),
        after=row.after_id or "",
        started_at=row.started_at,
        finished_at=row.finished_at,
        message=row.message,
        tallies={host: Tally(**counts) for host, counts in row.tallies.items()},
        report=row.report,
        events=row.events,
        output=row.output,
        rollback_step=row.rollback_step,
    )
