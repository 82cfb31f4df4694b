"""A person without `qd`: a key pasted or sent as a file, certificates and blocks to paste that do what they say."""

import os
import subprocess
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.access_signer import fresh_key, near_signer
from tests.shop import FAST_HASHER
from tests.ticket_yard import Yard, build_yard
from tests.web_visitor import sign_in, text_of

from quarterdeck import wiring
from quarterdeck.access.api import GateDoor
from quarterdeck.entrypoints.web import without_qd
from quarterdeck.entrypoints.web.without_qd import Kept
from quarterdeck.evidence.api import act
from quarterdeck.kernel.clock import SystemClock
from quarterdeck.kernel.windows import Window
from quarterdeck.personnel import api as personnel
from quarterdeck.tickets import api as tickets
from quarterdeck.workflows import approve as deciding
from quarterdeck.workflows import open_window

DOOR = GateDoor("192.0.2.7", 8622, "quarterdeck", " ".join(fresh_key().split()[:2]))
KEPT = Kept(
    certificates=[{"hostname": "web01", "serial": 7, "file": "MT-2026-00001-web01-cert.pub", "line": "ecdsa AAAA/+="}],
    config='# made by `qd access`\nHost web01\n    CertificateFile "~/.ssh/x"\n',
    known_hosts="quarterdeck-gate ecdsa-sha2-nistp256 AAAA",
    host="192.0.2.7",
    port=8622,
    user="quarterdeck",
    fingerprint="SHA256:x",
    folder="~/.ssh/quarterdeck/MT-2026-00001",
    identity_file="~/.ssh/id_ecdsa",
)


