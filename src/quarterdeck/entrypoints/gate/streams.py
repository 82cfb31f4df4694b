"""One direction of a session's bytes: read, count, hash, record, then forward; bounded by one buffer."""

import contextlib
import errno
import hashlib
import os
import select
from collections.abc import Callable

from quarterdeck.sessions.terms import StreamSum

CHUNK = 262_144
# So many chunks pass before the loop looks around again: fewer polls, and an order still waits for a mebibyte at most.
BURST = 4
FEW = 4096  # after so little nothing more is waiting: a key, an echo
# Room for a whole chunk is asked of the kernel and given back at each read, 25 us: a terminal needs far less.
SMALL = 16_384
Keep = Callable[[bytes], None]
Passes = Callable[[bytes], bytes | memoryview]


class Stream:
    """Moves bytes from `source` to `sink`, both non-blocking and owned by the stream.

    `keep` is called with every chunk before the sink sees it; `passes` returns what of a chunk may go on; while
    `waits` says so, nothing more is read. `finished` is True once the source has ended
    and the sink has everything, or once the sink is gone. The ends in `owns` (`source`, `sink`) are closed then, which
    passes the end of the stream on to whoever is at the other side.
    """

    def __init__(
        self,
        source: int,
        sink: int,
        *,
        keep: Keep | None = None,
        passes: Passes | None = None,
        waits: Callable[[], bool] = lambda: False,
        hashed: bool = True,
        owns: str = "",
    ) -> None:
        os.set_blocking(source, False)
        os.set_blocking(sink, False)
        self.source, self.sink = source, sink
        self.ended = False
        self._keep, self._passes, self._waits = keep, passes, waits
        self._owns = owns
        self._pending = memoryview(b"")
        self._size = 0
        self._room = SMALL
        self._digest = hashlib.sha256() if hashed else None
        self._closed = False

    @property
    def finished(self) -> bool:
        """True when nothing is left to move."""
        return self._closed or (self.ended and not self._pending and not self._waits())

    @property
    def has_room(self) -> bool:
        """True while bytes of our own may be injected."""
        return not self._closed and len(self._pending) < CHUNK

    @property
    def is_idle(self) -> bool:
        """True when the sink has everything that was let through."""
        return not self._closed and not self._pending

    @property
    def size(self) -> int:
        """How many bytes were read so far."""
        return self._size

    @property
    def sum(self) -> StreamSum:
        """Size of what was read so far, and its SHA-256 where the stream is hashed."""
        return StreamSum(self._size, self._digest.hexdigest() if self._digest else "")

    def interest(self) -> tuple[int, int] | None:
        """Return descriptor and poll event to wait for, None when finished or when more must not be read yet."""
        if self._pending:
            return self.sink, select.POLLOUT
        return None if self.ended or self._waits() else (self.source, select.POLLIN)

    def inject(self, data: bytes | memoryview) -> None:
        """Queue bytes for the sink behind what waits there; they are not part of the sum."""
        self._pending = memoryview(b"".join((self._pending, data)))
        self._write()
        self._settle()

    def move(self) -> None:
        """Write what waits, else read one chunk, keep it and write it."""
        for _ in range(BURST):
            if not self._pending:
                self._read()
            if not self._pending:
                break
            few = len(self._pending) < FEW
            self._write()
            if few or self._pending or self._waits():
                break
        self._settle()

    def close(self) -> None:
        """Stop, and close the ends that this stream owns."""
        self.ended = self._closed = True
        self._pending = memoryview(b"")
        owned = {"source": self.source, "sink": self.sink}.get(self._owns, -1)
        self._owns = ""
        if owned >= 0:
            os.close(owned)

    def _settle(self) -> None:
        if self.finished:
            self.close()

    def _read(self) -> None:
        if self.ended:
            return
        try:
            data = os.read(self.source, self._room)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in (errno.EIO, errno.ECONNRESET):
                raise
            data = b""
        if not data:
            self.ended = True
            return
        self._room = CHUNK if len(data) >= SMALL else SMALL
        self._size += len(data)
        if self._digest is not None:
            self._digest.update(data)
        if self._keep is not None:
            self._keep(data)
        self._pending = memoryview(data if self._passes is None else self._passes(data))

    def _write(self) -> None:
        if not self._pending:
            return
        try:
            written = os.write(self.sink, self._pending)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno not in (errno.EPIPE, errno.EIO, errno.ECONNRESET, errno.EBADF):
                raise
            self.close()
            return
        self._pending = self._pending[written:]


class Drain:
    """Reads and forgets, so that a writer never blocks on us."""

    def __init__(self, source: int) -> None:
        os.set_blocking(source, False)
        self.source = source
        self.finished = False

    def interest(self) -> tuple[int, int] | None:
        """Return descriptor and poll event to wait for, None when the writer is gone."""
        return None if self.finished else (self.source, select.POLLIN)

    def move(self) -> None:
        """Read one chunk."""
        with contextlib.suppress(BlockingIOError):
            self.finished = not os.read(self.source, SMALL)
