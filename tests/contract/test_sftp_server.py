"""The SFTP auditor between OpenSSH's own client and server: same files, same answers, right hashes."""

import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from quarterdeck.sessions.terms import FileTransfer, Stage, decode_told

SERVERS = [Path(place) / "sftp-server" for place in ("/usr/lib/openssh", "/usr/libexec/openssh", "/usr/lib/ssh")]
SERVER = next((str(path) for path in SERVERS if path.exists()), "")
PROXY = Path(__file__).with_name("sftp_proxy.py")
pytestmark = pytest.mark.skipif(not SERVER or shutil.which("sftp") is None, reason="needs sftp and sftp-server")


@pytest.fixture
def place(tmp_path):
    for name in ("here", "there"):
        (tmp_path / name).mkdir()
    (tmp_path / "here" / "big").write_bytes(secrets.token_bytes(9_000_000))
    (tmp_path / "here" / "small").write_bytes(b"small\n")
    (tmp_path / "here" / "empty").write_bytes(b"")
    (tmp_path / "there" / "log").write_bytes(secrets.token_bytes(1_234_567))
    return tmp_path


BATCH = """
cd {there}
lcd {here}
mkdir sub
put big sub/big
put small
put empty
get log fetched
get -p sub/big big2
rename small sub/small
chmod 640 sub/small
ls -l sub
df
-get none
-put none
rm empty
"""


def sftp(place, server, batch, *options):
    script = batch.format(here=place / "here", there=place / "there")
    argv = ["sftp", "-q", "-b", "-", *options, "-D", server]
    return subprocess.run(argv, input=script.encode(), capture_output=True, check=False, timeout=60)


def through(place, allowance=None):
    given = json.dumps(allowance or {}).replace('"', '\\"')
    return f'{sys.executable} {PROXY} {place}/events "{given}" {SERVER}'


def state_of(folder):
    return {
        str(path.relative_to(folder)): (path.stat().st_mode, hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "events"
    }


def told_in(place):
    return [decode_told(line) for line in (place / "events").read_text().splitlines()]


@pytest.fixture(autouse=True)
def _sources(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))


@pytest.mark.parametrize("options", [(), ("-B", "1000", "-R", "3"), ("-B", "131072", "-R", "128")])
def test_a_batch_has_the_same_outcome_and_right_hashes(place, options):
    plain = place / "plain"
    shutil.copytree(place, plain, ignore=shutil.ignore_patterns("plain"))
    direct = sftp(plain, SERVER, BATCH, *options)
    audited = sftp(place, through(place), BATCH, *options)
    assert direct.returncode == audited.returncode == 0, audited.stderr
    assert [line for line in audited.stdout.splitlines() if b"avail" not in line][:8]
    assert state_of(place / "here") == state_of(plain / "here")
    assert state_of(place / "there") == state_of(plain / "there")
    files = [one for one in told_in(place) if isinstance(one, FileTransfer) and one.stage is Stage.DONE]
    there, here = place / "there", place / "here"
    assert [(one.path, one.size, one.sha256) for one in files if not one.failed] == [
        (str(there / name), source.stat().st_size, hashlib.sha256(source.read_bytes()).hexdigest())
        for name, source in (
            ("sub/big", here / "big"),
            ("small", here / "small"),
            ("empty", here / "empty"),
            ("log", there / "log"),
            ("sub/big", here / "big"),
        )
    ]
    assert all(one.closed and one.whole for one in files if not one.failed)


def test_the_real_client_takes_our_refusals_for_the_servers_own(place):
    batch = "-get {there}/log {here}/stolen\nput {here}/small {there}/x\n"
    result = sftp(place, through(place, {"from_target": False}), batch)
    assert result.returncode == 0
    assert b"ermission denied" in result.stderr
    assert not (place / "here" / "stolen").exists()
    assert (place / "there" / "x").read_bytes() == b"small\n"
    assert [one.path for one in told_in(place) if one.refused] == [str(place / "there" / "log")]
