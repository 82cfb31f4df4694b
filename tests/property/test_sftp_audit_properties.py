"""The SFTP auditor: however a stream is cut, the audit is the same; what it hashes is what passed."""

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.entrypoints.gate import sftp_packets as wire
from quarterdeck.entrypoints.gate.sftp_audit import SftpAudit
from quarterdeck.entrypoints.gate.sftp_packets import BrokenProtocol, Framer, Kind, Status
from quarterdeck.sessions.terms import Allowance, Change, Direction, FileChange, FileTransfer

EVERYTHING = Allowance()
INIT = wire.packet(Kind.INIT, wire.number(3))
VERSION = wire.packet(Kind.VERSION, wire.number(3))
NO_ATTRIBUTES = wire.number(0)
UPLOAD = wire.OPEN_WRITE | wire.OPEN_CREATE | wire.OPEN_TRUNCATE


class Talk:
    """A conversation in order: each step is a request or an answer."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, bytes]] = [("client", INIT), ("server", VERSION)]
        self.request = 0

    def ask(self, kind: Kind, *parts: bytes) -> int:
        self.request += 1
        self.steps.append(("client", wire.packet(kind, wire.number(self.request), *parts)))
        return self.request

    def answer(self, kind: Kind, request: int, *parts: bytes) -> None:
        self.steps.append(("server", wire.packet(kind, wire.number(request), *parts)))

    def ok(self, request: int, code: Status = Status.OK) -> None:
        self.steps.append(("server", wire.status(request, code, "")))

    def open(self, path: bytes, flags: int, handle: bytes) -> None:
        request = self.ask(Kind.OPEN, wire.text(path), wire.number(flags), NO_ATTRIBUTES)
        self.answer(Kind.HANDLE, request, wire.text(handle))

    def close(self, handle: bytes) -> None:
        self.ok(self.ask(Kind.CLOSE, wire.text(handle)))

    def write(self, handle: bytes, offset: int, data: bytes) -> int:
        return self.ask(Kind.WRITE, wire.text(handle), wire.long(offset), wire.text(data))

    def read(self, handle: bytes, offset: int, size: int) -> int:
        return self.ask(Kind.READ, wire.text(handle), wire.long(offset), wire.number(size))


def audit_of(steps: list[tuple[str, bytes]], allowance: Allowance = EVERYTHING):
    """Return what the audit told, what went to the target and our own answers."""
    told: list[FileTransfer | FileChange] = []
    audit = SftpAudit(allowance, told.append)
    passed, answers = b"", b""
    for side, data in steps:
        if side == "client":
            passed += audit.from_client(data)
        else:
            audit.from_server(data)
        answers += audit.take_answers()
    audit.finish()
    return told, passed, answers


def cut(steps: list[tuple[str, bytes]], seed: int) -> list[tuple[str, bytes]]:
    """Return the same conversation with each run of one side cut anew, at any byte."""
    chance = random.Random(seed)
    runs: list[tuple[str, bytes]] = []
    for side, data in steps:
        if runs and runs[-1][0] == side:
            runs[-1] = (side, runs[-1][1] + data)
        else:
            runs.append((side, data))
    found = []
    for side, data in runs:
        while data:
            size = chance.randint(1, max(1, len(data)))
            found.append((side, data[:size]))
            data = data[size:]
    return found


def one_upload(path: bytes, content: bytes, part: int) -> Talk:
    talk = Talk()
    talk.open(path, UPLOAD, b"h1")
    asked = [talk.write(b"h1", at, content[at : at + part]) for at in range(0, len(content), part)]
    for request in asked:
        talk.ok(request)
    talk.close(b"h1")
    return talk


@given(st.binary(max_size=4000), st.integers(1, 700), st.binary(min_size=1, max_size=60), st.integers())
def test_an_upload_has_the_hash_of_its_bytes_however_the_stream_is_cut(content, part, path, seed):
    talk = one_upload(path, content, part)
    whole = audit_of(talk.steps)
    assert audit_of(cut(talk.steps, seed)) == whole
    (told,), passed, answers = whole
    assert passed == b"".join(data for side, data in talk.steps if side == "client")
    assert answers == b""
    assert told == FileTransfer(
        path.decode("utf-8", "surrogateescape"), Direction.TO_TARGET, size=len(content),
        sha256=hashlib.sha256(content).hexdigest(), sequential=True, opened=True, closed=True,
    )  # fmt: skip


@given(st.binary(min_size=1, max_size=3000), st.integers(1, 500), st.randoms(use_true_random=False), st.integers())
def test_a_download_is_hashed_in_the_order_of_offsets_also_when_answers_come_out_of_order(content, part, chance, seed):
    talk = Talk()
    talk.open(b"/srv/a", wire.OPEN_READ, b"h")
    asked = [(talk.read(b"h", at, part), content[at : at + part]) for at in range(0, len(content), part)]
    end = talk.read(b"h", len(content), part)
    chance.shuffle(asked)
    for request, data in asked:
        talk.answer(Kind.DATA, request, wire.text(data))
    talk.ok(end, Status.EOF)
    talk.close(b"h")
    told, _, _ = audit_of(cut(talk.steps, seed))
    assert told == [
        FileTransfer(
            "/srv/a", Direction.FROM_TARGET, size=len(content), sha256=hashlib.sha256(content).hexdigest(),
            sequential=True, opened=True, closed=True, whole=True,
        )
    ]  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 2), st.binary(min_size=1, max_size=40)), max_size=30), st.integers())
def test_interleaved_files_are_kept_apart(parts, seed):
    talk = Talk()
    for number in range(3):
        talk.open(b"/f%d" % number, UPLOAD, b"h%d" % number)
    content = [b"", b"", b""]
    for number, data in parts:
        talk.ok(talk.write(b"h%d" % number, len(content[number]), data))
        content[number] += data
    for number in range(3):
        talk.close(b"h%d" % number)
    told, _, _ = audit_of(cut(talk.steps, seed))
    assert [(one.path, one.sha256) for one in told] == [
        (f"/f{number}", hashlib.sha256(content[number]).hexdigest()) for number in range(3)
    ]


@given(st.binary(max_size=600), st.integers())
def test_rubbish_is_broken_or_waits_and_never_anything_else(rubbish, seed):
    audit = SftpAudit(EVERYTHING, lambda told: None)
    try:
        for _, part in cut([("client", INIT + rubbish)], seed):
            audit.from_client(part)
        audit.from_server(rubbish)
    except BrokenProtocol:
        pass


@pytest.mark.parametrize("size", [0, wire.LONGEST + 1, 100 * 1024 * 1024, 0xFFFFFFFF])
def test_an_absurd_length_is_refused_before_anything_is_kept(size):
    with pytest.raises(BrokenProtocol):
        list(Framer().feed(size.to_bytes(4, "big") + b"x" * 100))


def test_gaps_overlaps_resumed_and_appended_files_have_no_hash():
    for flags, writes in (
        (UPLOAD, [(0, b"ab"), (5, b"cd")]),
        (UPLOAD, [(0, b"abcd"), (2, b"zz")]),
        (wire.OPEN_WRITE | wire.OPEN_CREATE, [(0, b"abcd")]),
        (UPLOAD | wire.OPEN_APPEND, [(0, b"abcd")]),
    ):
        talk = Talk()
        talk.open(b"/x", flags, b"h")
        for offset, data in writes:
            talk.ok(talk.write(b"h", offset, data))
        talk.close(b"h")
        (told,), _, _ = audit_of(talk.steps)
        assert (told.sha256, told.sequential, told.size) == ("", False, sum(len(data) for _, data in writes))


def test_a_failed_write_is_counted_and_takes_the_hash_away():
    talk = Talk()
    talk.open(b"/x", UPLOAD, b"h")
    good, bad = talk.write(b"h", 0, b"abc"), talk.write(b"h", 3, b"def")
    talk.ok(good)
    talk.ok(bad, Status.PERMISSION_DENIED)
    talk.close(b"h")
    (told,), _, _ = audit_of(talk.steps)
    assert (told.size, told.failed, told.sha256) == (3, 1, "")


def test_a_file_still_open_at_the_end_is_told_as_not_closed():
    talk = Talk()
    talk.open(b"/x", UPLOAD, b"h")
    talk.ok(talk.write(b"h", 0, b"abc"))
    (told,), _, _ = audit_of(talk.steps)
    assert (told.closed, told.size) == (False, 3)


def test_changes_are_told_with_whether_the_target_did_them():
    talk = Talk()
    talk.ok(talk.ask(Kind.REMOVE, wire.text(b"/a")))
    talk.ok(talk.ask(Kind.RENAME, wire.text(b"/a"), wire.text(b"/b")), Status.PERMISSION_DENIED)
    talk.ok(talk.ask(Kind.EXTENDED, wire.text(b"posix-rename@openssh.com"), wire.text(b"/c"), wire.text(b"/d")))
    talk.ok(talk.ask(Kind.SETSTAT, wire.text(b"/e"), wire.number(wire.ATTR_PERMISSIONS), wire.number(0o100644)))
    talk.ok(talk.ask(Kind.MKDIR, wire.text(b"/f"), NO_ATTRIBUTES))
    told, _, _ = audit_of(talk.steps)
    assert told == [
        FileChange(Change.REMOVED, "/a", done=True),
        FileChange(Change.RENAMED, "/a", to="/b"),
        FileChange(Change.RENAMED, "/c", to="/d", done=True),
        FileChange(Change.PERMISSIONS, "/e", detail="0644", done=True),
        FileChange(Change.FOLDER_MADE, "/f", done=True),
    ]


@pytest.mark.parametrize(
    ("allowance", "kind", "parts"),
    [
        (Allowance(to_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(UPLOAD), NO_ATTRIBUTES)),
        (Allowance(from_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(wire.OPEN_READ), NO_ATTRIBUTES)),
        (Allowance(from_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(3), NO_ATTRIBUTES)),
        (Allowance(to_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(3), NO_ATTRIBUTES)),
        (Allowance(to_target=False), Kind.REMOVE, (wire.text(b"/x"),)),
        (Allowance(to_target=False), Kind.RENAME, (wire.text(b"/x"), wire.text(b"/y"))),
        (Allowance(to_target=False), Kind.SETSTAT, (wire.text(b"/x"), wire.number(4), wire.number(0o777))),
        (EVERYTHING, Kind.EXTENDED, (wire.text(b"copy-data"), wire.text(b"h"))),
    ],
)
def test_what_is_not_allowed_never_reaches_the_target_and_is_answered(allowance, kind, parts):
    talk = Talk()
    refused = talk.ask(kind, *parts)
    later = talk.ask(Kind.REALPATH, wire.text(b"."))
    _, passed, answers = audit_of(talk.steps, allowance)
    clients = [data for side, data in talk.steps if side == "client"]
    assert passed == clients[0] + clients[2]
    code = Status.UNSUPPORTED if kind is Kind.EXTENDED else Status.PERMISSION_DENIED
    assert answers[4:13] == bytes([Kind.STATUS]) + wire.number(refused) + wire.number(code)
    assert later == refused + 1


def test_an_own_answer_waits_until_the_servers_packet_is_whole():
    audit = SftpAudit(Allowance(to_target=False), lambda told: None)
    audit.from_client(INIT)
    audit.from_server(VERSION[:5])
    audit.from_client(wire.packet(Kind.REMOVE, wire.number(7), wire.text(b"/x")))
    assert audit.take_answers() == b""
    audit.from_server(VERSION[5:])
    assert audit.take_answers() != b""


@pytest.mark.parametrize(
    "steps",
    [
        [("client", wire.packet(Kind.OPEN, wire.number(1), wire.text(b"/x"), wire.number(1), NO_ATTRIBUTES))],
        [("client", INIT + INIT)],
        [("client", wire.packet(Kind.INIT, wire.number(2)))],
        [("client", INIT), ("server", wire.packet(Kind.VERSION, wire.number(6)))],
        [("client", INIT), ("server", VERSION + wire.status(9, Status.OK, ""))],
        [("client", INIT + wire.packet(Kind.WRITE, wire.number(1), wire.text(b"?"), wire.long(0), wire.text(b"a")))],
        [("client", INIT + wire.packet(Kind.DATA, wire.number(1), wire.text(b"a")))],
        [("client", INIT + wire.packet(Kind.REMOVE, wire.number(1), wire.text(b"a" * 5000)))],
    ],
)
def test_what_no_sound_client_or_server_says_is_broken(steps):
    with pytest.raises(BrokenProtocol):
        audit_of(steps)
