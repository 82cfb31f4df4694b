"""Following the recording of a running session while the gate writes it: whole lines, places to go on from. Pure.

What is followed is what was recorded: a line is in the file before the technician sees it. A reader that is far behind
jumps ahead instead of holding memory; the whole stays in the recording.
"""

import os
from dataclasses import dataclass
from pathlib import Path

AT_ONCE = 131_072
LONGEST_LINE = 2_097_152
BEHIND = 1_048_576


@dataclass(frozen=True, slots=True)
class Part:
    """Lines with the place behind each; `skipped` says that older ones were left out before them."""

    lines: tuple[tuple[int, bytes], ...]
    skipped: bool = False


class Follower:
    """Reads one growing file from a place on; the file may not be there yet, and may be unlinked while it is read."""

    def __init__(self, path: Path, place: int = 0) -> None:
        self._path = path
        self._file = -1
        self._wanted = max(0, place)
        self._place = 0
        self._header = b""

    @property
    def header(self) -> bytes:
        """The first line, empty while there is none."""
        if not self._header and self._open():
            line, end, _ = os.pread(self._file, AT_ONCE, 0).partition(b"\n")
            self._header = line if end else b""
        return self._header

    @property
    def goes_on(self) -> bool:
        """True when a line of this file ends at the place asked for, so that the reader has what came before."""
        return bool(self.header) and self._ends_line(self._wanted)

    def read(self) -> Part:
        """Return the next whole lines, at most about 128 KiB, none when there is nothing new."""
        if not self.header:
            return Part(())
        skipped = self._jump()
        data = os.pread(self._file, AT_ONCE, self._place)
        while data and b"\n" not in data and len(data) < LONGEST_LINE:
            more = os.pread(self._file, AT_ONCE, self._place + len(data))
            if not more:
                break
            data += more
        whole = data[: data.rfind(b"\n") + 1]
        lines = []
        for line in whole.splitlines(keepends=True):
            self._place += len(line)
            lines.append((self._place, line.rstrip(b"\n")))
        return Part(tuple(lines), skipped)

    def close(self) -> None:
        """Give the file back."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> bool:
        if self._file < 0:
            try:
                self._file = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            except FileNotFoundError:
                return False
        return True

    def _ends_line(self, place: int) -> bool:
        return place > len(self._header) and os.pread(self._file, 1, place - 1) == b"\n"

    def _jump(self) -> bool:
        """Find the place to begin at, or jump ahead when the reader is far behind; True when lines were left out."""
        size = os.fstat(self._file).st_size
        if not self._place:
            self._place = self._wanted if self._ends_line(self._wanted) else len(self._header) + 1
        if size - self._place <= BEHIND:
            return False
        # The line under way at that place is left out as well.
        data = os.pread(self._file, AT_ONCE, size - BEHIND // 2)
        end = data.find(b"\n")
        if end < 0:
            return False
        self._place = size - BEHIND // 2 + end + 1
        return True
