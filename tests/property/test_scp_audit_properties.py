"""The scp auditor: however a conversation is cut and however far a sender runs ahead, audit and bytes are the same."""

import contextlib
import hashlib
import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quarterdeck.entrypoints.gate.asked import asked_for
from quarterdeck.entrypoints.gate.audits import BrokenProtocol
from quarterdeck.entrypoints.gate.scp_audit import LONGEST_LINE, ScpAudit
from quarterdeck.entrypoints.gate.sftp_files import STEP
from quarterdeck.sessions.terms import Change, Direction, FileChange, FileTransfer, Stage, Told, Unhashed

TO, FROM = Direction.TO_TARGET, Direction.FROM_TARGET
SIGNS = st.characters(blacklist_characters="/\0\n", blacklist_categories=["Cs"])
NAMES = st.text(SIGNS, min_size=1, max_size=8).filter(lambda name: name not in (".", ".."))
FILES = st.tuples(NAMES, st.binary(max_size=300), st.sampled_from(["good", "not_opened", "not_read", "not_written"]))
TREES = st.recursive(
    FILES,
    lambda inner: st.tuples(NAMES, st.lists(inner, max_size=3), st.sampled_from(["good", "not_made"])),
    max_leaves=6,
)
Steps = list[tuple[str, bytes]]


def told_of(name: str, content: bytes, how: str) -> Iterator[tuple[str, bytes]]:
    """Yield what sender and receiver say about one file."""
    yield "sender", f"C0644 {len(content)} {name}\n".encode()
    if how == "not_opened":
        yield "receiver", b"\1scp: no\n"
        return
    yield "receiver", b"\0"
    yield "sender", content
    yield "sender", b"\1scp: read error\n" if how == "not_read" else b"\0"
    yield "receiver", b"\1scp: disk full\n" if how == "not_written" else b"\0"


def conversation(tree, *, times: bool = False) -> Iterator[tuple[str, bytes]]:
    """Yield what both say about a file or a folder and all below it, in the order of the real programs."""
    name, inside, how = tree
    if times:
        yield from (("sender", b"T1700000000 0 1700000001 0\n"), ("receiver", b"\0"))
    if isinstance(inside, bytes):
        yield from told_of(name, inside, how)
        return
    yield "sender", f"D0755 0 {name}\n".encode()
    if how == "not_made":
        yield "receiver", b"\1scp: no\n"
        return
    yield "receiver", b"\0"
    for one in inside:
        yield from conversation(one, times=times)
    yield from (("sender", b"E\n"), ("receiver", b"\0"))


def expected(tree, place, below: str = "") -> Iterator[Told]:
    """Yield what is to be told in the end; `place` makes path and name of a file from its name below the top."""
    direction, path_of = place
    name, inside, how = tree
    path, sent_as = path_of(f"{below}{name}")
    if not isinstance(inside, bytes):
        if direction is TO:
            yield FileChange(Change.FOLDER_SENT, path, detail=sent_as, done=how == "good")
        if how == "good":
            for one in inside:
                yield from expected(one, place, f"{below}{name}/")
    elif how == "not_opened":
        yield FileTransfer(path, direction, unhashed=Unhashed.NOT_OPENED, failed=1, sent_as=sent_as)
    elif how == "good":
        digest = hashlib.sha256(inside).hexdigest()
        yield FileTransfer(path, direction, size=len(inside), sha256=digest, closed=True, whole=True, sent_as=sent_as)
    else:
        yield FileTransfer(path, direction, size=len(inside), unhashed=Unhashed.FAILED, closed=True, failed=1,
                           sent_as=sent_as)  # fmt: skip


def run(command: str, steps: Steps) -> tuple[list[Told], bytes, bytes]:
    """Return what was told and what reached receiver and sender; sides that may wait are asked for what waited."""
    asked = asked_for(command.encode(), tty=False)
    told: list[Told] = []
    audit = ScpAudit(asked, told.append)
    to_target = asked.direction is TO
    reached = {"target": b"", "client": b""}
    for side, data in steps:
        from_client = (side == "sender") == to_target
        passed = (audit.from_client if from_client else audit.from_server)(data)
        reached["target" if from_client else "client"] += bytes(passed)
        reached["target"] += bytes(audit.for_target())
        reached["client"] += bytes(audit.for_client())
    audit.finish(complete=True)
    return told, reached["target" if to_target else "client"], reached["client" if to_target else "target"]


