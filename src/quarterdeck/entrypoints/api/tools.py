"""The registers of tools, techniques and mechanisms over the wire: parse, call one verb or read, answer."""

from datetime import date, datetime

from django.http import HttpRequest
from ninja import File, Form, Router, Schema
from ninja.files import UploadedFile
from pydantic import ConfigDict

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.kernel.decision import require_that
from quarterdeck.tools import api as tools
from quarterdeck.tools.api import InspectionOutcome, InspectionView, ItemFields, ItemKind, ItemState, ItemView
from quarterdeck.workflows import keep_inventory, keep_tools

router = Router(tags=["tools, techniques, mechanisms"])
MOST_RECORD_BYTES = 16 * 1024 * 1024


class ItemIn(Schema):
    """A new item; a technique or mechanism needs the SHA-256 of its file, a review date defaults to a year hence."""

    model_config = ConfigDict(extra="forbid")

    kind: ItemKind
    name: str
    version: str
    owner: str
    sha256: str = ""
    source: str = ""
    licence: str = ""
    inside_boundary: bool = True
    review_due: date | None = None


class ReviewIn(Schema):
    """A review that was done: the next one is due on this day, within a year."""

    model_config = ConfigDict(extra="forbid")

    review_due: date


class InspectionIn(Schema):
    """What an inspection found."""

    model_config = ConfigDict(extra="forbid")

    outcome: InspectionOutcome


class InspectionOut(Schema):
    """One inspection; `artifact` is the SHA-256 of its record, empty when there is none."""

    id: str
    at: datetime
    by: str
    outcome: InspectionOutcome
    artifact: str

    @classmethod
    def of(cls, view: InspectionView) -> "InspectionOut":
        """Return the view as it goes over the wire."""
        return cls(id=view.id, at=view.at, by=view.by, outcome=view.outcome, artifact=view.artifact)


class UsableOut(Schema):
    """Whether an item may be used now, and if not, why."""

    usable: bool
    reasons: list[dict[str, str]]


class ItemOut(Schema):
    """One item of a register."""

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
    last_inspection: InspectionOut | None

    @classmethod
    def of(cls, view: ItemView) -> "ItemOut":
        """Return the view as it goes over the wire."""
        return cls(
            id=view.id,
            kind=view.kind,
            name=view.name,
            version=view.version,
            sha256=view.sha256,
            source=view.source,
            licence=view.licence,
            owner=view.owner,
            inside_boundary=view.inside_boundary,
            review_due=view.review_due,
            state=view.state,
            listed_by=view.listed_by,
            listed_at=view.listed_at,
            last_inspection=None if view.last_inspection is None else InspectionOut.of(view.last_inspection),
        )


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


def _reader(request: HttpRequest) -> None:
    keep_inventory.may_read(actor_of(request), wiring.clock().now()).require()


@router.get("", response=_answers(list[ItemOut]))
def list_items(request: HttpRequest, kind: ItemKind | None = None, include_withdrawn: bool = False) -> list[ItemOut]:
    """Return the items of one register or of all three."""
    _reader(request)
    return [ItemOut.of(view) for view in tools.items(kind, include_withdrawn=include_withdrawn)]


@router.post("", response=_answers(ItemOut))
def list_item(request: HttpRequest, body: ItemIn) -> ItemOut:
    """Put an item into its register."""
    fields = ItemFields(**body.dict())
    return ItemOut.of(keep_tools.list_item(actor_of(request, "write"), wiring.clock(), fields))


@router.get("/{item_id}", response=_answers(ItemOut))
def show_item(request: HttpRequest, item_id: str) -> ItemOut:
    """Return one item."""
    _reader(request)
    return ItemOut.of(tools.item(item_id))


@router.get("/{item_id}/usable", response=_answers(UsableOut))
def usable(request: HttpRequest, item_id: str, sha256: str = "") -> UsableOut:
    """Say whether the item may be used now, and with `sha256` whether the file at hand is the listed one."""
    _reader(request)
    decision = tools.usable(item_id, wiring.clock().now(), sha256=sha256 or None)
    return UsableOut(usable=decision.allowed, reasons=[reason.as_dict() for reason in decision.reasons])


@router.post("/{item_id}/review", response=_answers(ItemOut))
def review_item(request: HttpRequest, item_id: str, body: ReviewIn) -> ItemOut:
    """Record that an item was reviewed and stays listed."""
    actor = actor_of(request, "write")
    return ItemOut.of(keep_tools.review_item(actor, wiring.clock(), item_id, body.review_due))


@router.get("/{item_id}/inspections", response=_answers(list[InspectionOut]))
def inspections(request: HttpRequest, item_id: str) -> list[InspectionOut]:
    """Return the inspections of an item, oldest first."""
    _reader(request)
    return [InspectionOut.of(view) for view in tools.inspections(tools.item(item_id).id)]


@router.post("/{item_id}/inspections", response=_answers(InspectionOut))
def record_inspection(
    request: HttpRequest, item_id: str, body: Form[InspectionIn], record: File[UploadedFile | None] = None
) -> InspectionOut:
    """Record an inspection, with its report when there is one."""
    actor = actor_of(request, "write")
    report = b"" if record is None else record.read(MOST_RECORD_BYTES + 1)
    require_that(
        len(report) <= MOST_RECORD_BYTES,
        "record.too_big",
        "The inspection record is larger than 16 MiB.",
        "Send a summary, and keep the rest where it was made.",
    ).require()
    return InspectionOut.of(keep_tools.record_inspection(actor, wiring.clock(), item_id, body.outcome, report))


@router.delete("/{item_id}", response=_answers(ItemOut))
def withdraw_item(request: HttpRequest, item_id: str) -> ItemOut:
    """Take an item out of its register; it stays for the record."""
    return ItemOut.of(keep_tools.withdraw_item(actor_of(request, "write"), wiring.clock(), item_id))
