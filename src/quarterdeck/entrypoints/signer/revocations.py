"""What the signer takes back: lists for the gate and for targets, from its own serial log and the sealed grants.

The log lies outside the data folder, so that certificates which a restored database has forgotten are on the list too
(attacks.md rows 14 and 15). Only certificates that could still be valid are named; the rest expired by themselves.
"""

import base64
from collections.abc import Sequence
from datetime import datetime, timedelta

from quarterdeck.access import api as access
from quarterdeck.adapters.openssh_ca import ENTRY_CAP, TARGET_LIFETIME
from quarterdeck.entrypoints.signer.serial_log import SerialLine
from quarterdeck.kernel.decision import Refused

# A target whose clock lags accepts a certificate a little longer than we count.
SLACK = timedelta(minutes=5)
_ENTRY = "entry"
_TARGET = frozenset({"target", "measure", "monitor"})


def revocations(
    lines: Sequence[SerialLine], entry_authority: str, target_authority: str, retired: tuple[str, ...], now: datetime
) -> dict[str, object]:
    """Return both lists, base64, with the serials that they name.

    The gate's own list leaves out what ended in the ordinary way: its holder gets a sentence from the gate instead.
    """
    entries = [line for line in lines if line.purpose == _ENTRY and line.at > now - ENTRY_CAP - SLACK]
    targets = [line for line in lines if line.purpose in _TARGET and line.at > now - TARGET_LIFETIME - SLACK]
    void = {grant: _why_void(grant, now) for grant in {line.grant for line in (*entries, *targets)}}
    entry = frozenset(line.serial for line in entries if void[line.grant] and void[line.grant] not in _TOLD_BY_THE_GATE)
    target = frozenset(line.serial for line in targets if void[line.grant])
    return {
        "entry": _published(access.Revoked(entry_authority, entry, retired), now),
        "target": _published(access.Revoked(target_authority, target, retired), now),
    }


# These are no theft and no withdrawal: whoever comes with such a certificate is told by the gate what to do next.
_TOLD_BY_THE_GATE = frozenset({"access.ended", "access.expired", "access.too_early"})


def _why_void(grant: str, now: datetime) -> str:
    """Return the first code that voids a grant, empty while it stands; a grant that nobody knows is void."""
    try:
        decision = access.is_genuine_and_standing(access.grant(grant), now)
    except Refused as refused:
        decision = refused.decision
    return decision.codes[0] if decision.codes else ""


def _published(revoked: access.Revoked, now: datetime) -> dict[str, object]:
    return {
        "list": base64.b64encode(access.revocation_list(revoked, now)).decode(),
        "serials": sorted(revoked.serials),
        "retired": sorted(revoked.retired),
    }
