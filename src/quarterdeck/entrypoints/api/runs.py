"""Runbooks and runs over the wire: parse, call one verb or read, answer."""

from dataclasses import asdict
from datetime import datetime

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import ConfigDict, Field

from quarterdeck import wiring
from quarterdeck.entrypoints.api.callers import actor_of, may_read_ticket
from quarterdeck.entrypoints.api.ticket_schemas import RefusedOut
from quarterdeck.runs import api as runs
from quarterdeck.runs.api import CommitSignature, Mode, RunbookState, RunbookView, RunState, RunView
from quarterdeck.workflows import keep_inventory, keep_runbooks, order_runs, read_run

router = Router(tags=["runbooks and runs"])


class RunbookIn(Schema):
    """A playbook of a repository at one commit, named by its whole hash."""

    model_config = ConfigDict(extra="forbid")

    name: str
    repository: str
    commit: str
    playbook: str


class RunbookDecisionIn(Schema):
    """The word of an approver on exactly the files whose SHA-256 is sent."""

    model_config = ConfigDict(extra="forbid")

    sha256: str
    reason: str


class RunbookOut(Schema):
    """A runbook; `sha256` is that of the archive that runs, `item` its entry in the register of mechanisms."""

    id: str
    name: str
    repository: str
    commit: str
    playbook: str
    sha256: str
    size: int
    files: int
    signature: CommitSignature
    signer: str
    state: RunbookState
    proposed_by: str
    proposed_at: datetime
    decided_by: str
    decided_at: datetime | None
    item: str

    @classmethod
    def of(cls, view: RunbookView) -> "RunbookOut":
        """Return the view as it goes over the wire."""
        return cls(**asdict(view))


class RunIn(Schema):
    """A run: in check mode or for real, or `unattended` in both when the window opens; no assets named means all."""

    model_config = ConfigDict(extra="forbid")

    runbook: str
    mode: Mode = Mode.CHECK
    unattended: bool = False
    assets: list[str] = Field(default_factory=list)


class RunOut(Schema):
    """A run; `counts` by host name as Ansible counts, `events` so far while it runs."""

    id: str
    ticket: str
    runbook: str
    sha256: str
    mode: Mode
    unattended: bool
    state: RunState
    ordered_by: str
    ordered_at: datetime
    not_before: datetime
    until: datetime
    assets: list[str]
    after: str
    started_at: datetime | None
    finished_at: datetime | None
    message: str
    counts: dict[str, dict[str, int]]
    ignored: int
    told: int
    report: str

    @classmethod
    def of(cls, view: RunView) -> "RunOut":
        """Return the view as it goes over the wire."""
        now = runs.progress(view.id)
        names = [name for name in cls.model_fields if hasattr(view, name) and name not in ("assets", "message")]
        return cls(
            **{name: getattr(view, name) for name in names},
            assets=sorted(view.assets),
            message=view.message or now.message,
            counts=runs.tally_document(view.tallies),
            told=now.events,
        )


class LineOut(Schema):
    """One task on one host; all words are spelled so that they do nothing on a screen."""

    host: str
    task: str
    status: str
    changed: bool
    item: str
    diff: str
    said: str


def _answers(body: object) -> dict[int, object]:
    return {200: body, 401: RefusedOut, 403: RefusedOut, 404: RefusedOut, 409: RefusedOut, 422: RefusedOut}


@router.get("/runbooks", response=_answers(list[RunbookOut]))
def list_runbooks(request: HttpRequest) -> list[RunbookOut]:
    """Return all runbooks."""
    keep_inventory.may_read(actor_of(request), wiring.clock().now()).require()
    return [RunbookOut.of(view) for view in runs.runbooks()]


@router.post("/runbooks", response=_answers(RunbookOut))
def propose_runbook(request: HttpRequest, body: RunbookIn) -> RunbookOut:
    """Fetch a commit and propose its playbook; another person approves it."""
    view = keep_runbooks.propose(
        actor_of(request, "write"), wiring.clock(), **body.dict(), source=wiring.runbook_source()
    )
    return RunbookOut.of(view)


@router.get("/runbooks/{runbook}", response=_answers(RunbookOut))
def show_runbook(request: HttpRequest, runbook: str) -> RunbookOut:
    """Return one runbook."""
    keep_inventory.may_read(actor_of(request), wiring.clock().now()).require()
    return RunbookOut.of(runs.runbook(runbook))


@router.post("/runbooks/{runbook}/approve", response=_answers(RunbookOut))
def approve_runbook(request: HttpRequest, runbook: str, body: RunbookDecisionIn) -> RunbookOut:
    """Approve exactly these files into the register of mechanisms."""
    return _decided(request, runbook, body, approve=True)


@router.post("/runbooks/{runbook}/reject", response=_answers(RunbookOut))
def reject_runbook(request: HttpRequest, runbook: str, body: RunbookDecisionIn) -> RunbookOut:
    """Reject the runbook."""
    return _decided(request, runbook, body, approve=False)


def _decided(request: HttpRequest, runbook: str, body: RunbookDecisionIn, *, approve: bool) -> RunbookOut:
    view = keep_runbooks.decide(
        actor_of(request, "write"), wiring.clock(), runbook, approve=approve, sha256=body.sha256, reason=body.reason
    )
    return RunbookOut.of(view)


@router.get("/tickets/{number}/runs", response=_answers(list[RunOut]))
def list_runs(request: HttpRequest, number: str) -> list[RunOut]:
    """Return the ticket's runs, newest first."""
    may_read_ticket(actor_of(request), number)
    return [RunOut.of(view) for view in runs.runs(number)]


@router.post("/tickets/{number}/runs", response=_answers(list[RunOut]))
def order_run(request: HttpRequest, number: str, body: RunIn) -> list[RunOut]:
    """Order a run as a technician of the ticket; takes a fresh second factor."""
    wanted = order_runs.Wanted(body.runbook, body.mode, body.unattended, tuple(body.assets))
    made = order_runs.order_runs(actor_of(request, "write"), wiring.clock(), number, wanted, wiring.run_room())
    return [RunOut.of(view) for view in made]


@router.get("/runs/{run}", response=_answers(RunOut))
def show_run(request: HttpRequest, run: str) -> RunOut:
    """Return one run, with how far it is."""
    view = runs.run(run)
    may_read_ticket(actor_of(request), view.ticket)
    return RunOut.of(view)


@router.get("/runs/{run}/lines", response=_answers(list[LineOut]))
def run_lines(request: HttpRequest, run: str) -> list[LineOut]:
    """Return what each task did on each host: the newest while it runs, all of the sealed report afterwards."""
    actor, view = actor_of(request), runs.run(run)
    if view.report:
        return [LineOut(**line) for line in read_run.read_report(actor, wiring.clock(), run)["lines"]]
    read_run.may_read(actor, wiring.clock(), view)
    return [LineOut(**asdict(line)) for line in runs.progress(run).lines]


@router.post("/runs/{run}/cancel", response=_answers(RunOut))
def cancel_run(request: HttpRequest, run: str) -> RunOut:
    """Ask a run to stop: its connections are cut at once."""
    view = order_runs.cancel_run(actor_of(request, "write"), wiring.clock(), run, wiring.run_room())
    return RunOut.of(view)
