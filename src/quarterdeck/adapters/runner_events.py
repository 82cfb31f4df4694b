"""What ansible-runner laid down for a run, read without following a link: its playbook may write there too."""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

MOST_EVENT, MOST_EVENTS = 4 << 20, 512 << 20
_EVENT_FILE = re.compile(r"([0-9]{1,9})-[0-9a-f-]{1,64}\.json", re.ASCII)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class RunnerEvents:
    """The events that the runner lays down as files: read in their order, kept as lines, removed."""

    def __init__(self, place: tuple[Path, *tuple[str, ...]], kept: BinaryIO) -> None:
        self._place = place
        self._kept = kept
        self.size = 0

    def new(self) -> Iterator[Mapping[str, object]]:
        """Give the events that came since the last time."""
        folder = _descend(*self._place)
        if folder < 0:
            return
        try:
            names = os.listdir(folder)
            found = sorted((int(match[1]), name) for name in names if (match := _EVENT_FILE.fullmatch(name)))
            for counter, name in found:
                raw = self._taken(folder, name)
                if raw is None:
                    continue
                if len(raw) > MOST_EVENT:
                    raw = json.dumps({"counter": counter, "event": "cut", "size": len(raw)}).encode()
                self._kept.write(raw.replace(b"\n", b" ") + b"\n")
                self.size += len(raw)
                yield _document(raw)
        finally:
            os.close(folder)

    @staticmethod
    def _taken(folder: int, name: str) -> bytes | None:
        file = _opened(folder, name)
        if file is None:
            return None
        with file:
            raw = file.read(MOST_EVENT + 1)
        with suppress(OSError):
            os.unlink(name, dir_fd=folder)
        return raw


def _descend(base: Path, *parts: str) -> int:
    """Open a folder without following a link on the way, -1 when it is none: the playbook may write on this way."""
    at = os.open(base, _FOLDER)
    for part in parts:
        try:
            below = os.open(part, _FOLDER, dir_fd=at)
        except OSError:
            below = -1
        os.close(at)
        if below < 0:
            return -1
        at = below
    return at


def _opened(folder: int, name: str) -> BinaryIO | None:
    """Open a plain file in a folder; a link, a pipe or a device that somebody laid there is not waited for."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    return None


def copied(place: tuple[Path, *tuple[str, ...]], name: str, target: Path) -> bool:
    """Copy what the runner wrote to where the playbook can't reach; False when there is no such file."""
    folder = _descend(*place)
    if folder < 0:
        return False
    try:
        file = _opened(folder, name)
    finally:
        os.close(folder)
    if file is None:
        return False
    left = MOST_EVENTS
    with file, target.open("xb") as out:
        while left > 0 and (data := file.read(min(left, 1 << 20))):
            out.write(data)
            left -= len(data)
    return True


def _document(raw: bytes) -> Mapping[str, object]:
    try:
        told = json.loads(raw)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
