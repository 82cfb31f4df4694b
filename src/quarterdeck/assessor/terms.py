"""The words of exports as plain values. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class ScopeKind(StrEnum):
    """What a package is about."""

    TICKET = "ticket"
    PERIOD = "period"


class OrderState(StrEnum):
    """How far the making of a package is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class OrderView:
    """A package asked for; `sha256` and `size` are of the finished zip."""

    id: str
    base: str
    kind: ScopeKind
    tickets: tuple[str, ...]
    since: datetime | None
    until: datetime | None
    ordered_by: str
    ordered_auth: str
    ordered_at: datetime
    state: OrderState
    message: str
    sha256: str
    size: int
    withheld: int
    finished_at: datetime | None
    cancel_asked: bool

    @property
    def file_name(self) -> str:
        """Name of the zip."""
        return f"{self.base}.zip"
