"""Doing what was ordered: open for a queued run, take the certificates, play, and keep all that it told as evidence.

Runs in a loop of its own, outside any act. The gate records every connection beside it, so that what the playbook tells
of itself and what the gate saw can be compared; neither is believed alone.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import timedelta

from quarterdeck.access import api as access
from quarterdeck.evidence.api import Act, ArtifactRef, act, read_artifact, record_refusal, store_artifact
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor, ActorKind
from quarterdeck.kernel.clock import Clock, rfc3339
from quarterdeck.kernel.decision import Decision, Refused, all_of, refuse, require_that
from quarterdeck.runs import api as runs
from quarterdeck.runs.api import Line, Mode, PlaybookProgram, Played, RunFailed, RunRoom, RunState, RunView, Tally
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import State, StepState
from quarterdeck.workflows.close_ticket import end_work
from quarterdeck.workflows.order_runs import end_access
from quarterdeck.workflows.prepare_ticket import PREPARE
from quarterdeck.workflows.roll_back import go_on

MOST_LINES, MOST_REPORT = 20_000, 8 << 20
_TELL_AGAIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Stage:
    """What a run is played with: the signer, the gate's door, the private folders, the boxed program."""

    signer: access.EntrySigner
    door: Callable[[], access.GateDoor]
    room: RunRoom
    program: PlaybookProgram


def do_next_run(actor: Actor, clock: Clock, stage: Callable[[], Stage]) -> bool:
    """Bring the oldest run whose time has come to its end, if any; return whether there was one.

    A run whose process died is ended as interrupted and never begun again by itself: nobody knows how far it came.
    """
    for lost in _genuine(actor, clock, runs.lost_runs(clock.now())):
        _end(actor, clock, lost, RunState.INTERRUPTED, "The process that ran it died; how far it came nobody saw.")
        stage().room.forget(lost.id)
    for run in _genuine(actor, clock, runs.due_runs(clock.now())):
        if _is_ready(clock, run):
            _do(actor, clock, run, stage())
            return True
    return False


def _genuine(actor: Actor, clock: Clock, found: Sequence[RunView]) -> Iterator[RunView]:
    """Yield the runs that the ledger vouches for; a row written by hand is left where it is, on record."""
    for run in found:
        sealed = runs.check_run(run.id)
        if sealed.allowed:
            yield run
        else:
            record_refusal(actor, clock, sealed, rule="run.begin")


def _is_ready(clock: Clock, run: RunView) -> bool:
    """Tell whether a due run can be decided now: its check is over, and its ticket prepared if it is to be opened."""
    if run.after and not runs.run(run.after).is_over:
        return False
    if run.rollback_step is not None and clock.now() < run.until and _turn_is_to_come(run):
        runs.note_wait(run.id, "Waits until its step of the rollback comes.")
        return False
    if not run.unattended or clock.now() >= run.until or tickets.ticket(run.ticket).state is not State.SCHEDULED:
        return True
    if run.mode is Mode.REAL:
        return True
    made = [one for one in tickets.jobs(run.ticket) if one.kind == PREPARE and one.requested_at >= run.not_before]
    if not made:
        tickets.ask_capture(run.ticket, PREPARE, actor=_queued(run), clock=clock)
    if not made or made[0].finished_at is None:
        runs.note_wait(run.id, "Waits until the ticket is prepared.")
        return False
    return True


def _turn_is_to_come(run: RunView) -> bool:
    """Tell whether an earlier step of the rollback is not done yet."""
    seen = tickets.rollback_of(run.ticket)
    step = None if seen is None else seen.next_step
    at_work = tickets.ticket(run.ticket).state in (State.OPEN, State.VERIFYING)
    return at_work and step is not None and step.number < (run.rollback_step or 0)


def _queued(run: RunView) -> Actor:
    """Return the person who ordered, acting by the order that waits in the ledger and not by being here."""
    return Actor(run.ordered_by, ActorKind.PERSON, tickets.QUEUED, run.mfa_at)


def _do(actor: Actor, clock: Clock, run: RunView, stage: Stage) -> None:
    try:
        try:
            _may_begin(clock, run)
            _open(clock, run)
            certificates = _certificates(actor, clock, run, stage)
            with act(actor, clock) as current:
                if run.rollback_step is not None:
                    tickets.enter_step(current, run.ticket, run.rollback_step, StepState.UNDER_WAY)
                runs.begin_run(current, run.id)
        except Refused as refused:
            record_refusal(_queued(run), clock, refused.decision, rule="run.begin", ticket=run.ticket)
            _end(actor, clock, run, RunState.REFUSED, str(refused))
            return
        _play(actor, clock, run, stage, certificates)
    except Exception as error:
        _end(actor, clock, run, RunState.INTERRUPTED, f"Broke off: {type(error).__name__}.")
        raise
    finally:
        stage.room.forget(run.id)
        _conclude(actor, clock, run)


