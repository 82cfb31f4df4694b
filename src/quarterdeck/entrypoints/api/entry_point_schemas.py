"""What entry points look like on the wire: typed bodies in, typed views out."""

from datetime import date

from ninja import Schema
from pydantic import ConfigDict

from quarterdeck.entrypoints.api.inventory_schemas import values_of
from quarterdeck.inventory.api import EntryPointFields, EntryPointKind, EntryPointView, SecondFactor
from quarterdeck.kernel.decision import Decision


class EntryPointIn(Schema):
    """A new way in; `assets` are the ids of the assets that it leads to."""

    model_config = ConfigDict(extra="forbid")

    kind: EntryPointKind
    name: str
    mfa: SecondFactor = SecondFactor.MISSING
    termination: str = ""
    log_source: str = ""
    owner: str = ""
    review_due: date | None = None
    assets: list[str] = []

    def fields(self) -> EntryPointFields:
        """Return the body as the inventory's value."""
        return EntryPointFields(**(self.dict() | {"assets": tuple(self.assets)}))


class EntryPointChangeIn(Schema):
    """Fields of an entry point to change; the others stay."""

    model_config = ConfigDict(extra="forbid")

    kind: EntryPointKind = EntryPointKind.RMM
    name: str = ""
    mfa: SecondFactor = SecondFactor.MISSING
    termination: str = ""
    log_source: str = ""
    owner: str = ""
    review_due: date | None = None
    assets: list[str] = []

    def changes(self) -> dict[str, object]:
        """Return only the fields that the request named."""
        return {name: value for name, value in values_of(self).items() if name in self.model_fields_set}


class GapOut(Schema):
    """What an entry point lacks."""

    code: str
    sentence: str
    next_step: str


class EntryPointOut(Schema):
    """One way in, with what it lacks before work through it counts as controlled."""

    id: str
    version: int
    active: bool
    kind: EntryPointKind
    name: str
    mfa: SecondFactor
    termination: str
    log_source: str
    owner: str
    review_due: date | None
    assets: list[str]
    gaps: list[GapOut]

    @classmethod
    def of(cls, view: EntryPointView, gaps: Decision) -> "EntryPointOut":
        """Return the view as it goes over the wire."""
        return cls(
            id=view.id,
            version=view.version,
            active=view.active,
            kind=view.kind,
            name=view.name,
            mfa=view.mfa,
            termination=view.termination,
            log_source=view.log_source,
            owner=view.owner,
            review_due=view.review_due,
            assets=list(view.assets),
            gaps=[GapOut(**reason.as_dict()) for reason in gaps.reasons],
        )
