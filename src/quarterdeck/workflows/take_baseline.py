"""Take a baseline of every asset of a ticket: measure, store the artifacts, then one act; afterwards compare."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import BaselineView, DriftView, MeasureChannel, Measurement, Phase, Told
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketAsset
from quarterdeck.workflows.measure_place import CANNOT_MEASURE, measure_place, store_comparison

# Shows how far it is; False when somebody asked to stop.
Progress = Callable[[str], bool]
_SHOWN_EVERY = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it: baselines, comparisons (after the work), and per asset the sentence why there is none."""

    baselines: tuple[BaselineView, ...]
    drift: tuple[DriftView, ...]
    failures: dict[str, str]


def take_baseline(
    number: str,
    phase: Phase,
    *,
    channel: MeasureChannel,
    actor: Actor,
    clock: Clock,
    assets: Sequence[str] = (),
    progress: Progress = lambda text: True,
) -> Taken:
    """Measure the ticket's assets (all that have a connection, or only `assets`) and record baselines and drift.

    What fails on one asset is recorded as not known and does not stop the others. Raises Refused when the phase does
    not fit the ticket, MeasureCancelled when `progress` says to stop: then no baseline of this run is kept.
    """
    ticket = tickets.ticket(number)
    chosen = [one for one in ticket.assets if one.connection_id and (not assets or one.asset_id in assets)]
    if not chosen:
        raise Refused(
            refuse(
                "baseline.nothing",
                "No asset of this ticket is reached through a connection, so there is nothing to measure.",
                "Give the asset a connection with watched folders, or attach other evidence.",
            )
        )
    measured: dict[TicketAsset, Measurement] = {}
    failures: dict[str, str] = {}
    for one in chosen:
        try:
            measured[one] = _measure(number, one, phase, channel, clock, progress)
        except CANNOT_MEASURE as error:
            failures[one.asset_id] = str(error)
    with evidence.act(actor, clock) as act:
        taken = [
            baselines.record_baseline(
                act, ticket=number, asset=one.asset_id, connection=one.connection_id, phase=phase, measured=found
            )
            for one, found in measured.items()
        ]
        for asset in failures:
            baselines.record_failure(act, ticket=number, asset=asset, phase=phase, code="measure_failed")
    if phase is not Phase.AFTER or not taken:
        return Taken(tuple(taken), (), failures)
    drift, unlike = compare_ticket(number, actor=actor, clock=clock)
    return Taken(tuple(taken), drift, unlike | failures)


def compare_ticket(number: str, *, actor: Actor, clock: Clock) -> tuple[tuple[DriftView, ...], dict[str, str]]:
    """Compare the newest baselines of each connected asset and record the differences.

    Returns the comparisons, and per asset the sentence why there is none.
    """
    found, failures = [], {}
    for one in tickets.ticket(number).assets:
        if not one.connection_id:
            continue
        try:
            comparison = baselines.compare(number, one.asset_id)
        except Refused as refused:
            failures[one.asset_id] = str(refused)
            continue
        document = store_comparison(comparison)
        with evidence.act(actor, clock) as act:
            found.append(baselines.record_comparison(act, comparison, document))
    return tuple(found), failures


def _telling(progress: Progress, one: TicketAsset, phase: Phase, clock: Clock) -> Told:
    """Return what shows the number of objects once a second, and stops the measurement when somebody asked to."""
    what = f"Baseline {phase.value} of {inventory.asset(one.asset_id).hostname}"
    shown = [clock.now()]

    def told(count: int) -> None:
        if clock.now() - shown[0] < _SHOWN_EVERY:
            return
        shown[0] = clock.now()
        if not progress(f"{what}: {count:,} objects so far"):
            raise baselines.MeasureCancelled

    return told


def _measure(
    number: str, one: TicketAsset, phase: Phase, channel: MeasureChannel, clock: Clock, progress: Progress
) -> Measurement:
    before = baselines.newest(number, one.asset_id, Phase.BEFORE) if phase is Phase.AFTER else None
    return measure_place(
        partial(channel.run, ticket=number, asset_id=one.asset_id, connection_id=one.connection_id),
        asset_id=one.asset_id,
        connection_id=one.connection_id,
        label=phase.value,
        since=before.started_at if before else None,
        with_texts=True,
        clock=clock,
        told=_telling(progress, one, phase, clock),
    )
