"""What passed through one open file handle: an ordered, gap-free hash, or the plain word that there is none.

Pure. OpenSSH's server executes requests in the order in which it gets them, so bytes written or read from offset 0
on without a gap or an overlap are the file's content; anything else is *not sequential* and has no hash.
"""

import hashlib

MOST_WAITING = 32 * 1024 * 1024


class Content:
    """Bytes of one direction of one handle, hashed in the order of their offsets."""

    def __init__(self) -> None:
        self.next = 0
        self.sequential = True
        self._digest = hashlib.sha256()
        self._waiting: dict[int, bytes] = {}
        self._waiting_bytes = 0

    def add(self, offset: int, data: memoryview) -> None:
        """Take a part at this offset; parts may come out of order within 32 MiB."""
        if not self.sequential or not len(data):
            return
        if offset == self.next:
            self._digest.update(data)
            self.next += len(data)
            if self._waiting:
                self._catch_up()
        elif offset < self.next or offset in self._waiting:
            self.break_order()
        else:
            self._waiting[offset] = bytes(data)
            self._waiting_bytes += len(data)
            if self._waiting_bytes > MOST_WAITING:
                self.break_order()

    def break_order(self) -> None:
        """Say that the order is lost: there will be no hash."""
        self.sequential = False
        self._waiting.clear()
        self._waiting_bytes = 0

    def sha256(self) -> str:
        """Return the hash in hex, empty when there is none: a gap, an overlap, bytes that never came."""
        return self._digest.hexdigest() if self.sequential and not self._waiting else ""

    def _catch_up(self) -> None:
        while (data := self._waiting.pop(self.next, None)) is not None:
            self._waiting_bytes -= len(data)
            self._digest.update(data)
            self.next += len(data)
        if self._waiting and min(self._waiting) < self.next:
            self.break_order()


class OpenFile:
    """One handle from OPEN to CLOSE: its path, what was read and what was written."""

    def __init__(self, path: bytes, flags: int) -> None:
        self.path = path
        self.flags = flags
        self.written = Content()
        self.read = Content()
        self.bytes_written = 0
        self.bytes_read = 0
        self.failed_writes = 0
        self.failed_reads = 0
        self.saw_end = False

    def wrote(self, offset: int, data: memoryview) -> None:
        """Take a write as it was asked for; `write_failed` follows when the target refuses it."""
        self.bytes_written += len(data)
        self.written.add(offset, data)

    def write_failed(self, size: int) -> None:
        """The target did not write this part."""
        self.failed_writes += 1
        self.bytes_written -= size
        self.written.break_order()

    def was_read(self, offset: int, data: memoryview) -> None:
        """Take what the target answered to a read; the same range read again changes nothing."""
        self.bytes_read += len(data)
        if self.read.sequential and offset + len(data) <= self.read.next:
            return
        self.read.add(offset, data)
