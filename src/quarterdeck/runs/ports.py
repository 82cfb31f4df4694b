"""What runs need from outside: a Git repository, the folder of a run with its key, and the program that plays it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from quarterdeck.runs.terms import Pinned


class RunFailed(Exception):
    """A run or a repository could not be had; the text says why to a person."""


@dataclass(frozen=True, slots=True)
class Order:
    """All that the program gets: files of the ticket's access and the archive; `seconds` until it is ended."""

    run: str
    archive: bytes
    playbook: str
    check: bool
    files: Mapping[str, str]
    inventory: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Played:
    """How the program ended: `ended_by` exit, cancel, time or output; the raw events and what it printed as files."""

    ended_by: str
    status: int
    events: Path
    output: Path
    versions: Mapping[str, str]


class RunbookSource(Protocol):
    """A place with Git repositories."""

    def pinned(self, repository: str, commit: str, playbook: str) -> Pinned:
        """Return the tree of exactly this commit; RunFailed when it cannot be had or has no such playbook."""


class RunRoom(Protocol):
    """The private folders of runs."""

    def make_key(self, run: str) -> str:
        """Make the run's folder and a key in it; return the public line."""

    def folder(self, run: str) -> Path:
        """Return the run's folder."""

    def forget(self, run: str) -> None:
        """Remove the folder with the key; no complaint when it is gone."""


class PlaybookProgram(Protocol):
    """What plays a playbook, kept away from everything that is Quarterdeck's own."""

    def play(self, order: Order, tell: Callable[[Mapping[str, object]], bool]) -> Played:
        """Play it, `tell` each event (and none now and then); ends when `tell` returns False. RunFailed."""
