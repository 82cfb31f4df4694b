"""Attached evidence: whole, in chunks over the API, as a link; checked, hashed, graded, listed, looked at safely."""

import fcntl
import hashlib
import io
import os
import random
import subprocess
import sys
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from tests.api_caller import Caller, codes
from tests.evidence_files import asciicast, mail, mp4, png, tlog
from tests.shop import FAST_HASHER, password_of
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck.attachments import api as attachments
from quarterdeck.attachments.api import Told, UploadState, Way
from quarterdeck.config.api import load
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.personnel import api as personnel
from quarterdeck.workflows import attach_evidence, mark_cui

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def put(caller: Caller, path: str, data: bytes, **headers: str) -> object:
    return caller.client.put(
        f"/api/v1{path}", data, content_type="application/octet-stream", headers=caller.headers | headers
    )


def started(caller: Caller, number: str, data: bytes, **changes: object) -> dict:
    told = {"kind": "remote_recording", "reason": "What the RMM filmed.", "name": "Work am 23.mp4", "size": len(data)}
    answer = caller.call("post", f"/tickets/{number}/attachments/uploads", told | changes)
    assert answer.status_code == 200, answer.content
    return answer.json()


def test_a_file_in_chunks_goes_on_where_the_server_says(yard: Yard) -> None:
    number, max_ = yard.scheduled().number, Caller(yard.shop, "max")
    film = mp4(random.Random(1).randrange(9_000_000, 9_100_000))
    upload = started(max_, number, film)
    path, at = f"/uploads/{upload['id']}", upload["chunk"]
    first = put(max_, f"{path}?offset=0", film[:at], **{"X-Chunk-SHA256": hashlib.sha256(film[:at]).hexdigest()})
    assert first.json()["offset"] == at
    # What was on its way when the line broke comes again: refused, and the server says where it is.
    assert codes(put(max_, f"{path}?offset=0", film[:at])) == ["upload.offset"]
    assert codes(put(max_, f"{path}?offset={at}", film[at:], **{"X-Chunk-SHA256": "0" * 64})) == ["upload.damaged"]
    assert codes(max_.call("post", f"{path}/finish", {})) == ["upload.unfinished"]
    at = max_.call("get", path).json()["offset"]
    assert put(max_, f"{path}?offset={at}", film[at:]).json()["offset"] == len(film)
    sha256 = hashlib.sha256(film).hexdigest()
    done = max_.call("post", f"{path}/finish", {"sha256": sha256}).json()
    assert (done["state"], done["sha256"]) == ("done", sha256)
    (row,) = max_.call("get", f"/tickets/{number}/attachments").json()
    assert (row["kind"], row["way"], row["media_type"]) == ("remote_recording", "file", "video/mp4")
    assert row["name"] == f"{number}-Work-am-23.mp4"
    assert row["may_contain_cui"] is True
    assert row["reason"] == "What the RMM filmed."
    assert evidence.read_artifact(sha256) == film
    assert list(load().incoming_dir.iterdir()) == []
    file = max_.call("get", f"/tickets/{number}/attachments/{sha256}")
    assert b"".join(file.streaming_content) == film
    assert file["X-Content-Type-Options"] == "nosniff"
    seen = evidence.last_entry(["evidence.viewed"], object=evidence.ObjectRef("artifact", sha256))
    assert seen is not None
    assert seen.actor_id == yard.shop.ids["max"]


class Finishing(io.BytesIO):
    """A last chunk whose sender finishes while its end is not taken yet."""

    def __init__(self, data: bytes, finish) -> None:
        super().__init__(data)
        self.finish, self.said = finish, ""

    def read(self, size: int = -1, /) -> bytes:
        if self.tell() and not self.said:
            with pytest.raises(Refused) as refused:
                self.finish()
            self.said = refused.value.decision.codes[0]
        return super().read(size)


def test_nothing_is_finished_while_a_chunk_is_being_written(yard: Yard) -> None:
    clock = SystemClock()
    number, film = yard.scheduled().number, mp4(2_000_000)
    upload, max_ = started(Caller(yard.shop, "max"), number, film)["id"], yard.actor("max")
    body = Finishing(film, lambda: attach_evidence.finish_upload(max_, clock, upload))
    with pytest.raises(Refused) as refused:
        attachments.take_chunk(max_, clock, upload, offset=0, length=len(film), sha256="0" * 64, body=body)
    assert refused.value.decision.codes == ("upload.damaged",)
    assert body.said in ("upload.unfinished", "upload.busy")
    assert attachments.attached(number) == []
    with attachments.path_of(upload).open("r+b") as writing:
        writing.write(film)
        writing.flush()
        fcntl.flock(writing, fcntl.LOCK_EX)
        with pytest.raises(Refused) as refused:
            attach_evidence.finish_upload(max_, clock, upload)
    assert refused.value.decision.codes == ("upload.busy",)
    assert attach_evidence.finish_upload(max_, clock, upload).state is UploadState.DONE


