"""The auditor of one channel of the old scp protocol (`scp -O`): follows records, data and answers of one direction.

Pure. The sender gives a record a line (C a file, D and E a folder, T times) and waits for the receiver's answer after
each, also after the data. Bytes that a sender sends ahead wait here until the answer is seen, so that it is always
clear whether they are data or the next record. Sources: scp.c of OpenSSH, `source` and `sink`.
"""

import hashlib
import re
from collections.abc import Callable, Iterator
from enum import Enum, auto

from quarterdeck.entrypoints.gate.asked import Asked
from quarterdeck.entrypoints.gate.audits import BrokenProtocol
from quarterdeck.entrypoints.gate.sftp_files import STEP
from quarterdeck.sessions.terms import Change, Direction, FileChange, FileTransfer, Stage, Told, Unhashed

LONGEST_LINE = 8192
DEEPEST = 1024
_FILE = re.compile(rb"C[0-7]{4,5} ([0-9]{1,19}) ([^/\0\n]+)\n")
_FOLDER = re.compile(rb"D[0-7]{4,5} [0-9]{1,19} ([^/\0\n]+)\n")
_TIMES = re.compile(rb"T-?[0-9]{1,20} [0-9]{1,6} -?[0-9]{1,20} [0-9]{1,6}\n")
_OK, _WARNING, _FATAL = b"\0", b"\1", b"\2"


class _Next(Enum):
    """What the sender says next, once it may."""

    RECORD = auto()
    DATA = auto()
    STATUS = auto()
    NOTHING = auto()


class _File:
    """One file under way."""

    def __init__(self, path: str, sent_as: str, size: int, number: int) -> None:
        self.path, self.sent_as, self.size, self.number = path, sent_as, size, number
        self.passed = self.told = self.failed = 0
        self.digest = hashlib.sha256()


class _Answers:
    """Cuts what the receiver says into answers: a zero byte, or a line that says what went wrong."""

    def __init__(self) -> None:
        self._line = b""

    def feed(self, chunk: bytes) -> Iterator[bool]:
        """Yield for each answer that is whole now whether it is good."""
        start = 0
        while start < len(chunk):
            if not self._line and chunk[start : start + 1] == _OK:
                start += 1
                yield True
                continue
            if not self._line and chunk[start : start + 1] not in (_WARNING, _FATAL):
                raise BrokenProtocol("the receiver answers with something that is no scp")
            end = chunk.find(b"\n", start) + 1 or len(chunk)
            self._line += chunk[start:end]
            start = end
            if self._line.endswith(b"\n"):
                self._line = b""
                yield False
            elif len(self._line) > LONGEST_LINE:
                raise BrokenProtocol("an answer of the scp protocol does not end")


