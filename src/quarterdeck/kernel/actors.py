"""Who acts: a person with a login, the operator at the server's shell, or one of our own processes."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

STEP_UP_MAX_AGE = timedelta(minutes=10)
CLOCK_STEP_TOLERANCE = timedelta(seconds=5)


class ActorKind(StrEnum):
    """Kinds of actor; an operator or system actor can never request, approve, grant, open or close."""

    PERSON = "person"
    OPERATOR = "operator"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts and how they proved it.

    `id` is a person id (`pe_...`), `operator` or a process name (`gate`, `ticker`, `signer`, `sealer`).
    `auth` names the proof for the ledger: `mfa`, `password`, `token`, `certificate`, `local`.
    `mfa_at` is the moment of the last second factor, None when there was none; `factor` its kind (`totp`, `recovery`,
    `passkey`), empty where nobody said.
    """

    id: str
    kind: ActorKind
    auth: str = "local"
    mfa_at: datetime | None = None
    factor: str = ""

    @property
    def is_person(self) -> bool:
        """True for a human with an own login."""
        return self.kind is ActorKind.PERSON

    def stepped_up(self, now: datetime) -> bool:
        """True when a second factor was shown at most ten minutes before `now` and not in its future."""
        return self.mfa_at is not None and -CLOCK_STEP_TOLERANCE <= now - self.mfa_at <= STEP_UP_MAX_AGE


OPERATOR = Actor("operator", ActorKind.OPERATOR)


def system(name: str) -> Actor:
    """Return the actor of one of our own processes."""
    return Actor(name, ActorKind.SYSTEM)
