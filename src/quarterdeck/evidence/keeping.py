"""What becomes of a stored file's row after its entry: the mark "may contain CUI", how long it is kept, its end."""

from quarterdeck.evidence.acting import Act
from quarterdeck.evidence.models import Artifact


def mark_cui(act: Act, sha256: str, *, may_contain_cui: bool) -> None:
    """Put the mark on or take it off; the entry of the same act tells who said so and why."""
    del act  # an act must be open: the guard refuses the write otherwise
    Artifact.objects.filter(sha256=sha256).update(may_contain_cui=may_contain_cui)
