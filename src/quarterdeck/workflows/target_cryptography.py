"""Which cryptography a target's ssh uses, as the newest sole-path proof of the asset kept it. Only reads."""

import json
from dataclasses import dataclass
from datetime import datetime

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import ObjectRef
from quarterdeck.kernel.decision import Refused


@dataclass(frozen=True, slots=True)
class TargetCryptography:
    """What the target said of itself and when; `fips` is None where the kernel has no such flag."""

    at: datetime
    openssh: str
    openssl: str
    fips: bool | None
    providers: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """One line that names what is used and claims no validation."""
        flag = {True: "the kernel is in FIPS mode", False: "no FIPS mode", None: "no FIPS flag"}[self.fips]
        return f"{self.openssh or 'OpenSSH unknown'}; {self.openssl or 'OpenSSL unknown'}; {flag}."


def target_cryptography(asset_id: str) -> TargetCryptography | None:
    """Return what the asset's newest proof says, None when there is none or it was made before this was asked."""
    entry = evidence.last_entry(["sole_path.checked"], object=ObjectRef("asset", asset_id))
    if entry is None or not entry.artifacts:
        return None
    try:
        document = json.loads(evidence.read_artifact(str(entry.artifacts[0]["sha256"])))
    except (Refused, OSError, ValueError, KeyError):
        return None
    said = document.get("cryptography") if isinstance(document, dict) else None
    if not isinstance(said, dict):
        return None
    found = {name: one.get("value") for name, one in said.items() if isinstance(one, dict)}
    listed = found.get("providers")
    return TargetCryptography(
        at=entry.at,
        openssh=str(found.get("openssh") or ""),
        openssl=str(found.get("openssl") or ""),
        fips=None if found.get("fips") is None else found["fips"] == "1",
        providers=tuple(map(str, listed)) if isinstance(listed, list) else (),
    )
