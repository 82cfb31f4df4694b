"""The auditor of one SFTP channel: follows both directions, refuses what is not allowed, tells what was transferred.

Pure: bytes in, bytes out. Requests pass through `from_client`, answers through `from_server`, both before anybody sees
them. A request that the policy forbids never reaches the target; the client gets *permission denied* for it. What can't
be followed raises BrokenProtocol, and the session ends (attacks.md row 21).
"""

from collections.abc import Callable
from dataclasses import replace

from quarterdeck.entrypoints.gate import sftp_packets as wire
from quarterdeck.entrypoints.gate.audits import BrokenProtocol
from quarterdeck.entrypoints.gate.sftp_files import OpenFile
from quarterdeck.entrypoints.gate.sftp_packets import Attributes, Fields, Framer, Kind, Status
from quarterdeck.sessions.terms import Allowance, Change, Direction, FileChange, FileTransfer, Stage, Told

MOST_OPEN_REQUESTS = 4096
MOST_HANDLES = 1024
MOST_ANSWERS = 64 * 1024
NOT_ALLOWED = "Quarterdeck: the ticket does not allow this."
NOT_FOLLOWED = "Quarterdeck: the gate does not know this request, so it does not let it through."
_READS_NOTHING = frozenset(
    {Kind.LSTAT, Kind.STAT, Kind.READLINK, Kind.REALPATH, Kind.OPENDIR, Kind.READDIR, Kind.FSTAT}
)
_HARMLESS_EXTENSIONS = frozenset(
    {
        b"statvfs@openssh.com",
        b"fstatvfs@openssh.com",
        b"fsync@openssh.com",
        b"limits@openssh.com",
        b"expand-path@openssh.com",
        b"home-directory",
        b"users-groups-by-id@openssh.com",
    }
)
_CHANGE_OF = {
    Kind.REMOVE: Change.REMOVED,
    Kind.MKDIR: Change.FOLDER_MADE,
    Kind.RMDIR: Change.FOLDER_REMOVED,
    Kind.RENAME: Change.RENAMED,
    Kind.SYMLINK: Change.LINKED,
}


_LIKE = {
    b"posix-rename@openssh.com": Kind.RENAME,
    b"hardlink@openssh.com": Kind.SYMLINK,
    b"lsetstat@openssh.com": Kind.SETSTAT,
}


class _Asked:
    """A request that waits for its answer: `done` is told whether the target did it."""

    __slots__ = ("done", "file", "kind", "offset", "size")

    def __init__(
        self,
        kind: Kind,
        file: OpenFile | None = None,
        offset: int = 0,
        size: int = 0,
        done: Callable[[bool], None] | None = None,
    ) -> None:
        self.kind, self.file, self.offset, self.size, self.done = kind, file, offset, size, done


