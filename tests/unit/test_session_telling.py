"""Names that do nothing on a screen; rows and lines that say what became of a file."""

import json
import re
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.assessor.transcripts import transcript
from quarterdeck.entrypoints.web import casts
from quarterdeck.sessions.api import let_out, shown_changes, shown_files, spelled, tally_words
from quarterdeck.sessions.terms import (
    Change,
    Direction,
    FileChange,
    FileTransfer,
    Stage,
    Unhashed,
    encode_told,
    file_lines,
    files_in,
)

TO, FROM = Direction.TO_TARGET, Direction.FROM_TARGET
HOSTILE = b"/tmp/\x1b]52;c;ZXZpbA==\x07\xe2\x80\xaegpj.exe\xff\n\r</script>"
TOLD = [
    FileTransfer("/srv/a", TO, 1, size=1234, sha256="ab" * 32, closed=True, whole=True),
    FileTransfer("/srv/in", TO, 2, size=5, sha256="cd" * 32, closed=True, whole=True, sent_as="tree/b"),
    FileTransfer("/srv/c", TO, 3, size=5, unhashed=Unhashed.RESUMED, closed=True),
    FileTransfer("/srv/d", FROM, 4, size=5, sha256="ef" * 32, closed=True),
    FileTransfer("/srv/e", FROM, 5, Stage.PASSING, size=5, sha256="01" * 32),
    FileTransfer("/srv/f", TO, 6, unhashed=Unhashed.NOT_OPENED, failed=1),
    FileTransfer("/srv/g", FROM, stage=Stage.REFUSED),
    FileTransfer("/srv/h", TO, 7, size=900, unhashed=Unhashed.NOT_FOLLOWED, closed=True),
    FileTransfer(HOSTILE.decode("utf-8", "surrogateescape"), TO, 8, size=1, unhashed=Unhashed.FAILED, failed=2),
    FileChange(Change.RENAMED, "/srv/a", to="/srv/b", done=True),
    FileChange(Change.PERMISSIONS, "/srv/b", detail="0777"),
]  # fmt: skip
HEADER = json.dumps({"version": 2, "width": 80, "height": 24})
CAST = [HEADER, *(json.dumps([at, "f", encode_told(one)], separators=(",", ":")) for at, one in enumerate(TOLD))]
FOUND = files_in(CAST)


@given(st.text() | st.binary().map(lambda raw: raw.decode("utf-8", "surrogateescape")))
def test_a_name_is_spelled_so_that_it_can_be_shown_anywhere_and_told_from_any_other(name):
    shown = spelled(name)
    shown.encode()
    assert not [sign for sign in shown if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")]
    assert not re.search("[\u061c\u200b-\u200f\u202a-\u202f\u2060-\u206f\ufeff]", shown)
    escapes = r"\\(\\|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
    back = re.sub(escapes, lambda found: "\\" if found[1] == "\\" else chr(int(found[1][1:], 16)), shown)
    plain = "".join(chr(ord(sign) - 0xDC00) if 0xDC80 <= ord(sign) <= 0xDCFF else sign for sign in name)
    assert back == plain


def test_rows_say_what_became_of_each_file_and_why_there_is_no_hash():
    rows = shown_files(FOUND)
    assert [(row.name, row.state.value) for row in rows[:8]] == [
        ("/srv/a", "passed"), ("/srv/in (tree/b)", "passed"), ("/srv/c", "partly"), ("/srv/d", "partly"),
        ("/srv/e", "cut_off"), ("/srv/f", "failed"), ("/srv/g", "refused"), ("/srv/h", "passed"),
    ]  # fmt: skip
    assert all(bool(row.sha256) != row.remark.startswith("not hashed") for row in rows if row.state != "refused")
    assert rows[-1].name == "/tmp/\\x1b]52;c;ZXZpbA==\\x07\\u202egpj.exe\\xff\\x0a\\x0d</script>"
    assert [(row.what, row.name, row.state.value) for row in shown_changes(FOUND)] == [
        ("renamed", "/srv/a → /srv/b", "passed"), ("permissions set: 0777", "/srv/b", "failed"),
    ]  # fmt: skip


def test_lines_hold_everything_in_order_and_both_texts_of_a_recording_hold_the_lines():
    lines = list(file_lines(FOUND))
    assert [at for at, _ in lines] == [float(at) for at in range(len(TOLD))]
    assert lines[0][1] == f"File to the target: /srv/a, 1,234 bytes, SHA-256 {'ab' * 32}"
    assert lines[6][1].startswith("Refused. File from the target: /srv/g, 0 bytes, the ticket does not allow it")
    raw = "\n".join(CAST).encode()
    assert [line.text for line in transcript(raw).lines] == [text for _, text in lines]
    web = casts.transcript(CAST)
    assert all(text in web for _, text in lines)
    assert not casts.has_picture(CAST)
    for text in (web, transcript(raw).text):
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", text)


def test_a_recording_with_output_keeps_it_before_its_files():
    both = [HEADER, '[0.5,"o","hello\\r\\n"]', *CAST[1:3]]
    assert casts.transcript(both).startswith("hello\n\nFiles of the session\n0:00:00  File to the target: /srv/a")
    assert casts.has_picture(both)
    assert casts.transcript(both[:2]) == "hello\n"


def test_numbers_in_words():
    assert tally_words({}) == ""
    some = {"to_target": 2, "bytes_to_target": 1500, "refused": 1}
    assert tally_words(some) == "2 to the target (1,500 bytes), 1 refused"


def test_a_command_that_writes_much_where_nothing_may_leave_is_pointed_out():
    much, little = {"stdout": {"size": 5_000_000}}, {"stdout": {"size": 4_000}}
    assert "5,000,000 bytes" in let_out("command", much, from_target=False)
    assert let_out("command", much, from_target=True) == ""
    assert let_out("command", little, from_target=False) == ""
    assert let_out("transfer", much, from_target=False) == ""
    assert let_out("command", {}, from_target=False) == ""
