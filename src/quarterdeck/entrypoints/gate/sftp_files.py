"""What passed through one open file handle: an ordered, gap-free hash, or the plain word why there is none.

Pure. A server executes the requests of one file in the order in which it gets them, so bytes written or read from
offset 0 on without a gap or an overlap are the file's content; anything else is *not sequential* and has no hash.
"""

import hashlib
from collections.abc import Callable

from quarterdeck.entrypoints.gate import sftp_packets as wire
from quarterdeck.sessions.terms import Direction, FileTransfer, Stage, Unhashed

MOST_WAITING = 32 * 1024 * 1024
STEP = 4 * 1024 * 1024
Tell = Callable[[FileTransfer], None]


class Content:
    """Bytes of one direction of one handle, hashed in the order of their offsets."""

    def __init__(self) -> None:
        self.next = 0
        self.broken: Unhashed | None = None
        self._digest = hashlib.sha256()
        self._waiting: dict[int, bytes] = {}
        self._waiting_bytes = 0

    def add(self, offset: int, data: memoryview) -> None:
        """Take a part at this offset; parts may come out of order within 32 MiB."""
        size = len(data)
        if self.broken or not size:
            return
        if offset == self.next:
            self._digest.update(data)
            self.next += size
            if self._waiting:
                self._catch_up()
        elif offset < self.next or offset in self._waiting:
            self.break_order()
        else:
            self._waiting[offset] = bytes(data)
            self._waiting_bytes += size
            if self._waiting_bytes > MOST_WAITING:
                self.break_order()

    def break_order(self, why: Unhashed | None = None) -> None:
        """Say that the order is lost: there will be no hash."""
        self.broken = self.broken or why or (Unhashed.NOT_SEQUENTIAL if self.next else Unhashed.RESUMED)
        self._waiting.clear()
        self._waiting_bytes = 0

    @property
    def unhashed(self) -> Unhashed | None:
        """Why there is no hash: a gap, an overlap, bytes that never came."""
        if self.broken or not self._waiting:
            return self.broken
        return Unhashed.NOT_SEQUENTIAL if self.next else Unhashed.RESUMED

    def sha256(self) -> str:
        """Return the hash of what passed so far in hex, empty when there is none."""
        return "" if self.unhashed else self._digest.hexdigest()

    def _catch_up(self) -> None:
        while (data := self._waiting.pop(self.next, None)) is not None:
            self._waiting_bytes -= len(data)
            self._digest.update(data)
            self.next += len(data)
        if self._waiting and min(self._waiting) < self.next:
            self.break_order()


class OpenFile:
    """One handle from OPEN to CLOSE: its path, what was read and what was written; told when it opens and every 4 MiB.

    `waiting` counts the writes that the target has not answered; a closed file is told when there is none.
    """

    def __init__(self, path: bytes, flags: int, number: int, tell: Tell) -> None:
        self.path = path.decode("utf-8", "surrogateescape")
        self.number = number
        self.writes = bool(flags & ~wire.OPEN_READ)
        self.written = Content()
        self.read = Content()
        self.bytes_written = 0
        self.bytes_read = 0
        self.failed_writes = 0
        self.failed_reads = 0
        self.saw_end = self.was_refused = False
        self.waiting = 0
        self.closed: bool | None = None
        # What was in the file before is gone: truncated, new, or cut by FSETSTAT to what was written.
        self.holds_nothing_else = bool(flags & (wire.OPEN_TRUNCATE | wire.OPEN_NEW))
        self._tell = tell
        self._told_written = self._told_read = 0
        if flags & wire.OPEN_APPEND:
            self.written.break_order(Unhashed.RESUMED)

    def opened(self) -> None:
        """The target has opened it."""
        self._tell(FileTransfer(self.path, self._direction, self.number, Stage.OPENED))

    def not_opened(self) -> None:
        """The target would not open it."""
        self._tell(FileTransfer(self.path, self._direction, self.number, unhashed=Unhashed.NOT_OPENED, failed=1))

    def wrote(self, offset: int, data: memoryview) -> None:
        """Take a write as it was asked for; `write_failed` follows when the target refuses it."""
        self.bytes_written += len(data)
        self.waiting += 1
        self.written.add(offset, data)
        if self.bytes_written - self._told_written >= STEP:
            self._told_written = self.bytes_written
            self._tell(self._upload(Stage.PASSING))

    def write_failed(self, size: int) -> None:
        """The target did not write this part."""
        self.failed_writes += 1
        self.bytes_written -= size
        self.written.break_order(Unhashed.FAILED)

    def ends_at(self, size: int) -> bool:
        """True when exactly so much was written, in order from the beginning on."""
        return self.writes and size == self.written.next and not self.written.broken

    def cut(self, size: int) -> Callable[[bool], None]:
        """The file is to be cut, or filled, to this size; return whom to tell whether the target did it."""
        if not self.ends_at(size):
            self.written.break_order(Unhashed.NOT_SEQUENTIAL)
            return lambda ok: None

        def done(ok: bool) -> None:
            self.holds_nothing_else = self.holds_nothing_else or ok

        return done

    def was_read(self, offset: int, data: memoryview) -> None:
        """Take what the target answered to a read; the same range read again changes nothing."""
        self.bytes_read += len(data)
        if offset + len(data) > self.read.next:
            self.read.add(offset, data)
        if self.bytes_read - self._told_read >= STEP:
            self._told_read = self.bytes_read
            self._tell(self._download(Stage.PASSING))

    def tell_end(self) -> None:
        """Tell what passed: one transfer for each direction that was used."""
        if self.writes:
            self._tell(self._upload(Stage.DONE))
        if self.bytes_read or not self.writes:
            self._tell(self._download(Stage.DONE))

    @property
    def _direction(self) -> Direction:
        return Direction.TO_TARGET if self.writes else Direction.FROM_TARGET

    def _upload(self, stage: Stage) -> FileTransfer:
        sha256 = self.written.sha256()
        return FileTransfer(
            self.path,
            Direction.TO_TARGET,
            self.number,
            stage,
            size=self.bytes_written,
            sha256=sha256,
            unhashed=self.written.unhashed,
            closed=bool(self.closed),
            failed=self.failed_writes,
            whole=stage is Stage.DONE and self.holds_nothing_else and bool(sha256),
        )

    def _download(self, stage: Stage) -> FileTransfer:
        sha256 = self.read.sha256()
        return FileTransfer(
            self.path,
            Direction.FROM_TARGET,
            self.number,
            stage,
            # The same part may be read twice; the size is that of what the hash is about.
            size=self.read.next if sha256 else self.bytes_read,
            sha256=sha256,
            unhashed=self.read.unhashed,
            closed=bool(self.closed),
            failed=self.failed_reads,
            whole=self.saw_end,
        )
