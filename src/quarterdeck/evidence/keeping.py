"""What becomes of a stored file's row after its entry: the mark "may contain CUI", how long it is kept, its end."""

from collections.abc import Mapping
from datetime import datetime

from django.db.models import Q

from quarterdeck.evidence.acting import Act
from quarterdeck.evidence.locking import destroy_now, lock_of
from quarterdeck.evidence.models import Artifact
from quarterdeck.evidence.named import given_up
from quarterdeck.evidence.store import artifact_is_there, artifact_store
from quarterdeck.kernel.decision import Refused, refuse, require_that


def mark_cui(act: Act, sha256: str, *, may_contain_cui: bool) -> None:
    """Put the mark on or take it off; the entry of the same act tells who said so and why."""
    del act  # an act must be open: the guard refuses the write otherwise
    Artifact.objects.filter(sha256=sha256).update(may_contain_cui=may_contain_cui)


def stored_marks() -> dict[str, tuple[bool, datetime | None]]:
    """Return of every file whether it may contain CUI, and until when its row says that it is kept; one query."""
    rows = Artifact.objects.values_list("sha256", "may_contain_cui", "retain_until")
    return {sha256: (may_contain_cui, until) for sha256, may_contain_cui, until in rows.iterator()}


def require_kept(sha256: str) -> None:
    """Raise Refused(artifact.given_up), which says since when and how, for a file that two people gave up."""
    ended = given_up(sha256)
    if ended is None:
        return
    word = "redacted" if ended.event == "artifact.redacted" else "disposed of"
    raise Refused(
        refuse(
            "artifact.given_up",
            f"This file was {word} by two people on {ended.at:%Y-%m-%d}; its hash stays in the ledger.",
            "See who and why under Evidence, Retention, Proposals.",
        )
    )


def give_up(act: Act, sha256: str, state: str) -> None:
    """Note that a file was redacted or disposed of; the entry of the same act says so, the bytes go after it."""
    del act
    Artifact.objects.filter(sha256=sha256).update(state=state)


def extend_retention(act: Act, until: Mapping[str, datetime]) -> int:
    """Set until when files are kept, only ever later than it stands; return how many moved."""
    del act
    moved = 0
    for sha256, at in until.items():
        later = Artifact.objects.filter(Q(retain_until__isnull=True) | Q(retain_until__lt=at), sha256=sha256)
        moved += later.update(retain_until=at)
    return moved


def destroy_file(sha256: str, now: datetime) -> bool:
    """End the bytes of a file that two people gave up; Refused(artifact.stands) unless an entry says so.

    Returns False when the store did not do it yet.

    Runs after the act that recorded it, and again when that broke off in between: there is nothing to undo. What the
    store has promised to keep, or cannot remove now, stays visible and is tried again (`locking`).
    """
    require_that(
        given_up(sha256) is not None,
        "artifact.stands",
        "No entry says that this file was given up.",
        "Two people dispose of evidence under Retention.",
    ).require()
    return destroy_now(artifact_store(), sha256, now)


def is_ended(sha256: str) -> bool:
    """True when the bytes of a file that two people gave up are gone, or `settle` is about to remove them."""
    known = lock_of(sha256)
    if known is not None and known.wanted_gone and (not known.gone or artifact_store().pins):
        return True
    return not artifact_is_there(sha256)
