"""What a session lacks to be whole: start, end, reason, recording and hash, or a gap that is told. Pure."""

from quarterdeck.sessions.terms import EndReason, SessionKind, SessionState, SessionView


def lacks(seen: SessionView) -> list[str]:
    """Return in words what is missing in the record of a session that has ended; empty for one that is whole."""
    if seen.state is SessionState.RUNNING:
        return []
    found = []
    if seen.end_reason == EndReason.ROW_ALTERED.value:
        found.append("its row was written by hand while it ran")
    elif seen.state is SessionState.INTERRUPTED:
        found.append("its end was not observed")
    if seen.ended_at is None or not seen.end_reason:
        found.append("no end with a reason")
    if seen.kind is SessionKind.GATE:
        found += _of_the_gate(seen)
    return found


def _of_the_gate(seen: SessionView) -> list[str]:
    found = []
    if not seen.recording:
        found.append("no recording")
    elif not seen.head:
        found.append("no hash of the recording")
    if not seen.network_terminated:
        found.append("the connection is not proven gone")
    return found
