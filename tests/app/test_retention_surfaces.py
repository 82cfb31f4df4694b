"""Retention through every surface: pages, API, terminal and the package that says what is withheld and why."""

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from tests.api_caller import Caller, codes
from tests.clock import StillClock
from tests.evidence_files import mail, png
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER, password_of
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck.attachments.api import Told
from quarterdeck.entrypoints.cli import token_file
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.personnel import api as personnel
from quarterdeck.retention import api as retention
from quarterdeck.retention.api import ProposalState, Standing
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import attach_evidence, keep_evidence, mark_cui, request
from quarterdeck_verify.package import parse_withheld
from quarterdeck_verify.verification import Verdict

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


@pytest.fixture
def packaged(clock: StillClock, tmp_path) -> Iterator[PackageShop]:
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock), sealer)


def attached(yard: Yard, number: str, data: bytes, kind: str) -> str:
    told = Told(kind, "What was seen.")
    return attach_evidence.attach_file(
        yard.actor("max"), yard.clock, number, told, name="file", file=io.BytesIO(data)
    ).sha256


def test_a_package_says_what_was_disposed_of_and_still_verifies(packaged: PackageShop) -> None:
    yard, clock = packaged.yard, packaged.yard.clock
    number = packaged.opened()
    letter, shot = attached(yard, number, mail(), "mail"), attached(yard, number, png(), "screenshot")
    proposal = keep_evidence.propose_redaction(
        yard.actor("iris"), clock, shot, io.BytesIO(b"blackened"), name="shot", reason="A drawing is on it."
    )
    keep_evidence.confirm_end(yard.actor("casey"), clock, proposal.id)
    mark_cui.mark(yard.actor("casey"), clock, proposal.copy, may_contain_cui=False, reason="The drawing is gone.")
    with evidence.act(yard.actor("max"), clock) as act:
        tickets.end_work(act, number)
    clock.advance(days=1)
    assert retention.kept_file(letter, clock.now()).standing is Standing.ENDLESS
    packaged.anchor()
    path = packaged.package(numbers=[number])
    report = packaged.verify(path)
    assert (report.verdict, list(report.findings)) == (Verdict.INTACT, [])
    with zipfile.ZipFile(path) as archive:
        base = archive.namelist()[0].partition("/")[0]
        withheld = {row.sha256: row.reason for row in parse_withheld(archive.read(f"{base}/data/withheld.csv"))}
        names = archive.namelist()
    assert withheld[shot] == "redacted"
    assert any(name.endswith("redacted-shot") for name in names)


def test_a_disposed_file_is_withheld_as_such(packaged: PackageShop) -> None:
    yard, clock = packaged.yard, packaged.yard.clock
    number = yard.submitted().number
    letter = attached(yard, number, mail(), "mail")
    request.withdraw(yard.actor("iris"), clock, number, "Not needed any more.")
    clock.advance(days=6 * 366)
    proposal = keep_evidence.propose_disposal(yard.actor("iris"), clock, [letter], "Its time is over.")
    keep_evidence.confirm_end(yard.actor("avery"), clock, proposal.id)
    packaged.anchor()
    path = packaged.package(numbers=[number])
    assert packaged.verify(path).verdict is Verdict.INTACT
    with zipfile.ZipFile(path) as archive:
        base = archive.namelist()[0].partition("/")[0]
        (row,) = [one for one in parse_withheld(archive.read(f"{base}/data/withheld.csv")) if one.sha256 == letter]
        assert row.reason == "disposed"
        assert b'"event":"artifact.disposed"' in archive.read(f"{base}/data/ledger/entries.jsonl")
    report = packaged.verify(path)
    assert [one.reason for one in report.withheld if one.sha256 == letter] == ["disposed"]
    assert evidence.verify_ledger().problems == []


def test_the_pages_show_hold_propose_and_confirm(yard: Yard) -> None:
    number = yard.submitted().number
    shot = attached(yard, number, png(), "screenshot")
    iris, casey, max_ = (sign_in(yard.shop, key) for key in ("iris", "casey", "max"))
    assert max_.get("/evidence/retention/").status_code == 403
    page = text_of(iris.get("/evidence/retention/"))
    assert "No end yet" in page
    assert "files may contain CUI" in page
    assert "a ticket is not over" in page
    assert number in iris.get("/evidence/retention/?export=csv").content.decode()
    assert "Retention" in text_of(iris.get("/evidence/"))
    one = reverse("kept_file", args=[shot])
    assert "Redact it" in text_of(iris.get(one))
    iris.post(reverse("holds"), {"of": number, "reason": "Counsel asked for it."})
    assert "Legal hold" in text_of(iris.get(one))
    (hold,) = retention.holds()
    copy = {"file": SimpleUploadedFile("black.png", b"blackened"), "reason": "A drawing is on it."}
    assert "is under legal hold" in text_of(iris.post(one, copy))
    assert "Two people end a hold" in text_of(
        iris.post(reverse("hold_release", args=[hold.id]), {"reason": "It is over."})
    )
    casey.post(reverse("hold_release", args=[hold.id]), {"reason": "The matter is settled."})
    assert "Released" in text_of(iris.get(reverse("holds")))
    copy = {"file": SimpleUploadedFile("black.png", b"blackened"), "reason": "A drawing is on it."}
    answer = iris.post(one, copy)
    (proposal,) = retention.proposals(yard.clock.now())
    assert answer["Location"] == reverse("disposal", args=[proposal.id])
    assert "You proposed it" in text_of(iris.get(answer["Location"]))
    assert "Decide on the redaction of 1 file" in text_of(casey.get("/"))
    assert "Decide on the redaction" not in text_of(iris.get("/"))
    assert "A drawing is on it." in text_of(casey.get(reverse("disposals")))
    casey.post(reverse("disposal", args=[proposal.id]), {"verdict": "confirmed"})
    assert retention.proposal(proposal.id, yard.clock.now()).state is ProposalState.CONFIRMED
    assert not evidence.object_path(shot).exists()
    with_file = iris.get(reverse("ticket_file", args=[number, shot]))
    assert (with_file.status_code, "redacted by two people" in text_of(with_file)) == (409, True)
    assert "Redacted" in text_of(iris.get(f"/tickets/{number}/?tab=files"))
    looked = text_of(iris.get(reverse("ticket_look", args=[number, shot])))
    assert "the file is gone, its hash stays in the ledger" in looked
    preview = text_of(iris.post(reverse("disposal_propose"), {"chosen": [shot]}))
    assert "is gone already" in preview
    policy = iris.get(reverse("retention_policy"))
    assert "Years from closing" in text_of(policy)
    fields = {f"{kept.value}-days": 10 for kept in retention.KeptClass}
    fields |= {f"{kept.value}-closing_years": 7 for kept in retention.KeptClass}
    assert iris.post(reverse("retention_policy"), fields).status_code == 302
    assert {rule.closing_years for rule in retention.rules_now()} == {7}
    said = {"kind": "c3pao", "tickets": number, "status_at": ""}
    assert iris.post(reverse("assessments"), said).status_code == 302
    assert "C3PAO" in text_of(casey.get(reverse("assessments")))