class SftpAudit:
    """Follows one channel; `tell` gets each step of a file and each change, in order, before its answer passes."""

    def __init__(self, allowance: Allowance, tell: Callable[[Told], None]) -> None:
        self._allowance = allowance
        self._tell = tell
        self._client, self._server = Framer(), Framer()
        self._asked: dict[int, _Asked] = {}
        self._files: dict[bytes, OpenFile] = {}
        self._ending: list[OpenFile] = []
        self._number = 0
        self._answers = b""
        self._greeted = self.was_answered = False

    hashes = True
    server_waits = False

    @property
    def client_waits(self) -> bool:
        """True while a client that reads none of our refusals has enough of them."""
        return len(self._answers) > MOST_ANSWERS

    # ---- requests

    def from_client(self, chunk: bytes) -> bytes | memoryview:
        """Return what of the client's bytes may go to the target."""
        whole, bodies = self._client.feed(chunk)
        passing = [self._passes(body) for body in bodies]
        if all(passing):
            return whole
        return b"".join(
            len(body).to_bytes(4, "big") + body for body, passes in zip(bodies, passing, strict=True) if passes
        )

    def for_target(self) -> bytes:
        """Nothing waits for the target."""
        return b""

    def for_client(self) -> bytes:
        """Return our own answers to refused requests, once the server has greeted and stands between two packets."""
        if not (self._answers and self.was_answered and self._server.between_packets):
            return b""
        answers, self._answers = self._answers, b""
        return answers

    def _passes(self, body: memoryview) -> bool:
        kind = _kind(body)
        fields = Fields(body)
        if kind is Kind.INIT:
            return self._init(fields)
        request = fields.number()
        if not self._greeted or request in self._asked or len(self._asked) >= MOST_OPEN_REQUESTS:
            raise BrokenProtocol("requests come in no order that can be followed")
        reader = _REQUESTS.get(kind)
        if reader is None:
            raise BrokenProtocol(f"a client does not send packets of type {kind.name}")
        refusal = reader(self, kind, request, fields)
        if refusal:
            code = Status.UNSUPPORTED if refusal is NOT_FOLLOWED else Status.PERMISSION_DENIED
            self._answers += wire.status(request, code, refusal)
        return not refusal

    def _init(self, fields: Fields) -> bool:
        if self._greeted or fields.number() < 3:
            raise BrokenProtocol("the client does not begin with SFTP version 3")
        self._greeted = True
        return True

    def _plain(self, kind: Kind, request: int, fields: Fields) -> str:
        del fields
        self._asked[request] = _Asked(kind)
        return ""

    def _open(self, kind: Kind, request: int, fields: Fields) -> str:
        path, flags = fields.text(), fields.number()
        writes = bool(flags & ~wire.OPEN_READ)
        # A server opens for reading whatever does not ask to write: creating alone is a way to read.
        reads = bool(flags & wire.OPEN_READ) or not flags & wire.OPEN_WRITE
        if (writes and not self._allowance.to_target) or (reads and not self._allowance.from_target):
            self._refused(_name(path), to_target=writes)
            return NOT_ALLOWED
        if len(self._files) >= MOST_HANDLES:
            raise BrokenProtocol("too many open files")
        self._number += 1
        self._asked[request] = _Asked(kind, OpenFile(path, flags, self._number, self._tell))
        return ""

    def _close(self, kind: Kind, request: int, fields: Fields) -> str:
        file = self._files.pop(fields.text(), None)
        self._asked[request] = _Asked(kind, file)
        return ""

    def _read(self, kind: Kind, request: int, fields: Fields) -> str:
        file = self._known(fields)
        if not self._allowance.from_target:
            return self._refused_part(file, to_target=False)
        self._asked[request] = _Asked(kind, file, fields.long(), fields.number())
        return ""

    def _write(self, kind: Kind, request: int, fields: Fields) -> str:
        file, offset = self._known(fields), fields.long()
        if not self._allowance.to_target:
            return self._refused_part(file, to_target=True)
        data = fields.view()
        file.wrote(offset, data)
        self._asked[request] = _Asked(kind, file, offset, len(data))
        return ""

    def _fsetstat(self, kind: Kind, request: int, fields: Fields) -> str:
        file = self._files.get(fields.text())
        wanted = wire.attributes(fields)
        path = file.path if file is not None else ""
        if file is None or wanted.size is None or not self._allowance.to_target:
            return self._changing(kind, request, *_changes(path, wanted))
        # Cutting a file to what was just written ends its upload; it is no change of its own.
        is_end = file.ends_at(wanted.size)
        cut = file.cut(wanted.size)
        return self._changing(kind, request, *_changes(path, replace(wanted, size=None) if is_end else wanted), cut=cut)

    def _setstat(self, kind: Kind, request: int, fields: Fields) -> str:
        path = _name(fields.text())
        return self._changing(kind, request, *_changes(path, wire.attributes(fields)))

    def _one_path(self, kind: Kind, request: int, fields: Fields) -> str:
        return self._changing(kind, request, FileChange(_CHANGE_OF[kind], _name(fields.text())))

    def _two_paths(self, kind: Kind, request: int, fields: Fields) -> str:
        first, second = fields.text(), fields.text()
        return self._changing(kind, request, FileChange(_CHANGE_OF[kind], _name(first), to=_name(second)))

    def _extended(self, kind: Kind, request: int, fields: Fields) -> str:
        name = fields.text()
        if name in _HARMLESS_EXTENSIONS:
            return self._plain(kind, request, fields)
        same = _LIKE.get(name)
        return _REQUESTS[same](self, same, request, fields) if same else NOT_FOLLOWED

    def _changing(
        self, kind: Kind, request: int, *changes: FileChange, cut: Callable[[bool], None] | None = None
    ) -> str:
        if changes and not self._allowance.to_target:
            self._refused(changes[0].path, to_target=True)
            return NOT_ALLOWED

        def done(ok: bool) -> None:
            for change in changes:
                self._tell(FileChange(change.change, change.path, change.to, change.detail, done=ok))
            if cut is not None:
                cut(ok)

        self._asked[request] = _Asked(kind, done=done)
        return ""

    def _known(self, fields: Fields) -> OpenFile:
        file = self._files.get(fields.text())
        if file is None:
            raise BrokenProtocol("a file is used that was not opened here")
        return file

    def _refused_part(self, file: OpenFile, *, to_target: bool) -> str:
        """Refuse a read or a write of a file that was opened for the other; told once a file."""
        if not file.was_refused:
            file.was_refused = True
            self._refused(file.path, to_target=to_target)
        return NOT_ALLOWED

    def _refused(self, path: str, *, to_target: bool) -> None:
        direction = Direction.TO_TARGET if to_target else Direction.FROM_TARGET
        self._tell(FileTransfer(path, direction, stage=Stage.REFUSED))

    # ---- answers

    def from_server(self, chunk: bytes) -> bytes:
        """Take the target's answers; they pass unchanged."""
        for body in self._server.feed(chunk)[1]:
            self._answered(body)
        return chunk

    def _answered(self, body: memoryview) -> None:
        kind = _kind(body)
        fields = Fields(body)
        if kind is Kind.VERSION:
            if not self._greeted or self.was_answered or fields.number() != 3:
                raise BrokenProtocol("the target does not answer with SFTP version 3")
            self.was_answered = True
            return
        asked = self._asked.pop(fields.number(), None)
        if asked is None:
            raise BrokenProtocol("the target answers what nobody asked")
        file = asked.file
        if kind is Kind.STATUS:
            self._status(asked, fields.number())
        elif kind is Kind.DATA:
            if file is None or asked.kind is not Kind.READ:
                raise BrokenProtocol("the target sends data that nobody asked for")
            data = fields.view()
            if len(data) > asked.size:
                raise BrokenProtocol("the target sends more than was asked for")
            file.was_read(asked.offset, data)
        elif kind is Kind.HANDLE and file is not None:
            handle = fields.text()
            if asked.kind is not Kind.OPEN or handle in self._files:
                raise BrokenProtocol("the target gives one handle to two files")
            self._files[handle] = file
            file.opened()

    def _status(self, asked: _Asked, code: int) -> None:
        file, ok = asked.file, code == Status.OK
        if asked.done is not None:
            asked.done(ok)
        elif file is not None:
            _STATUS_OF[asked.kind](self, asked, file, code)

    def _write_status(self, asked: _Asked, file: OpenFile, code: int) -> None:
        file.waiting -= 1
        if code != Status.OK:
            file.write_failed(asked.size)
        if file.closed is not None:
            self._end_if_complete(file)

    def _close_status(self, asked: _Asked, file: OpenFile, code: int) -> None:
        file.closed = code == Status.OK
        self._ending.append(file)
        self._end_if_complete(file)

    def _end_if_complete(self, file: OpenFile) -> None:
        """Tell of a closed file once the target has answered all its writes; answers may come in any order."""
        if not file.waiting:
            self._ending.remove(file)
            file.tell_end()

    # ---- the end

    def farewell(self, sentence: str) -> bytes:
        """Return an answer with the sentence to every request that the target has not answered."""
        if not self._server.between_packets or not self.was_answered:
            return b""
        return b"".join(wire.status(request, Status.FAILURE, f"Quarterdeck: {sentence}") for request in self._asked)

    def finish(self, *, complete: bool) -> None:
        """Tell of every file that was still open when the channel ended."""
        del complete
        closing = [asked.file for asked in self._asked.values() if asked.kind is Kind.CLOSE and asked.file is not None]
        for file in [*self._files.values(), *closing, *self._ending]:
            file.closed = False
            file.tell_end()
        self._files.clear()
        self._asked.clear()
        self._ending.clear()