def bash(text: str, home: Path) -> None:
    environment = {**os.environ, "HOME": str(home)}
    done = subprocess.run(["/bin/sh"], input=text, text=True, capture_output=True, env=environment, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_block_for_linux_makes_exactly_these_files_and_its_removal_removes_them(tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host old\n")
    bash(without_qd.posix_block(KEPT), tmp_path)
    bash(without_qd.posix_block(KEPT), tmp_path)
    folder = tmp_path / ".ssh" / "quarterdeck" / "MT-2026-00001"
    assert {path.name: path.read_text() for path in folder.iterdir()} == KEPT.files
    assert {path.stat().st_mode & 0o777 for path in (folder, *folder.iterdir())} == {0o700, 0o600}
    assert (tmp_path / ".ssh" / "config").read_text() == "Include quarterdeck/*/config\n\nHost old\n"
    bash(without_qd.posix_removal(KEPT), tmp_path)
    assert not folder.exists()


def test_the_block_works_where_there_was_no_ssh_folder(tmp_path: Path) -> None:
    bash(without_qd.posix_block(KEPT), tmp_path)
    assert (tmp_path / ".ssh" / "config").read_text() == "Include quarterdeck/*/config\n\n"


@pytest.mark.parametrize("line", ["QUARTERDECK", "'@", "'@ + 'x'", "x\x1b[0m", "$(id)", "a\u2028b", "back\\slash"])
def test_no_line_ends_the_text_that_it_stands_in(line: str) -> None:
    kept = Kept(**{**{name: getattr(KEPT, name) for name in KEPT.__slots__}, "known_hosts": f"a\n{line}"})
    for block in (without_qd.posix_block, without_qd.windows_block):
        with pytest.raises(ValueError, match="can't stand"):
            block(kept)


def test_the_block_for_windows_names_the_same_files() -> None:
    block = without_qd.windows_block(KEPT)
    assert '$folder = "$HOME\\.ssh\\quarterdeck\\MT-2026-00001"' in block
    for name, text in KEPT.files.items():
        assert f'[IO.File]::WriteAllText("$folder\\{name}", @\'\n{text}\'@ + "`n", $plain)' in block


@pytest.mark.parametrize("value", [None, [], [{"serial": 1}], {"certificates": []}, "x"])
def test_what_an_older_page_kept_is_nothing(value: object) -> None:
    assert without_qd.from_session(value) is None


@pytest.fixture
def yard(settings: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Yard:
    settings.PASSWORD_HASHERS = FAST_HASHER  # type: ignore[attr-defined]
    clock = SystemClock()
    signer = near_signer(tmp_path / "signer", clock)
    monkeypatch.setattr(wiring, "signer", lambda: signer)
    monkeypatch.setattr(wiring, "gate_door", lambda: DOOR)
    return build_yard(clock)  # type: ignore[arg-type]


@pytest.mark.django_db(transaction=True)
class TestOnThePage:
    def opened(self, yard: Yard) -> str:
        """A ticket that is open for Max, under a policy that asks for people and time but for no captured facts."""
        with act(yard.actor("iris"), yard.clock) as current:
            rows = [replace(row, fact_kinds=()) for row in tickets.DEFAULT_ROWS]
            tickets.adopt_policy(current, rows, reason="As decided.")
        now = yard.clock.now()
        number = yard.scheduled(window=Window(now, now + timedelta(hours=2))).number
        deciding.confirm_escort(yard.actor("erin"), yard.clock, number)
        open_window.open_ticket(yard.actor("max"), yard.clock, number)
        return number

    def test_a_key_as_a_file_and_everything_to_download(self, yard: Yard) -> None:
        number = self.opened(yard)
        max_ = sign_in(yard.shop, "max")
        key = fresh_key()
        page = max_.get(f"/tickets/{number}/work/")
        assert 'enctype="multipart/form-data"' in page.content.decode()
        wrong = max_.post(f"/tickets/{number}/work/access/", {"public_key": "", "identity_file": "~/.ssh/id_ecdsa"})
        assert "Paste the key, or choose its file." in text_of(wrong)
        odd = {"public_key": key, "identity_file": "C:\\Users\\max\\key"}
        assert "on Windows too" in text_of(max_.post(f"/tickets/{number}/work/access/", odd))
        assert personnel.key_of(yard.shop.ids["max"]) is None
        file = SimpleUploadedFile("id_ecdsa.pub", key.encode())
        sent = {"file": file, "identity_file": "~/keys/work"}
        agent = {"user-agent": "Mozilla/5.0 (Windows NT 10.0)"}
        page = max_.post(f"/tickets/{number}/work/access/", sent, follow=True, headers=agent)
        assert personnel.key_of(yard.shop.ids["max"]) is not None
        shown = text_of(page)
        for part in ("192.0.2.7", "8622", "quarterdeck", "SHA256:", "PowerShell", "PuTTYgen", "~/keys/work"):
            assert part in shown
        assert '<details class="fold" open><summary class="card-header">' in page.content.decode()
        config = max_.get(f"/tickets/{number}/work/certificates/config").content.decode()
        assert 'IdentityFile "~/keys/work"' in config
        assert f'CertificateFile "~/.ssh/quarterdeck/{number}/' in config
        one = max_.get(f"/tickets/{number}/work/certificates/{number}-fs01.example.test-cert.pub")
        assert one.content.decode().startswith("ecdsa-sha2-nistp256-cert-v01@openssh.com ")
        known = max_.get(f"/tickets/{number}/work/certificates/known_hosts")
        assert known.content.decode() == DOOR.known_hosts_line + "\n"
        assert 'filename="known_hosts"' in known["Content-Disposition"]
        assert max_.get(f"/tickets/{number}/work/certificates/..%2fconfig").status_code == 404

    def test_another_person_and_another_browser_have_nothing(self, yard: Yard) -> None:
        number = self.opened(yard)
        max_ = sign_in(yard.shop, "max")
        max_.post(f"/tickets/{number}/work/access/", {"public_key": fresh_key(), "identity_file": "~/.ssh/id_ecdsa"})
        assert max_.get(f"/tickets/{number}/work/certificates/config").status_code == 200
        assert sign_in(yard.shop, "iris").get(f"/tickets/{number}/work/certificates/config").status_code in (403, 404)
        assert sign_in(yard.shop, "max").get(f"/tickets/{number}/work/certificates/config").status_code == 404
