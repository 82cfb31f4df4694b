"""Reading a recording: an event of its own, so that the readers of evidence are known too."""

from typing import BinaryIO

from quarterdeck.evidence.api import ObjectRef, open_artifact
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions.api import SessionView
from quarterdeck.workflows.record_view import record_view


def open_recording(actor: Actor, clock: Clock, seen: SessionView) -> BinaryIO:
    """Record who reads it, then open it; whether they may was decided before."""
    record_view(actor, clock, ObjectRef("session", seen.id), of=seen.ticket)
    return open_artifact(seen.recording)
