"""What is attached is read as what it was said to be: every form, whole and damaged, and what pretends."""

import io
import random

import pytest
from tests.evidence_files import BAD, GOOD, png

from quarterdeck.attachments import rules
from quarterdeck.attachments.api import CHUNK, FORMS, KINDS, Told, UploadState, UploadView, check, usable_target
from quarterdeck.attachments.rules import may_finish, may_send, may_start
from quarterdeck.kernel.decision import Refused

_GIGA = 10**9


def read(kind: str, data: bytes) -> str:
    return check(kind, io.BytesIO(data), len(data)).media_type


@pytest.mark.parametrize("kind", GOOD)
def test_a_file_of_its_kind_is_taken(kind: str) -> None:
    for data in GOOD[kind]:
        assert read(kind, data)


@pytest.mark.parametrize("kind", BAD)
def test_what_does_not_match_is_told_with_a_next_step(kind: str) -> None:
    for data in BAD[kind]:
        with pytest.raises(Refused) as refused:
            read(kind, data)
        (reason,) = refused.value.decision.reasons
        assert reason.code in {"attachment.form", "attachment.program"}
        assert reason.sentence
        assert reason.next_step


def test_what_it_seems_to_be_is_said() -> None:
    with pytest.raises(Refused, match="seems to be a PNG picture"):
        read("mail", png())
    with pytest.raises(Refused, match="programs are not taken"):
        read("document", b"MZ\x90\0 setup")


def test_every_kind_names_forms_that_exist() -> None:
    assert {form for kind in KINDS.values() for form in kind.forms} <= set(FORMS)
    assert set(GOOD) == set(BAD) == set(KINDS)


@pytest.mark.parametrize("form", sorted(set(FORMS) - {"any"}))
def test_no_reader_breaks_on_rubbish(form: str) -> None:
    dice = random.Random(form)
    whole = [data for files in GOOD.values() for data in files]
    for _ in range(400):
        data = bytearray(dice.choice(whole)[:5000])
        for _ in range(dice.randrange(1, 8)):
            if data:
                data[dice.randrange(len(data))] = dice.randrange(256)
        data = data[: dice.randrange(len(data) + 1)]
        assert isinstance(FORMS[form].why_not(io.BytesIO(bytes(data)), len(data)), str)


def test_size_name_and_room_decide() -> None:
    fits = {"limit": 10 * _GIGA, "free": 100 * _GIGA, "floor": _GIGA}
    assert may_start("mail", "a.eml", 10, **fits).allowed
    assert may_start("nothing", "a", 10, **fits).codes == ("attachment.kind",)
    assert may_start("mail", "", 10, **fits).codes == ("attachment.name",)
    assert may_start("mail", "a\nb", 10, **fits).codes == ("attachment.name",)
    assert may_start("mail", "a", 0, **fits).codes == ("attachment.empty",)
    assert may_start("mail", "a", 11 * _GIGA, **fits).codes == ("attachment.too_large",)
    assert may_start("mail", "a", 2 * _GIGA, limit=9 * _GIGA, free=4 * _GIGA, floor=1).codes == ("attachment.no_room",)


def upload(clock, **changes: object) -> UploadView:
    told = {
        "id": "up_a", "ticket": "MT-2026-00001", "by": "pe_max", "name": "a", "size": 100, "offset": 40,
        "told": Told("mail", "why"), "state": UploadState.ARRIVING, "message": "", "sha256": "",
        "started_at": clock.now(), "touched_at": clock.now(),
    } | changes  # fmt: skip
    return UploadView(**told)


def test_a_chunk_belongs_where_the_file_ends(clock) -> None:
    view = upload(clock)
    assert may_send(view, "pe_max", 40, 60).allowed
    assert may_send(view, "pe_eve", 40, 60).codes == ("upload.unknown",)
    assert may_send(view, "pe_max", 39, 60).codes == ("upload.offset",)
    assert may_send(view, "pe_max", 40, 61).codes == ("upload.chunk",)
    assert may_send(view, "pe_max", 40, 0).codes == ("upload.chunk",)
    large = upload(clock, size=3 * CHUNK, offset=0)
    assert may_send(large, "pe_max", 0, CHUNK + 1).codes == ("upload.chunk",)
    assert may_send(upload(clock, state=UploadState.DONE), "pe_max", 40, 60).codes == ("upload.over",)
    assert may_finish(view, "pe_max").codes == ("upload.unfinished",)
    assert may_finish(upload(clock, offset=100), "pe_max").allowed


@pytest.mark.parametrize("target", ["https://rmm.example.test/rec/7", r"\\nas\rec\7.mp4", "/srv/rec/7", r"D:\7.mp4"])
def test_where_a_link_may_lead(target: str) -> None:
    assert usable_target(target).allowed


@pytest.mark.parametrize(
    "target", ["", "javascript:alert(1)", "http://x/", "https://user:pw@x/", "file", "https://x/\n"]
)
def test_where_a_link_may_not_lead(target: str) -> None:
    assert rules.usable_target(target).codes == ("attachment.target",)
