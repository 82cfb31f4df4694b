"""Baselines, drift and backup sources over the wire."""

from datetime import datetime, timedelta

from django.http import FileResponse, HttpRequest
from ninja import Router, Schema
from pydantic import Field

from quarterdeck import wiring
from quarterdeck.backups.api import Depth, Product, Source
from quarterdeck.baselines import api as baselines
from quarterdeck.baselines.api import Disposition, DriftItemView
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.kernel.decision import require_that
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows import disposition_drift, export_baseline, keep_backup_source
from quarterdeck.workflows.export_baseline import Form

router = Router(tags=["captures"])
ANSWERS = {401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


class DriftItemOut(Schema):
    """One difference between before and after, or many of one package; `path` is escaped for display."""

    id: int
    path: str
    kind: str
    codes: list[str]
    package: str
    count: int
    drift_class: str
    severity: str
    disposition: str
    disposed_by: str
    explained_by: str

    @classmethod
    def of(cls, item: DriftItemView) -> "DriftItemOut":
        """Return the wire form of a difference."""
        return cls(
            id=item.id,
            path=item.path,
            kind=item.kind,
            codes=list(item.codes),
            package=item.package,
            count=item.count,
            drift_class=item.drift_class,
            severity=item.severity,
            disposition=item.disposition or "",
            disposed_by=item.disposed_by,
            explained_by=item.explained_by,
        )


class DriftOut(Schema):
    """The comparison of one asset's baselines."""

    asset: str
    before: str
    after: str
    open_items: int
    items: list[DriftItemOut]


class DispositionIn(Schema):
    """One person's word about differences."""

    items: list[int] = Field(min_length=1)
    disposition: Disposition = Disposition.EXPLAINED
    reason: str


class BaselineOut(Schema):
    """One measurement; the id is the SHA-256 of its manifest."""

    asset: str
    phase: str
    manifest: str
    entries: int
    unreadable: int
    started_at: datetime
    finished_at: datetime


class BackupSourceIn(Schema):
    """Where an asset's backups are; the credential is the path of a file on the server, never the secret."""

    product: Product
    repository: str
    credential_file: str
    max_age_hours: int = Field(default=24, ge=1, le=24 * 31)
    host: str = ""
    path: str = ""
    tag: str = ""
    depth: Depth = Depth.ALL
    offline: str = Field(default="", max_length=200)
    offline_days: int = Field(default=0, ge=0, le=36_525)
    contract_days: int = Field(default=0, ge=0, le=36_525)


class BackupSourceOut(Schema):
    """The source as kept."""

    asset: str
    product: str
    repository: str


@router.get("/tickets/{number}/baselines", response={200: list[BaselineOut], **ANSWERS})
def list_baselines(request: HttpRequest, number: str) -> list[BaselineOut]:
    """Return the measurements of a ticket's assets."""
    may_read_ticket(actor_of(request), number, Reading.BASELINE)
    return [
        BaselineOut(
            asset=one.asset,
            phase=one.phase,
            manifest=one.manifest_sha256,
            entries=one.entries,
            unreadable=one.unreadable,
            started_at=one.started_at,
            finished_at=one.finished_at,
        )
        for one in baselines.baselines(ticket=number)
    ]


@router.get("/tickets/{number}/baselines/{sha256}/{form}", response={200: None, **ANSWERS})
def download_baseline(request: HttpRequest, number: str, sha256: str, form: Form) -> FileResponse:
    """Return a baseline as manifest, strict mtree, SHA256SUMS or posture; who read it is recorded."""
    actor = actor_of(request)
    may_read_ticket(actor, number, Reading.BASELINE)
    name, file = export_baseline.export_baseline(actor, wiring.clock(), number, sha256, form)
    response = FileResponse(file, content_type="application/octet-stream", as_attachment=True, filename=name)
    response["Cache-Control"] = "no-store"
    return response


@router.get("/tickets/{number}/drift", response={200: list[DriftOut], **ANSWERS})
def list_drift(request: HttpRequest, number: str) -> list[DriftOut]:
    """Return the differences between before and after."""
    may_read_ticket(actor_of(request), number, Reading.BASELINE)
    return _drift(number)


@router.post("/tickets/{number}/drift", response={200: list[DriftOut], **ANSWERS})
def explain_drift(request: HttpRequest, number: str, body: DispositionIn) -> list[DriftOut]:
    """Explain differences, mark them put back, or keep them as a finding."""
    actor = actor_of(request, "write")
    may_read_ticket(actor, number, Reading.BASELINE)
    mine = {item.id for view in baselines.drift(number) for item in view.items}
    require_that(
        set(body.items) <= mine,
        "drift.choice",
        f"Not all of these differences are among the newest of {number}.",
        "Read the ticket's differences again and choose there.",
    ).require()
    disposition_drift.disposition_drift(
        body.items, how=body.disposition, reason=body.reason, actor=actor, clock=wiring.clock()
    )
    return _drift(number)


@router.put("/assets/{asset}/backup-source", response={200: BackupSourceOut, **ANSWERS})
def set_backup_source(request: HttpRequest, asset: str, body: BackupSourceIn) -> BackupSourceOut:
    """Name where an asset's backups are."""
    kept = keep_backup_source.keep(
        actor_of(request, "write"),
        wiring.clock(),
        Source(
            "",
            asset,
            body.product,
            body.repository,
            body.credential_file,
            timedelta(hours=body.max_age_hours),
            body.host,
            body.path,
            body.tag,
            body.depth,
            offline=body.offline,
            offline_days=body.offline_days,
            contract_days=body.contract_days,
        ),
    )
    return BackupSourceOut(asset=kept.asset, product=kept.product, repository=kept.repository)


def _drift(number: str) -> list[DriftOut]:
    return [
        DriftOut(
            asset=view.asset,
            before=view.before.manifest_sha256,
            after=view.after.manifest_sha256,
            open_items=len(view.open_items),
            items=[DriftItemOut.of(item) for item in view.items],
        )
        for view in baselines.drift(number)
    ]
