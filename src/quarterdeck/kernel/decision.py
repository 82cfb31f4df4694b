"""A decision and its reasons: a refusal is data (stable code, sentence for a person, next step)."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """Why something is refused: `code` for programs and tests, `sentence` and `next_step` for people."""

    code: str
    sentence: str
    next_step: str

    def as_dict(self) -> dict[str, str]:
        """Return the three fields as JSON-ready strings."""
        return {"code": self.code, "sentence": self.sentence, "next_step": self.next_step}


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of a rule: allowed when no reason stands against it."""

    reasons: tuple[Reason, ...] = ()

    @property
    def allowed(self) -> bool:
        """True when nothing stands against the act."""
        return not self.reasons

    @property
    def codes(self) -> tuple[str, ...]:
        """The refusal codes in the order in which the rules found them."""
        return tuple(reason.code for reason in self.reasons)

    def require(self) -> None:
        """Raise `Refused` unless allowed."""
        if self.reasons:
            raise Refused(self)


ALLOWED = Decision()


class Refused(Exception):
    """An act that the rules do not allow; carries the decision with every reason."""

    def __init__(self, decision: Decision) -> None:
        super().__init__("; ".join(f"{r.sentence} {r.next_step}".strip() for r in decision.reasons))
        self.decision = decision


def refuse(code: str, sentence: str, next_step: str = "") -> Decision:
    """Return a decision with this one reason against it."""
    return Decision((Reason(code, sentence, next_step),))


def require_that(condition: bool, code: str, sentence: str, next_step: str = "") -> Decision:
    """Return ALLOWED when `condition` holds, else a refusal with this reason."""
    return ALLOWED if condition else refuse(code, sentence, next_step)


def all_of(decisions: Iterable[Decision]) -> Decision:
    """Return one decision with the reasons of all, in order; allowed only if all are."""
    return Decision(tuple(reason for decision in decisions for reason in decision.reasons))
