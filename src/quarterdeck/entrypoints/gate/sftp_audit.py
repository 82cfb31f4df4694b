"""The auditor of one SFTP channel: follows both directions, refuses what is not allowed, tells what was transferred.

Pure: bytes in, bytes out. Requests pass through `from_client`, answers through `from_server`, both before anybody sees
them. A request that the policy forbids never reaches the target; the client gets *permission denied* for it. What can't
be followed raises BrokenProtocol, and the session ends (attacks.md row 21).
"""

from collections.abc import Callable
from dataclasses import dataclass

from quarterdeck.entrypoints.gate import sftp_packets as wire
from quarterdeck.entrypoints.gate.sftp_files import OpenFile
from quarterdeck.entrypoints.gate.sftp_packets import Attributes, BrokenProtocol, Fields, Framer, Kind, Status
from quarterdeck.sessions.terms import Allowance, Change, Direction, FileChange, FileTransfer

MOST_OPEN_REQUESTS = 4096
MOST_HANDLES = 1024
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


@dataclass(slots=True)
class _Asked:
    """A request that waits for its answer: `done` is told whether the target did it."""

    kind: Kind
    file: OpenFile | None = None
    handle: bytes = b""
    offset: int = 0
    size: int = 0
    done: Callable[[bool], None] | None = None


class SftpAudit:
    """Follows one channel; `tell` gets each finished transfer and each change, in order."""

    def __init__(self, allowance: Allowance, tell: Callable[[FileTransfer | FileChange], None]) -> None:
        self._allowance = allowance
        self._tell = tell
        self._client, self._server = Framer(), Framer()
        self._asked: dict[int, _Asked] = {}
        self._files: dict[bytes, OpenFile] = {}
        self._answers = b""
        self._greeted = False

    # ---- requests

    def from_client(self, chunk: bytes) -> bytes:
        """Return what of the client's bytes may go to the target."""
        kept: list[bytes | memoryview] = []
        whole = self._client.between_packets
        dropped = False
        for body in self._client.feed(chunk):
            if self._passes(body):
                kept += (len(body).to_bytes(4, "big"), body)
            else:
                dropped = True
        if whole and not dropped and self._client.between_packets:
            return chunk
        return b"".join(kept)

    def take_answers(self) -> bytes:
        """Return our own answers to refused requests, once the server's stream stands between two packets."""
        if not self._server.between_packets:
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
        reads = bool(flags & wire.OPEN_READ) or not flags
        if (writes and not self._allowance.to_target) or (reads and not self._allowance.from_target):
            self._refused(path, to_target=writes)
            return NOT_ALLOWED
        if len(self._files) >= MOST_HANDLES:
            raise BrokenProtocol("too many open files")
        self._asked[request] = _Asked(kind, OpenFile(path, flags))
        return ""

    def _close(self, kind: Kind, request: int, fields: Fields) -> str:
        handle = fields.text()
        file = self._files.pop(handle, None)
        self._asked[request] = _Asked(kind, file, handle)
        if file is not None:
            self._asked[request].done = lambda ok: self._tell_of(file, closed=ok)
        return ""

    def _read(self, kind: Kind, request: int, fields: Fields) -> str:
        handle, offset, size = fields.text(), fields.long(), fields.number()
        self._asked[request] = _Asked(kind, self._known(handle), handle, offset, size)
        return ""

    def _write(self, kind: Kind, request: int, fields: Fields) -> str:
        handle, offset, data = fields.text(), fields.long(), fields.view()
        file, size = self._known(handle), len(data)
        file.wrote(offset, data)

        def done(ok: bool) -> None:
            if not ok:
                file.write_failed(size)

        self._asked[request] = _Asked(kind, file, handle, offset, size, done)
        return ""

    def _fsetstat(self, kind: Kind, request: int, fields: Fields) -> str:
        handle = fields.text()
        file = self._files.get(handle)
        wanted = wire.attributes(fields)
        if file is not None and wanted.size is not None and wanted.size != file.written.next:
            file.written.break_order()
        return self._attributes(kind, request, file.path if file else b"", wanted)

    def _setstat(self, kind: Kind, request: int, fields: Fields) -> str:
        path = fields.text()
        return self._attributes(kind, request, path, wire.attributes(fields))

    def _attributes(self, kind: Kind, request: int, path: bytes, wanted: Attributes) -> str:
        changes = [
            (Change.PERMISSIONS, f"{wanted.permissions & 0o7777:04o}") if wanted.permissions is not None else None,
            (Change.OWNER, f"{wanted.owner[0]}:{wanted.owner[1]}") if wanted.owner is not None else None,
            (Change.TRUNCATED, str(wanted.size)) if wanted.size is not None else None,
        ]
        told = [FileChange(change[0], _name(path), detail=change[1]) for change in changes if change]
        return self._changing(kind, request, *told)

    def _one_path(self, kind: Kind, request: int, fields: Fields) -> str:
        change = {Kind.REMOVE: Change.REMOVED, Kind.MKDIR: Change.FOLDER_MADE, Kind.RMDIR: Change.FOLDER_REMOVED}[kind]
        return self._changing(kind, request, FileChange(change, _name(fields.text())))

    def _two_paths(self, kind: Kind, request: int, fields: Fields) -> str:
        first, second = fields.text(), fields.text()
        change = Change.RENAMED if kind is Kind.RENAME else Change.LINKED
        return self._changing(kind, request, FileChange(change, _name(first), to=_name(second)))

    def _extended(self, kind: Kind, request: int, fields: Fields) -> str:
        name = fields.text()
        if name in _HARMLESS_EXTENSIONS:
            return self._plain(kind, request, fields)
        if name == b"posix-rename@openssh.com":
            return self._two_paths(Kind.RENAME, request, fields)
        if name == b"hardlink@openssh.com":
            return self._two_paths(Kind.SYMLINK, request, fields)
        if name == b"lsetstat@openssh.com":
            return self._setstat(kind, request, fields)
        return NOT_FOLLOWED

    def _changing(self, kind: Kind, request: int, *changes: FileChange) -> str:
        if changes and not self._allowance.to_target:
            self._refused(changes[0].path.encode("utf-8", "surrogateescape"), to_target=True)
            return NOT_ALLOWED

        def done(ok: bool) -> None:
            for change in changes:
                self._tell(FileChange(change.change, change.path, change.to, change.detail, done=ok))

        self._asked[request] = _Asked(kind, done=done)
        return ""

    def _known(self, handle: bytes) -> OpenFile:
        file = self._files.get(handle)
        if file is None:
            raise BrokenProtocol("a file is used that was not opened here")
        return file

    def _refused(self, path: bytes, *, to_target: bool) -> None:
        direction = Direction.TO_TARGET if to_target else Direction.FROM_TARGET
        self._tell(FileTransfer(_name(path), direction, refused=True))

    # ---- answers

    def from_server(self, chunk: bytes) -> None:
        """Take the target's answers; they pass unchanged."""
        for body in self._server.feed(chunk):
            self._answered(body)

    def _answered(self, body: memoryview) -> None:
        kind = _kind(body)
        fields = Fields(body)
        if kind is Kind.VERSION:
            if fields.number() != 3:
                raise BrokenProtocol("the target does not speak SFTP version 3")
            return
        request = fields.number()
        asked = self._asked.pop(request, None)
        if asked is None:
            raise BrokenProtocol("the target answers what nobody asked")
        if kind is Kind.HANDLE and asked.kind is Kind.OPEN and asked.file is not None:
            self._files[fields.text()] = asked.file
        elif kind is Kind.DATA and asked.file is not None:
            data = fields.view()
            if len(data) > asked.size:
                raise BrokenProtocol("the target sends more than was asked for")
            asked.file.was_read(asked.offset, data)
        elif kind is Kind.STATUS:
            self._status(asked, fields.number())

    def _status(self, asked: _Asked, code: int) -> None:
        if asked.kind is Kind.READ and asked.file is not None:
            if code == Status.EOF:
                asked.file.saw_end = True
            else:
                asked.file.failed_reads += 1
        if asked.kind is Kind.OPEN and asked.file is not None:
            self._tell(_transfer(asked.file, opened=False, closed=False))
        if asked.done is not None:
            asked.done(code == Status.OK)

    # ---- the end

    def finish(self) -> None:
        """Tell of every file that was still open when the channel ended."""
        closing = [asked.file for asked in self._asked.values() if asked.kind is Kind.CLOSE and asked.file is not None]
        for file in [*self._files.values(), *closing]:
            self._tell_of(file, closed=False)
        self._files.clear()
        self._asked.clear()

    def _tell_of(self, file: OpenFile, *, closed: bool) -> None:
        for told in _transfers(file, closed=closed):
            self._tell(told)


