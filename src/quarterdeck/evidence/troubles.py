"""That the sealer refuses or a witness contradicts: kept in a row each, so that every page can say it until it ends."""

from collections.abc import Sequence
from datetime import datetime

from quarterdeck.evidence.models import SealingTrouble
from quarterdeck.evidence.terms import SealingTroubleView
from quarterdeck.kernel.decision import Reason

SEALING = "sealing"


def sealing_troubles() -> Sequence[SealingTroubleView]:
    """Return what stands against sealing and what witnesses say against this ledger, oldest first."""
    rows = SealingTrouble.objects.order_by("since", "kind")
    return [SealingTroubleView(r.kind, r.code, r.sentence, r.next_step, r.since, r.told_at) for r in rows]


def sealing_trouble(kind: str = SEALING) -> SealingTroubleView | None:
    """Return the trouble of this kind, None when nothing of it is known."""
    return next((trouble for trouble in sealing_troubles() if trouble.kind == kind), None)


def note_sealing_trouble(reason: Reason, at: datetime, kind: str = SEALING) -> bool:
    """Keep a refusal; True when it is new: another code than the one that is known."""
    known = sealing_trouble(kind)
    if known is not None and known.code == reason.code:
        return False
    told = {"code": reason.code, "sentence": reason.sentence, "next_step": reason.next_step, "since": at}
    SealingTrouble.objects.update_or_create(kind=kind, defaults={**told, "told_at": None})
    return True


def mark_sealing_trouble_told(kind: str, at: datetime) -> None:
    """Keep that the IT lead was told by mail."""
    SealingTrouble.objects.filter(kind=kind).update(told_at=at)


def end_sealing_trouble(kind: str = SEALING) -> bool:
    """Forget the trouble because it has ended; True when there was one."""
    deleted, _ = SealingTrouble.objects.filter(kind=kind).delete()
    return deleted > 0