def _may_begin(clock: Clock, run: RunView) -> None:
    now = clock.now()
    runs.check_run(run.id).require()
    decisions = [runs.check_runbook(run.runbook), runs.may_use(runs.runbook(run.runbook))]
    if now >= run.until:
        decisions.append(refuse("run.too_late", "The time of the order is over.", "Order it anew, in another window."))
    if run.rollback_step is not None:
        decisions += _fits_its_step(run, run.rollback_step)
    elif run.mode is Mode.REAL:
        before = runs.run(run.after)
        opened = tickets.ticket(run.ticket).opened_at
        decisions += [
            runs.check_run(before.id), runs.may_be_real(before, run.sha256, run.assets, opened, now)
        ]  # fmt: skip
    all_of(decisions).require()


def _fits_its_step(run: RunView, number: int) -> list[Decision]:
    """Return whether a run is what the approved rollback says of its step: its turn, its mechanism, its asset."""
    seen = tickets.rollback_of(run.ticket)
    turn = tickets.may_run(seen, number)
    if seen is None or not turn.allowed:
        return [turn]
    step = seen.steps[number - 1].step
    fits = require_that(
        runs.runbook(run.runbook).item == step.item and run.assets == {step.asset},
        "rollback.other_playbook",
        "The run is not what the rollback's step names.",
        "Run again what runs by itself.",
    )
    return [tickets.at_work(tickets.ticket(run.ticket).state), fits]


def _open(clock: Clock, run: RunView) -> None:
    """Open the scheduled ticket of a queued run, by the order that its technician gave with a second factor."""
    if run.unattended and tickets.ticket(run.ticket).state is State.SCHEDULED:
        with act(_queued(run), clock) as current:
            tickets.open_for_run(current, run.ticket, run.id)


def _certificates(actor: Actor, clock: Clock, run: RunView, stage: Stage) -> dict[str, str]:
    """Have the signer certify every grant, bind the certificates; return them by host name."""
    lines = {place.hostname: (place.grant, stage.signer.entry(place.grant)) for place in run.places}
    with act(actor, clock) as current:
        for grant, line in lines.values():
            access.bind_certificate_line(current, grant, line)
    return {hostname: line for hostname, (_, line) in lines.items()}


def _play(actor: Actor, clock: Clock, run: RunView, stage: Stage, certificates: Mapping[str, str]) -> None:
    book = runs.runbook(run.runbook)
    folder, door = str(stage.room.folder(run.id)), stage.door()
    hosts = sorted(certificates)
    files = {access.certificate_file_name(run.ticket, host): f"{line.strip()}\n" for host, line in certificates.items()}
    files["known_hosts"] = f"{door.known_hosts_line}\n"
    files["config"] = access.client_config(run.ticket, hosts, door, identity_file=f"{folder}/id", folder=folder)
    told = Telling(run, clock)
    try:
        order = runs.Order(
            run=run.id,
            archive=read_artifact(run.sha256),
            playbook=book.playbook,
            check=run.mode is Mode.CHECK,
            files=files,
            inventory=access.ansible_inventory(run.ticket, hosts, folder=folder),
            seconds=max(1.0, (run.until - clock.now()).total_seconds()),
        )
        played = stage.program.play(order, told)
    except (RunFailed, Refused) as failed:
        _end(actor, clock, run, RunState.FAILED, str(failed))
        return
    state, sentence = runs.outcome(played.ended_by, played.status, frozenset(hosts), told.tallies)
    artifacts = _kept(run, played, told, state, sentence)
    _end(actor, clock, run, state, sentence, tallies=told.tallies, artifacts=artifacts)


@dataclass(slots=True)
class Telling:
    """Hears the events of a run: lines for the report, tallies, progress once a second, and the wish to stop."""

    run: RunView
    clock: Clock
    lines: list[Line] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    events: int = 0
    cut: bool = False
    _size: int = 0
    _told: float = -1.0

    def __call__(self, event: Mapping[str, object]) -> bool:
        """Take one event, or none; False when somebody asked to stop."""
        if event:
            self.events += 1
            self._keep(runs.line_of(event))
            self.tallies = runs.tallies_of(event) or self.tallies
        now = self.clock.boot()
        if now - self._told < _TELL_AGAIN.total_seconds():
            return True
        self._told = now
        newest = self.lines[-1] if self.lines else None
        doing = "Beginning" if newest is None else f"{newest.host}: {newest.task}"
        return runs.tell_progress(self.run.id, doing, self.events, self.lines, self.clock)

    def _keep(self, line: Line | None) -> None:
        if line is None:
            return
        self._size += sum(len(text) for text in (line.host, line.task, line.item, line.diff, line.said))
        if len(self.lines) >= MOST_LINES or self._size > MOST_REPORT:
            self.cut = True
            return
        self.lines.append(line)