class ScpAudit:
    """Follows one channel; `tell` gets each step of a file and each folder before it passes."""

    def __init__(self, asked: Asked, tell: Callable[[Told], None]) -> None:
        self._asked = asked
        self._direction = asked.direction or Direction.TO_TARGET
        self._tell = tell
        self._next = _Next.RECORD
        self._awaited: Callable[[bool], None] | None = self._started
        self._held = b""
        self._answers = _Answers()
        self._answered_early = False
        self._folders: list[str] = []
        self._number = 0
        self._file: _File | None = None

    # ---- the two sides

    hashes = was_answered = True

    @property
    def _to_target(self) -> bool:
        return self._direction is Direction.TO_TARGET

    @property
    def client_waits(self) -> bool:
        """True while the client has sent ahead of an answer."""
        return self._to_target and bool(self._held) and self._awaited is not None

    @property
    def server_waits(self) -> bool:
        """True while the target has sent ahead of an answer."""
        return not self._to_target and bool(self._held) and self._awaited is not None

    def from_client(self, chunk: bytes) -> bytes | memoryview:
        """Return what of the client's bytes may go to the target."""
        return self._from_sender(chunk) if self._to_target else self._from_receiver(chunk)

    def from_server(self, chunk: bytes) -> bytes | memoryview:
        """Return what of the target's bytes may go to the client."""
        return self._from_receiver(chunk) if self._to_target else self._from_sender(chunk)

    def for_target(self) -> bytes | memoryview:
        """Return what waited for an answer and may go to the target now."""
        return self._advance() if self._to_target else b""

    def for_client(self) -> bytes | memoryview:
        """Return what waited for an answer and may go to the client now."""
        return b"" if self._to_target else self._advance()

    # ---- the sender

    def _from_sender(self, chunk: bytes) -> bytes | memoryview:
        file = self._file
        if self._next is _Next.DATA and not self._held and file is not None and len(chunk) <= file.size - file.passed:
            self._data(file, chunk)
            return chunk
        self._held += chunk
        return self._advance()

    def _advance(self) -> bytes:
        passed = []
        while self._held and self._awaited is None:
            part = self._take()
            if not part:
                break
            passed.append(part)
        return b"".join(passed)

    def _take(self) -> bytes:
        """Return the next part that is whole, empty when more must come first."""
        if self._next is _Next.NOTHING:
            raise BrokenProtocol("the sender goes on after it gave up")
        file = self._file
        if self._next is _Next.DATA and file is not None:
            part = self._cut(min(len(self._held), file.size - file.passed))
            self._data(file, part)
            return part
        if self._next is _Next.STATUS and self._held.startswith(_OK):
            self._ended()
            return self._cut(1)
        line = self._line()
        if line:
            self._status(line) if self._next is _Next.STATUS else self._record(line)
        return line

    def _line(self) -> bytes:
        end = self._held.find(b"\n", 0, LONGEST_LINE)
        if end < 0:
            if len(self._held) >= LONGEST_LINE:
                raise BrokenProtocol("a line of the scp protocol does not end")
            return b""
        return self._cut(end + 1)

    def _cut(self, size: int) -> bytes:
        part, self._held = self._held[:size], self._held[size:]
        return part

    def _data(self, file: _File, part: bytes) -> None:
        file.digest.update(part)
        file.passed += len(part)
        if file.passed == file.size:
            self._next = _Next.STATUS
        if file.passed - file.told >= STEP:
            file.told = file.passed
            self._tell(self._transfer(file, Stage.PASSING))

    def _status(self, line: bytes) -> None:
        if line[:1] not in (_WARNING, _FATAL) or self._file is None:
            raise BrokenProtocol("the sender does not say whether it read the file")
        self._file.failed += 1
        self._ended()
        if line[:1] == _FATAL:
            self._next = _Next.NOTHING

    def _ended(self) -> None:
        """The sender has said all of a file; the receiver's last word on it comes, or has come, as an error."""
        self._next = _Next.RECORD
        if self._answered_early:
            self._answered_early = False
            self._close(ok=False)
        else:
            self._awaited = self._close_answered

    def _record(self, line: bytes) -> None:
        if match := _FILE.fullmatch(line):
            self._begin_file(int(match[1]), _checked(match[2]))
        elif match := _FOLDER.fullmatch(line):
            self._begin_folder(_checked(match[1]))
        elif line == b"E\n" and self._folders:
            self._awaited = lambda ok: None
            self._folders.pop()
        elif _TIMES.fullmatch(line):
            self._awaited = lambda ok: None
        elif line[:1] in (_WARNING, _FATAL):
            self._missing()
            if line[:1] == _FATAL:
                self._next = _Next.NOTHING
        else:
            raise BrokenProtocol("the sender says something that is no scp, such as a greeting of a shell's start file")

    def _begin_file(self, size: int, name: str) -> None:
        path, sent_as = self._place(name)
        self._number += 1
        self._file = _File(path, sent_as, size, self._number)
        self._awaited = self._file_answered

    def _begin_folder(self, name: str) -> None:
        if len(self._folders) >= DEEPEST:
            raise BrokenProtocol("the folders are nested too deeply")
        path, sent_as = self._place(name)

        def answered(ok: bool) -> None:
            if self._to_target:
                shown = FileChange(Change.FOLDER_SENT, path, detail=sent_as, done=ok)
                self._tell(shown)
            if ok:
                self._folders.append(name)

        self._awaited = answered

    def _missing(self) -> None:
        """The sender could not read what was asked for."""
        self._number += 1
        places = " ".join(self._asked.places)
        self._tell(FileTransfer(places, self._direction, self._number, unhashed=Unhashed.NOT_OPENED, failed=1))

    def _place(self, name: str) -> tuple[str, str]:
        """Return the file's path on the target, and the name that the sender gave where that alone does not tell."""
        asked, below = self._asked, [*self._folders, name]
        base = asked.places[0] if len(asked.places) == 1 else " ".join(asked.places)
        inside = base.rstrip("/") + "/"
        if self._to_target:
            return (inside + "/".join(below), "") if asked.certain and asked.folder else (base, "/".join(below))
        if not asked.certain:
            return base, "/".join(below)
        return (inside + "/".join(below[1:]), "") if self._folders else (base, "")

    # ---- the receiver

    def _from_receiver(self, chunk: bytes) -> bytes:
        for ok in self._answers.feed(chunk):
            self._answered(ok=ok)
        return chunk

    def _answered(self, *, ok: bool) -> None:
        awaited, self._awaited = self._awaited, None
        if awaited is not None:
            awaited(ok)
        elif not ok and self._next in (_Next.DATA, _Next.STATUS) and not self._answered_early:
            # Receivers older than OpenSSH 8.3 say at once that they could not write, and nothing at the end.
            self._answered_early = True
        else:
            raise BrokenProtocol("the receiver answers what nobody asked")

    def _started(self, ok: bool) -> None:
        if not ok:
            self._missing()
            self._next = _Next.NOTHING

    def _file_answered(self, ok: bool) -> None:
        file = self._file
        if file is None:
            return
        if ok:
            self._tell(self._transfer(file, Stage.OPENED))
            self._next = _Next.DATA if file.size else _Next.STATUS
        else:
            self._file = None
            self._tell(FileTransfer(file.path, self._direction, file.number, unhashed=Unhashed.NOT_OPENED, failed=1,
                                    sent_as=file.sent_as))  # fmt: skip

    def _close_answered(self, ok: bool) -> None:
        self._close(ok=ok)

    def _close(self, *, ok: bool) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.failed += not ok
            self._tell(self._transfer(file, Stage.DONE, closed=True))

    def _transfer(self, file: _File, stage: Stage, *, closed: bool = False) -> FileTransfer:
        return FileTransfer(
            file.path,
            self._direction,
            file.number,
            stage,
            size=file.passed,
            sha256="" if file.failed else file.digest.hexdigest() if stage is not Stage.OPENED else "",
            unhashed=Unhashed.FAILED if file.failed else None,
            closed=closed,
            failed=file.failed,
            whole=closed and not file.failed,
            sent_as=file.sent_as,
        )

    def farewell(self, sentence: str) -> bytes:
        """Nothing: clients of scp show standard error."""
        return b""

    def finish(self, *, complete: bool) -> None:
        """Tell of the file that was still under way when the channel ended."""
        del complete
        if self._file is not None:
            file, self._file = self._file, None
            self._tell(self._transfer(file, Stage.DONE))


def _checked(name: bytes) -> str:
    if name in (b".", b".."):
        raise BrokenProtocol("a file's name leads out of its folder")
    return name.decode("utf-8", "surrogateescape")
