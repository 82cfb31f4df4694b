"""Preparing a ticket for opening: pre-checks, backup proof, sole path, recorder, baseline before; each ends in a fact.

Runs in the ticker, outside any act; nothing here decides whether the ticket opens, the hold points read the facts.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from quarterdeck.access import api as access
from quarterdeck.backups import api as backups
from quarterdeck.backups.api import BackupProduct, LockReader, Product, SnapshotMaker, SnapshotState, Use
from quarterdeck.baselines.api import MeasureChannel, Phase
from quarterdeck.evidence.api import Grade, ObjectRef, Outcome, act
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Method, State, TicketAsset, TicketView
from quarterdeck.tickets.ports import Reverter
from quarterdeck.workflows.keep_reimage_plans import lean_on_plan
from quarterdeck.workflows.prove_backup import prove_backup
from quarterdeck.workflows.prove_sole_path import GateView, prove_sole_path
from quarterdeck.workflows.run_checks import check_before
from quarterdeck.workflows.take_baseline import Progress, take_baseline
from quarterdeck.workflows.take_snapshot import snapshot_for_ticket

PREPARE = "prepare"


class Recorder(Protocol):
    """The gate as somebody outside sees it."""

    def health(self) -> Decision:
        """Return whether the gate answers and its recordings have room; reasons say what is wrong."""


@dataclass(frozen=True, slots=True)
class Instruments:
    """What measures for us: chosen by the wiring, real in every process, small and real in tests."""

    channel: MeasureChannel
    stranger: access.Stranger
    gate: GateView
    backups: Mapping[Product, BackupProduct]
    recorder: Recorder
    elevation: access.ElevationChannel | None = None
    reverters: Mapping[tickets.StepKind, Reverter] = field(default_factory=dict)
    locks: LockReader | None = None
    snapshots: Mapping[Product, SnapshotMaker] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of it: one sentence for each step that did not pass."""

    remarks: tuple[str, ...]
    cancelled: bool = False


def ask_to_prepare(actor: Actor, clock: Clock, number: str) -> tickets.JobView:
    """Ask the ticker to prepare an approved ticket; Refused unless the person takes part and the state fits."""
    view = tickets.ticket(number)
    _is_preparable(view).require()
    tickets.has_role(actor, tickets.WORKING_ROLES, clock.now()).require()
    return tickets.ask_capture(number, PREPARE, actor=actor, clock=clock)


def _is_preparable(view: TicketView) -> Decision:
    return tickets.may_move("open", State.SCHEDULED if view.state is State.APPROVED else view.state)


def prepare_ticket(
    actor: Actor, clock: Clock, number: str, instruments: Instruments, progress: Progress = lambda text: True
) -> Prepared:
    """Run every step for every asset; a step that fails is a failed fact and a remark, and the others go on."""
    view = tickets.ticket(number)
    _is_preparable(view).require()
    remarks: list[str] = []
    for text, step in _steps(actor, clock, view, instruments, progress):
        if not progress(text):
            return Prepared(tuple(remarks), cancelled=True)
        try:
            remarks += step()
        except Refused as refusal:
            remarks += [f"{text}: {refusal}"]
    return Prepared(tuple(remarks))


def _steps(
    actor: Actor, clock: Clock, view: TicketView, tools: Instruments, progress: Progress
) -> Iterator[tuple[str, Callable[[], list[str]]]]:
    number = view.number
    for named in view.assets:
        host = inventory.asset(named.asset_id).hostname
        yield f"Backup proof of {host}", _backup(actor, clock, number, named, tools)
        if backups.source(named.asset_id, Use.SNAPSHOT) is not None:
            yield f"Snapshot of {host}", _snapshot(actor, clock, number, named, tools)
    if view.content.method is not Method.SSH:
        return
    yield "Recorder", _recorder(actor, clock, number, tools)
    for named in view.assets:
        if named.connection_id:
            host = inventory.asset(named.asset_id).hostname
            yield f"Pre-checks on {host}", _checks(actor, clock, number, named, tools)
            yield f"Doors of {host}", _sole_path(actor, clock, number, named, tools)
    yield "Baseline before", _baseline(actor, clock, number, tools, progress)


def _backup(actor: Actor, clock: Clock, number: str, named: TicketAsset, tools: Instruments) -> Callable[[], list[str]]:
    def step() -> list[str]:
        source = backups.source(named.asset_id)
        if source is None and backups.reimage_plan_of(named.asset_id) is not None:
            lean_on_plan(actor, clock, ticket=number, asset=named.asset_id)
            return []
        if source is None or source.product not in tools.backups:
            return []
        proof = prove_backup(
            number, named.asset_id, products=tools.backups, actor=actor, clock=clock, locks=tools.locks
        )
        if proof is None:
            return ["The backup product lists no backup of this asset."]
        return [] if proof.verified else ["The newest backup is too old or did not verify."]

    return step


def _snapshot(
    actor: Actor, clock: Clock, number: str, named: TicketAsset, tools: Instruments
) -> Callable[[], list[str]]:
    def step() -> list[str]:
        taken = snapshot_for_ticket(number, named.asset_id, makers=tools.snapshots, actor=actor, clock=clock)
        return [] if taken.state is SnapshotState.COMPLETE else [taken.sentence]

    return step


def _recorder(actor: Actor, clock: Clock, number: str, tools: Instruments) -> Callable[[], list[str]]:
    def step() -> list[str]:
        found = tools.recorder.health()
        with act(actor, clock) as current:
            entry = current.record(
                "recorder.checked",
                ObjectRef("gate", "gate"),
                ticket=number,
                data={"codes": list(found.codes)},
            )
            current.fact(
                "recorder.healthy",
                entry=entry,
                outcome=Outcome.PASSED if found.allowed else Outcome.FAILED,
                grade=Grade.CAPTURED,
                ticket=number,
            )
        return [reason.sentence for reason in found.reasons]

    return step


def _checks(actor: Actor, clock: Clock, number: str, named: TicketAsset, tools: Instruments) -> Callable[[], list[str]]:
    def step() -> list[str]:
        found = check_before(
            actor,
            clock,
            ticket=number,
            asset_id=named.asset_id,
            connection_id=named.connection_id,
            channel=tools.channel,
        )
        return [check.sentence for check in found.checks if check.outcome is not Outcome.PASSED]

    return step


def _sole_path(
    actor: Actor, clock: Clock, number: str, named: TicketAsset, tools: Instruments
) -> Callable[[], list[str]]:
    def step() -> list[str]:
        proof = prove_sole_path(
            actor,
            clock,
            ticket=number,
            asset_id=named.asset_id,
            connection_id=named.connection_id,
            channel=tools.channel,
            stranger=tools.stranger,
            gate=tools.gate,
        )
        return list(proof.doors)

    return step


def _baseline(
    actor: Actor, clock: Clock, number: str, tools: Instruments, progress: Progress
) -> Callable[[], list[str]]:
    def step() -> list[str]:
        taken = take_baseline(number, Phase.BEFORE, channel=tools.channel, actor=actor, clock=clock, progress=progress)
        return list(taken.failures.values())

    return step
