"""Files that went through a session: what the gate tells of them, and the events of the recording that keep it. Pure.

An event is a line `[seconds, "f", text]` of the recording; players of asciicast v2 pass over codes that they do not
know. The text is JSON with short ASCII names; a path that is no UTF-8 survives as lone surrogates, as output does.
Serves 3.1.12[d], 3.3.1 and 3.7.4 (what was brought to a machine).
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from enum import StrEnum

FILE_CODE = "f"
LONGEST_SECONDS = 100 * 366 * 86_400


class Protocol(StrEnum):
    """What a transfer speaks."""

    SFTP = "sftp"
    SCP = "scp"
    RSYNC = "rsync"


class Direction(StrEnum):
    """Which way a file went."""

    TO_TARGET = "to_target"
    FROM_TARGET = "from_target"


class Stage(StrEnum):
    """How far a file is; a file whose last word is not `done` or `refused` was cut off with the session."""

    OPENED = "opened"
    PASSING = "passing"
    DONE = "done"
    REFUSED = "refused"


class Unhashed(StrEnum):
    """Why there is no SHA-256 of a file's whole content."""

    NOT_SEQUENTIAL = "not_sequential"
    RESUMED = "resumed"
    FAILED = "failed"
    NOT_FOLLOWED = "not_followed"
    NOT_OPENED = "not_opened"


class Change(StrEnum):
    """What was done to a file or folder besides writing it."""

    REMOVED = "removed"
    RENAMED = "renamed"
    LINKED = "linked"
    PERMISSIONS = "permissions"
    OWNER = "owner"
    TIMES = "times"
    TRUNCATED = "truncated"
    FOLDER_MADE = "folder_made"
    FOLDER_SENT = "folder_sent"
    FOLDER_REMOVED = "folder_removed"


@dataclass(frozen=True, slots=True)
class FileTransfer:
    """A file that goes through the gate, or was refused; `number` and `direction` tell it from others of its session.

    `sha256` is of the `size` bytes that passed, in their order from the beginning of the file on; it is empty for the
    reason in `unhashed`. `whole` says that the end of a file that was read was seen, `closed` that the receiver
    confirmed it. `failed` counts parts that were refused. `sent_as` is the name that the sender gave where the path
    alone does not tell the file.
    """

    path: str
    direction: Direction
    number: int = 0
    stage: Stage = Stage.DONE
    size: int = 0
    sha256: str = ""
    unhashed: Unhashed | None = None
    closed: bool = False
    failed: int = 0
    whole: bool = False
    sent_as: str = ""

    @property
    def refused(self) -> bool:
        """True when the ticket does not allow it."""
        return self.stage is Stage.REFUSED

    @property
    def cut_off(self) -> bool:
        """True when the session ended before the file did."""
        return self.stage is not Stage.REFUSED and not self.closed and self.unhashed is not Unhashed.NOT_OPENED


@dataclass(frozen=True, slots=True)
class FileChange:
    """Something done to a file or folder; `done` is False when the target refused it."""

    change: Change
    path: str
    to: str = ""
    detail: str = ""
    done: bool = False


Told = FileTransfer | FileChange
_KINDS: dict[str, type[FileTransfer] | type[FileChange]] = {"file": FileTransfer, "change": FileChange}
_ENUMS = {"direction": Direction, "stage": Stage, "unhashed": Unhashed, "change": Change}
_NAMES = {kind: [one.name for one in fields(made)] for kind, made in _KINDS.items()}
_EMPTY: tuple[object, ...] = ("", 0, False, None)
_PLAIN_TYPES: dict[str, type[str] | type[int] | type[bool]] = {
    **dict.fromkeys(("path", "to", "detail", "sent_as", "sha256"), str),
    **dict.fromkeys(("size", "failed", "number"), int),
    **dict.fromkeys(("closed", "whole", "done"), bool),
}


def encode_told(told: Told) -> str:
    """Return the text of the event that keeps this; what is empty is left out."""
    kind = "file" if isinstance(told, FileTransfer) else "change"
    given = {name: getattr(told, name) for name in _NAMES[kind]}
    return json.dumps({"kind": kind, **{k: v for k, v in given.items() if v not in _EMPTY}}, separators=(",", ":"))


