"""The files of a session on its page, what sessions may do in a ticket's form and before its approver's eyes."""

import hashlib
import json
import os
import subprocess
import sys

import pytest
from django.urls import reverse
from tests.app.test_web_tickets import _written
from tests.shop import FAST_HASHER, password_of
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck.entrypoints.cli import token_file
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.personnel import api as personnel
from quarterdeck.sessions import api as sessions
from quarterdeck.sessions.api import Ending, EndReason, Protocol, SessionState, StreamSum, Work, files_in, tally
from quarterdeck.sessions.terms import Change, Direction, FileChange, FileTransfer, Stage, Unhashed, encode_told
from quarterdeck.tickets import api as tickets
from quarterdeck.tickets.api import Allowance

pytestmark = pytest.mark.django_db(transaction=True)
TOLD = [
    FileTransfer("/srv/drawing", Direction.FROM_TARGET, 1, size=7, sha256="ab" * 32, closed=True, whole=True),
    FileTransfer("/srv/hosts", Direction.TO_TARGET, 2, size=9, unhashed=Unhashed.RESUMED, closed=True),
    FileTransfer("/srv/\u202e\x1b[2Jxcod.exe", Direction.TO_TARGET, stage=Stage.REFUSED),
    FileChange(Change.REMOVED, "/srv/old</script>", done=True),
]


@pytest.fixture
def yard(settings: object) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    return build_yard(SystemClock())  # type: ignore[arg-type]


def kept(yard: Yard, work: Work, told: list, stdout: int = 70, *, end: EndReason = EndReason.COMPLETED) -> str:
    """Keep a session of Max's as the gate does, with these events of files in its recording."""
    number, clock = yard.scheduled().number, yard.clock
    with evidence.act(yard.actor("max"), clock) as act:
        begun = sessions.begin(
            act, ticket=number, person=yard.shop.ids["max"], asset=yard.server, grant="ag_page", serial=7, work=work,
            source="192.0.2.9", protocol=Protocol.SFTP if work is Work.TRANSFER else None,
        )  # fmt: skip
    lines = [json.dumps({"version": 2, "width": 80, "height": 24})]
    lines += [json.dumps([at, "f", encode_told(one)], separators=(",", ":")) for at, one in enumerate(told)]
    data = "".join(line + "\n" for line in lines).encode()
    ref = evidence.store_artifact(
        data, media_type="application/x-asciicast", role="recording", name=f"{begun.id}.cast", may_contain_cui=True
    )
    ending = Ending(
        begun.id, end, SessionState.ENDED, clock.now(), clock.now(), 0, None, len(lines),
        hashlib.sha256(data).hexdigest(), {"stdout": StreamSum(stdout)}, tally(files_in(lines)),
    )  # fmt: skip
    with evidence.act(yard.actor("max"), clock) as act:
        sessions.end(act, ending, ref)
    return begun.id


def test_the_page_shows_and_finds_files_and_lets_no_name_act(yard: Yard) -> None:
    session = kept(yard, Work.TRANSFER, TOLD)
    lead = sign_in(yard.shop, "iris")
    html = lead.get(f"/sessions/{session}/").content.decode()
    for wanted in ("/srv/drawing", "ab" * 32, "not hashed: it was resumed", "\\u202e\\x1b[2Jxcod.exe", "Refused"):
        assert wanted.lower() in html.lower(), wanted
    assert "\u202e" not in html
    assert "/srv/old&lt;/script&gt;" in html
    assert "/srv/old</script>" not in html
    assert 'class="player-box"' not in html
    assert "1 to the target (9 bytes), 1 from the target (7 bytes), 1 change, 1 refused, 1 not hashed" in html
    narrow = text_of(lead.get(f"/sessions/{session}/?files=drawing"))
    assert "1 of 3 files, 0 of 1 changes" in narrow
    assert "No file of this session" in text_of(lead.get(f"/sessions/{session}/?files=nothing-of-that"))
    text = lead.get(reverse("session_text", args=[session])).content.decode()
    assert f"File from the target: /srv/drawing, 7 bytes, SHA-256 {'ab' * 32}" in text
    assert "\u202e" not in text


def test_a_command_that_wrote_much_where_no_file_may_leave_is_pointed_out(yard: Yard) -> None:
    lead = sign_in(yard.shop, "iris")
    much = text_of(lead.get(f"/sessions/{kept(yard, Work.COMMAND, [], 5_000_000)}/"))
    assert "this command wrote 5,000,000 bytes" in much


def test_what_sessions_may_do_is_chosen_in_the_form_and_shown_before_the_decision(yard: Yard) -> None:
    lead = sign_in(yard.shop, "iris")
    lead.post("/tickets/new/", _written(yard))
    (usual,) = tickets.tickets()
    assert usual.allowance == Allowance(from_target=False)
    beside = {"window_from": "+4h", "window_until": "+5h"}
    lead.post("/tickets/new/", _written(yard, forbidden=["terminal", "rsync"], from_target="yes", **beside))
    chosen = tickets.tickets()[0]
    assert chosen.allowance == Allowance(terminal=False, rsync=False)
    form = lead.get(reverse("ticket_edit", args=[chosen.number])).content.decode()
    assert 'name="forbidden" value="terminal"' in form
    approver = sign_in(yard.shop, "avery")
    page = text_of(approver.get(f"/tickets/{chosen.number}/decide/"))
    for wanted in ("What sessions may do", "No terminal", "No rsync", "Files from the target", "no agreement lets CUI"):
        assert wanted in page, wanted
    plain = text_of(approver.get(f"/tickets/{usual.number}/decide/"))
    assert "No files from the target" in plain
    assert "no agreement lets CUI" not in plain
    assert "No files from the target" in text_of(lead.get(f"/tickets/{usual.number}/?tab=plan"))


def test_qd_shows_the_session_and_finds_its_files(yard: Yard, live_server, tmp_path, monkeypatch) -> None:
    session = kept(yard, Work.TRANSFER, TOLD)
    shop = yard.shop
    secret, _ = personnel.issue_token("iris@example.test", password_of("iris"), shop.totp("iris"), clock=shop.clock)
    for name, value in (("HOME", tmp_path), ("XDG_CONFIG_HOME", tmp_path / "config"), ("QD_URL", live_server.url)):
        monkeypatch.setenv(name, str(value))
    token_file.write(token_file.Token(live_server.url, "iris@example.test", secret, "2099-01-01T00:00:00Z"))

    def qd(*words: str) -> str:
        argv = [sys.executable, "-m", "quarterdeck.entrypoints.cli", "session", "show", session, *words]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=60, env=environment).stdout

    shown = qd()
    for wanted in ("sftp", "1 refused", "/srv/drawing", "ab" * 32, "\\u202e\\x1b[2Jxcod.exe", "removed"):
        assert wanted in shown, wanted
    assert "\u202e" not in shown
    told = json.loads(qd("--find", "hosts", "--json"))
    assert [row["name"] for row in told["files"]] == ["/srv/hosts"]
    assert told["session"]["files"]["not_hashed"] == 1