def test_a_chunk_takes_no_room_that_recordings_need(yard: Yard, monkeypatch) -> None:
    clock = SystemClock()
    number, film = yard.scheduled().number, mp4(2_000_000)
    upload, max_ = started(Caller(yard.shop, "max"), number, film)["id"], yard.actor("max")
    monkeypatch.setenv("QD_ATTACH_FLOOR_GB", "10000")
    load.cache_clear()
    with pytest.raises(Refused) as refused:
        attachments.take_chunk(max_, clock, upload, offset=0, length=10, sha256="", body=io.BytesIO(film[:10]))
    assert refused.value.decision.codes == ("upload.no_room",)
    assert attachments.upload(upload).offset == 0


def test_another_hash_or_another_kind_is_no_evidence(yard: Yard) -> None:
    number, max_ = yard.scheduled().number, Caller(yard.shop, "max")
    upload = started(max_, number, png())
    assert put(max_, f"/uploads/{upload['id']}?offset=0", png()).status_code == 200
    assert codes(max_.call("post", f"/uploads/{upload['id']}/finish", {})) == ["attachment.form"]
    assert max_.call("get", f"/uploads/{upload['id']}").json()["state"] == "refused"
    upload = started(max_, number, png(), kind="screenshot", name="a.png")
    put(max_, f"/uploads/{upload['id']}?offset=0", png())
    assert codes(max_.call("post", f"/uploads/{upload['id']}/finish", {"sha256": "0" * 64})) == ["attachment.hash"]
    assert attachments.attached(number) == []
    assert evidence.last_entry(["act.refused"], ticket=number) is not None
    assert list(load().incoming_dir.iterdir()) == []


def test_only_who_takes_part_attaches_and_nobody_goes_on_for_another(yard: Yard) -> None:
    number, max_, iris = yard.scheduled().number, Caller(yard.shop, "max"), Caller(yard.shop, "iris")
    told = {"kind": "mail", "reason": "What was written.", "name": "a.eml", "size": 10}
    avery = Caller(yard.shop, "avery").call("post", f"/tickets/{number}/attachments/uploads", told)
    assert codes(avery) == ["ticket.not_yours"]
    upload = started(max_, number, mail())
    assert codes(put(iris, f"/uploads/{upload['id']}?offset=0", mail())) == ["upload.unknown"]
    assert codes(iris.call("get", f"/uploads/{upload['id']}")) == ["upload.unknown"]
    assert codes(iris.call("delete", f"/uploads/{upload['id']}")) == ["upload.unknown"]
    assert codes(max_.call("get", "/uploads/..%2Fsecret_key")) != []
    assert max_.call("delete", f"/uploads/{upload['id']}").json()["state"] == "cancelled"
    assert codes(put(max_, f"/uploads/{upload['id']}?offset=0", mail())) == ["upload.over"]
    assert not list(load().incoming_dir.iterdir())


def test_what_nobody_goes_on_with_is_given_up(yard: Yard, clock) -> None:
    number = yard.scheduled().number
    told = Told("mail", "What was written.")
    left = attachments.start(yard.actor("max"), clock, number, told, name="a.eml", size=10)
    stray = load().incoming_dir / "up_stray"
    stray.touch()
    os.utime(stray, (0, 0))
    assert attachments.clean_uploads(clock) == 1
    assert not stray.exists()
    clock.advance(hours=71)
    assert attachments.clean_uploads(clock) == 0
    clock.advance(hours=2)
    assert attachments.clean_uploads(clock) == 1
    assert attachments.upload(left.id).state is UploadState.CANCELLED
    assert not list(load().incoming_dir.iterdir())
    clock.advance(hours=100)
    attachments.clean_uploads(clock)
    with pytest.raises(Refused):
        attachments.upload(left.id)


def test_a_check_that_broke_off_can_be_finished_again(yard: Yard, clock) -> None:
    number, data = yard.scheduled().number, mail()
    told, max_ = Told("mail", "What was written."), yard.actor("max")
    upload = attachments.start(max_, clock, number, told, name="a.eml", size=len(data))
    attachments.take_chunk(max_, clock, upload.id, offset=0, length=len(data), sha256="", body=io.BytesIO(data))
    attachments.begin_checking(max_, clock, upload.id)
    with pytest.raises(Refused) as refused:
        attach_evidence.finish_upload(max_, clock, upload.id)
    assert refused.value.decision.codes == ("upload.over",)
    clock.advance(hours=2)
    attachments.clean_uploads(clock)
    assert attachments.upload(upload.id).state is UploadState.ARRIVING
    assert attach_evidence.finish_upload(max_, yard.clock, upload.id).state is UploadState.DONE


