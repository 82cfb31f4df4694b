"""Writing down work outside the gate, under the ticket that covers it."""

from collections.abc import Sequence
from datetime import datetime

from quarterdeck.evidence.api import act
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import SessionKind, SessionView
from quarterdeck.workflows.attach_evidence import Attachment, keep_file
from quarterdeck.workflows.refusals import refusals_recorded


def write_down(
    actor: Actor,
    clock: Clock,
    *,
    ticket: str,
    kind: SessionKind,
    asset: str,
    person: str,
    began_at: datetime,
    ended_at: datetime,
    account: str,
    how_ended: str,
    entry_point: str = "",
    files: Sequence[Attachment] = (),
) -> SessionView:
    """Keep a session of kind external, on site or unattended with its log or visitor sheet; graded attached."""
    with refusals_recorded(actor, clock, "session.write_down", ticket):
        kept = [keep_file(ticket, file, "session-log") for file in files]
        with act(actor, clock) as current:
            return sessions.record_manual(
                current,
                ticket=ticket,
                kind=kind,
                asset=asset,
                person=person or actor.id,
                began_at=began_at,
                ended_at=ended_at,
                account=account,
                how_ended=how_ended,
                entry_point=entry_point,
                files=kept,
            )
