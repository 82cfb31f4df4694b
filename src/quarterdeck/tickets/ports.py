"""What tickets need from outside: something that takes an asset back to where it was before the work."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from quarterdeck.evidence.terms import ArtifactRef
from quarterdeck.kernel.decision import Decision


def nothing_more(*_: object) -> None:
    """Record nothing beside the step."""


@dataclass(frozen=True, slots=True)
class Reverted:
    """How a revert went: back or not, a sentence for a person, and the stored output as evidence where there is one.

    `codes` say which rule refused; `records` gets the open act in which the step ends and writes what else belongs
    there, so that no kill between the two leaves one told without the other.
    """

    done: bool
    sentence: str
    artifact: ArtifactRef | None = None
    codes: tuple[str, ...] = ()
    records: Callable[..., None] = nothing_more


class Reverter(Protocol):
    """Does one kind of automated rollback step while the ticker waits for it, such as reverting a snapshot."""

    def may_revert(self, *, ticket: str, asset_id: str) -> Decision:
        """Decide, before anybody's session is ended for it, whether there is something sound to go back to."""

    def revert(self, *, ticket: str, asset_id: str) -> Reverted:
        """Take the asset back; whatever goes wrong is told as a sentence, never raised. May take minutes."""
