"""Files of a session as people read them: a line, a row, a sentence; names that do nothing on a screen. Pure.

A name comes from a client or from a target. What a terminal or a browser acts on, what turns the direction of text and
what is no text at all stands there spelled out, so that two names never look alike because of it (attacks.md row 22).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from quarterdeck.sessions.files import Change, Direction, Files, FileTally, FileTransfer, Unhashed

_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    r"\U000e0000-\U000e007f\\]"
)
# What a terminal or a browser acts on, without the backslash: for words of people, which are not compared.
UNSEEN = re.compile(_UNSAFE.pattern.replace("\\\\]", "]"))
LET_OUT_BYTES = 1_048_576
_WAYS = {Direction.TO_TARGET: "to the target", Direction.FROM_TARGET: "from the target"}
_WHY = {
    Unhashed.NOT_SEQUENTIAL: "parts of it did not pass in order",
    Unhashed.RESUMED: "it was resumed or added to, so its beginning did not pass",
    Unhashed.FAILED: "a part of it failed",
    Unhashed.NOT_FOLLOWED: "rsync sends differences, not files",
    Unhashed.NOT_OPENED: "it was not opened",
}
_CHANGES = {
    Change.REMOVED: "removed",
    Change.RENAMED: "renamed",
    Change.LINKED: "linked",
    Change.PERMISSIONS: "permissions set",
    Change.OWNER: "owner set",
    Change.TIMES: "times set",
    Change.TRUNCATED: "cut to a size",
    Change.FOLDER_MADE: "folder made",
    Change.FOLDER_SENT: "folder sent, made where it was not there",
    Change.FOLDER_REMOVED: "folder removed",
}


class FileState(StrEnum):
    """What became of a file or a change."""

    PASSED = "passed"
    PARTLY = "partly"
    CUT_OFF = "cut_off"
    FAILED = "failed"
    REFUSED = "refused"


def spelled(name: str) -> str:
    """Return a name with everything spelled out that is not plainly seen; a byte that is no UTF-8 as `\\xff`."""
    return _UNSAFE.sub(spelled_sign, name)


def spelled_sign(found: re.Match[str]) -> str:
    """Return the one character of a match spelled out."""
    code = ord(found[0])
    if found[0] == "\\":
        return "\\\\"
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@dataclass(frozen=True, slots=True)
class ShownFile:
    """One row of the files of a session; `remark` says why there is no hash, or what the hash is about."""

    at: float
    way: str
    name: str
    size: int
    sha256: str
    state: FileState
    remark: str


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One row of the changes of a session."""

    at: float
    what: str
    name: str
    state: FileState


def shown_files(files: Files) -> list[ShownFile]:
    """Return a row for each file, in the order in which they began."""
    return [
        ShownFile(
            seen.began,
            _WAYS[seen.transfer.direction],
            _name(seen.transfer),
            seen.transfer.size,
            seen.transfer.sha256,
            state_of(seen.transfer),
            _remark(seen.transfer),
        )
        for seen in files.transfers
    ]


def shown_changes(files: Files) -> list[ShownChange]:
    """Return a row for each change, in their order."""
    return [
        ShownChange(
            seen.at,
            _CHANGES[seen.change.change] + (f": {spelled(seen.change.detail)}" if seen.change.detail else ""),
            spelled(seen.change.path) + (f" → {spelled(seen.change.to)}" if seen.change.to else ""),
            FileState.PASSED if seen.change.done else FileState.FAILED,
        )
        for seen in files.changes
    ]


def state_of(one: FileTransfer) -> FileState:
    """Return what became of a file."""
    if one.refused:
        return FileState.REFUSED
    if one.failed:
        return FileState.FAILED
    if one.cut_off:
        return FileState.CUT_OFF
    return FileState.PASSED if one.whole or one.unhashed is Unhashed.NOT_FOLLOWED else FileState.PARTLY


def _name(one: FileTransfer) -> str:
    return spelled(one.path) + (f" ({spelled(one.sent_as)})" if one.sent_as else "")


def _remark(one: FileTransfer) -> str:
    if one.refused:
        return "the ticket does not allow it"
    if one.unhashed is not None:
        return f"not hashed: {_WHY[one.unhashed]}"
    if one.cut_off:
        return "the hash is of what passed until the session ended" if one.sha256 else "the session ended"
    if one.whole:
        return ""
    return (
        "the hash is of what was read; the end was not reached"
        if one.direction is Direction.FROM_TARGET
        else "the hash is of what passed; the file may hold more"
    )


def file_lines(files: Files) -> Iterator[tuple[float, str]]:
    """Yield seconds and one line for each file and each change, in the order of time; for transcripts."""
    lines = [(seen.at, _change_line(seen)) for seen in shown_changes(files)]
    lines += [(one.at, _file_line(one)) for one in shown_files(files)]
    yield from sorted(lines, key=lambda line: line[0])


def _file_line(one: ShownFile) -> str:
    parts = [f"File {one.way}: {one.name}", f"{one.size:,} bytes"]
    parts += [f"SHA-256 {one.sha256}"] if one.sha256 else []
    parts += [one.remark] if one.remark else []
    return _marked(one.state) + ", ".join(parts)


def _change_line(one: ShownChange) -> str:
    return f"{_marked(one.state)}On the target, {one.what}: {one.name}"


def _marked(state: FileState) -> str:
    return "" if state in (FileState.PASSED, FileState.PARTLY) else f"{state.value.replace('_', ' ').capitalize()}. "


def tally_words(kept: dict[str, int]) -> str:
    """Return the numbers of a session's files in one sentence; empty when no file was asked for."""
    told = FileTally(**{name: kept.get(name, 0) for name in FileTally.__slots__})
    if not told:
        return ""
    parts = [
        f"{told.to_target} to the target ({told.bytes_to_target:,} bytes)" if told.to_target else "",
        f"{told.from_target} from the target ({told.bytes_from_target:,} bytes)" if told.from_target else "",
        f"{told.changes} change{'s' if told.changes > 1 else ''}" if told.changes else "",
        f"{told.refused} refused" if told.refused else "",
        f"{told.failed} failed" if told.failed else "",
        f"{told.not_hashed} not hashed" if told.not_hashed else "",
    ]
    return ", ".join(part for part in parts if part)


def let_out(work: str, streams: Mapping[str, Mapping[str, object]], *, from_target: bool) -> str:
    """Return the sentence about a command that wrote more than text where no file may leave; empty when all is usual.

    A command can carry a file that no transfer would (attacks.md row 21): this finds it, it does not prevent it.
    """
    size = streams.get("stdout", {}).get("size", 0)
    if from_target or work != "command" or not isinstance(size, int) or size <= LET_OUT_BYTES:
        return ""
    return (
        f"The ticket lets no file leave the target, and this command wrote {size:,} bytes. "
        "Ask what they were, and explain it in a comment."
    )
