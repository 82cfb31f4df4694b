"""What the ticker does, and how often it looks: each duty first asks cheaply whether there is work."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from quarterdeck import wiring
from quarterdeck.attachments import api as attachments
from quarterdeck.baselines.api import MeasureChannel
from quarterdeck.config.api import load
from quarterdeck.entrypoints.ticker.loop import Duty
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.workflows import (
    check_ahead,
    close_ticket,
    do_captures,
    do_runs,
    drill_restore,
    export_package,
    keep_elevation,
    keep_evidence,
    keep_plans,
    keep_store,
    lock_evidence,
    look_after_sessions,
    roll_back,
    run_plans,
    seal_checkpoint,
    seal_period,
    send_notices,
    watch_sealer,
)

TICKER = system("ticker")


def duties(clock: Clock) -> list[Duty]:
    """Return every duty of this process, in the order in which they run when due at the same beat."""
    sealer = wiring.sealer()
    return [
        Duty("windows", 1, partial(close_ticket.end_windows, TICKER, clock)),
        Duty("rollbacks", 5, partial(roll_back.tell_overruns, TICKER, clock)),
        Duty("rows", 60, partial(close_ticket.report_altered_tickets, TICKER, clock)),
        Duty("heartbeat", 60, partial(seal_checkpoint.beat_if_due, actor=TICKER, clock=clock)),
        Duty("periods", 60, partial(seal_period.seal_due_periods, TICKER, clock)),
        Duty("plans", 60, partial(keep_plans.look_after_plans, TICKER, clock)),
        Duty("people", 60, partial(personnel.apply_due_changes, actor=TICKER, clock=clock)),
        Duty("notices", 5, lambda: send_notices.send_notices(wiring.mailer(), clock, load().base_url)),
        Duty("seal", 1, partial(watch_sealer.seal_due, sealer, actor=TICKER, clock=clock)),
        Duty("sealer", 30, partial(_look_after_sealer, clock)),
        Duty("uploads", 600, partial(attachments.clean_uploads, clock)),
    ]


def anchor_duties(clock: Clock) -> list[Duty]:
    """Return the duty of the anchors' own loop: a holder that answers slowly must not hold up windows and seals."""
    return [Duty("anchor", 1, SendAnchors(lambda: wiring.sealer().status().allowed_signers, clock))]


def capture_duties(clock: Clock) -> list[Duty]:
    """Return the duties of the second loop: captures take minutes and must not hold up windows and seals."""
    channel = partial(wiring.monitor_channel, TICKER)

    def measuring() -> MeasureChannel:
        return wiring.instruments(TICKER).channel

    return [
        Duty("captures", 0.5, partial(do_captures.do_next_capture, TICKER, clock, partial(wiring.instruments, TICKER))),
        Duty("ahead", 60, lambda: check_ahead.look_ahead(TICKER, clock, wiring.readiness(), wiring.stranger())),
        Duty("elevation", 5, lambda: keep_elevation.keep_rules(TICKER, clock, wiring.elevation_channel(TICKER))),
        Duty("leftovers", 15, partial(look_after_sessions.look_after_next, TICKER, clock, measuring)),
        Duty("packages", 0.5, partial(export_package.make_next_package, clock, wiring.press)),
        Duty("monitoring", 15, partial(run_plans.run_next_plan, TICKER, clock, channel, wiring.target_authority)),
    ]


def drill_duties(clock: Clock) -> list[Duty]:
    """Return the duty of the drills' own loop: restoring a large backup takes hours and must hold up no capture."""
    return [Duty("drills", 10, lambda: _drill(clock))]


def _drill(clock: Clock) -> bool:
    return drill_restore.run_next_drill(TICKER, clock, wiring.backup_products(), wiring.restorers())


def run_duties(clock: Clock) -> list[Duty]:
    """Return the duty of the runs' own loop: a playbook takes hours and must hold up no capture."""
    return [Duty("runs", 1, partial(do_runs.do_next_run, TICKER, clock, wiring.run_stage))]


def _look_after_sealer(clock: Clock) -> None:
    watch_sealer.look_after(wiring.sealer(), wiring.mailer, actor=TICKER, clock=clock, url=load().base_url)


def store_duties(clock: Clock) -> list[Duty]:
    """Return the duties of the third loop: reading the store through takes hours and must hold up nothing else."""
    first_lock = timedelta(days=load().s3_first_lock_days)
    return [
        Duty("locks", 5, lambda: evidence.settle(wiring.artifact_store(), clock)),
        Duty("keeping", 3600, partial(keep_evidence.finish_ends, TICKER, clock)),
        Duty("closed", 5, lambda: lock_evidence.ask_for_locks(clock, wiring.artifact_store())),
        Duty("holds", 60, lambda: lock_evidence.mirror_keeping(clock, wiring.artifact_store())),
        Duty("first locks", 3600, lambda: evidence.renew_first_locks(wiring.artifact_store(), clock, first_lock)),
        Duty("store facts", 300, lambda: keep_store.read_facts_back(clock, wiring.artifact_store())),
        Duty("near", 3600, lambda: evidence.tidy(evidence.DirectoryStore(load().cache_dir))),
        Duty("night", 60, partial(keep_store.order_nightly, TICKER, clock)),
        Duty("store", 1, lambda: keep_store.do_next_job(TICKER, clock, wiring.artifact_store())),
    ]


class SendAnchors:
    """The duty that sends checkpoints, with the sealing keys of now: the key may change while this process runs.

    They are asked for when a checkpoint is new. While the sealer does not answer, what it said last goes out.
    """

    def __init__(self, allowed_signers: Callable[[], str], clock: Clock) -> None:
        self._ask, self._clock = allowed_signers, clock
        self._lines, self._size = "", -1

    def __call__(self) -> int:
        """Send what is owed; returns how many checkpoints were taken. Raises until the sealer has answered once."""
        newest = evidence.latest_checkpoint()
        if newest is None:
            return 0
        if newest.size != self._size:
            self._look(newest.size)
        now = self._clock.now()
        return wiring.anchor_queue(self._lines).send_due(wiring.anchor_routes(now), clock=self._clock)

    def _look(self, size: int) -> None:
        try:
            self._lines, self._size = self._ask(), size
        except Refused:
            if not self._lines:
                raise
