"""A set, a period, an assessment; receipts of anchors; OSCAL; the files of the hashing guide; going on after a kill."""

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.api_caller import Caller, codes
from tests.clock import StillClock
from tests.package_shop import PackageShop
from tests.sealer_process import running_sealer
from tests.shop import FAST_HASHER
from tests.ticket_yard import build_yard
from trestle.oscal.assessment_results import Model

from quarterdeck import wiring
from quarterdeck.assessor import api as assessor
from quarterdeck.assessor import hashing_guide, oscal
from quarterdeck.controls.api import MA_OBJECTIVES, MA_PRACTICES
from quarterdeck.evidence import api as evidence
from quarterdeck.evidence.api import AnchorGrade, Grade, ObjectRef, Outcome
from quarterdeck.kernel.actors import system
from quarterdeck.workflows import export_package
from quarterdeck_verify.container import ZipContainer
from quarterdeck_verify.package import RECEIPTS, parse_consistency, parse_scope, parse_withheld
from quarterdeck_verify.receipts import parse_receipts
from quarterdeck_verify.verification import Verdict

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(clock: StillClock, tmp_path: Path, settings) -> Iterator[PackageShop]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    with running_sealer(tmp_path / "sealer", clock) as sealer:
        yield PackageShop(build_yard(clock, cui=False), sealer)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}


def closed(shop: PackageShop, count: int) -> list[str]:
    found = []
    for _ in range(count):
        found.append(shop.closed())
        shop.clock.advance(hours=3)
    return found


def test_a_set_holds_the_chosen_tickets_and_says_so(shop: PackageShop) -> None:
    first, second, third = closed(shop, 3)
    shop.anchor()
    path = shop.package(numbers=[third, first])
    assert shop.verify(path).verdict is Verdict.INTACT
    scope = parse_scope(members(path)["data/scope.json"])
    assert (scope.kind, [t.number for t in scope.tickets]) == ("set", [first, third])
    assert "SET-2" in path.name
    assert second.encode() not in members(path)["data/ledger/entries.jsonl"]


def test_an_assessment_holds_all_that_speaks_to_its_objectives(shop: PackageShop) -> None:
    speaking = shop.closed()
    shop.clock.advance(hours=3)
    silent = shop.yard.submitted().number
    policy = evidence.store_artifact(
        b"We maintain by the book.", media_type="text/plain", role="policy", name="policy.txt", may_contain_cui=False
    )
    with evidence.act(system("ticker"), shop.clock) as act:
        entry = act.record("policy.reviewed", ObjectRef("policy", "maintenance"), artifacts=[policy])
        act.fact("technique.listed", entry=entry, outcome=Outcome.PASSED, grade=Grade.ATTACHED)
    shop.anchor()
    path = shop.package(practices=[one.id for one in MA_PRACTICES])
    report = shop.verify(path)
    assert report.verdict is Verdict.INTACT
    assert report.tickets is not None
    assert (report.tickets.included, report.tickets.missing) == ((speaking,), (silent,))
    found = members(path)
    assert parse_scope(found["data/scope.json"]).kind == "assessment"
    assert [name for name in found if name.endswith("_policy.txt")]
    # The same file is not a ticket's: a package of the ticket alone leaves it out.
    assert not [name for name in members(shop.package(numbers=[speaking])) if name.endswith("_policy.txt")]


def test_an_assessment_of_what_nobody_did_is_empty_but_whole(shop: PackageShop) -> None:
    shop.closed()
    shop.anchor()
    path = shop.package(practices=["MA.L2-3.7.3"])
    assert parse_scope(members(path)["data/scope.json"]).tickets == ()
    assert not list(shop.verify(path).findings)


def test_practices_that_are_none_are_refused(shop: PackageShop) -> None:
    for scope in ({"practices": ["MA.L2-9.9.9"]}, {"practices": ["MA.L2-3.7.1"], "numbers": [shop.closed()]}):
        with pytest.raises(export_package.Refused) as refusal:
            shop.package(**scope)
        assert refusal.value.decision.codes[0] in {"package.practices", "package.scope"}


