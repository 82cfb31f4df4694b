"""That the sealer refuses: kept as one row, so that every page can say it until something is sealed again."""

from datetime import datetime

from quarterdeck.evidence.models import SealingTrouble
from quarterdeck.evidence.terms import SealingTroubleView
from quarterdeck.kernel.decision import Reason


def sealing_trouble() -> SealingTroubleView | None:
    """Return why nothing can be sealed now, None when nothing is known to stand against it."""
    row = SealingTrouble.objects.filter(id=1).first()
    return None if row is None else SealingTroubleView(row.code, row.sentence, row.next_step, row.since, row.told_at)


def note_sealing_trouble(reason: Reason, at: datetime) -> bool:
    """Keep a refusal of the sealer; True when it is new: another code than the one that is known."""
    known = sealing_trouble()
    if known is not None and known.code == reason.code:
        return False
    told = {"code": reason.code, "sentence": reason.sentence, "next_step": reason.next_step, "since": at}
    SealingTrouble.objects.update_or_create(id=1, defaults={**told, "told_at": None})
    return True


def mark_sealing_trouble_told(at: datetime) -> None:
    """Keep that the IT lead was told by mail."""
    SealingTrouble.objects.filter(id=1).update(told_at=at)


def end_sealing_trouble() -> bool:
    """Forget the trouble because something was sealed; True when there was one."""
    deleted, _ = SealingTrouble.objects.filter(id=1).delete()
    return deleted > 0
