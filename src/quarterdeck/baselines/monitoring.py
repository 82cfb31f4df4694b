"""Measuring between tickets: what a new measurement is compared with, and recording it with all that follows from it.

A monitored baseline continues the chain of the asset's baselines. Each stretch of the chain that no ticket's own
comparison covers is compared, so that work that matches no ticket is found, also when a ticket came after it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from quarterdeck.baselines import rules, watch_rules
from quarterdeck.baselines.comparing import compare_two
from quarterdeck.baselines.findings import check_findings, record_finding, unreadable_before, waiting_in
from quarterdeck.baselines.models import Baseline, MonitoringRun
from quarterdeck.baselines.recording import baseline_digest, baseline_row, baseline_view, sealed_view
from quarterdeck.baselines.rules import Phase
from quarterdeck.baselines.terms import BaselineView, Comparison, Measurement, Monitored, RunView
from quarterdeck.baselines.watch_rules import Attempt, Known, RunOutcome
from quarterdeck.baselines.working import worked_between
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import Act, ArtifactRef, Entry, Grade, ObjectRef, Outcome
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets

_SEEN_FOR_WAIT = 20


def reference(asset: str, connection: str) -> BaselineView | None:
    """Return the newest baseline that a new measurement of this place is compared with, None for none.

    The last one between tickets or after a ticket's work; Refused(baseline.unsealed) when its row was changed by hand.
    """
    row = _reference_row(asset, connection)
    return None if row is None else sealed_view(row)


def _reference_row(asset: str, connection: str) -> Baseline | None:
    rows = Baseline.objects.filter(asset=asset, connection=connection).order_by("-recorded_at", "-id")
    between = rows.filter(phase=Phase.BETWEEN.value).first()
    return between if between is not None else rows.filter(phase=Phase.AFTER.value).first()


def compare_monitored(*, plan: str, asset: str, connection: str, measured: Measurement) -> Monitored:
    """Return a new measurement with a comparison for each gap between tickets; reads, writes nothing.

    Raises Refused(baseline.unsealed) when a baseline of the chain is not what the ledger says of it.
    """
    row = baseline_row(asset, connection, Phase.BETWEEN, measured)
    row.plan = plan
    new, start = baseline_view(row), _reference_row(asset, connection)
    if start is None:
        return Monitored(new, measured, (), (), "first")
    chain = _chain(start)
    comparisons: list[Comparison] = []
    explaining: list[str] = []
    told = "compared"
    for before, after in _gaps(start, chain, new):
        numbers = worked_between(asset, before.started_at, after.finished_at)
        declared = [path for number in numbers for path in tickets.ticket(number).content.expected_paths]
        try:
            comparisons.append(compare_two(before, after, rules.scope(declared)))
        except Refused as refusal:
            if refusal.decision.codes != ("drift.other_folders",):
                raise
            told = "other_folders"
        explaining += numbers
    return Monitored(new, measured, tuple(comparisons), tuple(dict.fromkeys(explaining)), told)


def _chain(start: Baseline) -> list[Baseline]:
    """Return the tickets' baselines of the same place that were recorded after the one to start from."""
    rows = Baseline.objects.filter(asset=start.asset, connection=start.connection, plan="")
    return list(rows.filter(recorded_at__gt=start.recorded_at).order_by("recorded_at", "id"))


def _gaps(start: Baseline, chain: Sequence[Baseline], new: BaselineView) -> list[tuple[BaselineView, BaselineView]]:
    views = {row.id: sealed_view(row) for row in (start, *chain)} | {new.id: new}
    numbers = {row.ticket_id for row in chain}
    measured_before = Baseline.objects.filter(
        asset=start.asset, connection=start.connection, phase=Phase.BEFORE.value, ticket__in=numbers
    ).values_list("ticket_id", flat=True)
    later = [Known(row.id, row.ticket_id or "", row.phase == Phase.BEFORE) for row in chain]
    covered = [number for number in measured_before if number]
    return [(views[one], views[other]) for one, other in watch_rules.gaps(start.id, later, new.id, covered)]