def test_every_anchored_checkpoint_stands_there_with_proof_receipts_and_grade(shop: PackageShop) -> None:
    token = b"\x30\x82 a time stamp"
    numbers = closed(shop, 1)
    for channel, target, receipt in (
        ("mail", "avery@example.test", "250 2.0.0 Ok"),
        ("rfc3161", "tsa.example.test", base64.b64encode(token).decode()),
        ("witness", "peer.example.test", "\u2014 peer.example.test abcd\n"), ("s3", "bucket", "k checkpoint/1 v 77"),
    ):  # fmt: skip
        shop.anchor()
        evidence.save_receipt(
            size=evidence.latest_checkpoint().size, channel=channel, target=target,  # type: ignore[union-attr]
            grade=AnchorGrade.SAME_ADMINISTRATOR, sent_at=shop.clock.now(), receipt=receipt,
        )  # fmt: skip
        with evidence.act(system("ticker"), shop.clock) as act:
            act.record("ledger.heartbeat", ObjectRef("ledger", "head"))
    path = shop.package(numbers=numbers)
    # What is no time stamp is in the package as it came, and the verifier names it; nothing else is wrong.
    assert {one.code.partition(".")[0] for one in shop.verify(path).findings} == {"stamp"}
    found = members(path)
    rows = parse_receipts(found[RECEIPTS])
    sizes = {row.size for row in rows}
    assert sizes <= {step.size for step in parse_consistency(found["data/ledger/consistency.json"])}
    kept = {row.channel: row for row in rows}
    assert {row.holder for row in rows} == {"person", "authority", "witness", "bucket"}
    assert {row.grade for row in rows} == {"independent", "same_administrator"}
    assert found[f"data/ledger/anchors/{kept['rfc3161'].file}"] == token
    assert kept["rfc3161"].file == f"{kept['rfc3161'].size}.tsr"
    assert found[f"data/ledger/anchors/{kept['witness'].file}"].startswith("\u2014 peer".encode())
    for size in sizes:
        assert found[f"data/ledger/anchors/{size}.checkpoint"] == evidence.checkpoint(size).body  # type: ignore[union-attr]
        assert found[f"data/ledger/anchors/{size}.checkpoint.sig"].startswith(b"-----BEGIN SSH SIGNATURE")


def test_trestle_and_our_own_check_accept_the_oscal(shop: PackageShop) -> None:
    path = shop.package(practices=[one.id for one in MA_PRACTICES], numbers=()) if closed(shop, 2) else None
    assert path is not None
    found = members(path)
    document = json.loads(found["data/oscal/assessment-results.json"])
    model = Model(**document)
    results = model.assessment_results
    assert (results.metadata.oscal_version.root.root, len(results.results)) == ("1.1.3", 1)
    assert oscal.problems(document) == []
    findings = document["assessment-results"]["results"][0]["findings"]
    targets = {one["target"]["target-id"] for one in findings}
    assert {one.oscal_id for one in MA_OBJECTIVES} <= targets
    # Whether it is met is not ours to say, whatever the evidence.
    assert {one["target"]["status"]["state"] for one in findings} == {"not-satisfied"}
    assert any(prop["value"] == "evidence-present" for one in findings for prop in one["props"])
    for resource in document["assessment-results"]["back-matter"]["resources"]:
        for link in resource.get("rlinks", ()):
            content = found["data/" + link["href"].removeprefix("../")]
            for one in link.get("hashes", ()):
                assert one["value"] == hashlib.sha256(content).hexdigest()


def test_our_own_check_finds_what_trestle_lets_pass(shop: PackageShop) -> None:
    document = json.loads(members(shop.package(numbers=closed(shop, 1)))["data/oscal/assessment-results.json"])
    results = document["assessment-results"]
    results["results"][0]["findings"][0]["target"]["target-id"] = "r2_3.7.9_obj.z"
    linked = next(one for one in results["back-matter"]["resources"] if one.get("rlinks", [{}])[0].get("hashes"))
    linked["rlinks"][0]["hashes"][0]["value"] = "zz"
    Model(**document)
    # A catalogue of the reader's own decides where there is one.
    ids = oscal.catalog_ids({"catalog": {"controls": [{"id": "r2_3.7.9", "parts": [{"id": "r2_3.7.9_obj.z"}]}]}})
    assert ids == {"r2_3.7.9", "r2_3.7.9_obj.z"}
    assert "r2_3.7.9_obj.z is in no catalogue" not in oscal.problems(document, ids)
    assert "r2_3.7.5_obj.a is in no catalogue" in oscal.problems(document, ids)
    assert [problem.rpartition(" is ")[2] for problem in oscal.problems(document)] == ["no SHA-256", "in no catalogue"]


