"""Which follower a channel gets, and what a ticket forbids of a transfer before anything is dialled."""

from collections.abc import Callable

from quarterdeck.entrypoints.gate.asked import Asked
from quarterdeck.entrypoints.gate.audits import Audit
from quarterdeck.entrypoints.gate.scp_audit import ScpAudit
from quarterdeck.entrypoints.gate.sftp_audit import SftpAudit
from quarterdeck.sessions.terms import Allowance, Direction, FileTransfer, Protocol, Stage, Told, Unhashed

_WAYS = {Direction.TO_TARGET: "to the target", Direction.FROM_TARGET: "from the target"}


class RsyncWatch:
    """Counts the bytes of an rsync: its stream tells no files apart, so there is one transfer without a hash."""

    was_answered = True
    hashes = client_waits = server_waits = False

    def __init__(self, asked: Asked, tell: Callable[[Told], None]) -> None:
        self._places = " ".join(asked.places)
        self._direction = asked.direction or Direction.TO_TARGET
        self._tell = tell
        self._size = 0
        self._began = False

    def from_client(self, chunk: bytes) -> bytes:
        """Count and pass."""
        return self._count(chunk, Direction.TO_TARGET)

    def from_server(self, chunk: bytes) -> bytes:
        """Count and pass."""
        return self._count(chunk, Direction.FROM_TARGET)

    def for_target(self) -> bytes:
        """Nothing waits."""
        return b""

    def for_client(self) -> bytes:
        """Nothing waits."""
        return b""

    def farewell(self, sentence: str) -> bytes:
        """Nothing: rsync shows standard error."""
        return b""

    def finish(self, *, complete: bool) -> None:
        """Tell how much passed."""
        if self._began:
            self._tell(self._transfer(Stage.DONE, closed=complete))

    def _count(self, chunk: bytes, direction: Direction) -> bytes:
        if not self._began:
            self._began = True
            self._tell(self._transfer(Stage.OPENED))
        if direction is self._direction:
            self._size += len(chunk)
        return chunk

    def _transfer(self, stage: Stage, *, closed: bool = False) -> FileTransfer:
        return FileTransfer(
            self._places, self._direction, 1, stage, size=self._size, unhashed=Unhashed.NOT_FOLLOWED, closed=closed
        )


def follower(asked: Asked, allowance: Allowance, tell: Callable[[Told], None]) -> Audit | None:
    """Return what follows this channel; None for a terminal and a command."""
    if asked.protocol is Protocol.SFTP:
        return SftpAudit(allowance, tell)
    if asked.protocol is Protocol.SCP:
        return ScpAudit(asked, tell)
    return RsyncWatch(asked, tell) if asked.protocol is Protocol.RSYNC else None


def forbidden(asked: Asked, allowance: Allowance) -> tuple[str, list[FileTransfer]]:
    """Return the sentence against a transfer whose direction the ticket does not allow, and the refused places."""
    directions = [asked.direction] if asked.direction else []
    if asked.changes_target:
        directions.append(Direction.TO_TARGET)
    against = [way for way in directions if not getattr(allowance, way.value)]
    if not against:
        return "", []
    way = _WAYS[against[0]]
    sentence = f"The ticket does not allow files {way}. Its requester can ask for it, with a new approval."
    return sentence, [FileTransfer(place, against[0], stage=Stage.REFUSED) for place in asked.places]


def refusal_bytes(asked: Asked) -> bytes:
    """Return the answer that ends the client's side of a refused transfer in its own protocol; empty for none."""
    if asked.protocol is not Protocol.SCP:
        return b""
    return b"\2scp: %s: Permission denied\n" % " ".join(asked.places).encode("utf-8", "surrogateescape")
