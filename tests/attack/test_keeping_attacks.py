"""Ways around keeping: rows written by hand, files that pretend, strangers at uploads, one person who is two."""

import io
from datetime import UTC, datetime
from functools import partial

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.urls import reverse
from tests.evidence_files import mail, png
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck.assessor.withholding import ENCRYPTED, _reason
from quarterdeck.attachments import api as attachments
from quarterdeck.attachments.api import Told
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.guard import UnrecordedWrite
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.decision import Refused
from quarterdeck.retention import api as retention
from quarterdeck.retention.api import EndKind, Standing
from quarterdeck.workflows import attach_evidence, keep_evidence

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def attached(yard: Yard, data: bytes, kind: str) -> tuple[str, str]:
    number = yard.submitted().number
    kept = attach_evidence.attach_file(
        yard.actor("max"), yard.clock, number, Told(kind, "What was seen."), name="file", file=io.BytesIO(data)
    )
    return number, kept.sha256


def by_hand(statement: str, *values: object) -> None:
    """Write as somebody with the database file does, past the guard of our own code."""
    with connection.cursor() as cursor:
        cursor.cursor.execute(statement, values)


def test_rows_by_hand_free_nothing_and_hide_nothing(yard: Yard) -> None:
    number, shot = attached(yard, png(), "screenshot")
    past = datetime(2020, 1, 1, tzinfo=UTC)
    by_hand("UPDATE evidence_artifact SET state = 'disposed', retain_until = '2020-01-01', may_contain_cui = 0")
    by_hand("DELETE FROM evidence_artifactuse")
    kept = retention.kept_file(shot, yard.clock.now())
    assert (kept.standing, kept.until, kept.tickets) == (Standing.ENDLESS, None, (number,))
    assert retention.may_end(kept, EndKind.DISPOSAL, past).codes == ("retention.not_due",)
    with pytest.raises(Refused) as refused:
        evidence.destroy_file(shot, yard.clock.now())
    assert refused.value.decision.codes == ("artifact.stands",)
    (entry,) = [one for one in evidence.entries(ticket=number) if one.event == "evidence.attached"]
    # A state written by hand withholds nothing, and a mark taken off by hand lets nothing out.
    reason = partial(_reason, entry, shot, "attached_screenshot", cui=True, shows=True, supporting=False)
    assert reason(consented=False, sealable=True) == "no_consent"
    assert reason(consented=True, sealable=False) == "no_recipient"
    assert reason(consented=True, sealable=True) == ENCRYPTED


def test_our_own_code_marks_and_ends_in_an_act_only(yard: Yard) -> None:
    _number, shot = attached(yard, png(), "screenshot")
    for write in (
        lambda: evidence.mark_cui(None, shot, may_contain_cui=False),  # type: ignore[arg-type]
        lambda: evidence.give_up(None, shot, "disposed"),  # type: ignore[arg-type]
    ):
        with pytest.raises(UnrecordedWrite):
            write()


def test_an_upload_row_by_hand_reaches_no_other_ticket_and_no_other_file(yard: Yard) -> None:
    number = yard.submitted().number
    data = mail()
    upload = attach_evidence.start_upload(
        yard.actor("max"), yard.clock, number, Told("mail", "What was written."), name="a.eml", size=len(data)
    )
    attachments.take_chunk(
        yard.actor("max"), yard.clock, upload.id, offset=0, length=len(data), sha256="", body=io.BytesIO(data)
    )
    # Somebody writes another sender into the row: who may not attach still does not.
    by_hand("UPDATE attachments_upload SET by = ?" if connection.vendor == "sqlite" else
            "UPDATE attachments_upload SET by = %s", yard.shop.ids["avery"])  # fmt: skip
    with pytest.raises(Refused) as refused:
        attach_evidence.finish_upload(yard.actor("avery"), yard.clock, upload.id)
    assert refused.value.decision.codes == ("ticket.not_yours",)
    assert attachments.attached(number) == []
    for wrong in ("../secret_key", "up_../../x", "", "up_"):
        with pytest.raises(Refused):
            attachments.path_of(wrong)