def ends_of(told: list[Told]) -> list[Told]:
    """Return the last words on files, without numbers, and the changes."""
    found: list[Told] = []
    for one in told:
        if isinstance(one, FileChange):
            found.append(one)
        elif one.stage is Stage.DONE:
            values = {name: getattr(one, name) for name in FileTransfer.__slots__ if name not in ("number", "stage")}
            found.append(FileTransfer(**values))
    return found


def said(steps: Steps, side: str) -> bytes:
    return b"".join(data for one, data in steps if one == side)


def cut(steps: Steps, seed: int) -> Steps:
    chance = random.Random(seed)
    found = []
    for side, data in steps:
        while data:
            size = chance.randint(1, len(data))
            found.append((side, data[:size]))
            data = data[size:]
    return found


@given(st.lists(TREES, min_size=1, max_size=3), st.booleans(), st.booleans(), st.integers())
def test_any_tree_is_told_with_its_hashes_and_passes_unchanged(trees, to_target, times, seed):
    steps: Steps = [("receiver", b"\0"), *(step for tree in trees for step in conversation(tree, times=times))]
    command = "scp -r -d -t /srv/in" if to_target else "scp -r -f /srv/a /srv/b"
    place = (TO, lambda name: (f"/srv/in/{name}", "")) if to_target else (FROM, lambda name: ("/srv/a /srv/b", name))
    wanted = [one for tree in trees for one in expected(tree, place)]
    whole = run(command, steps)
    assert (ends_of(whole[0]), whole[1], whole[2]) == (wanted, said(steps, "sender"), said(steps, "receiver"))
    assert run(command, cut(steps, seed)) == whole


@given(st.lists(TREES, min_size=1, max_size=3), st.booleans(), st.integers())
def test_a_sender_that_waits_for_no_answer_is_held_back_and_told_the_same(trees, to_target, seed):
    steps: Steps = [("receiver", b"\0"), *(step for tree in trees for step in conversation(tree))]
    command = "scp -r -t /srv/in" if to_target else "scp -r -f '/srv/a'"
    whole = run(command, steps)
    ahead: Steps = [("sender", said(steps, "sender")), *(step for step in steps if step[0] == "receiver")]
    assert run(command, cut(ahead, seed)) == whole


def test_a_sender_ahead_is_not_read_on_until_the_answer_came():
    audit = ScpAudit(asked_for(b"scp -t /x", tty=False), lambda told: None)
    assert audit.from_client(b"C0644 3 a\nabc\0") == b""
    assert audit.client_waits
    assert not audit.server_waits
    audit.from_server(b"\0")
    assert audit.for_target() == b"C0644 3 a\n"
    assert audit.client_waits
    audit.from_server(b"\0")
    assert audit.for_target() == b"abc\0"
    assert not audit.client_waits


@pytest.mark.parametrize(
    ("command", "sent", "place"),
    [
        ("scp -t /srv/in", b"C0644 1 a\n", ("/srv/in", "a")),
        ("scp -t /srv/in/", b"C0644 1 a\n", ("/srv/in/a", "")),
        ("scp -d -t /srv/in", b"C0644 1 a\n", ("/srv/in/a", "")),
        ("scp -t .", b"C0644 1 a\n", ("./a", "")),
        ("scp -t /srv/i*", b"C0644 1 a\n", ("/srv/i*", "a")),
        ("scp -f /srv/a", b"C0644 1 a\n", ("/srv/a", "")),
        ("scp -f '/srv/a*'", b"C0644 1 a*\n", ("/srv/a*", "")),
        ("scp -f /srv/a*", b"C0644 1 ab\n", ("/srv/a*", "ab")),
    ],
)
def test_a_file_is_named_as_surely_as_the_protocol_tells(command, sent, place):
    told, _, _ = run(command, [("receiver", b"\0"), ("sender", sent), ("receiver", b"\0"), ("sender", b"x\0"),
                               ("receiver", b"\0")])  # fmt: skip
    assert {(one.path, one.sent_as) for one in told} == {place}


