"""The SFTP auditor against a model: files interleaved, reopened, out of order, handles used again, answers late."""

import hashlib
import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.property.test_sftp_audit_properties import UPLOAD, Talk, audit_of, cut, ends_of

from quarterdeck.entrypoints.gate import sftp_packets as wire
from quarterdeck.entrypoints.gate.sftp_packets import Kind, Status
from quarterdeck.sessions.terms import Direction, FileTransfer

PATHS = (b"/a", b"/b", "/caf\u00e9".encode())


@dataclass
class Opening:
    """One file from open to close, as the model knows it."""

    path: bytes
    upload: bool
    parts: list[bytes]
    order: list[int]
    handle: bytes = b""
    sent: int = 0
    answers: list[tuple[int, bytes | None]] = field(default_factory=list)

    @property
    def content(self) -> bytes:
        return b"".join(self.parts)

    @property
    def told(self):
        direction = Direction.TO_TARGET if self.upload else Direction.FROM_TARGET
        content = self.content
        return (self.path.decode(), direction, len(content), hashlib.sha256(content).hexdigest(), True, True, 0)


openings = st.lists(
    st.builds(
        Opening,
        path=st.sampled_from(PATHS),
        upload=st.booleans(),
        parts=st.lists(st.binary(min_size=1, max_size=60), min_size=0, max_size=6),
        order=st.just([]),
    ),
    min_size=1,
    max_size=8,
)


def perform(found: list[Opening], chance: random.Random) -> Talk:
    """Write a conversation in which these files are worked on at once; a closed handle's name is given out again."""
    talk = Talk()
    waiting, open_ = list(found), []
    free = [b"h0", b"h1", b"h2"]
    while waiting or open_:
        if waiting and free and (not open_ or chance.random() < 0.4):
            opening = waiting.pop(0)
            opening.handle = free.pop(0)
            opening.order = list(range(len(opening.parts)))
            chance.shuffle(opening.order)
            talk.open(opening.path, UPLOAD if opening.upload else wire.OPEN_READ, opening.handle)
            open_.append(opening)
            continue
        opening = chance.choice(open_)
        if opening.sent < len(opening.parts):
            ask_for_a_part(talk, opening)
        if opening.answers and chance.random() < 0.5:
            answer(talk, opening, chance)
        if opening.sent == len(opening.parts):
            while opening.answers:
                answer(talk, opening, chance)
            finish(talk, opening)
            open_.remove(opening)
            free.insert(0, opening.handle)
    return talk


def ask_for_a_part(talk: Talk, opening: Opening) -> None:
    number = opening.order[opening.sent]
    offset = sum(len(part) for part in opening.parts[:number])
    part = opening.parts[number]
    opening.sent += 1
    if opening.upload:
        opening.answers.append((talk.write(opening.handle, offset, part), None))
    else:
        opening.answers.append((talk.read(opening.handle, offset, len(part)), part))


def answer(talk: Talk, opening: Opening, chance: random.Random) -> None:
    request, data = opening.answers.pop(chance.randrange(len(opening.answers)))
    if data is None:
        talk.ok(request)
    else:
        talk.answer(Kind.DATA, request, wire.text(data))


def finish(talk: Talk, opening: Opening) -> None:
    if not opening.upload:
        talk.ok(talk.read(opening.handle, len(opening.content), 100), Status.EOF)
    talk.close(opening.handle)


def early(steps: list[tuple[str, bytes]], chance: random.Random) -> list[tuple[str, bytes]]:
    """Return the conversation with requests that need no open answer sent before answers that are still to come."""
    found = list(steps)
    for _ in range(len(found)):
        at = chance.randrange(2, len(found))
        before, after = found[at - 1], found[at]
        late = before[0] == "server" and before[1][4] != Kind.HANDLE
        if late and after[0] == "client" and after[1][4] in (Kind.READ, Kind.WRITE, Kind.STAT):
            found[at - 1], found[at] = after, before
    return found


def last_words(told):
    return sorted(
        (one.path, one.direction, one.size, one.sha256, one.closed, one.whole, one.failed)
        for one in ends_of(told)
        if isinstance(one, FileTransfer)
    )


@settings(max_examples=150, deadline=None)
@given(openings, st.randoms(use_true_random=False), st.integers())
def test_every_opening_is_told_once_with_its_own_hash_however_the_stream_is_cut(found, chance, seed):
    talk = perform(found, chance)
    whole, passed, answers = audit_of(talk.steps)
    assert last_words(whole) == sorted(opening.told for opening in found)
    assert (passed, answers) == (b"".join(data for side, data in talk.steps if side == "client"), b"")
    assert audit_of(cut(talk.steps, seed)) == (whole, passed, answers)


@settings(max_examples=150, deadline=None)
@given(openings, st.randoms(use_true_random=False), st.integers())
def test_a_client_that_does_not_wait_for_answers_changes_nothing(found, chance, seed):
    talk = perform(found, chance)
    ahead = early(talk.steps, chance)
    assert sorted(ahead) == sorted(talk.steps)
    assert last_words(audit_of(cut(ahead, seed))[0]) == sorted(opening.told for opening in found)


@given(openings, st.randoms(use_true_random=False), st.data())
def test_a_stream_that_breaks_off_anywhere_never_tells_more_than_what_passed(found, chance, data):
    talk = perform(found, chance)
    steps = talk.steps[: data.draw(st.integers(2, len(talk.steps)))]
    told = [one for one in ends_of(audit_of(steps)[0]) if isinstance(one, FileTransfer)]
    contents = {(opening.path.decode(), opening.told[1]): [] for opening in found}
    for opening in found:
        contents[opening.path.decode(), opening.told[1]].append(opening.content)
    for one in told:
        known = contents[one.path, one.direction]
        assert one.size <= max(len(content) for content in known)
        if one.sha256:
            prefixes = {hashlib.sha256(content[: one.size]).hexdigest() for content in known}
            assert one.sha256 in prefixes
        if one.whole:
            assert one.sha256
            assert one.closed or one.cut_off  # a file that was cut off is told as such, whatever it held
        if one.whole and one.direction is Direction.FROM_TARGET:
            assert one.size in {len(content) for content in known}
