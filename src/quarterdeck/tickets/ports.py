"""What tickets need from outside: something that takes an asset back to where it was before the work."""

from dataclasses import dataclass
from typing import Protocol

from quarterdeck.evidence.terms import ArtifactRef


@dataclass(frozen=True, slots=True)
class Reverted:
    """How a revert went: back or not, a sentence for a person, and the stored output as evidence where there is one."""

    done: bool
    sentence: str
    artifact: ArtifactRef | None = None


class Reverter(Protocol):
    """Does one kind of automated rollback step: reverts a snapshot, or runs a registered playbook under the ticket."""

    def revert(self, *, ticket: str, asset_id: str, item: str) -> Reverted:
        """Take the asset back; whatever goes wrong is told as a sentence, never raised. May take minutes.

        `item` is the register item of a playbook, empty for a snapshot: then the newest of this ticket counts.
        """
