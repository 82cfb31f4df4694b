"""Reading a recording: an event of its own, so that the readers of evidence are known too."""

import json
from typing import BinaryIO

from quarterdeck.activity import api as activity
from quarterdeck.activity.api import Gap
from quarterdeck.evidence.api import ObjectRef, open_artifact, read_artifact, require_kept
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions.api import EndReason, SessionView, Work
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows.record_view import record_view

_NEVER_THERE = frozenset({
    EndReason.NOT_ALLOWED, EndReason.TARGET_UNREACHABLE, EndReason.TARGET_REFUSED, EndReason.HOST_IDENTITY,
    EndReason.ADMISSION_WITHDRAWN,
})  # fmt: skip


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
        return {"sources": [], "exact": False, "commands": [], "said": _why_none(seen)}
    activity.check_commands(known).require()
    if not known.document:
        return {"sources": [], "exact": False, "commands": [], "said": known.said}
    record_view(actor, clock, ObjectRef("session", seen.id), of=seen.ticket)
    told = json.loads(read_artifact(known.document))
    found = {"sources": told["sources"], "exact": told["exact"], "commands": told["commands"], "said": ""}
    return found | {"grade": "attached" if known.attached else "captured"}


def _why_none(seen: SessionView) -> str:
    """Say why nothing of the target's log is known of a session: it ran no command, or nobody read the log (yet)."""
    if seen.end_reason in _NEVER_THERE:
        return "The session was refused or ended before anything ran on the target."
    if seen.work == Work.TRANSFER:
        return "Files were copied, no command was given: the target's log has none of it, the recording has the files."
    read = activity.readings(asset=seen.asset, ticket=seen.ticket)
    after = [one for one in read if seen.ended_at is not None and one.until >= seen.ended_at]
    if any(one.gap is not Gap.NOT_READ for one in after):
        return "The target's log was read after the session and tells of no command of it."
    if after:
        return f"The target's logs were not read: {after[0].said}"
    if tickets.ticket(seen.ticket).is_final:
        return "The ticket is over, and the target's log was not read after the session."
    return "The target's logs are read when the work ends."
