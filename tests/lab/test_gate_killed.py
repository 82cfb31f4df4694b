"""kill -9 of every part in the middle of fifty sessions: nothing was shown that no record holds, and all is sealed."""

import os
import signal
import subprocess
import sys

import pytest
from tests.lab.gate_lab import wait_for
from tests.lab.whole_gate import Crowd, WholeGate, whole_gate

CROWD = 50
ENDS_WITHIN = 10.0  # of fifty at once on two cores; one alone ends within two seconds, see test_gate_ends


def sealed(whole: WholeGate, count: int) -> list[dict[str, object]]:
    """The books once no session is running."""
    found: list[dict[str, object]] = []

    def all_sealed() -> bool:
        found[:] = whole.ask("told")
        return len(found) >= count and all(one["state"] != "running" for one in found)

    wait_for(all_sealed, 60, lambda: f"the seal of {[one for one in found if one['state'] == 'running']}")
    return found


def everything_shown_is_recorded(rows: list[dict[str, object]], crowd: Crowd) -> None:
    by_name = {str(one["output"]).split(" ")[0]: one for one in rows if one["output"]}
    for name, shown in crowd.shown().items():
        assert by_name[name]["recorded"]
        assert str(by_name[name]["output"]).startswith(shown), name


def ledger_verifies(whole: WholeGate) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "quarterdeck.entrypoints.cli", "ledger", "verify"],
        env=whole.environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in (0, 3), done.stdout + done.stderr


@pytest.mark.slow
def test_parts_that_are_killed_on_sqlite(data_dir, tmp_path):
    with whole_gate(tmp_path) as whole:
        first = Crowd(whole, CROWD, "first")
        first.wait_until_all_print()

        killed = whole.launchers[:10]
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: first.living == CROWD - 10, ENDS_WITHIN, lambda: f"ten ends, {first.living} live")

        whole.kill("signer")
        refused = subprocess.run(whole.ssh("echo entered"), capture_output=True, timeout=60, check=False)
        assert (refused.returncode, refused.stdout) == (255, b"")
        assert b"signer" in refused.stderr
        sizes = [file.stat().st_size for file in first.files]  # after the refusal: they go on without a signer
        wait_for(
            lambda: first.grown_since(sizes) == CROWD - 10, ENDS_WITHIN, lambda: f"{first.grown_since(sizes)} go on"
        )
        whole.start("signer")

        os.kill(whole.sshd, signal.SIGKILL)
        first.wait_until_ended(ENDS_WITHIN)
        assert whole.parts["gate"].wait(30) == 1
        everything_shown_is_recorded(sealed(whole, CROWD), first)

        whole.start("gate")
        second = Crowd(whole, CROWD, "second")
        second.wait_until_all_print()
        whole.kill("gate")
        second.wait_until_ended(ENDS_WITHIN)
        whole.start("gate")
        rows = sealed(whole, 2 * CROWD)
        everything_shown_is_recorded(rows, second)
        interrupted = [one for one in rows if str(one["output"]).startswith("second-")]
        assert {(one["state"], one["network"]) for one in interrupted} == {("interrupted", True)}
        ledger_verifies(whole)


@pytest.mark.slow
def test_a_database_server_that_is_killed(data_dir, tmp_path, cluster, on_postgresql, monkeypatch):
    monkeypatch.setenv("QD_DATABASE_URL", on_postgresql)
    with whole_gate(tmp_path) as whole:
        crowd = Crowd(whole, CROWD, "third")
        crowd.wait_until_all_print()
        cluster.kill_nine([cluster.process.pid, *cluster.backends()])
        cluster.process.wait(20)
        crowd.wait_until_ended(ENDS_WITHIN)
        refused = subprocess.run(whole.ssh("echo entered"), capture_output=True, timeout=60, check=False)
        assert (refused.returncode, refused.stdout) == (255, b"")
        cluster.start_again()
        rows = sealed(whole, CROWD)
        everything_shown_is_recorded(rows, crowd)
        assert {one["reason"] for one in rows if str(one["output"]).startswith("third-")} == {"database_unavailable"}
        ledger_verifies(whole)