def record_monitored(act: Act, monitored: Monitored, documents: Sequence[ArtifactRef]) -> RunView:
    """Record a measurement between tickets with its findings, facts and run; `documents` are those of its comparisons.

    The caller has asked, in the same act, whether the plan still allows it. The fact `baseline.monitored` fails when a
    watched folder itself could not be read; `drift.monitored` fails while a finding about the asset is open. Raises
    Refused(drift.unsealed) when findings of the asset are not what the ledger says of them.
    """
    check_findings(monitored.baseline.asset).require()
    seen = monitored.baseline
    row = baseline_row(seen.asset, seen.connection, Phase.BETWEEN, monitored.measured)
    row.id, row.plan, row.recorded_at = seen.id, seen.plan, act.at
    named: list[evidence.JsonValue] = list(monitored.explaining)
    row.entry = act.record(
        "baseline.monitored",
        ObjectRef("baseline", row.id),
        data={
            "plan": row.plan,
            "asset": row.asset,
            "manifest": row.manifest_sha256,
            "collector": row.collector_sha256,
            "entries": row.entries,
            "unreadable": row.unreadable,
            "carried": monitored.measured.carried,
            "complete": row.complete,
            "told": monitored.told,
            "tickets": named,
            "row": baseline_digest(row),
        },
        artifacts=monitored.measured.artifacts,
    )
    row.save(force_insert=True)
    known = unreadable_before(row.asset)
    waiting = waiting_in(row.asset)
    for comparison, document in zip(monitored.comparisons, documents, strict=True):
        waiting += record_finding(act, comparison, document, plan=row.plan, known=known)
    _facts(act, row, monitored.told, waiting, monitored.measured.carried)
    run = _run(row.plan, row.asset, RunOutcome.MEASURED, row.started_at, row.finished_at, entry=row.entry)
    run.baseline_id = row.id
    run.save(force_insert=True)
    return run_view(run)


def _facts(act: Act, row: Baseline, told: str, waiting: int, carried: int) -> None:
    act.fact(
        "baseline.monitored",
        entry=row.entry,
        outcome=Outcome.PASSED if row.complete else Outcome.FAILED,
        grade=Grade.CAPTURED,
        asset=row.asset,
        detail={
            "plan": row.plan,
            "entries": row.entries,
            "unreadable": row.unreadable,
            **({"carried": carried, "rehashed": row.hashed} if carried else {}),
        },
    )
    if waiting or told != "first":
        compared = Outcome.PASSED if told == "compared" else Outcome.UNKNOWN
        act.fact(
            "drift.monitored",
            entry=row.entry,
            outcome=Outcome.FAILED if waiting else compared,
            grade=Grade.CAPTURED,
            asset=row.asset,
            detail={"plan": row.plan, "open": waiting},
        )


def record_monitor_failure(act: Act, *, plan: str, asset: str, started_at: datetime, sentence: str) -> RunView:
    """Record that a measurement between tickets did not come about: not known, and never unchanged."""
    entry = act.record(
        "baseline.failed",
        ObjectRef("asset", asset),
        data={"phase": Phase.BETWEEN.value, "plan": plan, "asset": asset, "said": act.commitment(sentence)},
    )
    act.fact(
        "baseline.monitored", entry=entry, outcome=Outcome.UNKNOWN, grade=Grade.CAPTURED, asset=asset,
        detail={"plan": plan},
    )  # fmt: skip
    run = _run(plan, asset, RunOutcome.FAILED, started_at, act.at, entry=entry)
    run.said = sentence
    run.save(force_insert=True)
    return run_view(run)


def _run(
    plan: str, asset: str, outcome: RunOutcome, started_at: datetime, finished_at: datetime, *, entry: str
) -> MonitoringRun:
    return MonitoringRun(
        plan=plan,
        asset=asset,
        outcome=outcome.value,
        started_at=started_at,
        finished_at=finished_at,
        entry=entry,
    )


def runs(plan: str, limit: int = 100) -> list[RunView]:
    """Return the newest attempts under a plan, newest first, as far as sealed entries carry them."""
    rows = list(MonitoringRun.objects.filter(plan=plan).order_by("-pk")[:limit])
    known = evidence.entries_of([row.entry for row in rows])
    return [run_view(row) for row in rows if _is_carried(row, known.get(row.entry))]


def _is_carried(row: MonitoringRun, sealed: Entry | None) -> bool:
    """True when the entry tells of this attempt: a run written by hand puts off no measurement (attacks.md row 28)."""
    if sealed is None or sealed.data.get("plan") != row.plan or sealed.data.get("asset") != row.asset:
        return False
    if row.outcome == RunOutcome.MEASURED:
        same = sealed.event == "baseline.monitored" and sealed.object.id == row.baseline_id
    else:
        same = sealed.event == "baseline.failed"
    return same and row.started_at <= row.finished_at <= sealed.at


def run_view(row: MonitoringRun) -> RunView:
    """Return the row as a value."""
    return RunView(
        plan=row.plan,
        asset=row.asset,
        outcome=RunOutcome(row.outcome),
        said=row.said,
        started_at=row.started_at,
        finished_at=row.finished_at,
        baseline=row.baseline_id or "",
        entry=row.entry,
    )


def monitoring_due_at(plan: str, approved_at: datetime, cadence: timedelta) -> datetime:
    """Return when the next measurement under a plan is due; after a failure that is a growing wait later."""
    return watch_rules.due_at(approved_at, cadence, _attempts(plan))


def is_monitoring_late(plan: str, approved_at: datetime, cadence: timedelta, at: datetime) -> bool:
    """True when nothing was measured under the plan for two cadences."""
    return watch_rules.is_late(approved_at, cadence, _attempts(plan), at)


def _attempts(plan: str) -> list[Attempt]:
    return [Attempt(one.outcome, one.started_at, one.finished_at) for one in runs(plan, _SEEN_FOR_WAIT)]
