"""What doctor says of the targets: versions and FIPS flag, as each said when its doors were last proven."""

from quarterdeck.entrypoints.supervisor.findings import Finding, note
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.clock import rfc3339
from quarterdeck.workflows.target_cryptography import target_cryptography


def target_findings() -> list[Finding]:
    """Return a finding for each asset in use that is reached through the gate; nobody is asked anew."""
    return [_finding(asset) for asset in inventory.assets() if asset.connections]


def _finding(asset: inventory.AssetView) -> Finding:
    said = target_cryptography(asset.id)
    if said is None:
        return note(asset.hostname, "Not known.", "Prepare a ticket on it: that asks the target.")
    return note(asset.hostname, f"{said.sentence} Asked {rfc3339(said.at)[:10]}.")
