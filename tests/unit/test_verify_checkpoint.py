"""The three lines of a checkpoint, the mails they are found in, and the signed note for witnesses."""

import base64
import quopri
from email.message import EmailMessage

import pytest

from quarterdeck_verify import checkpoint

ROOT = bytes(range(32))
BODY = checkpoint.body("quarterdeck.example/ledger", 17, ROOT)


def test_three_lines():
    assert b"quarterdeck.example/ledger\n17\n" + base64.b64encode(ROOT) + b"\n" == BODY
    assert checkpoint.parse(BODY) == checkpoint.Checkpoint("quarterdeck.example/ledger", 17, ROOT)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        BODY[:-1],
        BODY + b"\n",
        BODY + b"extension\n",
        b"\n" + BODY,
        BODY.replace(b"17", b"017"),
        BODY.replace(b"17", b"+17"),
        BODY.replace(b"17", b"1_7"),
        BODY.replace(b"17", b"-1"),
        BODY.replace(b"17", "\u0661\u0667".encode()),
        BODY.replace(b"\n", b"\r\n"),
        BODY.replace(b"ledger", b"led ger"),
        BODY.replace(b"8=\n", b"9=\n"),
        BODY.replace(b"8=\n", b"8==\n"),
        BODY.replace(b"8=\n", b"8\n"),
        BODY * 20,
    ],
)
def test_any_other_spelling_is_refused(data):
    with pytest.raises(ValueError, match="checkpoint"):
        checkpoint.parse(data)


@pytest.mark.parametrize(("origin", "size", "root"), [("", 1, ROOT), ("a b", 1, ROOT), ("a", -1, ROOT), ("a", 1, b"x")])
def test_malformed_parts_are_refused(origin, size, root):
    with pytest.raises(ValueError, match="checkpoint"):
        checkpoint.body(origin, size, root)


def test_it_is_found_in_mails():
    mail = EmailMessage()
    mail["Subject"] = "Maintenance ticket MT-2026-00014 approved"
    mail.set_content("Bitte aufbewahren, prüfen:\n\n" + BODY.decode() + "\nQuarterdeck\n")
    encoded = EmailMessage()
    encoded.set_content("Kept:\n" + BODY.decode(), cte="base64")
    quoted = b"Content-Type: text/plain\nContent-Transfer-Encoding: quoted-printable\n\n" + quopri.encodestring(BODY)
    answered = b"\r\n".join(b">> " + line for line in BODY.split(b"\n"))
    for text in (BODY, bytes(mail), bytes(encoded), quoted, answered, b"    " + BODY.replace(b"\n", b"\n    ")):
        assert checkpoint.find(text) == [checkpoint.parse(BODY)], text


def test_several_are_found_once_each_and_rubbish_gives_none():
    other = checkpoint.body("quarterdeck.example/ledger", 18, ROOT)
    assert len(checkpoint.find(BODY + b"\n" + other + BODY)) == 2
    assert checkpoint.find(b"") == []
    assert checkpoint.find(b"\xff\n1\n\n" * 1000) == []


def test_notes_come_back_as_they_went():
    signature = checkpoint.NoteSignature("quarterdeck.example/ledger", b"\x01\x02\x03\x04", b"s" * 64)
    note = checkpoint.make_note(BODY, [signature])
    assert note.startswith(BODY + b"\n\xe2\x80\x94 quarterdeck.example/ledger ")
    assert checkpoint.parse_note(note) == (checkpoint.parse(BODY), [signature])


def test_key_id_is_that_of_c2sp():
    # C2SP signed-note: SHA-256(name || 0x0A || type || key), first four bytes; key of the example log PeterNeumann
    public = base64.b64decode("ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
    assert public[0] == checkpoint.NOTE_ED25519
    assert checkpoint.key_id("PeterNeumann", checkpoint.NOTE_ED25519, public[1:]).hex() == "c74f20a3"


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note[:-1],
        lambda note: note + b"\n",
        lambda note: note.replace(b"\n\n", b"\n"),
        lambda note: note.replace("\u2014".encode(), b"-"),
        lambda note: BODY,
        lambda note: BODY + b"\n",
        lambda note: note.replace(b"17", b"017"),
    ],
)
def test_malformed_notes_are_refused(change):
    signature = checkpoint.NoteSignature("quarterdeck.example/ledger", b"\x01\x02\x03\x04", b"s" * 64)
    with pytest.raises(ValueError, match=r"note|checkpoint"):
        checkpoint.parse_note(change(checkpoint.make_note(BODY, [signature])))
