"""The files of an asset as its newest baselines have them, to hold a restore against."""

from datetime import UTC, datetime

from quarterdeck.baselines.manifest import Reader, display
from quarterdeck.baselines.models import Baseline
from quarterdeck.baselines.recording import sealed_view
from quarterdeck.evidence.api import open_artifact


def newest_digests(asset: str) -> dict[str, tuple[str, datetime]]:
    """Return path to (SHA-256, when it last changed) of every file in the newest baseline of each place of the asset.

    Empty when the asset was never measured; Refused(baseline.unsealed) when a row is not what the ledger says of it.
    """
    found: dict[str, tuple[str, datetime]] = {}
    for connection in Baseline.objects.filter(asset=asset).values_list("connection", flat=True).distinct().order_by():
        rows = Baseline.objects.filter(asset=asset, connection=connection)
        newest = rows.order_by("-recorded_at", "-id").first()
        if newest is None:
            continue
        with open_artifact(sealed_view(newest).manifest_sha256) as manifest:
            for entry in Reader(manifest).entries():
                sha256 = entry.facts.get("sha256digest")
                if sha256 is not None:
                    changed = float(entry.facts.get("ctime", entry.facts["time"]))
                    found[display(entry.path)] = sha256.decode(), datetime.fromtimestamp(changed, UTC)
    return found
