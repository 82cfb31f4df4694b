"""Which artifacts should be there: those that entries name and no entry has given up; rows have no say in it.

Whoever takes a row away, or writes a state into it, must not have files removed, passed over or left behind by that.
"""

from quarterdeck.evidence.reading import last_entry
from quarterdeck.evidence.terms import Entry, ObjectRef
from quarterdeck.evidence.uses import artifact_index

GIVEN_UP = ("artifact.disposed", "artifact.redacted")


def given_up(sha256: str) -> Entry | None:
    """Return the entry by which two people gave a file up; None where it is to be there, also because it came again.

    Only an entry says so: the row's column alone would hide whatever somebody wants hidden.
    """
    ended = last_entry(GIVEN_UP, object=ObjectRef("artifact", sha256))
    if ended is None or any(use.seq > ended.seq for use in artifact_index().uses.get(sha256, ())):
        return None
    return ended


def standing_artifacts() -> dict[str, int]:
    """Return hash and size of every artifact that should be there, in the order of their hashes."""
    uses = artifact_index().uses
    return {sha256: uses[sha256][-1].size for sha256 in sorted(uses) if given_up(sha256) is None}