def test_what_pretends_is_refused_and_what_is_kept_is_harmless(yard: Yard) -> None:
    number, max_ = yard.submitted().number, sign_in(yard.shop, "max")
    said = {"kind": "screenshot", "reason": "What was on the screen.", "supports": "", "asset": ""}
    for name, data in (
        ("a.png", png(b"<script>alert(1)</script>")),
        ("a.png", b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"),
        ("a.png", b"\x89PNG\r\n\x1a\n<html>"),
        ("../../etc/cron.d/x", b"MZ\x90\0"),
    ):
        answer = max_.post(f"/tickets/{number}/attach/", said | {"file": SimpleUploadedFile(name, data)})
        assert answer.status_code == 200, name
    assert attachments.attached(number) == []
    page = SimpleUploadedFile("../../x<img src=q onerror=alert(1)>.html", b"<html><script>alert(1)</script></html>")
    max_.post(f"/tickets/{number}/attach/", said | {"kind": "document", "file": page})
    (kept,) = attachments.attached(number)
    assert "/" not in kept.name
    assert "<" not in kept.name
    shown = max_.get(reverse("ticket_look", args=[number, kept.sha256]))
    assert b"<script>alert(1)" not in shown.content
    assert "script-src" in shown["Content-Security-Policy"]
    file = max_.get(reverse("ticket_file", args=[number, kept.sha256]))
    assert (file["Content-Type"], file["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
    assert file["Content-Disposition"].startswith("attachment")
    assert "sandbox" in file["Content-Security-Policy"]
    b"".join(file.streaming_content)
    # Somebody calls it a picture in the row: it is served as none.
    by_hand("UPDATE evidence_artifact SET media_type = 'image/png'")
    assert max_.get(reverse("ticket_picture", args=[number, kept.sha256])).status_code == 404


def test_uploads_take_the_page_of_this_very_session(yard: Yard) -> None:
    number = yard.submitted().number
    inside = sign_in(yard.shop, "max")
    elsewhere = Client(enforce_csrf_checks=True)
    elsewhere.cookies = inside.cookies
    said = {"kind": "mail", "reason": "What was written.", "name": "a.eml", "size": 10}
    assert elsewhere.post(reverse("upload_start", args=[number]), said).status_code == 403
    upload = inside.post(reverse("upload_start", args=[number]), said).json()
    octets = {"content_type": "application/octet-stream"}
    assert elsewhere.put(f"{upload['url']}?offset=0", b"0123456789", **octets).status_code == 403
    assert elsewhere.delete(upload["url"]).status_code == 403
    assert Client().put(f"{upload['url']}?offset=0", b"0123456789", **octets).status_code == 302
    assessor = sign_in(yard.shop, "quinn")
    assert assessor.post(reverse("upload_start", args=[number]), said).status_code == 403


def test_one_person_with_two_roles_stays_one_person(yard: Yard) -> None:
    _number, shot = attached(yard, png(), "screenshot")
    casey = yard.actor("casey")
    made = keep_evidence.propose_redaction(
        casey, yard.clock, shot, io.BytesIO(b"black"), name="a.png", reason="A drawing is on it."
    )
    page = sign_in(yard.shop, "casey")
    page.post(reverse("disposal", args=[made.id]), {"verdict": "confirmed"})
    assert retention.proposal(made.id, yard.clock.now()).state is retention.ProposalState.WAITING
    assert evidence.object_path(shot).is_file()
    assert page.get("/evidence/retention/").status_code == 200
    max_ = sign_in(yard.shop, "max")
    for name, arguments in (("retention", []), ("holds", []), ("disposals", []), ("assessments", []),
                            ("kept_file", [shot]), ("disposal", [made.id]), ("retention_policy", [])):  # fmt: skip
        assert max_.get(reverse(name, args=arguments)).status_code == 403, name
    assert "role" in text_of(max_.get(reverse("retention"))).lower()
