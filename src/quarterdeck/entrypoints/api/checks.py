"""Check definitions over the wire, and what the checks of a ticket found."""

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.inventory import api as inventory
from quarterdeck.inventory.api import CheckFields, CheckKind, CheckPhase, CheckView
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import keep_checks, keep_inventory, read_checks

router = Router(tags=["checks"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class CheckIn(Schema):
    """A new check; `values` belong to its kind, `assets` are ids. There is no command in it."""

    model_config = ConfigDict(extra="forbid")

    kind: CheckKind
    name: str
    phase: CheckPhase = CheckPhase.BOTH
    values: dict[str, str | int] = {}
    assets: list[str] = Field(default=[], max_length=2000)


class CheckChangeIn(Schema):
    """Fields of a check to change; the others stay, and so do values that are not named."""

    model_config = ConfigDict(extra="forbid")

    name: str = ""
    phase: CheckPhase = CheckPhase.BOTH
    values: dict[str, str | int] = {}
    assets: list[str] = Field(default=[], max_length=2000)

    def changes(self) -> dict[str, object]:
        """Return only the fields that the request named."""
        said: dict[str, object] = {
            "name": self.name,
            "phase": self.phase.value,
            "values": {name: str(value) for name, value in self.values.items()},
            "assets": tuple(self.assets),
        }
        return {name: value for name, value in said.items() if name in self.model_fields_set}


class CheckOut(Schema):
    """One check as it stands."""

    id: str
    version: int
    active: bool
    kind: CheckKind
    name: str
    phase: CheckPhase
    values: dict[str, str]
    assets: list[str]

    @classmethod
    def of(cls, view: CheckView) -> "CheckOut":
        """Return the view as it goes over the wire."""
        return cls(
            id=view.id,
            version=view.version,
            active=view.active,
            kind=view.kind,
            name=view.name,
            phase=view.phase,
            values=dict(view.values),
            assets=list(view.assets),
        )


class FoundOut(Schema):
    """What one check of a ticket found; `artifact` holds the answers of the target."""

    asset: str
    phase: str
    check: str
    name: str
    kind: str
    outcome: str
    sentence: str
    at: str
    artifact: str


@router.get("/checks", response={200: list[CheckOut], **ANSWERS})
def list_checks(request: HttpRequest, asset: str = "", include_withdrawn: bool = False) -> list[CheckOut]:
    """Return the checks by name, on request only those of one asset."""
    keep_inventory.may_read(actor_of(request), wiring.clock().now()).require()
    views = inventory.checks(asset_id=asset or None, include_withdrawn=include_withdrawn)
    return [CheckOut.of(view) for view in views]


@router.post("/checks", response={200: CheckOut, **ANSWERS})
def define_check(request: HttpRequest, body: CheckIn) -> CheckOut:
    """Define a check."""
    values = {name: str(value) for name, value in body.values.items()}
    fields = CheckFields(body.kind, body.name, body.phase, values, tuple(body.assets))
    return CheckOut.of(keep_checks.define(actor_of(request, "write"), wiring.clock(), fields))


@router.patch("/checks/{check_id}", response={200: CheckOut, **ANSWERS})
def change_check(request: HttpRequest, check_id: str, body: CheckChangeIn) -> CheckOut:
    """Change a check; tickets that were approved with it are approved anew."""
    return CheckOut.of(keep_checks.change(actor_of(request, "write"), wiring.clock(), check_id, body.changes()))


@router.delete("/checks/{check_id}", response={200: CheckOut, **ANSWERS})
def withdraw_check(request: HttpRequest, check_id: str) -> CheckOut:
    """Take a check out of use."""
    return CheckOut.of(keep_checks.withdraw(actor_of(request, "write"), wiring.clock(), check_id))


@router.get("/tickets/{number}/checks", response={200: list[FoundOut], **ANSWERS})
def found_checks(request: HttpRequest, number: str) -> list[FoundOut]:
    """Return what the newest checks before and after the work of a ticket found, asset by asset."""
    may_read_ticket(actor_of(request), number, Reading.BASELINE)
    return [
        FoundOut(
            asset=run.asset,
            phase=run.phase,
            check=one.id,
            name=one.name,
            kind=one.kind,
            outcome=one.outcome,
            sentence=one.sentence,
            at=run.at.isoformat(),
            artifact=run.artifact,
        )
        for run in read_checks.newest_runs(number)
        for one in run.found
    ]
