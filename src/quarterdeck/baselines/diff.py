"""The difference of two manifests as a streaming merge of sorted lines, and of two postures key by key. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from quarterdeck.baselines.carrying import without_marks
from quarterdeck.baselines.manifest import Entry, Reader, parse_line

TOUCH = frozenset({"ctime", "inode"})
# Attribution, not a fact; and what waits on the loopback address alone comes and goes and is closed to the network.
_NOT_COMPARED = frozenset({"package_files", "update_files", "listening.local"})
_OF_A_FOLDER = frozenset({"time", "ctime", "inode"})


class ChangeKind(StrEnum):
    """What happened to an object; touched means that only inode number or inode change time moved."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    TOUCHED = "touched"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Change:
    """One difference: path as bytes, which facts differ, the facts before and after (None: not there)."""

    path: bytes
    kind: ChangeKind
    facts: tuple[str, ...]
    before: Mapping[str, bytes] | None
    after: Mapping[str, bytes] | None


class NotComparable(ValueError):
    """Two baselines do not cover the same folders."""


def differing_lines(before: Iterator[bytes], after: Iterator[bytes]) -> Iterator[tuple[bytes, bytes]]:
    """Give pairs of lines for one path that differ or carry an error; empty bytes where there is none."""
    one, other = next(before, b""), next(after, b"")
    while one or other:
        if one == other:
            if b" error=" in one:
                yield one, other
            one, other = next(before, b""), next(after, b"")
            continue
        path, path_after = one.partition(b" ")[0], other.partition(b" ")[0]
        if one and (not other or path < path_after):
            yield one, b""
            one = next(before, b"")
        elif other and (not one or path_after < path):
            yield b"", other
            other = next(after, b"")
        else:
            yield one, other
            one, other = next(before, b""), next(after, b"")


def compare(before: Reader, after: Reader) -> Iterator[Change]:
    """Give every difference in path order; an object that could not be measured is always among them.

    NotComparable when the watched folders are not the same, ManifestError for a bad manifest.
    """
    if before.roots != after.roots:
        raise NotComparable("the two baselines do not watch the same folders")
    for one, other in differing_lines(without_marks(before.lines()), without_marks(after.lines())):
        yield _change(parse_line(one) if one else None, parse_line(other) if other else None)


def _change(before: Entry | None, after: Entry | None) -> Change:
    if after is None:
        if before is None:
            raise ValueError("a change without an object")
        return Change(before.path, ChangeKind.REMOVED, (), before.facts, None)
    if before is None:
        kind = ChangeKind.UNREADABLE if after.error else ChangeKind.ADDED
        return Change(after.path, kind, (), None, after.facts)
    names = sorted(before.facts.keys() | after.facts.keys())
    facts = tuple(name for name in names if before.facts.get(name) != after.facts.get(name))
    if before.error or after.error:
        kind = ChangeKind.UNREADABLE
    else:
        kind = ChangeKind.TOUCHED if TOUCH.issuperset(facts) else ChangeKind.CHANGED
    return Change(after.path, kind, facts, before.facts, after.facts)


def settle(changes: Iterable[Change]) -> list[Change]:
    """Return the changes, with a folder only touched when its time moved because something in it came or went."""
    found = list(changes)
    moved = {
        change.path.rpartition(b"/")[0] or b"/"
        for change in found
        if change.kind in (ChangeKind.ADDED, ChangeKind.REMOVED) or "type" in change.facts
    }
    return [
        replace(change, kind=ChangeKind.TOUCHED)
        if change.kind is ChangeKind.CHANGED
        and change.path in moved
        and _OF_A_FOLDER.issuperset(change.facts)
        and (change.after or {}).get("type") == b"dir"
        else change
        for change in found
    ]


def posture_changes(before: Mapping[str, object], after: Mapping[str, object]) -> list[str]:
    """Return the names of posture facts whose value, or the reason why they can't be read, is not as before."""
    names = sorted((before.keys() | after.keys()) - _NOT_COMPARED)
    return [name for name in names if before.get(name) != after.get(name)]
