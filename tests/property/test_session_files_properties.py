"""What a recording keeps of files comes back as it was told; rubbish in a recording is passed over."""

import json

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.sessions.terms import (
    Change,
    Direction,
    FileChange,
    FileTally,
    FileTransfer,
    Stage,
    Unhashed,
    decode_told,
    encode_told,
    files_in,
    tally,
)

NAMES = st.binary(max_size=60).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
COUNTS = st.integers(0, 2**60)
TRANSFERS = st.builds(
    FileTransfer, path=NAMES, direction=st.sampled_from(Direction), number=COUNTS, stage=st.sampled_from(Stage),
    size=COUNTS, sha256=st.sampled_from(["", "ab" * 32]), unhashed=st.sampled_from([None, *Unhashed]),
    closed=st.booleans(), failed=COUNTS, whole=st.booleans(), sent_as=NAMES,
)  # fmt: skip
CHANGES = st.builds(
    FileChange, change=st.sampled_from(Change), path=NAMES, to=NAMES, detail=st.text(max_size=20), done=st.booleans()
)
HEADER = json.dumps({"version": 2, "width": 80, "height": 24})


def line(at: float, code: str, text: str) -> str:
    return json.dumps([at, code, text], separators=(",", ":"))


@given(TRANSFERS | CHANGES)
def test_what_is_told_comes_back_from_ascii(told):
    text = encode_told(told)
    assert text.isascii()
    assert decode_told(text) == told


@given(st.text() | st.binary().map(repr), st.dictionaries(st.sampled_from(["kind", "path", "size", "done"]), st.none()))
def test_rubbish_is_no_event(text, fields):
    assert decode_told(text) is None
    assert decode_told(json.dumps({"kind": "file", "path": 1, "direction": "to_target"} | fields)) is None
    assert decode_told(json.dumps([text])) is None


@given(st.lists(TRANSFERS | CHANGES, max_size=20), st.data())
def test_the_last_word_on_each_file_counts_also_among_other_events(told, data):
    lines = [HEADER]
    for at, one in enumerate(told):
        lines.append(line(at, "o", data.draw(st.text(max_size=30))))
        lines.append(line(at, "f", encode_told(one)))
    lines.append('[99,"f","{\\"kind\\":\\"fi')
    found = files_in(lines)
    assert files_in([one.encode("utf-8", "surrogatepass") for one in lines]) == found
    assert [seen.change for seen in found.changes] == [one for one in told if isinstance(one, FileChange)]
    numbered = {(one.number, one.direction): one for one in told if isinstance(one, FileTransfer) and one.number}
    alone = [one for one in told if isinstance(one, FileTransfer) and not one.number]
    assert sorted(map(repr, (seen.transfer for seen in found.transfers))) == sorted(
        map(repr, [*numbered.values(), *alone])
    )
    assert bool(tally(found)) == bool(found)


def test_the_tally_counts_each_file_where_it_belongs():
    to, from_ = Direction.TO_TARGET, Direction.FROM_TARGET
    told = [
        FileTransfer("/a", to, 1, size=5, sha256="ab" * 32, closed=True, whole=True),
        FileTransfer("/b", from_, 2, size=7, unhashed=Unhashed.RESUMED, closed=True),
        FileTransfer("/c", from_, 3, Stage.PASSING, size=9, sha256="cd" * 32),
        FileTransfer("/d", to, 4, unhashed=Unhashed.NOT_OPENED, failed=1),
        FileTransfer("/e", from_, stage=Stage.REFUSED),
        FileChange(Change.REMOVED, "/f", done=True),
        FileChange(Change.REMOVED, "/g"),
    ]
    found = files_in([HEADER, *(line(1, "f", encode_told(one)) for one in told)])
    assert tally(found) == FileTally(
        to_target=1, from_target=2, bytes_to_target=5, bytes_from_target=16,
        refused=1, failed=3, not_hashed=1, changes=1,
    )  # fmt: skip
