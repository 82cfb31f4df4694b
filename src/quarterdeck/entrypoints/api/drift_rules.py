"""The rules of drift over the wire: the file in force, its versions, adopting another."""

from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from quarterdeck import wiring
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import RulesView
from quarterdeck.entrypoints.api.callers import actor_of
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.workflows import keep_drift_rules, keep_inventory

router = Router(tags=["drift rules"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class RulesIn(Schema):
    """Another rules file, as TOML, and why."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(max_length=64_000)
    reason: str = Field(max_length=2000)


class RulesOut(Schema):
    """One version of the rules file; version 0 is the one that was shipped."""

    version: int
    sha256: str
    text: str
    adopted_by: str
    adopted_at: datetime | None

    @classmethod
    def of(cls, view: RulesView) -> "RulesOut":
        """Return the view as it goes over the wire."""
        return cls(
            version=view.version, sha256=view.sha256, text=view.text, adopted_by=view.by, adopted_at=view.at
        )  # fmt: skip


@router.get("", response={200: list[RulesOut], **ANSWERS})
def list_rules(request: HttpRequest) -> list[RulesOut]:
    """Return every version of the rules of drift, the one in force first."""
    keep_inventory.may_read(actor_of(request), wiring.clock().now()).require()
    return [RulesOut.of(view) for view in baselines.rules_history()]


@router.post("", response={200: RulesOut, **ANSWERS})
def adopt_rules(request: HttpRequest, body: RulesIn) -> RulesOut:
    """Adopt another rules file."""
    actor = actor_of(request, "write")
    return RulesOut.of(keep_drift_rules.adopt(actor, wiring.clock(), body.text, reason=body.reason))
