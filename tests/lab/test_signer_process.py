"""The signer as a process of its own: private socket, private keys, an orderly end, and one of it per folder."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quarterdeck.access.api import certificate_blob, read_certificate
from quarterdeck.adapters.certificate_signature import signed_by
from quarterdeck.adapters.openssh_ca import init_keys
from quarterdeck.adapters.signer_client import SignerClient
from quarterdeck.config.api import load
from quarterdeck.kernel.decision import Refused

ROOT = Path(__file__).resolve().parents[2]
COMMAND = [sys.executable, "-m", "quarterdeck.entrypoints.signer"]


def environment() -> dict[str, str]:
    return {**os.environ, "DJANGO_SETTINGS_MODULE": "quarterdeck.settings", "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}


@pytest.fixture
def shop(data_dir: Path) -> dict[str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.lab.signer_shop"],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


@contextmanager
def running() -> Iterator[tuple[subprocess.Popen[bytes], SignerClient]]:
    process = subprocess.Popen(COMMAND, env=environment(), stdin=subprocess.DEVNULL)
    client = SignerClient(load().signer_socket)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                client.status()
                break
            except Refused:
                assert process.poll() is None, "the signer ended"
                assert time.monotonic() < deadline, "the signer does not answer"
                time.sleep(0.05)
        yield process, client
    finally:
        process.terminate()
        process.wait(20)


def test_the_signer_signs_ends_and_remembers(shop: dict[str, str]) -> None:
    config = load()
    with running() as (process, client):
        line = client.entry(shop["grant"])
        blob = certificate_blob(line)
        assert signed_by(blob, str(client.status()["entry_ca"]))
        assert read_certificate(blob).key.line == " ".join(shop["key"].split()[:2])
        assert config.signer_socket.stat().st_mode & 0o777 == 0o600
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        core = next(row for row in limits.splitlines() if row.startswith("Max core file size"))
        assert core.split()[4:6] == ["0", "0"]
        second = subprocess.run(COMMAND, env=environment(), capture_output=True, text=True, timeout=60)
        assert second.returncode == 1
        assert "another signer" in second.stderr
        assert client.status()["signed"] == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not config.signer_socket.exists()
    log = (config.signer_folder / "serials.jsonl").read_text()
    assert json.loads(log)["serial"] == read_certificate(blob).serial
    with running() as (_, client):
        assert client.status()["signed"] == 1
        assert client.reconcile() == []


def test_yesterdays_folder_does_not_make_the_signer_sign(shop: dict[str, str]) -> None:
    """Row 15: the copy is older than what the signer has seen, and the signer's memory is not in the folder."""
    config = load()
    copy = config.data_dir.with_name("yesterday")
    script = (
        "import django; django.setup()\n"
        "from quarterdeck.evidence.api import ObjectRef, act\n"
        "from quarterdeck.kernel.actors import OPERATOR\n"
        "from quarterdeck.kernel.clock import SystemClock\n"
        "with act(OPERATOR, SystemClock()) as a: a.record('test.happened', ObjectRef('test', '1'))\n"
    )
    shutil.copytree(config.data_dir, copy)
    subprocess.run([sys.executable, "-c", script], env=environment(), check=True, timeout=60)
    with running() as (_, client):
        client.entry(shop["grant"])
    shutil.rmtree(config.data_dir)
    copy.rename(config.data_dir)
    with running() as (_, client):
        assert client.status()["ready"] is False
        with pytest.raises(Refused) as caught:
            client.entry(shop["grant"])
    assert caught.value.decision.codes == ("ledger.older",)


def test_keys_that_others_may_read_are_not_used(data_dir: Path) -> None:
    config = load()
    init_keys(config.signer_folder)
    (config.signer_folder / "target_ca").chmod(0o640)
    done = subprocess.run(COMMAND, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "mode 0600" in done.stderr