def test_the_api_asks_for_the_right_people(yard: Yard) -> None:
    number = yard.submitted().number
    shot = attached(yard, number, png(), "screenshot")
    iris, casey, max_, quinn = (Caller(yard.shop, key) for key in ("iris", "casey", "max", "quinn"))
    assert codes(max_.call("get", "/retention")) == ["reading.denied"]
    assert any(row["sha256"] == shot for row in quinn.call("get", "/retention?standing=endless").json())
    assert codes(iris.call("post", "/retention/proposals", {"files": [shot], "reason": "Its time is over."})) == [
        "retention.not_due"
    ]
    assert codes(quinn.call("post", "/holds", {"scope": "ticket", "of": number, "reason": "I want it."})) != []
    hold = iris.call("post", "/holds", {"scope": "ticket", "of": number, "reason": "Counsel asked."}).json()
    assert codes(iris.call("post", f"/holds/{hold['id']}/release", {"reason": "It is over."})) == ["hold.same_person"]
    assert casey.call("post", f"/holds/{hold['id']}/release", {"reason": "Settled."}).json()["released_by"]
    form = {"file": SimpleUploadedFile("b.png", b"black"), "reason": "A drawing is on it."}
    made = iris.client.post(f"/api/v1/retention/files/{shot}/redaction", form, headers=iris.headers).json()
    assert codes(iris.call("post", f"/retention/proposals/{made['id']}/confirm")) == ["disposal.same_person"]
    assert casey.call("post", f"/retention/proposals/{made['id']}/confirm").json()["state"] == "confirmed"
    policy = iris.call("get", "/retention/policy").json()
    assert {row["closing_years"] for row in policy} == {6}
    assert iris.call("put", "/retention/policy", policy).status_code == 200
    found = iris.call("post", "/assessments", {"kind": "self", "tickets": [number]}).json()
    dated = iris.call("post", f"/assessments/{found['id']}/status-date", {"status_date": "2026-10-01"}).json()
    assert dated["status_dates"] == ["2026-10-01"]
    assert codes(casey.call("post", "/assessments", {"kind": "self", "tickets": [number]})) == ["role.missing"]
    assert codes(iris.call("post", "/assessments", {"kind": "self"})) == ["assessment.tickets"]


def test_qd_knows_retention(yard: Yard, live_server, tmp_path, monkeypatch) -> None:
    number, shop = yard.submitted().number, yard.shop
    shot = attached(yard, number, png(), "screenshot")
    secret, _ = personnel.issue_token("iris@example.test", password_of("iris"), shop.totp("iris"), clock=shop.clock)
    for name, value in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path / "config"), ("QD_URL", live_server.url)):
        monkeypatch.setenv(name, str(value))
    token_file.write(token_file.Token(live_server.url, "iris@example.test", secret, "2099-01-01T00:00:00Z"))
    (tmp_path / "black.png").write_bytes(b"black")

    def qd(*words: str) -> str:
        argv = [sys.executable, "-m", "quarterdeck.entrypoints.cli", *words]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        ran = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60, env=environment)
        return ran.stdout + ran.stderr

    assert shot[:16] in qd("retention", "list", "--standing", "endless")
    assert "kept without an end so far" in qd("retention", "propose", shot[:16], "--reason", "Its time is over.")
    assert "Proposed as dp_" in qd(
        "retention", "redact", shot, str(tmp_path / "black.png"), "--reason", "A drawing is on it."
    )
    (proposal,) = retention.proposals(yard.clock.now())
    assert "Two people" in qd("retention", "confirm", proposal.id)
    assert "redaction" in qd("retention", "proposals")
    assert "Held as lh_" in qd("hold", "place", number, "--reason", "Counsel asked for it.")
    assert "Counsel asked for it." in qd("hold", "list")
    assert "1 tickets" in qd("assessment", "record", "--kind", "self", "--ticket", number)
    assert "self" in qd("assessment", "list")
