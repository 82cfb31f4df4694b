"""Signer, gate, database and target as they run: every revocation ends a real session, more time moves a real end."""

import json
import os
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.lab.gate_lab import TargetSshd, answers, new_key, utc_now, wait_for
from tests.ports import free_port

from quarterdeck.adapters.signer_client import SignerClient
from quarterdeck.config.api import load
from quarterdeck.entrypoints.gate.sshd import gate_folder, login_user
from quarterdeck.kernel.decision import Refused

pytestmark = pytest.mark.slow
SAID = {
    "grant": b"Your access was withdrawn",
    "certificate": b"Your access was withdrawn",
    "person": b"Your access is revoked",
    "everything": b"All access is revoked",
    "ticket": b" is revoked",
}
ROOT = Path(__file__).resolve().parents[2]
PYTHON = {"DJANGO_SETTINGS_MODULE": "quarterdeck.settings", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}


class RunningShop:
    """The processes of a small installation, and Sam's `ssh`."""

    def __init__(self, folder):
        self.folder = folder
        self.key = folder / "id"
        new_key(self.key)
        (folder / "target_ca.pub").write_text("")
        self.target = TargetSshd(folder)
        self.processes = []
        self.logs = (folder / "log").open("wb")

    def act(self, *words):
        done = subprocess.run(
            [sys.executable, "-m", "tests.lab.gate_shop", *words],
            env={**os.environ, **PYTHON}, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def up(self, hours="1"):
        public = self.key.with_name("id.pub").read_text().strip()
        made = self.act("make", str(self.target.port), self.target.account, self.target.host_identity, public, hours)
        self.number = made["ticket"]
        self._start("signer")
        status = wait_for(self._signer, 60, "the signer's answer")
        (self.folder / "target_ca.pub").write_text(status["target_ca"] + "\n")
        self._start("gate")
        wait_for(lambda: answers(load().gate_port), 30, "the gate's answer")
        wait_for(lambda: answers(self.target.port), what="the target's answer")
        login = login_user("")
        self.user, folder = login.name, gate_folder(load().gate_dir, login, load().gate_port)
        line = folder.host_public_key.read_text().strip()
        (self.folder / "known_hosts").write_text(f"[127.0.0.1]:{load().gate_port} {line}\n")

    def _start(self, name):
        argv = [sys.executable, "-P", "-m", f"quarterdeck.entrypoints.{name}"]
        env = {**os.environ, **PYTHON}
        self.processes.append(subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stderr=self.logs))

    def _signer(self):
        try:
            return SignerClient(load().signer_socket).status()
        except Refused:
            return None

    def take(self):
        self.key.with_name("id-cert.pub").write_text(self.act("take")["certificate"] + "\n")

    def ssh(self, *words):
        argv = ["ssh", "-F", "none", "-o", f"UserKnownHostsFile={self.folder}/known_hosts", "-o", "BatchMode=yes"]
        argv += ["-o", "StrictHostKeyChecking=yes", "-o", "IdentitiesOnly=yes", "-o", "IdentityAgent=none"]
        return [*argv, "-i", str(self.key), "-p", str(load().gate_port), "-l", self.user, "127.0.0.1", *words]

    def run(self, *words):
        return subprocess.run(
            self.ssh(*words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
        )

    def start(self, command="echo here; exec sleep 300"):
        client = subprocess.Popen(
            self.ssh(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.processes.append(client)
        assert client.stdout.readline() == b"here\n", client.stderr.read()
        return client

    def down(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
            process.wait(30)
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()
        self.target.stop()
        self.logs.close()


@pytest.fixture
def shop(data_dir, tmp_path, monkeypatch):
    monkeypatch.setenv("QD_GATE_PORT", str(free_port()))
    load.cache_clear()
    running = RunningShop(tmp_path)
    try:
        running.up()
        yield running
    finally:
        running.down()
        load.cache_clear()


def test_every_revocation_ends_a_session_within_two_seconds_and_shuts_the_door(shop):
    for scope in ("grant", "certificate", "person", "everything", "ticket"):
        shop.take()
        client = shop.start()
        ordered = datetime.fromisoformat(shop.act("revoke", scope)["at"])
        client.wait(10)
        assert SAID[scope] in client.stderr.read()
        refused = shop.run("true")
        assert refused.returncode == 255
        # The gate says why; once its sshd has the new list, that refuses without a word of ours.
        assert "revoked" in refused.stderr or "Permission denied" in refused.stderr
        ended = wait_for(lambda: sealed(shop), 10, "the seal")
        assert (ended["reason"], ended["state"], ended["sealed"]) == ("revoked", "ended", True)
        assert ended["recording"]
        assert datetime.fromisoformat(ended["gone"]) - ordered < timedelta(seconds=2)
        if scope in ("person", "everything"):
            shop.act("lift", scope)
    assert shop.act("show")["state"] == "verifying"


def sealed(shop):
    last = shop.act("show")["sessions"][-1]
    return last if last["state"] == "ended" and last["gone"] else None


def test_more_time_asked_in_a_second_channel_moves_the_end_of_the_first(shop):
    before = datetime.fromisoformat(shop.act("show")["until"])
    shop.take()
    client = shop.start("echo here; read line; echo $line")
    own = shop.run("quarterdeck", "extend", "20", "the index is still being built")
    assert own.returncode == 0
    assert "Granted" in own.stderr
    asked = shop.run("quarterdeck extend 60 the rest as well")
    assert " decide" in asked.stderr
    books = shop.act("show")
    assert books["extensions"] == [["granted", True, True], ["waiting", False, True]]
    assert datetime.fromisoformat(books["until"]) == before + timedelta(minutes=20)
    shop.act("grant_time")
    books = shop.act("show")
    assert books["extensions"] == [["granted", True, True], ["granted", False, True]]
    assert datetime.fromisoformat(books["until"]) == before + timedelta(minutes=80)
    client.wait(10)
    assert utc_now() < before
    assert len(shop.act("show")["sessions"]) == 1
