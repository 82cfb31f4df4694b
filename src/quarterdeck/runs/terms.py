"""The words of runs: a runbook and its commit, a run in check mode or for real, what its events say. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

DSC_SUFFIX = ".mof"  # a compiled configuration of PowerShell DSC; all others are playbooks of Ansible
REPORT_FORMAT = "quarterdeck-run-1"
REPORT_ROLE, EVENTS_ROLE, OUTPUT_ROLE, RUNBOOK_ROLE = "run_report", "run_events", "run_output", "runbook"
RUN_ROLES = frozenset({REPORT_ROLE, EVENTS_ROLE, OUTPUT_ROLE})
RUN_EVENTS = ("run.ordered", "run.begun", "run.ended")
RUNBOOK_EVENTS = ("runbook.proposed", "runbook.approved", "runbook.rejected")


class CommitSignature(StrEnum):
    """What Git says of the commit: signed by a key that is listed, by another one, badly, or not at all."""

    LISTED = "listed"
    OTHER = "other"
    BAD = "bad"
    NONE = "none"


class RunbookState(StrEnum):
    """A runbook may run once another person than its proposer has approved exactly these bytes."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"


class Mode(StrEnum):
    """Check mode shows what would differ; the real run changes it."""

    CHECK = "check"
    REAL = "real"


class RunState(StrEnum):
    """Waiting and running; all others are final. `interrupted`: our own process died, nobody saw the end."""

    WAITING = "waiting"
    RUNNING = "running"
    PASSED = "passed"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"


FINAL = frozenset(RunState) - {RunState.WAITING, RunState.RUNNING}


@dataclass(frozen=True, slots=True)
class Pinned:
    """The tree of one commit as one file: `archive` is a tar of fixed order, times and owners; `signer` as Git says."""

    commit: str
    archive: bytes
    files: int
    signature: CommitSignature
    signer: str = ""


@dataclass(frozen=True, slots=True)
class RunbookView:
    """A playbook of a repository at one commit; `sha256` is the archive's that runs, `item` its register entry."""

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
    decided_by: str = ""
    decided_at: datetime | None = None
    item: str = ""


@dataclass(frozen=True, slots=True)
class Tally:
    """How the tasks of one host came out, as Ansible counts."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    ignored: int = 0
    skipped: int = 0
    rescued: int = 0

    @property
    def went_well(self) -> bool:
        """True when every task was reached and none failed; an ignored failure is counted apart."""
        return not self.failed and not self.unreachable


@dataclass(frozen=True, slots=True)
class Line:
    """What one event says of one task on one host, spelled so that no terminal and no page acts on it."""

    host: str
    task: str
    status: str
    changed: bool = False
    item: str = ""
    diff: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True)
class Reach:
    """One place of a run: the asset, its name in the inventory, the grant, and the certificate of the gate."""

    asset: str
    hostname: str
    grant: str
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class RunView:
    """One run; `after` is the run in check mode that a real one follows, `tallies` by host name.

    `rollback_step` is the step of the ticket's rollback that it does, None for any other work.
    """

    id: str
    ticket: str
    runbook: str
    sha256: str
    mode: Mode
    unattended: bool
    state: RunState
    ordered_by: str
    ordered_at: datetime
    mfa_at: datetime
    not_before: datetime
    until: datetime
    places: tuple[Reach, ...]
    after: str = ""
    started_at: datetime | None = None
    finished_at: datetime | None = None
    message: str = ""
    tallies: dict[str, Tally] = field(default_factory=dict)
    report: str = ""
    events: str = ""
    output: str = ""
    rollback_step: int | None = None

    @property
    def is_over(self) -> bool:
        """True when nothing more comes of it."""
        return self.state in FINAL

    @property
    def assets(self) -> frozenset[str]:
        """Ids of the assets that it is about."""
        return frozenset(place.asset for place in self.places)

    @property
    def ignored(self) -> int:
        """How many failures the playbook ignored."""
        return sum(one.ignored for one in self.tallies.values())


@dataclass(frozen=True, slots=True)
class ProgressView:
    """What a running run shows: the newest lines, how many events came, whether somebody asked to stop it."""

    message: str
    events: int
    lines: tuple[Line, ...]
    cancel_asked: bool