def _transfers(file: OpenFile, *, closed: bool) -> list[FileTransfer]:
    """Return what passed through a handle: one transfer a direction."""
    found = []
    if file.flags & ~wire.OPEN_READ:
        found.append(_transfer(file, opened=True, closed=closed))
    if file.bytes_read or not found:
        found.append(_download(file, closed=closed))
    return found


def _transfer(file: OpenFile, *, opened: bool, closed: bool) -> FileTransfer:
    if not file.flags & ~wire.OPEN_READ:
        return FileTransfer(_name(file.path), Direction.FROM_TARGET, opened=opened)
    fresh = bool(file.flags & wire.OPEN_TRUNCATE) and not file.flags & wire.OPEN_APPEND
    return FileTransfer(
        _name(file.path),
        Direction.TO_TARGET,
        size=file.bytes_written,
        sha256=file.written.sha256() if fresh and opened else "",
        sequential=fresh and bool(file.written.sha256()),
        opened=opened,
        closed=closed,
        failed=file.failed_writes,
    )


def _download(file: OpenFile, *, closed: bool) -> FileTransfer:
    return FileTransfer(
        _name(file.path),
        Direction.FROM_TARGET,
        size=file.bytes_read,
        sha256=file.read.sha256(),
        sequential=bool(file.read.sha256()),
        opened=True,
        closed=closed,
        failed=file.failed_reads,
        whole=file.saw_end,
    )


def _kind(body: memoryview) -> Kind:
    try:
        return Kind(body[0])
    except ValueError as error:
        raise BrokenProtocol(f"a packet of unknown type {body[0]}") from error


def _name(path: bytes) -> str:
    return path.decode("utf-8", "surrogateescape")


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
