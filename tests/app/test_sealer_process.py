"""The sealer as the process that `qd up` starts: it makes its key, answers, ends on SIGTERM, and loads no Django."""

import os
import signal
import subprocess
import sys
from contextlib import suppress

from tests.waiting import wait_for

from quarterdeck.adapters.sealer_client import SealerClient
from quarterdeck.config.api import load
from quarterdeck.kernel.decision import Refused

COMMAND = [sys.executable, "-m", "quarterdeck.entrypoints.sealer"]


def start():
    return subprocess.Popen(COMMAND, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": "src"})


def answered(client, seconds=20):
    def status():
        with suppress(Refused):
            return client.status()

    return wait_for(status, seconds, "an answer of the sealer")


def test_the_sealer_starts_answers_and_ends(data_dir):
    process = start()
    try:
        status = answered(SealerClient(load().sealer_socket))
        assert (status.size, status.origin) == (0, load().ledger_origin)
        assert load().sealer_socket.stat().st_mode & 0o777 == 0o600
        assert load().sealer_folder.stat().st_mode & 0o777 == 0o700
        assert not load().sealer_folder.is_relative_to(data_dir)
    finally:
        process.send_signal(signal.SIGTERM)
        errors = process.communicate(timeout=20)[1]
    assert process.returncode == 0, errors
    assert not load().sealer_socket.exists()


def test_a_key_is_kept_over_a_restart():
    keys = []
    for _ in range(2):
        process = start()
        keys.append(answered(SealerClient(load().sealer_socket)).key)
        process.terminate()
        process.communicate(timeout=20)
    assert keys[0] == keys[1]


def test_a_folder_that_cannot_be_used_is_a_sentence(data_dir):
    load().sealer_folder.write_text("a file is in the way")
    process = start()
    errors = process.communicate(timeout=20)[1]
    assert process.returncode == 1
    assert "cannot start" in errors
    assert "Traceback" not in errors


def test_the_sealer_knows_no_framework():
    code = "import sys, quarterdeck.entrypoints.sealer.__main__ as m; print([n for n in sys.modules if 'django' in n])"
    environment = {**os.environ, "PYTHONPATH": "src"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "[]"