def test_a_link_keeps_where_who_and_when(yard: Yard) -> None:
    number, max_ = yard.scheduled().number, Caller(yard.shop, "max")
    told = {"kind": "remote_recording", "reason": "Film of the RMM.", "target": "https://rmm.example.test/rec/7"}
    (row,) = max_.call("post", f"/tickets/{number}/attachments/links", told).json()
    assert (row["way"], row["target"]) == ("link", "https://rmm.example.test/rec/7")
    kept = evidence.parse_fields(evidence.read_artifact(row["sha256"]))
    assert kept["noted_by"] == yard.shop.ids["max"]
    assert str(kept["noted_at"]).startswith(f"{yard.clock.now():%Y-%m-%dT%H}")
    bad = max_.call("post", f"/tickets/{number}/attachments/links", told | {"target": "javascript:alert(1)"})
    assert codes(bad) == ["attachment.target"]
    assert b"rmm.example.test" not in b"".join(entry.body for entry in evidence.entries(ticket=number))


def test_the_page_takes_a_file_without_script_and_shows_it_safely(yard: Yard) -> None:
    number, max_ = yard.scheduled().number, sign_in(yard.shop, "max")
    page = text_of(max_.get(f"/tickets/{number}/attach/"))
    assert "An asset of this ticket handles CUI." in page
    said = {"kind": "mail", "reason": "What the vendor wrote.", "supports": "", "asset": ""}
    wrong = max_.post(f"/tickets/{number}/attach/", said | {"file": SimpleUploadedFile("a.eml", png())})
    assert "The file is not what a mail is" in text_of(wrong)
    assert "It seems to be a PNG picture" in text_of(wrong)
    assert "Choose a file, or write where it lies" in text_of(max_.post(f"/tickets/{number}/attach/", said))
    letter = mail() + b"\x1b[2J\xe2\x80\xaexcod.exe"
    answer = max_.post(f"/tickets/{number}/attach/", said | {"file": SimpleUploadedFile("<b>.eml", letter)})
    assert answer["Location"] == reverse("ticket_attached", args=[number])
    shot = SimpleUploadedFile("shot.png", png())
    max_.post(f"/tickets/{number}/attach/", said | {"kind": "screenshot", "file": shot, "supports": "staging.tested"})
    listed = max_.get(f"/tickets/{number}/attached/")
    assert "What the vendor wrote." in text_of(listed)
    assert "1 of 2" in text_of(max_.get(f"/tickets/{number}/attached/?kind=mail"))
    assert "Screenshot" in max_.get(f"/tickets/{number}/attached/?export=csv").content.decode()
    by_kind = {one.kind: one for one in attachments.attached(number)}
    (fact,) = evidence.facts(ticket=number, kinds=["staging.tested"])
    assert fact.grade is evidence.Grade.ATTACHED
    look = max_.get(reverse("ticket_look", args=[number, by_kind["mail"].sha256])).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in look
    assert "\\u001b[2J\\u202excod.exe" in look
    assert "\x1b" not in look
    assert "\u202e" not in look
    shown = max_.get(reverse("ticket_picture", args=[number, by_kind["screenshot"].sha256]))
    assert (shown["Content-Type"], shown["X-Content-Type-Options"]) == ("image/png", "nosniff")
    assert "sandbox" in shown["Content-Security-Policy"]
    assert b"".join(shown.streaming_content) == png()
    assert max_.get(reverse("ticket_picture", args=[number, by_kind["mail"].sha256])).status_code == 404
    assert sign_in(yard.shop, "max").get(reverse("ticket_look", args=[number, "ab" * 32])).status_code == 404


def test_the_script_of_the_page_sends_in_chunks_with_the_session(yard: Yard) -> None:
    number, max_ = yard.scheduled().number, sign_in(yard.shop, "max")
    data = tlog()
    said = {"kind": "tlog", "reason": "Session on fs01.", "asset": yard.server, "name": "r-1.log", "size": len(data)}
    upload = max_.post(reverse("upload_start", args=[number]), said).json()
    assert max_.post(reverse("upload_start", args=[number]), said | {"kind": "nothing"}).status_code == 422
    half = len(data) // 2
    octets = {"content_type": "application/octet-stream"}
    assert max_.put(f"{upload['url']}?offset=0", data[:half], **octets).json()["offset"] == half
    assert "Uploads that broke off" in text_of(max_.get(f"/tickets/{number}/attach/"))
    assert max_.get(upload["url"]).json()["offset"] == half
    refused = max_.put(f"{upload['url']}?offset=x", data[half:], **octets)
    assert (refused.status_code, refused.json()["refused"][0]["code"]) == (409, "upload.offset")
    assert max_.put(f"{upload['url']}?offset={half}", data[half:], **octets).json()["offset"] == len(data)
    done = max_.post(upload["finish"]).json()
    assert (done["state"], done["then"]) == ("done", reverse("ticket_attached", args=[number]))
    (kept,) = attachments.attached(number)
    assert (kept.asset, kept.way) == (yard.server, Way.FILE)


