"""Files of a session where people read them: page, text, API and package; numbers only for who may not see names."""

import hashlib
import json
from pathlib import Path

import pytest
from tests.api_caller import Caller, codes
from tests.app import test_assessor_report
from tests.app.test_assessor_report import members, package
from tests.package_scene import Scene

from quarterdeck import wiring
from quarterdeck.access import api as access
from quarterdeck.assessor import api as assessor
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.actors import system
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Ending, EndReason, Protocol, SessionState, StreamSum, Work, files_in, tally
from quarterdeck.sessions.terms import (
    Change,
    Direction,
    FileChange,
    FileTransfer,
    Stage,
    Unhashed,
    encode_told,
)  # fmt: skip
from quarterdeck_verify.verification import Verdict

pytestmark = pytest.mark.django_db
scene = test_assessor_report.scene
plain_scene = test_assessor_report.plain_scene
GATE = system("gate")
SECRET = "drawing-4711"
BENT = "\u202e\x1b[2Jxcod.exe"


def cast_of(scene: Scene) -> bytes:
    resumed = str(scene.tree / "hosts")
    told = [
        FileTransfer(f"/srv/{SECRET}", Direction.FROM_TARGET, 1, size=7, sha256="ab" * 32, closed=True, whole=True),
        FileTransfer(resumed, Direction.TO_TARGET, 2, size=9, unhashed=Unhashed.RESUMED, closed=True),
        FileTransfer(f"/srv/{BENT}", Direction.TO_TARGET, stage=Stage.REFUSED),
        FileChange(Change.REMOVED, "/srv/old</script>", done=True),
    ]
    lines = [json.dumps({"version": 2, "width": 80, "height": 24, "timestamp": 1795446000})]
    lines += [json.dumps([at, "f", encode_told(one)], separators=(",", ":")) for at, one in enumerate(told)]
    return "".join(line + "\n" for line in lines).encode()


def send_files(scene: Scene) -> str:
    """Keep a transfer under the scene's ticket as the gate does, and return its session."""
    yard, clock, number = scene.shop.yard, scene.shop.clock, scene.number
    grant = access.grants(ticket=number, purpose=access.Purpose.WORK)[0]
    with evidence.act(GATE, clock) as act:
        began = sessions.begin(
            act, ticket=number, person=yard.shop.ids["max"], asset=yard.server, grant=grant.id, serial=4711,
            work=Work.TRANSFER, source="203.0.113.9", protocol=Protocol.SFTP,
        )  # fmt: skip
    content = cast_of(scene)
    ref = evidence.store_artifact(
        content, media_type="application/x-asciicast", role="recording", name=f"{began.id}.cast",
        may_contain_cui=yard.cui,
    )
    ended = Ending(
        began.id, EndReason.COMPLETED, SessionState.ENDED, clock.now(), clock.now(), exit_status=0, lines=5,
        head="ef" * 32, streams={"stdin": StreamSum(40), "stdout": StreamSum(70)},
        files=tally(files_in(content.splitlines(keepends=True))),
    )  # fmt: skip
    with evidence.act(GATE, clock) as act:
        sessions.end(act, ended, ref)
    return began.id


@pytest.fixture
def sent(scene: Scene) -> str:
    scene.play(closes=False)
    session = send_files(scene)
    scene._close()
    return session


def test_rows_join_what_the_baseline_after_the_work_found(scene: Scene, sent: str) -> None:
    found = assessor.session_files(sessions.session(sent), cast_of(scene))
    after = {row["name"]: row["after"] for row in found["files"]}
    (hosts,) = [name for name in after if name.endswith("/hosts")]
    content = (Path(scene.tree) / "hosts").read_bytes()
    assert after[hosts] == hashlib.sha256(content).hexdigest()
    assert [one for name, one in after.items() if name != hosts] == ["", ""]
    assert [row["name"] for row in assessor.narrowed(found["files"], "REFUSED")] == ["/srv/\\u202e\\x1b[2Jxcod.exe"]


def caller(scene: Scene, key: str) -> Caller:
    scene.shop.clock.advance(minutes=1)  # a code of the authenticator works once
    return Caller(scene.shop.yard.shop, key)


@pytest.mark.urls("tests.api_urls")
def test_the_api_tells_the_same_and_asks_for_the_right_to_recordings(scene: Scene, sent: str, monkeypatch) -> None:
    monkeypatch.setattr(wiring, "clock", lambda: scene.shop.clock)
    iris = caller(scene, "iris")
    seen = iris.call("get", f"/sessions/{sent}").json()
    assert (seen["protocol"], seen["files"]["refused"]) == ("sftp", 1)
    assert SECRET not in json.dumps(seen)
    told = iris.call("get", f"/sessions/{sent}/files").json()
    assert [row["state"] for row in told["files"]] == ["passed", "partly", "refused"]
    assert told["changes"][0]["what"] == "removed"
    found = iris.call("get", f"/sessions/{sent}/files?find={SECRET}").json()
    assert [row["name"] for row in found["files"]] == [f"/srv/{SECRET}"]
    viewed = evidence.last_entry(["evidence.viewed"], ticket=scene.number)
    assert viewed is None or viewed.actor_id == scene.shop.yard.shop.ids["iris"]
    assert codes(iris.call("get", "/sessions/se_none/files")) == ["session.unknown"]


def test_a_package_without_consent_tells_numbers_of_files_only(scene: Scene, sent: str) -> None:
    number = scene.number
    withheld = package(scene, numbers=[number])
    everything = b"".join(members(withheld).values())
    assert SECRET.encode() not in everything
    html = members(withheld)["report.html"].decode()
    assert "1 to the target (9 bytes), 1 from the target (7 bytes)" in html
    assert "Their names stand in the recording only." in html


def test_a_package_tells_files_of_what_is_no_cui(plain_scene: Scene) -> None:
    scene = plain_scene
    number = scene.play(closes=False)
    sent = send_files(scene)
    scene._close()
    scene.shop.anchor()
    path = package(scene, numbers=[number])
    assert scene.shop.verify(path).verdict is Verdict.INTACT
    found = members(path)
    html = found["report.html"].decode()
    assert f"/srv/{SECRET}" in html
    assert "the baseline after the work found" in html
    assert "\u202e" not in html
    assert "/srv/old</script>" not in html
    assert f"/srv/{SECRET}, 7 bytes" in found[f"sessions/{sent}.txt"].decode()
    assert "A terminal" in html  # what sessions may do stands with what was approved