def _read_status(audit: SftpAudit, asked: _Asked, file: OpenFile, code: int) -> None:
    if code == Status.EOF:
        file.saw_end = True
    else:
        file.failed_reads += 1


def _open_status(audit: SftpAudit, asked: _Asked, file: OpenFile, code: int) -> None:
    file.not_opened()


_STATUS_OF: dict[Kind, Callable[[SftpAudit, _Asked, OpenFile, int], None]] = {
    Kind.OPEN: _open_status,
    Kind.READ: _read_status,
    Kind.WRITE: SftpAudit._write_status,
    Kind.CLOSE: SftpAudit._close_status,
}


def _changes(path: str, wanted: Attributes) -> list[FileChange]:
    """Return the changes that these attributes ask for; times alone count, beside others they go with them."""
    changes = []
    if wanted.permissions is not None:
        changes.append(FileChange(Change.PERMISSIONS, path, detail=f"{wanted.permissions & 0o7777:04o}"))
    if wanted.owner is not None:
        changes.append(FileChange(Change.OWNER, path, detail=f"{wanted.owner[0]}:{wanted.owner[1]}"))
    if wanted.size is not None:
        changes.append(FileChange(Change.TRUNCATED, path, detail=str(wanted.size)))
    if wanted.times and not changes:
        changes.append(FileChange(Change.TIMES, path))
    return changes


def _kind(body: memoryview) -> Kind:
    kind = _KINDS.get(body[0])
    if kind is None:
        raise BrokenProtocol(f"a packet of unknown type {body[0]}")
    return kind


def _name(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


_KINDS = {kind.value: kind for kind in Kind}
_REQUESTS: dict[Kind, Callable[[SftpAudit, Kind, int, Fields], str]] = {
    **dict.fromkeys(_READS_NOTHING, SftpAudit._plain),
    Kind.OPEN: SftpAudit._open,
    Kind.CLOSE: SftpAudit._close,
    Kind.READ: SftpAudit._read,
    Kind.WRITE: SftpAudit._write,
    Kind.SETSTAT: SftpAudit._setstat,
    Kind.FSETSTAT: SftpAudit._fsetstat,
    Kind.REMOVE: SftpAudit._one_path,
    Kind.MKDIR: SftpAudit._one_path,
    Kind.RMDIR: SftpAudit._one_path,
    Kind.RENAME: SftpAudit._two_paths,
    Kind.SYMLINK: SftpAudit._two_paths,
    Kind.EXTENDED: SftpAudit._extended,
}
