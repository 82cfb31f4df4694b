"""Commands that the gate answers itself: a channel whose command line begins with the word `quarterdeck`. Pure.

The command line is part of the channel's request, so it is told apart from the target's input before anything is
dialled; no byte of a running terminal is ever looked at for it. Whatever begins with this word never reaches a target.
"""

from dataclasses import dataclass

WORD = b"quarterdeck"
MOST_MINUTES = 720
LONGEST_REASON = 2_000
USAGE = (
    f"This is the gate. It understands one command: quarterdeck extend MINUTES REASON, at most {MOST_MINUTES} minutes, "
    "for example: quarterdeck extend 30 the index is still being built."
)


@dataclass(frozen=True, slots=True)
class MoreTime:
    """Somebody asks for minutes more; `minutes` is 0 where the command is not understood."""

    minutes: int
    reason: str


def own_command(command: bytes | None) -> MoreTime | None:
    """Return what is asked of the gate, None for everything that is the target's."""
    words = command.split() if command is not None else []
    if not words or words[0] != WORD:
        return None
    minutes = words[2] if len(words) > 3 and words[1] == b"extend" else b""
    if not (minutes.isdigit() and len(minutes) <= 3 and 0 < int(minutes) <= MOST_MINUTES):
        return MoreTime(0, "")
    reason = b" ".join(words[3:]).decode("utf-8", "replace").strip("\"' ")
    return MoreTime(int(minutes), reason[:LONGEST_REASON])