def _kept(run: RunView, played: Played, told: Telling, state: RunState, sentence: str) -> list[ArtifactRef]:
    """Store the report, every event as it came, and what the playbook printed."""
    book = runs.runbook(run.runbook)
    document = {
        "format": runs.REPORT_FORMAT,
        "run": run.id,
        "ticket": run.ticket,
        "mode": run.mode.value,
        "state": state.value,
        "sentence": sentence,
        "runbook": {
            "name": book.name, "repository": book.repository, "commit": book.commit, "playbook": book.playbook,
            "sha256": book.sha256, "signature": book.signature.value, "signer": book.signer,
        },
        "ordered": {"by": run.ordered_by, "at": rfc3339(run.ordered_at), "unattended": run.unattended},
        "assets": {place.hostname: place.asset for place in run.places},
        "status": played.status,
        "ended_by": played.ended_by,
        "versions": dict(played.versions),
        "events": told.events,
        "cut": told.cut,
        "tallies": runs.tally_document(told.tallies),
        "lines": [asdict(line) for line in told.lines],
    }  # fmt: skip
    report = json.dumps(document, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n"
    cui = any(inventory.asset(place.asset).handles_cui for place in run.places)
    sources = (
        (report, "application/json", runs.REPORT_ROLE, f"{run.id}-report.json"),
        (played.events, "application/x-ndjson", runs.EVENTS_ROLE, f"{run.id}-events.jsonl"),
        (played.output, "text/plain", runs.OUTPUT_ROLE, f"{run.id}-output.txt"),
    )
    return [
        store_artifact(source, media_type=media, role=role, name=name, may_contain_cui=cui)
        for source, media, role, name in sources
    ]


def _end(
    actor: Actor,
    clock: Clock,
    run: RunView,
    state: RunState,
    message: str,
    *,
    tallies: Mapping[str, Tally] | None = None,
    artifacts: list[ArtifactRef] | None = None,
) -> None:
    with act(actor, clock) as current:
        runs.end_run(current, run.id, state, message, tallies=tallies, artifacts=artifacts or [])
        end_access(current, run)
        if run.rollback_step is not None:
            _tell_step(current, run, run.rollback_step, state, message, artifacts or [])


def _tell_step(
    current: Act, run: RunView, number: int, state: RunState, message: str, artifacts: Sequence[ArtifactRef]
) -> None:
    """Say in the run's own last act what became of its step; one that somebody did by hand meanwhile stays so."""
    seen = tickets.rollback_of(run.ticket)
    step = None if seen is None else seen.next_step
    at_work = tickets.at_work(tickets.ticket(run.ticket).state).allowed
    if step is None or step.number != number or not at_work:
        return
    report = next((one for one in artifacts if one.role == runs.REPORT_ROLE), None)
    done = state is RunState.PASSED
    tickets.say_step(
        current, run.ticket, number, done=done, said=message, artifact=report, codes=() if done else (f"run.{state}",)
    )


def _conclude(actor: Actor, clock: Clock, run: RunView) -> None:
    """After the last run of a queued order: end the work, so that the night's state is measured, and report."""
    over = runs.run(run.id)
    if run.rollback_step is not None and over.state is RunState.PASSED:
        go_on(actor, clock, run.ticket)
    if not run.unattended or (run.mode is Mode.CHECK and over.state is RunState.PASSED):
        return
    seen = tickets.ticket(run.ticket)
    if run.mode is Mode.REAL:
        if seen.state is State.OPEN:
            end_work(_queued(run), clock, run.ticket)
        with act(actor, clock) as current:
            people = [run.ordered_by, seen.requester]
            tickets.tell_people(current, run.ticket, people, f"run {over.state}", _report(over))


def _report(over: RunView) -> str:
    """Return the words of the report in the morning: states and counts, no names of hosts, which are mailed nowhere."""
    before = runs.run(over.after)
    sums = {name: sum(getattr(one, name) for one in over.tallies.values())
            for name in ("changed", "failed", "unreachable", "ignored")}  # fmt: skip
    counts = ", ".join(f"{count} {name}" for name, count in sums.items())
    return (
        f"The run that you queued is over: {over.state} (check mode: {before.state}).\n"
        f"Assets {len(over.places)}; tasks: {counts or 'none'}.\n"
        "What it did on which asset stands on the ticket's page.\n"
    )
