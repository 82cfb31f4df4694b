"""A whole installation as an operator and a person meet it: init, up, enrol, login, lists, backup, restore, verify.

Real processes, a real database file, the real API over loopback; only the clock is the machine's own.
"""

import json
import os
import pwd
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import pytest
from tests.ports import free_port
from tests.waiting import wait_for

from quarterdeck.personnel.totp import code_of

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "iris walks the quarterdeck"
PASSPHRASE = "six random words for this backup"
ROSTER = """
[[person]]
name = "Iris Lead"
email = "iris@example.test"
roles = ["it_lead", "requester"]

[[person]]
name = "Avery Approver"
email = "avery@example.test"
roles = ["approver"]
"""

pytestmark = pytest.mark.slow


class Installation:
    """One data folder and the means to run `qd` against it."""

    def __init__(self, folder, **more):
        port = free_port()
        settings = {
            "QD_DATA_DIR": folder / "data",
            "QD_WEB_PORT": port,
            "QD_GATE_PORT": free_port(),
            "QD_URL": f"http://127.0.0.1:{port}",
            "QD_TOKEN_FILE": folder / "token",
            "XDG_CONFIG_HOME": folder / "config",
            "PYTHONPATH": ROOT / "src",
            **more,
        }
        outside = {name: value for name, value in os.environ.items() if not name.startswith(("QD_", "DJANGO_"))}
        self.environment = outside | {name: str(value) for name, value in settings.items()}
        self.folder = folder

    def qd_any(self, *words):
        command = [sys.executable, "-m", "quarterdeck.entrypoints.cli", *map(str, words)]
        return subprocess.run(
            command, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
        )

    def qd(self, *words, expect=0):
        done = self.qd_any(*words)
        assert done.returncode == expect, f"qd {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def init(self, *more):
        (self.folder / "roster.toml").write_text(ROSTER)
        told = self.qd("init", "--roster", self.folder / "roster.toml", "--json", *more).stdout
        return {row["email"]: row["code"] for row in json.loads(told)}

    def up(self):
        command = [sys.executable, "-m", "quarterdeck.entrypoints.cli", "up", "--logs"]
        process = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)
        state = self.folder / "data" / "run" / "supervisor.json"

        def is_ready():
            assert process.poll() is None
            return state.exists() and json.loads(state.read_text())["ready"]

        wait_for(is_ready, 90, lambda: f"ready ({state.read_text() if state.exists() else 'no state'})")
        return process

    def enrol(self, code):
        """Enrol with this half minute's code, and return the next one's, which counts already, for the login."""
        url = self.environment["QD_URL"] + "/api/v1"
        secret = httpx.post(f"{url}/enrol", json={"code": code, "password": PASSWORD}).json()["secret"]
        step = int(time.time()) // 30
        answer = httpx.post(f"{url}/enrol/confirm", json={"code": code, "totp": code_of(secret, step)})
        assert answer.status_code == 200, answer.text
        (self.folder / "password").write_text(PASSWORD + "\n")
        return code_of(secret, step + 1)


@pytest.fixture
def installation(tmp_path):
    return Installation(tmp_path)