def decode_told(text: str) -> Told | None:
    """Return what an event keeps; None for a text that no gate of ours wrote."""
    try:
        given = json.loads(text)
        made = _KINDS[given.pop("kind")]
        for name, enum in _ENUMS.items():
            if name in given:
                given[name] = enum(given[name])
        told = made(**{"path": "", **given})
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    sound = all(type(getattr(told, name, kind())) is kind for name, kind in _PLAIN_TYPES.items())
    return told if sound else None


@dataclass(frozen=True, slots=True)
class SeenTransfer:
    """The last word about one file, with the seconds at which it began and at which that word was said."""

    began: float
    ended: float
    transfer: FileTransfer


@dataclass(frozen=True, slots=True)
class SeenChange:
    """A change and the seconds at which it happened."""

    at: float
    change: FileChange


@dataclass(frozen=True, slots=True)
class Files:
    """Everything that a recording tells of files, in the order in which it began."""

    transfers: tuple[SeenTransfer, ...] = ()
    changes: tuple[SeenChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.transfers or self.changes)


@dataclass(frozen=True, slots=True)
class FileTally:
    """Files and bytes in numbers: all that a ledger entry says of them (attacks.md row 19)."""

    to_target: int = 0
    from_target: int = 0
    bytes_to_target: int = 0
    bytes_from_target: int = 0
    refused: int = 0
    failed: int = 0
    not_hashed: int = 0
    changes: int = 0

    def __bool__(self) -> bool:
        return any(getattr(self, one.name) for one in fields(self))


def files_in(lines: Iterable[str | bytes]) -> Files:
    """Return what the lines of a recording tell of files; a torn last line ends it."""
    began: dict[tuple[int, str] | int, float] = {}
    latest: dict[tuple[int, str] | int, SeenTransfer] = {}
    changes: list[SeenChange] = []
    for at, told in _told(lines):
        if isinstance(told, FileChange):
            changes.append(SeenChange(at, told))
            continue
        # A refusal has no number: each stands for itself.
        key = (told.number, told.direction.value) if told.number else -len(latest) - 1
        began.setdefault(key, at)
        latest[key] = SeenTransfer(began[key], at, told)
    return Files(tuple(latest.values()), tuple(changes))


def _told(lines: Iterable[str | bytes]) -> Iterator[tuple[float, Told]]:
    for line in lines:
        # Cheap first: of a terminal's recording hardly any line is an event of a file.
        of_a_file = b',"f",' in line[:40] if isinstance(line, bytes) else ',"f",' in line[:40]
        if not of_a_file:
            continue
        try:
            at, code, text = json.loads(line)
            seconds = float(at)
        except (ValueError, TypeError, OverflowError, RecursionError):
            continue
        told = decode_told(text) if code == FILE_CODE and isinstance(text, str) else None
        # Who wrote a recording by hand can also write a time that is none (NaN), or that no clock shows.
        if told is not None and 0 <= seconds < LONGEST_SECONDS:
            yield seconds, told


def tally(files: Files) -> FileTally:
    """Return the numbers of what went through and what did not."""
    passed = [seen.transfer for seen in files.transfers if not seen.transfer.refused]
    opened = [one for one in passed if one.unhashed is not Unhashed.NOT_OPENED]
    to = [one for one in opened if one.direction is Direction.TO_TARGET]
    from_ = [one for one in opened if one.direction is Direction.FROM_TARGET]
    return FileTally(
        to_target=len(to),
        from_target=len(from_),
        bytes_to_target=sum(one.size for one in to),
        bytes_from_target=sum(one.size for one in from_),
        refused=len(files.transfers) - len(passed),
        failed=sum(1 for one in passed if one.failed or one.cut_off or one.unhashed is Unhashed.NOT_OPENED)
        + sum(1 for seen in files.changes if not seen.change.done),
        not_hashed=sum(1 for one in opened if not one.sha256),
        changes=sum(1 for seen in files.changes if seen.change.done),
    )
