"""The SFTP auditor: however a stream is cut, the audit is the same; what it hashes is what passed."""

import hashlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.entrypoints.gate import sftp_packets as wire
from quarterdeck.entrypoints.gate.audits import BrokenProtocol
from quarterdeck.entrypoints.gate.sftp_audit import SftpAudit
from quarterdeck.entrypoints.gate.sftp_files import STEP
from quarterdeck.entrypoints.gate.sftp_packets import Framer, Kind, Status
from quarterdeck.sessions.terms import Allowance, Change, Direction, FileChange, FileTransfer, Stage, Told, Unhashed

EVERYTHING = Allowance()
INIT = wire.packet(Kind.INIT, wire.number(3))
VERSION = wire.packet(Kind.VERSION, wire.number(3))
NO_ATTRIBUTES = wire.number(0)
STAT = wire.packet(Kind.STAT, wire.number(1), wire.text(b"/"))
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
    told: list[Told] = []
    audit = SftpAudit(allowance, told.append)
    passed, answers = b"", b""
    for side, data in steps:
        if side == "client":
            passed += bytes(audit.from_client(data))
        else:
            assert audit.from_server(data) == data
        answers += audit.for_client()
    audit.finish(complete=True)
    return told, passed, answers


def ends_of(told: list[Told]) -> list[Told]:
    """Return what was told last of each file, and the changes."""
    return [one for one in told if isinstance(one, FileChange) or one.stage in (Stage.DONE, Stage.REFUSED)]


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
    told, passed, answers = whole
    assert passed == b"".join(data for side, data in talk.steps if side == "client")
    assert answers == b""
    name = path.decode("utf-8", "surrogateescape")
    assert told == [
        FileTransfer(name, Direction.TO_TARGET, 1, Stage.OPENED),
        FileTransfer(
            name, Direction.TO_TARGET, 1, size=len(content), sha256=hashlib.sha256(content).hexdigest(), closed=True,
            whole=True,
        ),
    ]  # fmt: skip


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
    assert ends_of(told) == [
        FileTransfer(
            "/srv/a", Direction.FROM_TARGET, 1, size=len(content), sha256=hashlib.sha256(content).hexdigest(),
            closed=True, whole=True,
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
    assert [(one.path, one.sha256) for one in ends_of(told)] == [
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
        Framer().feed(size.to_bytes(4, "big") + b"x" * 100)


@pytest.mark.parametrize(
    ("flags", "writes", "why"),
    [
        (UPLOAD, [(0, b"ab"), (5, b"cd")], Unhashed.NOT_SEQUENTIAL),
        (UPLOAD, [(0, b"abcd"), (2, b"zz")], Unhashed.NOT_SEQUENTIAL),
        (UPLOAD, [(0, b"abcd"), (0, b"abcd")], Unhashed.NOT_SEQUENTIAL),
        (wire.OPEN_WRITE, [(7, b"abcd")], Unhashed.RESUMED),
        (UPLOAD | wire.OPEN_APPEND, [(0, b"abcd")], Unhashed.RESUMED),
    ],
)
def test_gaps_overlaps_resumed_and_appended_files_have_no_hash(flags, writes, why):
    talk = Talk()
    talk.open(b"/x", flags, b"h")
    for offset, data in writes:
        talk.ok(talk.write(b"h", offset, data))
    talk.close(b"h")
    told = ends_of(audit_of(talk.steps)[0])[0]
    assert (told.sha256, told.unhashed, told.whole) == ("", why, False)
    assert told.size == sum(len(data) for _, data in writes)


def in_place(size: int, code: Status = Status.OK, flags: int = wire.OPEN_WRITE | wire.OPEN_CREATE) -> FileTransfer:
    """Return what is told last of four bytes written over a file that is then cut to `size`, as OpenSSH's scp does."""
    talk = Talk()
    talk.open(b"/x", flags, b"h")
    talk.ok(talk.write(b"h", 0, b"abcd"))
    talk.ok(talk.ask(Kind.FSETSTAT, wire.text(b"h"), wire.number(wire.ATTR_SIZE), wire.long(size)), code)
    talk.close(b"h")
    told = ends_of(audit_of(talk.steps)[0])
    assert [one.change for one in told[:-1]] == ([] if size == 4 else [Change.TRUNCATED])
    return told[-1]


def test_a_file_written_over_is_whole_once_it_is_cut_to_what_was_written():
    digest = hashlib.sha256(b"abcd").hexdigest()
    assert (in_place(4).sha256, in_place(4).whole) == (digest, True)
    refused = in_place(4, Status.PERMISSION_DENIED)
    assert (refused.sha256, refused.whole) == (digest, False)
    assert (in_place(3).sha256, in_place(3).unhashed) == ("", Unhashed.NOT_SEQUENTIAL)
    assert (in_place(9).sha256, in_place(9).unhashed) == ("", Unhashed.NOT_SEQUENTIAL)


def test_a_failed_write_is_counted_and_takes_the_hash_away():
    talk = Talk()
    talk.open(b"/x", UPLOAD, b"h")
    good, bad = talk.write(b"h", 0, b"abc"), talk.write(b"h", 3, b"def")
    talk.ok(good)
    talk.ok(bad, Status.PERMISSION_DENIED)
    talk.close(b"h")
    told = ends_of(audit_of(talk.steps)[0])[0]
    assert (told.size, told.failed, told.sha256, told.unhashed) == (3, 1, "", Unhashed.FAILED)


def test_a_write_that_fails_after_the_close_was_answered_counts_too():
    talk = Talk()
    talk.open(b"/x", UPLOAD, b"h")
    late = talk.write(b"h", 0, b"abc")
    talk.ok(talk.ask(Kind.CLOSE, wire.text(b"h")))
    assert ends_of(audit_of(talk.steps)[0])[0].closed is False
    talk.ok(late, Status.PERMISSION_DENIED)
    (told,) = ends_of(audit_of(talk.steps)[0])
    assert (told.closed, told.failed, told.sha256) == (True, 1, "")


def test_a_file_still_open_at_the_end_is_told_as_cut_off_with_the_hash_of_what_passed():
    talk = Talk()
    talk.open(b"/x", UPLOAD, b"h")
    talk.ok(talk.write(b"h", 0, b"abc"))
    (told,) = ends_of(audit_of(talk.steps)[0])
    assert (told.closed, told.cut_off, told.size) == (False, True, 3)
    assert told.sha256 == hashlib.sha256(b"abc").hexdigest()


def test_a_file_that_the_target_does_not_open_is_told_as_failed():
    talk = Talk()
    talk.ok(talk.ask(Kind.OPEN, wire.text(b"/x"), wire.number(UPLOAD), NO_ATTRIBUTES), Status.PERMISSION_DENIED)
    told, _, _ = audit_of(talk.steps)
    assert told == [FileTransfer("/x", Direction.TO_TARGET, 1, unhashed=Unhashed.NOT_OPENED, failed=1)]


@settings(max_examples=5)
@given(st.integers(0, 2**31))
def test_a_long_file_tells_how_far_it_is_at_the_same_places_however_it_is_cut(seed):
    part = 200_000
    data = random.Random(seed).randbytes(part)
    talk = Talk()
    talk.open(b"/x", UPLOAD, b"h")
    asked = [talk.write(b"h", number * part, data) for number in range(STEP // part + 2)]
    for request in asked:
        talk.ok(request)
    whole = audit_of(talk.steps)[0]
    chunks = [(side, bytes_[at : at + 150_001]) for side, bytes_ in talk.steps for at in range(0, len(bytes_), 150_001)]
    assert audit_of(chunks)[0] == whole
    passing = [one for one in whole if one.stage is Stage.PASSING]
    size = (STEP // part + 1) * part
    assert [(one.size, one.sha256) for one in passing] == [
        (size, hashlib.sha256(data * (size // part)).hexdigest())
    ]


def test_changes_are_told_with_whether_the_target_did_them():
    talk = Talk()
    talk.ok(talk.ask(Kind.REMOVE, wire.text(b"/a")))
    talk.ok(talk.ask(Kind.RENAME, wire.text(b"/a"), wire.text(b"/b")), Status.PERMISSION_DENIED)
    talk.ok(talk.ask(Kind.EXTENDED, wire.text(b"posix-rename@openssh.com"), wire.text(b"/c"), wire.text(b"/d")))
    talk.ok(talk.ask(Kind.SETSTAT, wire.text(b"/e"), wire.number(wire.ATTR_PERMISSIONS), wire.number(0o100644)))
    talk.ok(talk.ask(Kind.MKDIR, wire.text(b"/f"), NO_ATTRIBUTES))
    talk.ok(talk.ask(Kind.SETSTAT, wire.text(b"/g"), wire.number(wire.ATTR_TIMES), wire.number(1), wire.number(2)))
    told, _, _ = audit_of(talk.steps)
    assert told == [
        FileChange(Change.REMOVED, "/a", done=True),
        FileChange(Change.RENAMED, "/a", to="/b"),
        FileChange(Change.RENAMED, "/c", to="/d", done=True),
        FileChange(Change.PERMISSIONS, "/e", detail="0644", done=True),
        FileChange(Change.FOLDER_MADE, "/f", done=True),
        FileChange(Change.TIMES, "/g", done=True),
    ]


@pytest.mark.parametrize(
    ("allowance", "kind", "parts"),
    [
        (Allowance(to_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(UPLOAD), NO_ATTRIBUTES)),
        (Allowance(from_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(wire.OPEN_READ), NO_ATTRIBUTES)),
        (Allowance(from_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(3), NO_ATTRIBUTES)),
        (Allowance(from_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(0), NO_ATTRIBUTES)),
        (Allowance(from_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(wire.OPEN_CREATE), NO_ATTRIBUTES)),
        (Allowance(from_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(wire.OPEN_APPEND), NO_ATTRIBUTES)),
        (Allowance(to_target=False), Kind.OPEN, (wire.text(b"/x"), wire.number(3), NO_ATTRIBUTES)),
        (Allowance(to_target=False), Kind.REMOVE, (wire.text(b"/x"),)),
        (Allowance(to_target=False), Kind.RENAME, (wire.text(b"/x"), wire.text(b"/y"))),
        (Allowance(to_target=False), Kind.SETSTAT, (wire.text(b"/x"), wire.number(4), wire.number(0o777))),
        (Allowance(to_target=False), Kind.SETSTAT, (wire.text(b"/x"), wire.number(8), wire.number(1), wire.number(1))),
        (EVERYTHING, Kind.EXTENDED, (wire.text(b"copy-data"), wire.text(b"h"))),
    ],
)
def test_what_is_not_allowed_never_reaches_the_target_and_is_answered(allowance, kind, parts):
    talk = Talk()
    refused = talk.ask(kind, *parts)
    later = talk.ask(Kind.REALPATH, wire.text(b"."))
    told, passed, answers = audit_of(talk.steps, allowance)
    clients = [data for side, data in talk.steps if side == "client"]
    assert passed == clients[0] + clients[2]
    code = Status.UNSUPPORTED if kind is Kind.EXTENDED else Status.PERMISSION_DENIED
    assert answers[4:13] == bytes([Kind.STATUS]) + wire.number(refused) + wire.number(code)
    assert later == refused + 1
    assert [one.refused for one in told] == ([] if kind is Kind.EXTENDED else [True])


@pytest.mark.parametrize("writes", [True, False])
def test_reading_and_writing_are_refused_whatever_the_file_was_opened_for(writes):
    allowance = Allowance(from_target=False) if writes else Allowance(to_target=False)
    talk = Talk()
    talk.open(b"/x", wire.OPEN_WRITE if writes else wire.OPEN_READ, b"h")
    before = len([1 for side, _ in talk.steps if side == "client"])
    for _ in range(3):
        if writes:
            talk.read(b"h", 0, 10)
        else:
            talk.write(b"h", 0, b"data")
    told, passed, answers = audit_of(talk.steps, allowance)
    assert passed == b"".join([data for side, data in talk.steps if side == "client"][:before])
    assert answers.count(b"does not allow") == 3
    assert [one.refused for one in told] == [False, True, False]


def test_an_own_answer_waits_until_the_server_has_greeted_and_its_packet_is_whole():
    audit = SftpAudit(Allowance(to_target=False), lambda told: None)
    audit.from_client(INIT)
    refused = wire.packet(Kind.REMOVE, wire.number(7), wire.text(b"/x"))
    audit.from_client(refused)
    assert audit.for_client() == b""
    audit.from_server(VERSION[:5])
    assert audit.for_client() == b""
    audit.from_server(VERSION[5:])
    assert audit.for_client() != b""
    assert audit.for_client() == b""


def test_a_client_that_reads_no_answers_is_not_listened_to_for_ever():
    audit = SftpAudit(Allowance(to_target=False), lambda told: None)
    audit.from_client(INIT)
    audit.from_server(VERSION)
    refused = wire.packet(Kind.REMOVE, wire.number(7), wire.text(b"/x"))
    audit.from_client(refused * 2000)
    assert audit.client_waits
    audit.for_client()
    assert not audit.client_waits


@pytest.mark.parametrize(
    "steps",
    [
        [("client", wire.packet(Kind.OPEN, wire.number(1), wire.text(b"/x"), wire.number(1), NO_ATTRIBUTES))],
        [("client", INIT + INIT)],
        [("client", wire.packet(Kind.INIT, wire.number(2)))],
        [("client", INIT), ("server", wire.packet(Kind.VERSION, wire.number(6)))],
        [("client", INIT), ("server", VERSION + VERSION)],
        [("server", VERSION)],
        [("client", INIT), ("server", VERSION + wire.status(9, Status.OK, ""))],
        [("client", INIT + STAT), ("server", VERSION + wire.packet(Kind.DATA, wire.number(1), wire.text(b"a")))],
        [("client", INIT + wire.packet(Kind.WRITE, wire.number(1), wire.text(b"?"), wire.long(0), wire.text(b"a")))],
        [("client", INIT + wire.packet(Kind.DATA, wire.number(1), wire.text(b"a")))],
        [("client", INIT + wire.packet(Kind.REMOVE, wire.number(1), wire.text(b"a" * 5000)))],
    ],
)
def test_what_no_sound_client_or_server_says_is_broken(steps):
    with pytest.raises(BrokenProtocol):
        audit_of(steps)