@pytest.fixture
def reachable():
    """A folder that other users can pass through, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="quarterdeck-") as name:
        os.chmod(name, 0o755)  # noqa: S103  that is the point
        yield Path(name)


def ended(process):
    process.terminate()
    return process.wait(30)


def test_an_installation_from_init_to_restore(installation):
    codes = installation.init()
    assert set(codes) == {"iris@example.test", "avery@example.test"}
    running = installation.up()
    try:
        assert "runs in" in installation.qd("up", expect=1).stderr
        code = installation.enrol(codes["iris@example.test"])
        login = ("login", "--email", "iris@example.test", "--password-file", installation.folder / "password")
        installation.qd(*login, "--code", code)
        assert installation.qd(*login, "--code", code, expect=1).stderr.startswith("qd: ")
        me = json.loads(installation.qd("whoami", "--json").stdout)
        assert me["roles"] == ["it_lead", "requester"]
        (installation.folder / "assets.csv").write_text("hostname,category\nweb01,cui_asset\n-oProxy=x,cui_asset\n")
        refused = installation.qd("asset", "import", installation.folder / "assets.csv", "--yes", expect=1)
        assert "line 3" in refused.stdout
        installation.qd("asset", "import", installation.folder / "assets.csv", "--yes", "--skip-bad-rows")
        assert [row["hostname"] for row in json.loads(installation.qd("assets", "--json").stdout)] == ["web01"]
        findings = json.loads(installation.qd("doctor", "--json", expect=1).stdout)
        wrong = {finding["topic"] for finding in findings if finding["grade"] == "wrong"}
        assert wrong <= {"anchors", "terminals", "disk", "gate user"}
        assert "anchors" in wrong
        held = json.loads(installation.qd("anchors", "--json", expect=3).stdout)
        assert (held["self_attested"], held["routes"]) == (True, [])
        assert installation.qd("anchors", expect=3).stdout.startswith(
            "No channel is configured.\nSelf-attested only: nobody else holds a checkpoint. 0 of "
        )
        assert installation.qd("anchor", "receipts").stdout == "No checkpoint has left this server.\n"
        assert "no such holder" in installation.qd("anchor", "try", "0123456789abcdef", expect=1).stderr
        (installation.folder / "passphrase").write_text(PASSPHRASE)
        keys = ("--keys", "--passphrase-file", installation.folder / "passphrase")
        backup = installation.qd("backup", installation.folder / "backups", *keys).stdout.strip()
        assert "Stop `qd up` first" in installation.qd("restore", backup, "--replace", expect=1).stderr
        installation.qd("logout")
    finally:
        assert ended(running) == 0
    assert "with --replace" in installation.qd("restore", backup, expect=1).stderr
    assert "void" in installation.qd("restore", backup, "--replace").stderr
    verified = json.loads(installation.qd("ledger", "verify", "--json", expect=3).stdout)
    assert verified["problems"] == []


def test_a_backup_with_keys_restores_onto_an_empty_machine(installation, tmp_path):
    installation.init()
    (tmp_path / "passphrase").write_text(PASSPHRASE)
    keys = ("--passphrase-file", tmp_path / "passphrase")
    backup = installation.qd("backup", tmp_path / "backups", "--keys", *keys).stdout.strip()
    (tmp_path / "new").mkdir()
    fresh = Installation(tmp_path / "new")
    fresh.qd("restore", backup, *keys)
    old, new = (one.qd("ledger", "key").stdout for one in (installation, fresh))
    assert old == new
    for name in ("factor_key", "secret_key"):
        assert (tmp_path / "data" / name).read_bytes() == (tmp_path / "new" / "data" / name).read_bytes()


def test_a_damaged_backup_puts_nothing_back(installation, tmp_path):
    installation.init()
    backup = Path(installation.qd("backup", tmp_path / "backups").stdout.strip())
    data = bytearray((backup / "db.sqlite3").read_bytes())
    data[len(data) // 2] ^= 1
    (backup / "db.sqlite3").write_bytes(data)
    before = (tmp_path / "data" / "db.sqlite3").read_bytes()
    assert "is damaged" in installation.qd("restore", backup, "--replace", expect=1).stderr
    assert (tmp_path / "data" / "db.sqlite3").read_bytes() == before


def test_founding_twice_is_refused(installation):
    installation.init()
    again = installation.qd("init", "--roster", installation.folder / "roster.toml", expect=1)
    assert "entered already" in again.stderr


@pytest.mark.parametrize("words", [("doctor",), ("up",), ("ledger", "key"), ("backup", "/nowhere/at/all")])
def test_before_init_the_operator_is_told_what_to_do(installation, words):
    done = installation.qd(*words, expect=1)
    assert "Traceback" not in done.stderr
    assert "qd init" in done.stdout + done.stderr or "qd backup" in done.stderr


@pytest.mark.parametrize("knob", ["QD_WEB_PORT", "QD_GATE_PORT"])
def test_a_port_that_another_program_holds_is_refused_before_anything_starts(installation, knob):
    installation.init()
    port = installation.environment[knob]
    with socket.create_server(("127.0.0.1", int(port))):
        done = installation.qd("up", expect=1)
    assert f"Port {port} is in use" in done.stderr
    assert knob in done.stderr
    assert not (installation.folder / "data" / "run" / "supervisor.json").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away: not run here as an ordinary user")
def test_a_place_that_the_owner_cannot_reach_is_a_sentence(tmp_path):
    installation = Installation(tmp_path)
    (tmp_path / "roster.toml").write_text(ROSTER)
    done = installation.qd("init", "--owner", "nobody", expect=1)
    assert "cannot pass through" in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away: not run here as an ordinary user")
def test_root_drops_every_process_to_the_owner(reachable):
    account = pwd.getpwnam("nobody")
    if not os.access(sys.executable, os.X_OK) or "/root/" in os.path.realpath(sys.executable):
        pytest.skip("this Python lies in root's home, which no other user can run: not run here")
    installation = Installation(reachable)
    installation.init("--owner", "nobody")
    assert (reachable / "data" / "db.sqlite3").stat().st_uid == account.pw_uid
    running = installation.up()
    try:
        state = json.loads((reachable / "data" / "run" / "supervisor.json").read_text())
        owners = {os.stat(f"/proc/{child['pid']}").st_uid for child in state["children"].values()}
    finally:
        ended(running)
    assert owners == {account.pw_uid}
