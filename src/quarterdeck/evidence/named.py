"""Which artifacts should be there: those that entries name and no entry has given up; rows have no say in it.

Whoever takes a row away, or writes a state into it, must not have files removed, passed over or left behind by that.
"""

from quarterdeck.evidence import reading
from quarterdeck.evidence.terms import ObjectRef

GIVEN_UP = ("artifact.redacted", "artifact.disposed")


def given_up(sha256: str) -> bool:
    """True when an entry says that these bytes were disposed of, or replaced by a redacted derivative."""
    return reading.last_entry(list(GIVEN_UP), object=ObjectRef("artifact", sha256)) is not None


def standing_artifacts() -> dict[str, int]:
    """Return hash and size of every artifact that should be there, in the order of their hashes."""
    named: dict[str, int] = {}
    for entry in reading.entries():
        for item in entry.artifacts:
            named[str(item["sha256"])] = int(item["size"])
    for entry in reading.entries(events=GIVEN_UP):
        named.pop(entry.object.id, None)
    return dict(sorted(named.items()))
