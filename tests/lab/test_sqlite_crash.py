"""kill -9 of writers in mid-act, on one SQLite file: nothing acknowledged is lost, the ledger is whole.

Four processes write acts of two entries with an artifact each; some are killed while the others go on, then the rest. A
machine that loses its power is not tried here.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROUNDS = 12


@pytest.mark.slow
def test_rounds_of_kill_nine(data_dir: Path) -> None:
    seed = os.getpid()
    told = subprocess.run(
        [sys.executable, "-m", "tests.lab.crash_nursery", str(ROUNDS), str(seed)],
        env=os.environ | {"QD_DATA_DIR": str(data_dir), "QD_DATABASE_URL": f"sqlite:///{data_dir}/db.sqlite3"},
        cwd=Path(__file__).resolve().parents[2], capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-2000:]
    found = json.loads(told.stdout)
    print(f"seed {seed}: {found}")
    assert found["problems"] == []
    assert (found["lost"], found["dangling"], found["rows_without_entry"]) == (0, 0, 0)
    assert found["rounds"] == ROUNDS
    assert found["acknowledged"] >= ROUNDS * 5
    # Files of acts that were killed before they were committed stay behind; only such ones.
    assert found["orphans"] + found["half_files"] <= found["kills"]