def test_the_mark_is_put_on_by_anybody_and_taken_off_by_the_owner(yard: Yard) -> None:
    number = yard.scheduled().number
    told = Told("screenshot", "The dialog.", may_contain_cui=False)
    kept = attach_evidence.attach_file(
        yard.actor("max"), yard.clock, number, told, name="a.png", file=io.BytesIO(png())
    )
    assert evidence.artifact(kept.sha256).may_contain_cui
    with pytest.raises(Refused) as refused:
        mark_cui.mark(yard.actor("max"), yard.clock, kept.sha256, may_contain_cui=False, reason="It shows a clock.")
    assert refused.value.decision.codes == ("role.missing",)
    with pytest.raises(Refused) as refused:
        mark_cui.mark(yard.shop.stale("casey"), yard.clock, kept.sha256, may_contain_cui=False, reason="Only a clock.")
    assert refused.value.decision.codes == ("step_up.needed",)
    casey = sign_in(yard.shop, "casey")
    casey.post(reverse("artifact_mark", args=[number, kept.sha256]), {"reason": "It shows a clock and nothing else."})
    assert not evidence.artifact(kept.sha256).may_contain_cui
    cleared = evidence.last_entry(["artifact.cui_cleared"], object=evidence.ObjectRef("artifact", kept.sha256))
    assert (cleared.actor_id, cleared.data["of"]) == (yard.shop.ids["casey"], number)
    mark_cui.mark(
        yard.actor("max"), yard.clock, kept.sha256, may_contain_cui=True, reason="The title is CUI.", of=number
    )
    assert evidence.artifact(kept.sha256).may_contain_cui


def test_nothing_is_attached_to_a_closed_ticket_nor_over_the_limit(yard: Yard, monkeypatch) -> None:
    number, max_ = yard.submitted().number, Caller(yard.shop, "max")
    monkeypatch.setenv("QD_ATTACH_LIMIT_GB", "0.000001")
    load.cache_clear()
    told = {"kind": "mail", "reason": "What was written.", "name": "a.eml", "size": 1001}
    path = f"/tickets/{number}/attachments/uploads"
    assert codes(max_.call("post", path, told)) == ["attachment.too_large"]
    assert max_.call("post", path, told | {"size": 0}).status_code == 422
    Caller(yard.shop, "iris").call("post", f"/tickets/{number}/withdraw", {"reason": "Not needed any more."})
    assert codes(max_.call("post", path, told | {"size": 10})) == ["ticket.closed"]


def test_qd_attach_sends_goes_on_and_lists(yard: Yard, live_server, tmp_path, monkeypatch) -> None:
    number, shop = yard.scheduled().number, yard.shop
    secret, _ = personnel.issue_token("max@example.test", password_of("max"), shop.totp("max"), clock=shop.clock)
    for name, value in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path / "config"), ("QD_URL", live_server.url)):
        monkeypatch.setenv(name, str(value))
    token_file.write(token_file.Token(live_server.url, "max@example.test", secret, "2099-01-01T00:00:00Z"))
    film = asciicast()
    (tmp_path / "rmm.cast").write_bytes(film)
    # A line that broke: eleven bytes are there.
    told = Told("remote_recording", "What the RMM filmed.")
    broken = attach_evidence.start_upload(yard.actor("max"), yard.clock, number, told, name="rmm.cast", size=len(film))
    attachments.take_chunk(
        yard.actor("max"), yard.clock, broken.id, offset=0, length=11, sha256="", body=io.BytesIO(film[:11])
    )

    def qd(*words: str) -> str:
        argv = [sys.executable, "-m", "quarterdeck.entrypoints.cli", *words]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        ran = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=environment)
        return ran.stdout + ran.stderr

    said = ["--ticket", number, "--kind", "remote_recording", "--reason", "What the RMM filmed."]
    told_us = qd("attach", str(tmp_path / "rmm.cast"), *said)
    assert "Going on at 11 of" in told_us
    assert hashlib.sha256(film).hexdigest() in told_us
    assert "The link is attached" in qd("attach", r"\\nas\films\7.mp4", "--link", *said)
    assert "seems to be" in qd("attach", __file__, *said) or "is not what" in qd("attach", __file__, *said)
    listed = qd("attached", number)
    assert "What the RMM filmed." in listed
    assert "Max Technician" in listed
    assert "pe_" not in listed
    assert "event_log" in qd("attached", "--kinds")
    assert timedelta(0) < yard.clock.now() - attachments.attached(number)[0].at
