"""Take a baseline of every asset of a ticket: measure, store the artifacts, then one act; afterwards compare."""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import BaselineView, DriftView, MeasureChannel, Measurement, Phase, Received
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import TicketAsset

_CLOCKS_MAY_DIFFER = timedelta(minutes=10)
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of it: baselines, comparisons (after the work), and per asset the sentence why there is none."""

    baselines: tuple[BaselineView, ...]
    drift: tuple[DriftView, ...]
    failures: dict[str, str]


def take_baseline(
    number: str, phase: Phase, *, channel: MeasureChannel, actor: Actor, clock: Clock, assets: Sequence[str] = ()
) -> Taken:
    """Measure the ticket's assets (all that have a connection, or only `assets`) and record baselines and drift.

    What fails on one asset is recorded as not known and does not stop the others. Raises Refused when the phase does
    not fit the ticket.
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
            measured[one] = _measure(number, one, phase, channel, clock)
        except (baselines.MeasureFailed, baselines.BadOutput, baselines.ManifestError) as error:
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
        document = evidence.store_artifact(
            comparison.document,
            media_type=_JSON,
            role="drift",
            name=f"drift-{one.asset_id}.json",
            may_contain_cui=inventory.asset(one.asset_id).handles_cui,
        )
        with evidence.act(actor, clock) as act:
            found.append(baselines.record_comparison(act, comparison, document))
    return tuple(found), failures


def _measure(number: str, one: TicketAsset, phase: Phase, channel: MeasureChannel, clock: Clock) -> Measurement:
    roots = inventory.connection(one.connection_id).watched_roots
    if not roots:
        raise baselines.MeasureFailed("The connection names no watched folders: add them and have the ticket approved.")
    cui = inventory.asset(one.asset_id).handles_cui
    started = clock.now()
    name = f"{one.asset_id}-{phase.value}"
    with tempfile.TemporaryFile() as text:
        facts = _run(channel, number, one, ["manifest", *roots], text)
        text.seek(0)
        manifest = evidence.store_artifact(
            text, media_type="text/plain", role="manifest", name=f"baseline-{name}.mtree", may_contain_cui=cui
        )
    posture = _posture(channel, number, one, phase)
    account = {"manifest": asdict(facts.header), "posture": asdict(posture.header), "totals": asdict(facts.totals)}
    return Measurement(
        manifest=manifest,
        posture=evidence.store_artifact(
            _json(posture.document), media_type=_JSON, role="posture", name=f"posture-{name}.json", may_contain_cui=cui
        ),
        account=evidence.store_artifact(
            _json(account), media_type=_JSON, role="measurement", name=f"measurement-{name}.json", may_contain_cui=cui
        ),
        header=facts.header,
        entries=facts.totals.entries,
        unreadable=facts.totals.unreadable,
        hashed=facts.totals.hashed,
        blind_roots=facts.totals.blind_roots,
        started_at=started,
        finished_at=clock.now(),
    )


def _posture(channel: MeasureChannel, number: str, one: TicketAsset, phase: Phase) -> Received:
    before = baselines.newest(number, one.asset_id, Phase.BEFORE) if phase is Phase.AFTER else None
    since = [f"since={_seconds(before.started_at - _CLOCKS_MAY_DIFFER)}"] if before else []
    with tempfile.TemporaryFile() as nothing:
        return _run(channel, number, one, ["posture", *since], nothing)


def _run(
    channel: MeasureChannel,
    number: str,
    one: TicketAsset,
    arguments: list[str],
    target: BinaryIO,
) -> Received:
    with channel.run(
        ticket=number,
        asset_id=one.asset_id,
        connection_id=one.connection_id,
        arguments=arguments,
        stdin=baselines.collector_bytes(),
    ) as stream:
        return baselines.receive(stream, target, arguments=arguments, sha256=baselines.collector_sha256())


def _seconds(moment: datetime) -> int:
    return max(int(moment.timestamp()), 0)


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, indent=1).encode()
