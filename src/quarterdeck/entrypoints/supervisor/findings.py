"""What doctor says of one thing it looked at."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class Grade(StrEnum):
    """Good; to be known (amber); wrong (red)."""

    OK = "ok"
    NOTE = "note"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One look: what was looked at, how it is, in a sentence, and what to do."""

    topic: str
    grade: Grade
    sentence: str
    next_step: str = ""

    def as_dict(self) -> dict[str, str]:
        """Return the fields as JSON-ready strings."""
        return {name: str(value) for name, value in asdict(self).items()}

    def as_line(self) -> str:
        """Return one line for a terminal; the state is a word, never only a colour."""
        return f"{self.grade.value:<6} {self.topic:<18} {self.sentence} {self.next_step}".rstrip()


def fine(topic: str, sentence: str) -> Finding:
    """Return a finding of something in order."""
    return Finding(topic, Grade.OK, sentence)


def note(topic: str, sentence: str, next_step: str = "") -> Finding:
    """Return a finding that a person should know."""
    return Finding(topic, Grade.NOTE, sentence, next_step)


def wrong(topic: str, sentence: str, next_step: str) -> Finding:
    """Return a finding that must be mended."""
    return Finding(topic, Grade.WRONG, sentence, next_step)