def test_a_folder_that_is_fetched_names_its_files_below_it():
    steps: Steps = [("receiver", b"\0"), *conversation(("etc", [("a", b"1", "good"), ("b", [], "good")], "good"))]
    told, _, _ = run("scp -r -f /srv/etc", steps)
    assert [(one.path, one.sent_as) for one in ends_of(told)] == [("/srv/etc/a", "")]


@settings(max_examples=5)
@given(st.integers(0, 2**31))
def test_a_long_file_tells_how_far_it_is(seed):
    content = random.Random(seed).randbytes(STEP + 10)
    steps: Steps = [("receiver", b"\0"), ("sender", b"C0644 %d a\n" % len(content)), ("receiver", b"\0")]
    steps += [("sender", content[at : at + 262_144]) for at in range(0, len(content), 262_144)]
    told, _, _ = run("scp -t /x", steps)
    assert [one.stage for one in told] == [Stage.OPENED, Stage.PASSING, Stage.DONE]
    assert (told[-1].closed, told[-1].cut_off, told[-1].whole) == (False, True, False)
    assert told[-1].sha256 == hashlib.sha256(content).hexdigest()


def test_a_receiver_of_old_that_says_at_once_that_it_could_not_write():
    steps: Steps = [("receiver", b"\0"), ("sender", b"C0644 3 a\n"), ("receiver", b"\0"), ("sender", b"ab"),
                    ("receiver", b"\1scp: a: disk full\n"), ("sender", b"c\0C0644 1 b\n"), ("receiver", b"\0"),
                    ("sender", b"x\0"), ("receiver", b"\0")]  # fmt: skip
    told, _, _ = run("scp -t /x/", steps)
    ends = [(one.path, one.failed, bool(one.sha256)) for one in ends_of(told)]
    assert ends == [("/x/a", 1, False), ("/x/b", 0, True)]


def test_what_is_not_there_is_told_as_not_opened():
    told, _, _ = run("scp -f /srv/none", [("receiver", b"\0"), ("sender", b"\1scp: /srv/none: No such file\n")])
    assert told == [FileTransfer("/srv/none", FROM, 1, unhashed=Unhashed.NOT_OPENED, failed=1)]
    told, _, _ = run("scp -t /none/x", [("receiver", b"\1scp: /none/x: No such file\n")])
    assert told == [FileTransfer("/none/x", TO, 1, unhashed=Unhashed.NOT_OPENED, failed=1)]


GO: Steps = [("receiver", b"\0"), ("sender", b"C0644 3 a\n"), ("receiver", b"\0")]


@pytest.mark.parametrize(
    "steps",
    [
        [("receiver", b"\0"), ("sender", b"Welcome to this host\n")],
        [("receiver", b"hello")],
        [("receiver", b"\0\0")],
        [("receiver", b"\0"), ("sender", b"C0644 3 ../a\n")],
        [("receiver", b"\0"), ("sender", b"C0644 3 ..\n")],
        [("receiver", b"\0"), ("sender", b"D0755 0 .\n")],
        [("receiver", b"\0"), ("sender", b"C0644 -1 a\n")],
        [("receiver", b"\0"), ("sender", b"E\n")],
        [("receiver", b"\0"), ("sender", b"x" * (LONGEST_LINE + 1))],
        [("receiver", b"\1" + b"x" * (LONGEST_LINE + 1))],
        [*GO, ("sender", b"abcd\n")],
        [*GO, ("sender", b"abc\0"), ("receiver", b"data")],
        [*GO, ("receiver", b"\0")],
        [("receiver", b"\0"), ("sender", b"\2gave up\n"), ("sender", b"C0644 3 a\n")],
    ],
)
@pytest.mark.parametrize("command", ["scp -t /x", "scp -f /x"])
def test_what_no_scp_says_is_broken(command, steps):
    with pytest.raises(BrokenProtocol):
        run(command, steps)


@given(st.lists(st.tuples(st.sampled_from(["sender", "receiver"]), st.binary(max_size=40)), max_size=10))
def test_rubbish_is_broken_or_waits_and_never_anything_else(steps):
    for command in ("scp -t /x", "scp -f /x"):
        with contextlib.suppress(BrokenProtocol):
            run(command, steps)