@pytest.mark.urls("tests.api_urls")
def test_the_hashed_archive_the_logs_and_dods_log_back(shop: PackageShop, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(wiring, "clock", lambda: shop.clock)
    path = shop.package(numbers=closed(shop, 1))
    order = assessor.orders()[0]
    quinn = Caller(shop.yard.shop, "quinn")

    def fetched(name: str) -> bytes:
        answer = quinn.call("get", f"/packages/{order.id}/hashes/{name}")
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store"), answer.content
        content = answer.getvalue()
        assert len(content) == int(answer["Content-Length"])
        return content

    log = fetched("CMMCAssessmentArtifacts.log")
    assert hashlib.sha256(log).hexdigest().upper().encode() in fetched("CMMCAssessmentLogHash.log")
    (tmp_path / "h.zip").write_bytes(fetched("HashedArtifacts.zip"))
    ZipContainer(tmp_path / "h.zip").close()  # our strict reader, too
    with zipfile.ZipFile(tmp_path / "h.zip") as archive:
        hashed = {
            f"C:\\Users\\iris\\{name}".replace("/", "\\"): hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
        }
    assert len(hashed) == sum(name.startswith("data/artifacts/") for name in members(path)) > 2
    theirs = hashing_guide.artifacts_log(hashed)

    def compared(content: bytes):
        upload = io.BytesIO(content)
        upload.name = "CMMCAssessmentArtifacts.log"
        return quinn.client.post(f"/api/v1/packages/{order.id}/hash-log", {"file": upload}, headers=quinn.headers)

    told = {"equal": len(hashed), "root": "C:/Users/iris/HashedArtifacts/", "differences": []}
    assert compared(theirs).json() == told
    changed = hashing_guide.artifacts_log(hashed | {next(iter(hashed)): "0" * 64})
    (wrong,) = compared(changed).json()["differences"]
    assert (wrong["kind"], wrong["theirs"]) == ("changed", "0" * 64)
    last = evidence.last_entry(["package.hashes_compared"])
    assert last is not None
    assert (last.data["equal"], last.data["different"]) == (len(hashed) - 1, 1)
    assert codes(compared(b"no log")) == ["package.log_unreadable"]
    assert codes(quinn.call("get", f"/packages/{order.id}/hashes/passwd")) == ["package.file"]
    assert codes(Caller(shop.yard.shop, "max").call("get", f"/packages/{order.id}/hashes/HashedArtifacts.zip")) == [
        "reading.denied"
    ]


def test_a_maker_that_was_killed_is_followed_by_one_that_goes_on(shop: PackageShop, monkeypatch) -> None:
    number = shop.closed(recording=b"x" * 3_000_000)
    shop.anchor()
    order = export_package.order_package(shop.yard.actor("quinn"), shop.clock, numbers=[number])
    honest = export_package.Telling.__call__

    class Killed(BaseException):
        """As SIGKILL: nothing of ours runs afterwards."""

    def dies(self: export_package.Telling, count: int) -> None:
        honest(self, count)
        if self.done > 2_000_000:
            raise Killed

    monkeypatch.setattr(export_package.Telling, "__call__", dies)
    with pytest.raises(Killed):
        export_package.make_next_package(shop.clock, shop.press)
    folder = export_package.packages_dir() / f"making-{order.id}"
    begun = (folder / "package.zip").read_bytes()
    layout = (folder / "layout.jsonl").read_bytes()
    exported = [entry.seq for entry in evidence.entries(events=["package.exported"])]
    monkeypatch.setattr(export_package.Telling, "__call__", honest)
    shop.clock.advance(minutes=6)  # the lease of the dead one ends
    assert export_package.make_next_package(shop.clock, shop.press)
    done = assessor.order(order.id)
    path = export_package.package_path(done)
    assert (done.state, folder.exists()) == (assessor.OrderState.DONE, False)
    assert [entry.seq for entry in evidence.entries(events=["package.exported"])] == exported
    assert hashlib.sha256(path.read_bytes()).hexdigest() == done.sha256
    # The same package: the layout was not made anew, and what was whole of the zip stands as it stood.
    assert path.read_bytes()[:3000] == begun[:3000]
    names = [json.loads(line)[0] for line in layout.splitlines()]
    assert sorted(names) == sorted(members(path))
    assert shop.verify(path).verdict is Verdict.INTACT
    assert parse_withheld(members(path)["data/withheld.csv"]) is not None


def test_a_stop_while_it_is_written_leaves_nothing(shop: PackageShop, monkeypatch) -> None:
    number = shop.closed(recording=b"x" * 3_000_000)
    order = export_package.order_package(shop.yard.actor("quinn"), shop.clock, numbers=[number])
    honest = export_package.Telling.__call__

    def stops(self: export_package.Telling, count: int) -> None:
        assessor.cancel_order(order.id)
        self._next = 0
        honest(self, count)

    monkeypatch.setattr(export_package.Telling, "__call__", stops)
    assert export_package.make_next_package(shop.clock, shop.press)
    assert assessor.order(order.id).message == "Cancelled."
    assert list(export_package.packages_dir().iterdir()) == []
