"""auditd as the witness: a real auditd and real execve records. The kernel's audit state is one for the machine.

Serial by nature: it is skipped where auditing is on already, and puts the state back.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from tests.lab.raised_target import wait_until

from quarterdeck.baselines.target import logs

_CONF = """local_events = yes
log_file = {folder}/audit.log
log_group = root
log_format = ENRICHED
flush = INCREMENTAL_ASYNC
freq = 50
max_log_file = 8
num_logs = 2
priority_boost = 0
name_format = NONE
max_log_file_action = IGNORE
space_left = 75
space_left_action = IGNORE
admin_space_left = 50
admin_space_left_action = IGNORE
disk_full_action = IGNORE
disk_error_action = IGNORE
q_depth = 400
overflow_action = IGNORE
plugin_dir = {folder}/plugins.d
"""
ACCOUNT = "nobody"


def why_not_here() -> str:
    """Why the kernel's audit cannot be tried here, empty when it can."""
    if os.geteuid() != 0:
        return "auditing needs root"
    if shutil.which("auditd") is None or shutil.which("auditctl") is None:
        return "auditd is not installed"
    if os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1") != "1":
        return "auditing is one for the machine: run it alone (-n 0)"
    status = subprocess.run(["auditctl", "-s"], capture_output=True, text=True, check=False, timeout=20)
    if status.returncode != 0 or "enabled 0" not in status.stdout or "pid 0" not in status.stdout:
        return "the kernel does not permit it, or somebody audits already"
    return ""


pytestmark = pytest.mark.skipif(why_not_here() != "", reason=f"not run here: {why_not_here()}")


@pytest.fixture
def audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A running auditd with a rule for one account; everything is put back."""
    folder = tmp_path / "audit"
    (folder / "plugins.d").mkdir(parents=True)
    folder.chmod(0o700)
    (folder / "auditd.conf").write_text(_CONF.format(folder=folder))
    (folder / "auditd.conf").chmod(0o640)
    monkeypatch.setattr(logs, "AUDIT_FOLDER", str(folder))
    daemon = subprocess.Popen(["auditd", "-n", "-s", "nochange", "-c", str(folder)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: (folder / "audit.log").exists() and "DAEMON_START" in (folder / "audit.log").read_text())
        subprocess.run(["auditctl", "-e", "1"], check=True, capture_output=True, timeout=20)
        rule = ["-a", "always,exit", "-F", "arch=b64", "-S", "execve", "-F", f"uid={ACCOUNT}", "-k", "mt_exec"]
        subprocess.run(["auditctl", *rule], check=True, capture_output=True, timeout=20)
        yield folder
    finally:
        subprocess.run(["auditctl", "-D"], check=False, capture_output=True, timeout=20)
        subprocess.run(["auditctl", "-e", "0"], check=False, capture_output=True, timeout=20)
        daemon.terminate()
        daemon.wait(20)


def ran(account: str, since: float) -> list[list[str]]:
    """The words of what an account ran."""
    told = cast("list[dict[str, list[str]]]", logs.audit_commands(account, since)["commands"])
    return [one["argv"] for one in told]


def test_what_an_account_ran_is_read_from_the_kernels_own_records(audit: Path) -> None:
    since = time.time() - 1
    raised = ["setpriv", f"--reuid={ACCOUNT}", "--clear-groups", "sh", "-c"]
    script = "ls '/tmp/a b' >/dev/null 2>&1; id -u >/dev/null; exit 0"
    subprocess.run([*raised, script], check=True, timeout=30, cwd="/")
    wait_until(lambda: ["id", "-u"] in ran(ACCOUNT, since))
    assert ["ls", "/tmp/a b"] in ran(ACCOUNT, since)
    assert ran("daemon", since) == []
