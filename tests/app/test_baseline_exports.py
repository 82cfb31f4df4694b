"""Baselines leave as mtree, SHA256SUMS and posture, to whoever may read them, and the reading is recorded."""

import json
import subprocess
from pathlib import Path

import pytest
from tests.api_caller import Caller
from tests.measuring import LocalChannel
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in

from quarterdeck import wiring
from quarterdeck.baselines.api import BaselineView, Phase
from quarterdeck.evidence import api as evidence
from quarterdeck.inventory import api as inventory
from quarterdeck.kernel.actors import system
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.workflows.take_baseline import take_baseline

pytestmark = pytest.mark.django_db(transaction=True)
FORMS = ("manifest", "mtree", "sha256sums", "posture")


@pytest.fixture
def measured(settings, tmp_path: Path) -> tuple[Yard, BaselineView, Path]:
    settings.PASSWORD_HASHERS = FAST_HASHER
    yard = build_yard(SystemClock())  # type: ignore[arg-type]
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "site.conf").write_text("listen 80\n")
    (tree / "odd \\ name\n").write_text("x")
    before = inventory.connection(yard.connection).fields
    fields = {name: getattr(before, name) for name in before.__dataclass_fields__} | {"watched_roots": (str(tree),)}
    inventory.set_connection(
        yard.server, inventory.ConnectionFields(**fields), actor=yard.actor("iris"), clock=yard.clock,
        connection_id=yard.connection,
    )  # fmt: skip
    number = yard.scheduled(escort="").number
    taken = take_baseline(number, Phase.BEFORE, channel=LocalChannel(), actor=system("ticker"), clock=yard.clock)
    return yard, taken.baselines[0], tree


def content_of(answer) -> bytes:
    return answer.getvalue() if answer.streaming else answer.content


@pytest.mark.urls("tests.api_urls")
def test_the_exports_are_what_other_programs_read(measured, monkeypatch, tmp_path):
    yard, found, tree = measured
    monkeypatch.setattr(wiring, "clock", lambda: yard.clock)
    head = evidence.head().size
    caller, files = Caller(yard.shop, "iris"), {}
    for form in FORMS:
        answer = caller.call("get", f"/tickets/{found.ticket}/baselines/{found.manifest_sha256}/{form}")
        assert answer.status_code == 200, answer.content
        assert answer["Cache-Control"] == "no-store"
        files[form] = content_of(answer)
        (tmp_path / form).write_bytes(files[form])
    listed = subprocess.run(["bsdtar", "-tf", tmp_path / "mtree"], capture_output=True, check=True, timeout=60)
    assert str(tree / "site.conf").encode() in listed.stdout
    spec = ["mtree", "-p", "/", "-f", tmp_path / "mtree", "-k", "type,mode,size,link,sha256", "-e"]
    assert subprocess.run(spec, capture_output=True, timeout=60, check=False).returncode == 0
    sums = ["sha256sum", "--check", "--strict", "--quiet", "-"]
    assert subprocess.run(sums, input=files["sha256sums"], cwd="/", timeout=60, check=False).returncode == 0
    (tree / "site.conf").write_text("listen 81\n")
    assert subprocess.run(spec, capture_output=True, timeout=60, check=False).returncode == 2
    assert subprocess.run(
        sums, input=files["sha256sums"], cwd="/", timeout=60, check=False, capture_output=True
    ).returncode
    assert "accounts" in json.loads(files["posture"])
    looks = [one.object.id for one in evidence.entries(events=["evidence.viewed"], from_seq=head)]
    assert {found.manifest_sha256, found.posture_sha256} <= set(looks)
    strange = caller.call("get", f"/tickets/{found.ticket}/baselines/{'0' * 64}/mtree")
    assert strange.status_code in (404, 409)


def test_who_may_not_read_the_ticket_gets_no_baseline(measured):
    yard, found, _ = measured
    before = evidence.head().size
    for form in FORMS:
        address = f"/tickets/{found.ticket}/baselines/{found.manifest_sha256}/{form}/"
        assert sign_in(yard.shop, "erin").get(address).status_code in (403, 404)
    assert not list(evidence.entries(events=["evidence.viewed"], from_seq=before))
    answer = sign_in(yard.shop, "iris").get(address)
    assert answer.status_code == 200
    assert content_of(answer)
    assert "sandbox" in answer["Content-Security-Policy"]
    assert sign_in(yard.shop, "iris").get(address.replace("posture", "odd")).status_code == 404
