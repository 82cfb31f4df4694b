"""The text of a recording: escape sequences, erased characters, a torn end, the hash chain."""

import hashlib
import json

from quarterdeck.entrypoints.web.casts import chain_holds, events, transcript

HEADER = '{"version": 2, "width": 80, "height": 24}'


def _cast(*outputs: str) -> list[str]:
    return [HEADER, *(json.dumps([number * 0.5, "o", text]) for number, text in enumerate(outputs))]


def test_what_a_person_read_without_colours_titles_and_erased_characters():
    lines = _cast(
        "\x1b[?2004h\x1b]0;title\x07$ l", "ss\b \bs\r\n", "\x1b[32mgreen\x1b[0m\r\n50%\r100%\r\n", "\u202eevil\x07"
    )
    assert transcript(lines) == "$ lss\ngreen\n100%\nevil"


def test_a_torn_last_line_ends_the_text_and_breaks_nothing():
    lines = [*_cast("one\r\n"), '[1.0, "o", "tw']
    assert transcript(lines) == "one\n"
    assert len(list(events(lines))) == 1
    assert transcript([]) == ""
    assert transcript([HEADER, "not json", '[1, "o", "x"]']) == ""


def test_markers_and_input_are_no_text():
    lines = [HEADER, '[0.1, "m", "warning"]', '[0.2, "i", "secret"]', '[0.3, "o", "seen"]', '[0.4, "r", "90x30"]']
    assert transcript(lines) == "seen"


def test_the_chain_notices_every_changed_missing_or_added_line():
    data = "\n".join(_cast("a", "b", "c")).encode() + b"\n"
    head = hashlib.sha256(b"quarterdeck-recording\nse_1").digest()
    for line in data.splitlines(keepends=True):
        head = hashlib.sha256(head + line).digest()
    assert chain_holds(data, "se_1", head.hex())
    assert not chain_holds(data, "se_2", head.hex())
    assert not chain_holds(data.replace(b'"b"', b'"x"'), "se_1", head.hex())
    assert not chain_holds(data[: data.rindex(b"[")], "se_1", head.hex())
    assert not chain_holds(data + b"[9]\n", "se_1", head.hex())
