"""Reading what a run told: its sealed report, opened for somebody who may see recordings; the look is recorded."""

import json
from typing import Any

from quarterdeck.evidence.api import ObjectRef, read_artifact
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused, refuse
from quarterdeck.runs import api as runs
from quarterdeck.runs.api import RunView
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Reading
from quarterdeck.workflows.record_view import record_view


def may_read(actor: Actor, clock: Clock, run: RunView) -> None:
    """Raise Refused unless the person may see what a run told: it shows what stands on the machine (row 19)."""
    tickets.reading_of(run.ticket, actor.id, clock.now(), Reading.RECORDING).require()


def read_report(actor: Actor, clock: Clock, run_id: str) -> dict[str, Any]:
    """Return the report of a run that is over; Refused while there is none, or when the row is not the ledger's."""
    run = runs.run(run_id)
    may_read(actor, clock, run)
    runs.check_run(run_id).require()
    if not run.report:
        raise Refused(
            refuse("run.no_report", "This run has told nothing that was kept.", "Look at its state and its message.")
        )
    document = json.loads(read_artifact(run.report))
    record_view(actor, clock, ObjectRef("run", run_id), of=run.ticket)
    if not isinstance(document, dict) or document.get("format") != runs.REPORT_FORMAT:
        raise Refused(refuse("run.no_report", "The report is of a form that is not known here.", "Update Quarterdeck."))
    return document
