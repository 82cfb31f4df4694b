"""What is missing without anything being altered: sessions without recording, certificates without session.

None of it changes the verdict: a thing that was never recorded cannot be altered. It is named, so that the person who
reads asks for it (attacks.md rows 8, 14, 16). Missing entries and tickets are found by `ledgerslice` and `contents`.
"""

from dataclasses import dataclass, replace

from quarterdeck_verify.story import Certificate, Session, Story


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that one would expect and that the slice does not have; `seq` is the entry that lets expect it."""

    code: str
    where: str
    sentence: str
    seq: int = -1


def find_gaps(story: Story) -> list[Gap]:
    """Return what is missing, in the order of the ledger."""
    found: list[Gap] = []
    for name, session in story.sessions.items():
        found += [replace(gap, seq=session.seq) for gap in _of_session(name, session)]
    serials = {session.serial for session in story.sessions.values()}
    for certificate in story.certificates:
        gap = _of_certificate(certificate, story, serials)
        if gap is not None:
            found.append(replace(gap, seq=certificate.seq))
    return sorted(found, key=lambda gap: (gap.seq, gap.code))


def _of_session(name: str, session: Session) -> list[Gap]:
    where = f"{session.ticket or 'no ticket'} {name}"
    if session.seq < 0:
        return [Gap("session.beginning", where, "The session's end is here, its beginning is not.")]
    if not session.ended:
        return [Gap("session.open", where, f"The session that began with entry {session.seq} has no end here.")]
    found = []
    if not session.recording:
        sentence = f"The session that began with entry {session.seq} has no recording."
        if session.by_hand:
            sentence = f"The session that entry {session.seq} writes down has no file with it."
        found.append(Gap("session.unrecorded", where, sentence))
    if session.interrupted and not session.explained:
        found.append(Gap("session.unexplained", where, "The session was interrupted, and nobody explained it."))
    return found


def _of_certificate(certificate: Certificate, story: Story, serials: set[int | None]) -> Gap | None:
    where = f"{certificate.ticket} entry {certificate.seq}"
    if certificate.session:
        if certificate.session in story.sessions:
            return None
        sentence = f"Certificate {certificate.serial} was made for session {certificate.session}, which is not here."
        return Gap("certificate.session", where, sentence)
    if certificate.purpose not in ("work", "") or certificate.serial in serials:
        return None
    return Gap("certificate.unused", where, f"Certificate {certificate.serial} was given out, and no session used it.")
