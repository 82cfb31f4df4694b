"""What the newest baseline after the work says of single files, for those who know their paths from elsewhere."""

from collections.abc import Collection
from datetime import datetime

from quarterdeck.baselines.manifest import ManifestError, Reader, parse_line, spell_path
from quarterdeck.baselines.recording import newest
from quarterdeck.baselines.rules import Phase
from quarterdeck.evidence.api import open_artifact


def spelled(path: bytes) -> str:
    """Return a path as manifests and kept texts spell it."""
    return spell_path(path).decode("ascii")


def measured_after(ticket: str, asset: str, paths: Collection[bytes], *, since: datetime) -> dict[bytes, str]:
    """Return the SHA-256 (hex) of each of these absolute paths in the baseline after the work, begun after `since`.

    Paths that were not watched, not there or not readable are left out; so is all when there is no such baseline.
    Raises Refused when the baseline's row is not what the ledger says, or its manifest is not in the store.
    """
    baseline = newest(ticket, asset, Phase.AFTER)
    if baseline is None or baseline.started_at < since:
        return {}
    wanted = {spell_path(path) for path in paths}
    found: dict[bytes, str] = {}
    try:
        with open_artifact(baseline.manifest_sha256) as manifest:
            for line in Reader(manifest).lines():
                if line[: line.find(b" ")] in wanted:
                    entry = parse_line(line)
                    digest = entry.facts.get("sha256digest", b"").decode("ascii")
                    found |= {entry.path: digest} if digest else {}
    except ManifestError:
        return {}
    return found
