"""Text made safe, recordings read as text, names of packages, scopes."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quarterdeck.assessor.clean import cell, clean, clean_all, script_json
from quarterdeck.assessor.rules import base_name, well_formed_scope
from quarterdeck.assessor.terms import Scope
from quarterdeck.assessor.transcripts import transcript
from quarterdeck.assessor.words import spoken, status
from quarterdeck_verify.package import is_base_name

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
ANY_TEXT = st.text(st.characters(), max_size=60)


def cast(*events: tuple[float, str, str]) -> bytes:
    return "\n".join(json.dumps(part) for part in ({"version": 2, "width": 80, "height": 24}, *events)).encode()


@given(ANY_TEXT)
def test_clean_text_has_no_control_and_no_direction(text: str) -> None:
    shown = clean(text)
    shown.encode("utf-8")
    assert not any(ord(c) < 32 and c not in "\t\n" for c in shown)
    assert not any(0x7F <= ord(c) < 0xA0 or 0x202A <= ord(c) <= 0x202E or 0x2066 <= ord(c) <= 0x2069 for c in shown)


@given(ANY_TEXT)
def test_no_cell_is_a_formula_or_more_than_one_line(text: str) -> None:
    assert not cell(text).startswith(("=", "+", "-", "@", "\t", "\r"))
    assert "\n" not in cell(text)


@given(st.recursive(ANY_TEXT, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3)))
def test_json_in_a_script_cannot_leave_it(value: object) -> None:
    text = script_json(value)
    assert "<" not in text
    assert json.loads(text) == json.loads(json.dumps(value))


def test_cleaning_goes_through_lists_and_maps() -> None:
    assert clean_all({"a": ["x\u202ey", {"b": "\x1b[2J"}], "n": 3}) == {"a": ["xy", {"b": "[2J"}], "n": 3}


def test_a_recording_becomes_lines_with_times() -> None:
    shown = [(0.5, "$ ls\r\n"), (61.0, "a.txt  b.txt\r\n$ "), (3725.4, "exit\r\n")]
    read = transcript(cast(*((at, "o", text) for at, text in shown), (3726.0, "i", "secret")))
    assert [(line.stamp, line.text) for line in read.lines] == [
        ("0:00:00", "$ ls"), ("0:01:01", "a.txt  b.txt"), ("0:01:01", "$ exit"),
    ]  # fmt: skip
    assert (read.torn, read.seconds) == (False, 3726.0)
    assert "secret" not in read.text


@pytest.mark.parametrize(
    ("shown", "stands"),
    [
        ("\x1b[1;32mgreen\x1b[0m", "green"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]52;c;ZXZpbA==\x07after", "after"),
        ("\x1b]52;c;never ended", ""),
        ("10%\r50%\r100%", "100%"),
        ("lss\x08 \x08", "ls"),
        ("\x08\x08x", "x"),
        ("\x9b31mred", "red"),
        ("a\u202eb\x07c", "abc"),
        ("x" * 5000, "x" * 4000 + " … (5000 characters)"),
    ],
)
def test_a_line_is_what_stood_in_the_end(shown: str, stands: str) -> None:
    assert transcript(cast((0.1, "o", shown))).lines[0].text == stands


@pytest.mark.parametrize("tail", [b'\n[3.0, "o", "hal', b"\n[", b"\n\xff\xfe"])
def test_a_torn_recording_keeps_what_was_whole(tail: bytes) -> None:
    read = transcript(cast((0.1, "o", "whole\r\n")) + tail)
    assert read.torn
    assert [line.text for line in read.lines] == ["whole"]


@given(st.binary(max_size=200))
def test_rubbish_is_no_recording_and_no_crash(rubbish: bytes) -> None:
    transcript(rubbish)
    transcript(cast() + b"\n" + rubbish)


@given(st.text(max_size=80))
def test_every_organisation_gives_a_name_that_a_package_may_have(organisation: str) -> None:
    for scope in (
        Scope(tickets=("MT-2026-00014",)),
        Scope(tickets=("MT-2026-00014", "MT-2026-00015")),
        Scope(since=NOW, until=NOW),
        Scope(tickets=("MT-2026-00014",), since=NOW, until=NOW),
        Scope(practices=("MA.L2-3.7.5",)),
    ):
        assert is_base_name(base_name(organisation, scope, "pk_abcdefghijklmnop"))


def test_the_name_says_whose_and_what() -> None:
    name = base_name("Acme Widgets, Inc. of Ohio", Scope(tickets=("MT-2026-00014",)), "pk_abcdefghij")
    assert name == "MA-EVIDENCE-ACME-WIDGETS-I-MT-2026-00014-efghij"
    period = Scope(since=NOW, until=NOW)
    assert base_name("Öl", period, "pk_abcdefghij") == "MA-EVIDENCE-L-2026-11-23-efghij"


def test_scopes() -> None:
    def codes(numbers: tuple[str, ...], since: datetime | None = None, until: datetime | None = None, **more: object):
        scope = Scope(tickets=numbers, since=since, until=until, **more)
        return well_formed_scope(scope, known=[True] * len(numbers), now=NOW).codes

    day = timedelta(days=1)
    assert codes(("a",)) == ()
    assert codes(("a", "b")) == ()
    assert codes((), NOW - day, NOW + day) == ()
    assert codes(("a",), NOW - day, NOW) == ()
    assert codes(()) == ("package.scope",)
    assert codes((), NOW) == ("package.scope",)
    assert codes(("a",), None, NOW) == ("package.scope",)
    assert codes((), NOW, NOW) == ("package.period_backwards",)
    assert codes(("a", "a")) == ("package.tickets",)
    assert codes((), practices=("MA.L2-3.7.5",)) == ()
    assert codes((), NOW - day, practices=("MA.L2-3.7.5",)) == ()
    assert codes(("a",), practices=("MA.L2-3.7.5",)) == ("package.scope",)
    assert codes((), practices=("MA.L2-9.9.9",)) == ("package.practices",)


def test_states_are_words() -> None:
    assert status("rolled_back")["word"] == "Rolled back"
    assert status("never seen")["tone"] == "idle"
    assert spoken("cui_owner") == "CUI owner"
