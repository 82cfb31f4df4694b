"""Measuring one place with the fixed collector: manifest and posture as artifacts, whatever authority allows it.

Shared by baselines of tickets and by monitoring between them, so that both measure the same and can be compared.
"""

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import BinaryIO

from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Comparison, Known, Measurement, Received, Told
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ArtifactRef
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import ConnectionView, Platform
from quarterdeck.kernel.clock import Clock
from quarterdeck.workflows.measure_device import measure_device
from quarterdeck.workflows.scan_files import Collecting, account_of, run, scan

CANNOT_MEASURE = (baselines.MeasureFailed, baselines.BadOutput, baselines.ManifestError)
_CLOCKS_MAY_DIFFER = timedelta(minutes=10)
_JSON = "application/json"


def measure_place(
    collecting: Collecting,
    *,
    asset_id: str,
    connection_id: str,
    label: str,
    since: datetime | None,
    clock: Clock,
    with_texts: bool = False,
    known: Known | None = None,
    told: Told = baselines.nobody_asks,
) -> Measurement:
    """Measure an asset's watched folders and posture, store both, and return what they are.

    `label` names the artifacts; packages that came since `since` are listed, so that differences can be attributed.
    With `known`, digests of what did not move are carried from it: between tickets only, and never from Windows.
    `told` hears how many objects arrived and may stop it. Raises one of CANNOT_MEASURE with a sentence; nothing is
    half a measurement.
    """
    connection = inventory.connection(connection_id)
    if connection.platform.is_device:
        return measure_device(
            collecting, connection, asset_id=asset_id, label=label, with_texts=with_texts, clock=clock
        )
    platform, roots = connection.platform, _roots(connection)
    if platform is not Platform.UNIX:
        known, with_texts = None, False
    cui = inventory.asset(asset_id).handles_cui
    started = clock.now()
    name = f"{asset_id}-{label}"
    facts, manifest = _scanned(collecting, roots, f"baseline-{name}.mtree", known, platform, told, cui=cui)
    texts = _texts(collecting, roots, name) if with_texts and not cui else None
    posture = _posture(collecting, since, platform)
    account = {"manifest": asdict(facts.header), "posture": asdict(posture.header), "totals": asdict(facts.totals),
               "scan": account_of(facts, started, known)}  # fmt: skip
    return Measurement(
        manifest=manifest,
        posture=_stored(_json(posture.document), _JSON, "posture", f"posture-{name}.json", cui=cui),
        account=_stored(_json(account), _JSON, "measurement", f"measurement-{name}.json", cui=cui),
        header=facts.header,
        entries=facts.totals.entries,
        unreadable=facts.totals.unreadable,
        hashed=facts.totals.hashed,
        blind_roots=facts.totals.blind_roots,
        started_at=started,
        finished_at=clock.now(),
        texts=texts,
        carried=facts.totals.carried,
    )


def _scanned(
    collecting: Collecting,
    roots: Sequence[str],
    name: str,
    known: Known | None,
    platform: Platform,
    told: Told,
    *,
    cui: bool,
) -> tuple[Received, ArtifactRef]:
    with tempfile.TemporaryFile() as text:
        facts = scan(collecting, roots, text, known, platform, told)
        text.seek(0)
        return facts, _stored(text, "text/plain", "manifest", name, cui=cui)


def _stored(source: bytes | BinaryIO, media: str, role: str, name: str, *, cui: bool) -> ArtifactRef:
    return evidence.store_artifact(source, media_type=media, role=role, name=name, may_contain_cui=cui)


def _roots(connection: ConnectionView) -> tuple[str, ...]:
    roots = connection.watched_roots
    if not roots:
        raise baselines.MeasureFailed("The connection names no watched folders: add them and have that approved.")
    return roots


def store_comparison(comparison: Comparison) -> ArtifactRef:
    """Store the list of every change of a comparison."""
    asset = comparison.after.asset
    return evidence.store_artifact(
        comparison.document,
        media_type=_JSON,
        role="drift",
        name=f"drift-{asset}.json",
        may_contain_cui=inventory.asset(asset).handles_cui,
    )


def _posture(collecting: Collecting, since: datetime | None, platform: Platform) -> Received:
    arguments = ["posture"] if since is None else ["posture", f"since={_seconds(since - _CLOCKS_MAY_DIFFER)}"]
    with tempfile.TemporaryFile() as nothing:
        return run(collecting, arguments, nothing, platform)


def _texts(collecting: Collecting, roots: Sequence[str], name: str) -> ArtifactRef | None:
    """Store the texts of small files, for people to see what changed; a help and no evidence, so it may be missing."""
    try:
        with tempfile.TemporaryFile() as nothing:
            found = run(collecting, ["texts", *roots], nothing)
    except CANNOT_MEASURE:
        return None
    return evidence.store_artifact(
        _json(found.document), media_type=_JSON, role="texts", name=f"texts-{name}.json", may_contain_cui=False
    )


def _seconds(moment: datetime) -> int:
    return max(int(moment.timestamp()), 0)


def _json(document: object) -> bytes:
    return json.dumps(document, sort_keys=True, indent=1).encode()
