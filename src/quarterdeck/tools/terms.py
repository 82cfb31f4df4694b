"""Words of the registers: what an item is, its states, what an inspection found."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum


class ItemKind(StrEnum):
    """A program or device; a document that says how to work; a script, playbook or scheduled job."""

    TOOL = "tool"
    TECHNIQUE = "technique"
    MECHANISM = "mechanism"


class ItemState(StrEnum):
    """Listed items may be used; withdrawn ones stay for the record."""

    LISTED = "listed"
    WITHDRAWN = "withdrawn"


class InspectionOutcome(StrEnum):
    """What an inspection found; a failed one stops the use until another passes."""

    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ItemFields:
    """All that a person says of an item; `sha256` is that of its file, empty where there is none (a device)."""

    kind: str
    name: str
    version: str
    sha256: str = ""
    source: str = ""
    licence: str = ""
    owner: str = ""
    inside_boundary: bool = True
    review_due: date | None = None


@dataclass(frozen=True, slots=True)
class InspectionView:
    """One inspection of an item; `artifact` is the SHA-256 of the record, empty when there is only the outcome."""

    id: str
    item_id: str
    at: datetime
    by: str
    outcome: InspectionOutcome
    artifact: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """One item as it stands now, with its newest inspection."""

    id: str
    kind: ItemKind
    name: str
    version: str
    sha256: str
    source: str
    licence: str
    owner: str
    inside_boundary: bool
    review_due: date | None
    state: ItemState
    listed_by: str
    listed_at: datetime
    last_inspection: InspectionView | None = None
