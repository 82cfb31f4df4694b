"""The words of access: purposes, states, and a grant as a plain value."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

LONGEST_GRANT = timedelta(hours=12)
LONGEST_MEASUREMENT = timedelta(hours=1)
GRANT_EVENTS = ("access.granted", "access.certificate_bound", "access.revoked", "access.ended")
SERIAL_EVENT = "access.certificate_used"
SERIAL_EVENTS = ("access.certificate_bound", SERIAL_EVENT)
EPOCH_EVENT = "access.epoch_begun"


class Purpose(StrEnum):
    """What a grant is for: a person's work, our own measuring, a standing monitoring plan."""

    WORK = "work"
    MEASURE = "measure"
    MONITOR = "monitor"


class GrantState(StrEnum):
    """Active until it is revoked (taken away) or ended (no longer needed); both are final."""

    ACTIVE = "active"
    REVOKED = "revoked"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class GrantView:
    """A grant as others see it; `person` is empty for measure and monitor, `serial` None before its certificate."""

    id: str
    ticket: str
    person: str
    asset: str
    connection: str
    purpose: Purpose
    public_key: str
    fingerprint: str
    serial: int | None
    cert_sha256: str
    valid_from: datetime
    valid_until: datetime
    window_until: datetime
    state: GrantState
    epoch: int
    collector_sha256: str
    mfa_at: datetime | None
    ended_at: datetime | None
    end_reason: str
