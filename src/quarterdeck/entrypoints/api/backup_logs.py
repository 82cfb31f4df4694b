"""Job logs that people hand in, and the register of reimage plans, over the wire."""

from django.http import HttpRequest
from ninja import File, Form, Router, Schema
from ninja.files import UploadedFile
from pydantic import Field

from quarterdeck import wiring
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import LogTold, Maker, ReimagePlan
from quarterdeck.entrypoints.api.backups import ProofOut
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.moments import Moment
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import keep_inventory, keep_reimage_plans
from quarterdeck.workflows.prove_backup import MOST_LOG_BYTES, prove_by_log

router = Router(tags=["backups and drills"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class LogIn(Schema):
    """Which asset and product, and when the job ended."""

    asset: str
    product: Maker
    ended_at: Moment


class LogOut(Schema):
    """What came of it: a proof, or none where the log tells of shadow copies, which prove no backup."""

    proof: ProofOut | None


class ReimagePlanIn(Schema):
    """A plan: image and version, owner, when it was tried, the workstations that get it, the steps."""

    image: str = Field(max_length=80)
    version: str = Field(max_length=40)
    owner: str
    tested_at: Moment
    review_by: Moment
    assets: list[str] = Field(min_length=1, max_length=2000)
    steps: str = Field(max_length=20_000)


class ReimagePlanOut(Schema):
    """A plan in force."""

    id: str
    image: str
    version: str
    owner: str
    tested_at: Moment
    review_by: Moment
    counts_until: Moment
    assets: list[str]
    steps_sha256: str

    @classmethod
    def of(cls, plan: ReimagePlan) -> "ReimagePlanOut":
        """Return the wire form of a plan."""
        return cls(
            id=plan.id, image=plan.image, version=plan.version, owner=plan.owner, tested_at=plan.tested_at,
            review_by=plan.review_by, counts_until=backups.counts_until(plan), assets=list(plan.assets),
            steps_sha256=plan.steps_sha256,
        )  # fmt: skip


@router.post("/tickets/{number}/backup-logs", response={200: LogOut, **ANSWERS})
def hand_in_log(request: HttpRequest, number: str, file: File[UploadedFile], body: Form[LogIn]) -> LogOut:
    """Hand in the log of a backup job; result, time and check are read from the log itself."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number, Reading.BASELINE)
    proof = prove_by_log(
        number, body.asset, log=file.read(MOST_LOG_BYTES + 1), read=wiring.job_log,
        told=LogTold(body.product, body.ended_at), actor=actor, clock=wiring.clock(),
    )  # fmt: skip
    return LogOut(proof=ProofOut.of(proof) if proof else None)


@router.get("/reimage-plans", response={200: list[ReimagePlanOut], **ANSWERS})
def list_reimage_plans(request: HttpRequest) -> list[ReimagePlanOut]:
    """Return the register of reimage plans."""
    keep_inventory.may_read(actor_of(request), wiring.clock().now()).require()
    return [ReimagePlanOut.of(one) for one in backups.reimage_plans()]


@router.post("/reimage-plans", response={200: ReimagePlanOut, **ANSWERS})
def set_reimage_plan(request: HttpRequest, body: ReimagePlanIn) -> ReimagePlanOut:
    """Set the plan of an image; a plan of the same image is replaced."""
    plan = ReimagePlan(
        "", body.image.strip(), body.version.strip(), body.owner, body.tested_at, body.review_by, "", tuple(body.assets)
    )
    return ReimagePlanOut.of(keep_reimage_plans.set_plan(actor_of(request, "write"), wiring.clock(), plan, body.steps))


@router.post("/reimage-plans/{plan}/end", response={200: None, **ANSWERS})
def end_reimage_plan(request: HttpRequest, plan: str) -> None:
    """End a plan."""
    keep_reimage_plans.end_plan(actor_of(request, "write"), wiring.clock(), plan)
