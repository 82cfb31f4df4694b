"""PuTTY's own programs through the gate: plink, psftp and pscp with a certificate inside the .ppk, as documented."""

import base64
import hashlib
import os
import secrets
import shutil
import subprocess
from pathlib import Path

import pytest
from tests.lab.gate_lab import Terminal, gate_lab, needs_terminal

from quarterdeck.sessions.terms import files_in

pytestmark = pytest.mark.skipif(shutil.which("plink") is None, reason="putty-tools is not installed")


@pytest.fixture(scope="module")
def lab():
    with gate_lab() as running:
        yield running


@pytest.fixture
def putty(lab, tmp_path):
    return Putty(lab, tmp_path)


class Putty:
    """A person whose key is a .ppk with the certificate in it; PuTTY's own files go into a home of its own."""

    def __init__(self, lab, home):
        self.lab, self.home = lab, home
        self.ticketed = lab.grant()
        self.bare = self._made("bare.ppk", self.ticketed.key)
        self.ppk = self._made("id.ppk", self.bare, "--certificate", f"{self.ticketed.key}-cert.pub")
        blob = base64.b64decode(lab.host_line.split()[1])
        self.host_key = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")

    def _made(self, name, source, *words):
        target = self.home / name
        words = ["puttygen", str(source), *words, "-o", str(target), "-O", "private"]
        subprocess.run(words, check=True, capture_output=True, env=self.environment, stdin=subprocess.DEVNULL)
        return target

    @property
    def environment(self):
        return {**os.environ, "HOME": str(self.home)}

    def argv(self, program, *words, key=None, batch=True):
        fixed = ["-batch"] if batch else []
        fixed += ["-hostkey", self.host_key, "-P", str(self.lab.port), "-l", self.lab.gate_user, "-noagent"]
        return [program, *fixed, "-i", str(key or self.ppk), *words]

    def run(self, program, *words, key=None, **keywords):
        if "input" not in keywords:
            keywords["stdin"] = subprocess.DEVNULL
        argv = self.argv(program, *words, key=key)
        return subprocess.run(argv, env=self.environment, capture_output=True, timeout=60, check=False, **keywords)

    def files(self):
        (entry,) = self.lab.sealed(self.ticketed)
        found = files_in(Path(entry["recording"]).read_bytes().splitlines(keepends=True))
        return [(one.transfer.path, one.transfer.sha256) for one in found.transfers]


def test_plink_runs_a_command_and_passes_streams_and_status(putty):
    done = putty.run("plink", "127.0.0.1", "cat; echo err >&2; exit 7", input=b"through")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"through", b"err\n")


def test_plink_is_binary_clean(putty):
    data = secrets.token_bytes(3_000_000)
    done = putty.run("plink", "127.0.0.1", "cat", input=data)
    assert done.stdout == data


@needs_terminal
def test_plink_gives_a_terminal(putty):
    with Terminal(putty.argv("plink", "-t", "127.0.0.1", batch=False), environment=putty.environment) as terminal:
        # PuTTY's guard against prompts that a server forges; in the window of PuTTY there is none.
        terminal.expect(rb"Press Return to begin session")
        terminal.type("\r")
        terminal.expect(rb"[#$] ")
        terminal.type("tty | cut -c1-8; exit 3\n")
        terminal.expect(rb"/dev/pts")
        assert terminal.status() == 3


def test_a_key_without_its_certificate_opens_nothing(putty):
    done = putty.run("plink", "127.0.0.1", "true", key=putty.bare)
    assert done.returncode != 0
    assert b"No supported authentication methods available" in done.stderr


def test_another_host_key_is_not_accepted(putty):
    putty.host_key = "SHA256:" + "A" * 43
    done = putty.run("plink", "127.0.0.1", "true")
    assert done.returncode != 0
    assert b"host key" in done.stderr.lower()


def test_what_the_gate_does_not_do_is_said(putty):
    done = putty.run("plink", "-nc", f"127.0.0.1:{putty.lab.target.port}", "127.0.0.1")
    assert done.returncode != 0
    assert b"SSH-" not in done.stdout
    assert b"refused" in done.stderr.lower() or b"prohibited" in done.stderr.lower()


@pytest.mark.parametrize("protocol", ["-sftp", "-scp"])
def test_pscp_brings_a_file_and_fetches_it_back(putty, tmp_path, protocol):
    source, there, back = tmp_path / "source", tmp_path / "there", tmp_path / "back"
    source.write_bytes(secrets.token_bytes(400_000))
    up = putty.run("pscp", protocol, "-q", str(source), f"127.0.0.1:{there}")
    assert up.returncode == 0, up.stderr
    assert there.read_bytes() == source.read_bytes()
    assert putty.files() == [(str(there), hashlib.sha256(source.read_bytes()).hexdigest())]
    down = putty.run("pscp", protocol, "-q", f"127.0.0.1:{there}", str(back))
    assert down.returncode == 0, down.stderr
    assert back.read_bytes() == source.read_bytes()


def test_psftp_does_what_sftp_does(putty, tmp_path):
    source, there = tmp_path / "source", tmp_path / "there"
    source.write_bytes(secrets.token_bytes(400_000))
    there.mkdir()
    batch = tmp_path / "batch"
    batch.write_text(
        f"mkdir {there}/d\nput {source} {there}/d/a\nget {there}/d/a {tmp_path}/back\nmv {there}/d/a {there}/d/b\n"
        f"chmod 600 {there}/d/b\nrm {there}/d/b\nrmdir {there}/d\nquit\n"
    )
    done = putty.run("psftp", "-b", str(batch), "127.0.0.1")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "back").read_bytes() == source.read_bytes()
    assert list(there.iterdir()) == []
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    assert putty.files() == [(f"{there}/d/a", digest), (f"{there}/d/a", digest)]
