"""Doing what was asked for: lease a capture job, run it with its instruments, tell how it went."""

from collections.abc import Callable

from quarterdeck.baselines.api import MeasureCancelled
from quarterdeck.evidence.api import record_refusal
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import JobView
from quarterdeck.workflows.close_ticket import VERIFY, SessionsStillRunning, verify_ticket
from quarterdeck.workflows.prepare_ticket import PREPARE, Instruments, Prepared, prepare_ticket
from quarterdeck.workflows.read_rollback import ROLL_BACK
from quarterdeck.workflows.roll_back import run_steps
from quarterdeck.workflows.take_baseline import Progress

Capture = Callable[[Actor, Clock, str, Instruments, Progress], Prepared]
CAPTURES: dict[str, Capture] = {PREPARE: prepare_ticket, VERIFY: verify_ticket, ROLL_BACK: run_steps}
ALL_DONE = "Done."
CANCELLED = "Cancelled."


def do_next_capture(actor: Actor, clock: Clock, instruments: Callable[[], Instruments]) -> bool:
    """Run the oldest capture that waits, if any, to its end; return whether there was one.

    Every outcome is told on the job: done with remarks, cancelled, refused. What breaks unexpectedly is told and raised
    on, so that the ticker logs it and somebody asks again; only the job of a worker that died is taken up by itself.
    """
    job = tickets.take_job(clock)
    if job is None:
        return False
    try:
        found = CAPTURES[job.kind](actor, clock, job.ticket, instruments(), _progress(job, clock))
    except SessionsStillRunning:
        tickets.put_back_job(job.id, "Waits for running sessions to end.", clock=clock)
        return False
    except MeasureCancelled:
        tickets.finish_job(job.id, failed=True, message=f"{CANCELLED} No baseline was kept.", clock=clock)
        return True
    except Refused as refusal:
        tickets.finish_job(job.id, failed=True, message=str(refusal), clock=clock)
        record_refusal(actor, clock, refusal.decision, rule=f"capture.{job.kind}", ticket=job.ticket)
        return True
    except Exception as error:
        tickets.finish_job(job.id, failed=True, message=f"Broke off: {type(error).__name__}: {error}", clock=clock)
        raise
    message = CANCELLED if found.cancelled else " ".join(found.remarks) or ALL_DONE
    tickets.finish_job(job.id, failed=found.cancelled, message=message, clock=clock)
    return True


def _progress(job: JobView, clock: Clock) -> Progress:
    def tell(text: str) -> bool:
        return tickets.tell_progress(job.id, text, clock)

    return tell
