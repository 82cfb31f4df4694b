"""Reading a recording: an event of its own, so that the readers of evidence are known too."""

import json
from typing import BinaryIO

from quarterdeck.activity import api as activity
from quarterdeck.evidence.api import ObjectRef, open_artifact, read_artifact, require_kept
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions.api import SessionView
from quarterdeck.workflows.record_view import record_view


def open_recording(actor: Actor, clock: Clock, seen: SessionView) -> BinaryIO:
    """Record who reads it, then open it; whether they may was decided before."""
    require_kept(seen.recording)
    record_view(actor, clock, ObjectRef("session", seen.id), of=seen.ticket)
    return open_artifact(seen.recording)


def read_commands(actor: Actor, clock: Clock, seen: SessionView) -> dict[str, object]:
    """Return what the target's own log says of the session's commands; reading it is recorded like its recording.

    Without a word of the target `said` tells why; Refused(activity.unsealed) when the row was written by hand.
    """
    known = activity.commands_of(seen.id)
    if known is None:
        return {"sources": [], "exact": False, "commands": [], "said": "The target's logs are read when the work ends."}
    activity.check_commands(known).require()
    if not known.document:
        return {"sources": [], "exact": False, "commands": [], "said": known.said}
    record_view(actor, clock, ObjectRef("session", seen.id), of=seen.ticket)
    told = json.loads(read_artifact(known.document))
    found = {"sources": told["sources"], "exact": told["exact"], "commands": told["commands"], "said": ""}
    return found | {"grade": "attached" if known.attached else "captured"}
