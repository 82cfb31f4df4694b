"""The recording of one session: asciicast v2, written before it is forwarded, with a hash chain over its lines.

`head` after n lines is SHA-256(head before || line); the first head is SHA-256 of the session's id. Whoever kept a head
and its count can tell whether the first n lines are still those (attacks.md row 16).
"""

import codecs
import hashlib
import json
import os
from json.encoder import encode_basestring_ascii
from pathlib import Path
from typing import Any

from quarterdeck.kernel.clock import Clock
from quarterdeck.sessions.terms import FILE_CODE, FileTally, Told, encode_told, files_in, tally

SYNC_EVERY = 1.0
SLOW_SYNC = 10.0
CHAIN_START = b"quarterdeck-recording\n"


class RecorderFailed(Exception):
    """The recording can't be written; the session must end."""


def first_head(session: str) -> bytes:
    """Return the chain's value before the first line."""
    return hashlib.sha256(CHAIN_START + session.encode()).digest()


class Recorder:
    """Appends events to one file that it alone creates; every method may raise `RecorderFailed`."""

    def __init__(self, folder: Path, session: str, clock: Clock, header: dict[str, Any]) -> None:
        self.path = folder / f"{session}.cast"
        self.count = 0
        self.size = 0
        self._clock = clock
        self._head = first_head(session)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._began = clock.boot()
        self._synced = self._began
        self.dirty = False
        try:
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            first = {"version": 2, "timestamp": int(clock.now().timestamp()), **header}
            self._line(json.dumps(first, separators=(",", ":")).encode() + b"\n")
            os.fsync(self._file)
            folder_descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            os.fsync(folder_descriptor)
            os.close(folder_descriptor)
        except OSError as error:
            raise RecorderFailed(str(error)) from error

    @property
    def head(self) -> str:
        """The chain's present value in hex."""
        return self._head.hex()

    def output(self, data: bytes) -> None:
        """Record bytes that the person is about to see; bytes that are no UTF-8 survive as lone surrogates."""
        text = self._decoder.decode(data)
        if text:
            self._event("o", text)

    def resize(self, columns: int, rows: int) -> None:
        """Record a new size of the terminal."""
        self._event("r", f"{columns}x{rows}")

    def file(self, told: Told) -> None:
        """Record what happened to a file, before its answer is forwarded."""
        self._event(FILE_CODE, encode_told(told))

    def mark(self, text: str) -> None:
        """Record a marker: a notice, the end and its reason, the sums of a stream."""
        self._event("m", text)

    def sync(self, *, now: bool = False) -> None:
        """Bring the file to the disk when a second has passed since the last time, or `now`."""
        if not self.dirty:
            return
        before = self._clock.boot()
        if not now and before - self._synced < SYNC_EVERY:
            return
        try:
            os.fdatasync(self._file)
        except OSError as error:
            raise RecorderFailed(str(error)) from error
        self._synced = self._clock.boot()
        self.dirty = False
        if self._synced - before > SLOW_SYNC:
            raise RecorderFailed(f"writing to the disk took {self._synced - before:.0f} s")

    def close(self) -> None:
        """Write what the decoder still holds, sync and close."""
        rest = self._decoder.decode(b"", final=True)
        if rest:
            self._event("o", rest)
        self.sync(now=True)
        os.close(self._file)

    def _event(self, kind: str, text: str) -> None:
        at = round(self._clock.boot() - self._began, 6)
        # Put together here: an encoder made for each line takes longer than writing the line.
        self._line(f'[{at!r},"{kind}",{encode_basestring_ascii(text)}]\n'.encode())

    def _line(self, line: bytes) -> None:
        try:
            written = os.write(self._file, line)
            if written != len(line):
                os.ftruncate(self._file, self.size)
                raise RecorderFailed("the disk is full")
        except OSError as error:
            raise RecorderFailed(error.strerror or "the file can't be written") from error
        self._head = hashlib.sha256(self._head + line).digest()
        self.size += written
        self.count += 1
        self.dirty = True


def recorded(path: Path, session: str) -> tuple[int, str]:
    """Return count and head over the whole lines of a recording; a torn last line does not count."""
    head = first_head(session)
    count = 0
    with path.open("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                head = hashlib.sha256(head + line).digest()
                count += 1
    return count, head.hex()


def tallied(path: Path) -> FileTally:
    """Return in numbers what a recording tells of files."""
    with path.open("rb") as lines:
        return tally(files_in(line for line in lines if line.endswith(b"\n")))
