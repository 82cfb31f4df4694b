"""Looking after the sealer: seal what is due, notice at once when it refuses, and say so until it seals again.

A refusal of the sealer is the alarm of this whole design (a rolled back, cut or rewritten database shows there), so it
stands on every page, in `qd doctor`, in the log and in a mail to the IT lead, and its beginning is an entry.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import SealingTroubleView
from quarterdeck.kernel.actors import Actor
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Decision, Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.personnel.api import Role
from quarterdeck.workflows.restore_ledger import look
from quarterdeck.workflows.seal_checkpoint import Sealer, seal, seal_if_due
from quarterdeck.workflows.send_notices import Mailer

LOG = logging.getLogger("quarterdeck.sealing")
UNREACHABLE = "sealer.unreachable"
PATIENCE = timedelta(minutes=2)
TELL_AGAIN = timedelta(hours=24)


def seal_due(sealer: Sealer, *, actor: Actor, clock: Clock) -> None:
    """Seal when the cadence asks for it; a refusal is kept as trouble and raised on."""
    try:
        sealed = seal_if_due(sealer, clock=clock)
    except Refused as refused:
        note(refused.decision, actor, clock)
        raise
    if sealed is not None:
        end()


def look_after(sealer: Sealer, mailer: Callable[[], Mailer | None], *, actor: Actor, clock: Clock, url: str) -> None:
    """Compare ledger and sealer even when nothing is due; where there is trouble, try to seal, and tell the IT lead."""
    try:
        _, differs = look(sealer)
        if differs is not None:
            raise Refused(differs)
        if evidence.sealing_trouble() is not None and seal(sealer, reason="news") is not None:
            end()
    except Refused as refused:
        note(refused.decision, actor, clock)
    tell(mailer, clock, url)


def note(decision: Decision, actor: Actor, clock: Clock) -> None:
    """Keep a refusal as trouble; its beginning goes into log and ledger."""
    reason = decision.reasons[0]
    if not evidence.note_sealing_trouble(reason, clock.now()):
        return
    LOG.error("the sealer refuses (%s): %s %s", reason.code, reason.sentence, reason.next_step)
    # A ledger that was altered, or a clock behind it, takes no entry; the row above and the log say it all the same.
    with suppress(Refused):
        evidence.record_refusal(actor, clock, decision, rule="ledger.seal")


def end() -> None:
    """Something was sealed: there is no trouble any more."""
    if evidence.end_sealing_trouble():
        LOG.warning("the sealer seals again")


def shown_troubles(clock: Clock) -> list[SealingTroubleView]:
    """Return the troubles that pages show; a sealer that is only being started again gets two minutes."""
    now = clock.now()
    return [
        trouble
        for trouble in evidence.sealing_troubles()
        if trouble.code != UNREACHABLE or now - trouble.since >= PATIENCE
    ]


def tell(mailer: Callable[[], Mailer | None], clock: Clock, url: str) -> None:
    """Mail the IT leads of each trouble once a day; without mail the pages say it."""
    now = clock.now()
    due = [one for one in shown_troubles(clock) if one.told_at is None or now - one.told_at >= TELL_AGAIN]
    hand = mailer() if due else None
    if hand is None:
        return
    addresses = {personnel.person(person).email for person in personnel.holders(Role.IT_LEAD, now)} - {""}
    try:
        for trouble in due:
            for address in sorted(addresses):
                hand.send(address, "Quarterdeck: the ledger is not as it was sealed", _text(trouble, url))
            evidence.mark_sealing_trouble_told(trouble.kind, now)
    except OSError as error:
        LOG.warning("the IT lead could not be told: %s", error)


def _text(trouble: SealingTroubleView, url: str) -> str:
    return (
        f"Since {trouble.since:%Y-%m-%d %H:%M} UTC:\n\n{trouble.sentence}\n\n{trouble.next_step}\n\n"
        "Until it ends, what happens here can be changed without anybody outside finding it.\n"
        f"{url}/evidence/sealing/\n"
    )
