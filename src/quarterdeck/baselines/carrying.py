"""Carrying digests from one measurement to the next between tickets: what the inode's change time says did not move.

A carried line is the line of before with the mark `method=carried`, so that it is never shown as measured. The change
time is no proof against root, which is why a share of all files is hashed anyway, every week everything is, and the
baselines of tickets carry nothing (baselines.md section 3).
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from quarterdeck.baselines.manifest import CARRIED, Reader, head
from quarterdeck.baselines.receiver import BadOutput

SHARE = 5  # percent of the files that are hashed although nothing moved
FULL_EVERY = timedelta(days=7)
RACY = 2  # seconds before the last measurement began within which a file may have moved unseen
_LEFT_OUT = b" error=carried\n"
_DIGEST, _CTIME = b" sha256digest=", b" ctime="
_HEX_DIGITS = 64


class CannotCarry(ValueError):
    """The target left something unmeasured that the baseline before does not vouch for: measure everything."""


@dataclass(frozen=True, slots=True)
class Known:
    """The baseline to carry from: its manifest, when it began on the target's clock, and the last that was whole."""

    manifest_sha256: str
    began: float
    whole_at: datetime

    def argument(self, seed: str) -> str:
        """Return the collector's argument: what moved since, and a share chosen by `seed`, is hashed."""
        return f"carry={max(int(self.began) - RACY, 0)}:{SHARE}:{seed}"


def carried(old: Reader, roots: Collection[bytes], lines: Iterable[bytes]) -> Iterator[bytes]:
    """Give sorted `lines` of a measurement of `roots`, those of before where nothing was hashed because nothing moved.

    Raises CannotCarry where the facts are not those of before, or there is no digest to carry; BadOutput for a mark
    that comes from the target.
    """
    if head(roots) != head(old.roots):
        raise CannotCarry("the watched folders are not those of before")
    before: Iterator[bytes] = old.lines()
    known = next(before, b"")
    for line in lines:
        if line.endswith(CARRIED):
            raise BadOutput("the target marked digests as carried: nothing of its output is used")
        if not line.endswith(_LEFT_OUT):
            yield line
            continue
        path = line[: line.find(b" ")]
        while known and known[: known.find(b" ")] < path:
            known = next(before, b"")
        if not known or known[: known.find(b" ")] != path or not _is_same(line, known):
            raise CannotCarry("a file was left out that is not as it was")
        yield known if known.endswith(CARRIED) else known[:-1] + CARRIED


def _is_same(now: bytes, before: bytes) -> bool:
    """True when a line without digest says of type, owner, group, mode, links, size, times and inode what stood before.

    Lines have one spelling, so their bytes are compared; both manifests are checked line by line when they are written.
    """
    facts, _, inode = now.removesuffix(_LEFT_OUT).partition(_CTIME)
    if not before.startswith(facts + _DIGEST):
        return False
    attributes, _, rest = before[len(facts) + len(_DIGEST) + _HEX_DIGITS :].partition(_CTIME)
    return (
        attributes[:1] in (b"", b" ") and rest.startswith(inode) and rest[len(inode) : len(inode) + 1] in (b" ", b"\n")
    )


def without_marks(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Give lines without the mark: whether a digest was carried is no difference of the file."""
    for line in lines:
        yield line[: -len(CARRIED)] + b"\n" if line.endswith(CARRIED) else line
