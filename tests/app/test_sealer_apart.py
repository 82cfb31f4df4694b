"""A running installation whose sealer is a user of its own, and what `qd up` and `qd ledger` make of old databases."""

import json
import os
import pwd
import shutil
import sqlite3
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pytest
from tests.app.test_cli_installation import ROOT, Installation, ended
from tests.waiting import wait_for

pytestmark = pytest.mark.slow
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give folders away: not run as an ordinary user")


def python_for_others():
    """Return an interpreter that other users can run: this one, or the system's of the same version."""
    for python in (sys.executable, "/usr/bin/python3"):
        real = os.path.realpath(python)
        if not os.access(real, os.X_OK) or real.startswith("/root/"):
            continue
        told = subprocess.run([python, "-c", "import sys; print(sys.version_info[:2])"], capture_output=True, text=True)
        if told.stdout.strip() == str(tuple(sys.version_info[:2])):
            return python
    return pytest.skip("no Python of this version that another user could run")


class Apart(Installation):
    """An installation whose processes run with an interpreter that every user can reach."""

    def __init__(self, folder, python, **more):
        path = f"{ROOT / 'src'}{os.pathsep}{sysconfig.get_path('purelib')}"
        super().__init__(folder, PYTHONPATH=path, HOME=folder, **more)
        self.python = python

    def qd(self, *words, expect=0):
        command = [self.python, "-m", "quarterdeck.entrypoints.cli", *map(str, words)]
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120
        )
        assert done.returncode == expect, f"qd {words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def up(self):
        command = [self.python, "-m", "quarterdeck.entrypoints.cli", "up", "--logs"]
        process = subprocess.Popen(command, env=self.environment, stderr=subprocess.DEVNULL)
        wait(process, self)
        return process


def wait(process, installation):
    """Until everything is ready but the gate, whose sshd does not log in an account without a shell."""
    state = installation.folder / "data" / "run" / "supervisor.json"

    def told():
        return json.loads(state.read_text())["children"] if state.exists() else {}

    def is_ready():
        assert process.poll() is None
        found = told()
        return found and all(child["ready"] for name, child in found.items() if name != "gate")

    wait_for(is_ready, 90, lambda: f"ready ({told()})")


@pytest.fixture
def reachable():
    with tempfile.TemporaryDirectory(prefix="quarterdeck-") as name:
        os.chmod(name, 0o755)  # noqa: S103  others pass through it: that is the point
        yield Path(name)


@AS_ROOT
def test_a_sealer_with_a_user_of_its_own(reachable):
    python = python_for_others()
    installation = Apart(reachable, python)
    installation.init("--owner", "nobody", "--sealer-owner", "daemon")
    owner, keeper = pwd.getpwnam("nobody"), pwd.getpwnam("daemon")
    folder = reachable / "data-sealer"
    assert ((reachable / "data").stat().st_uid, folder.stat().st_uid) == (owner.pw_uid, keeper.pw_uid)
    running = installation.up()
    try:
        told = json.loads((reachable / "data" / "run" / "supervisor.json").read_text())["children"]
        uids = {name: Path(f"/proc/{told[name]['pid']}").stat().st_uid for name in ("ticker", "web", "signer")}
        assert set(uids.values()) == {owner.pw_uid}
        status = Path(f"/proc/{told['sealer']['pid']}/status").read_text()
        assert f"Uid:\t{keeper.pw_uid}\t{keeper.pw_uid}" in status
        wait_for_checkpoint(reachable / "data" / "db.sqlite3")
        for name in ("sealing_key", "state.json", "note_key"):
            who = {"user": owner.pw_uid, "group": owner.pw_gid}
            shown = subprocess.run(["cat", folder / name], capture_output=True, **who)
            assert shown.returncode != 0, f"{name} is the sealer's alone"
        findings = json.loads(installation.qd("doctor", "--json", expect=1).stdout)
        said = {finding["topic"]: finding for finding in findings}
        assert "not all of one user" in said["separation"]["sentence"]
        assert said["sealer"]["grade"] == "ok"
        assert said["permissions"]["grade"] == "ok", said["permissions"]
        installation.qd("ledger", "rotate-key")
    finally:
        assert ended(running) == 0
    assert installation.qd("ledger", "key").stdout.count("valid-before") == 1
    installation.qd("init")
    assert folder.stat().st_uid == keeper.pw_uid, "a second init leaves the sealer its user"


def wait_for_checkpoint(database, reason="key"):
    def newest():
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return connection.execute("SELECT max(size) FROM evidence_checkpoint").fetchone()[0]

    return wait_for(newest, 60, "a checkpoint")


def test_an_old_database_put_back_by_hand_is_recognised_at_start(tmp_path):
    installation = Installation(tmp_path)
    installation.init()
    data = tmp_path / "data"
    running = installation.up()
    try:
        wait_for_checkpoint(data / "db.sqlite3")
        with sqlite3.connect(data / "db.sqlite3") as source, sqlite3.connect(tmp_path / "old.sqlite3") as copy:
            source.backup(copy)
        fingerprint = installation.qd("ledger", "rotate-key").stdout.strip()
        assert fingerprint.startswith("SHA256:")
        assert fingerprint in installation.qd("ledger", "key").stderr
        findings = json.loads(installation.qd("doctor", "--json", expect=1).stdout)
        keys = [finding["sentence"] for finding in findings if finding["topic"] == "sealing key"]
        assert len(keys) == 2
        assert "1 retired" in keys[0]
        assert "nobody acknowledged" in keys[1]
        assert "Stop `qd up`" in installation.qd("ledger", "adopt", "--yes", expect=1).stderr
    finally:
        assert ended(running) == 0
    for path in data.glob("db.sqlite3*"):
        path.unlink()
    shutil.copyfile(tmp_path / "old.sqlite3", data / "db.sqlite3")
    refused = installation.qd("up", expect=1).stderr
    assert "older than what was sealed" in refused
    assert "qd ledger adopt" in refused
    assert "Nothing was done" in installation.qd("ledger", "adopt", expect=2).stderr
    told = installation.qd("ledger", "adopt", "--yes").stderr
    assert "entries that were sealed are lost" in told
    assert "The sealing key changed" in told, "the change that the old copy does not have is recorded again"
    verified = json.loads(installation.qd("ledger", "verify", "--json", expect=3).stdout)
    assert verified["problems"] == []
    running = installation.up()
    assert ended(running) == 0


def test_a_lost_memory_is_recognised_at_start(tmp_path):
    installation = Installation(tmp_path)
    installation.init()
    running = installation.up()
    wait_for_checkpoint(tmp_path / "data" / "db.sqlite3")
    assert ended(running) == 0
    shutil.rmtree(tmp_path / "data-sealer")
    assert "its memory is lost" in installation.qd("up", expect=1).stderr
    assert not (tmp_path / "data-sealer" / "sealing_key").exists(), "nothing is made anew behind anybody's back"
    told = installation.qd("ledger", "adopt", "--yes").stderr
    assert "remembered nothing" in told
    assert "The sealing key changed" in told
    running = installation.up()
    assert ended(running) == 0
