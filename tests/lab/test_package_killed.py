"""kill -9 of the maker of a package while it writes: the next one goes on, and memory does not grow with the bytes."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from quarterdeck_verify import checkpoint, signers
from quarterdeck_verify.trust import Anchor
from quarterdeck_verify.verification import Verdict, verify

ROOT = Path(__file__).resolve().parents[2]
MEGABYTES, ENOUGH = 400, 120 << 20
DEADLINE = 120


def process(folder: Path, *words: str) -> subprocess.Popen[str]:
    folder.mkdir(mode=0o700, exist_ok=True)
    return subprocess.Popen(
        [sys.executable, "-m", "tests.lab.package_nursery", *words],
        env=os.environ | {"QD_DATA_DIR": str(folder), "QD_DATABASE_URL": f"sqlite:///{folder}/db.sqlite3"},
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def told(running: subprocess.Popen[str]) -> dict[str, object]:
    out, err = running.communicate(timeout=DEADLINE)
    assert running.returncode == 0, err[-2000:]
    return json.loads(out.splitlines()[-1])


def until_written(zip_file: Path, running: subprocess.Popen[str]) -> None:
    """Wait until so much of the zip is there that a kill comes in the middle."""
    deadline = time.monotonic() + DEADLINE
    while not (zip_file.exists() and zip_file.stat().st_size > ENOUGH):
        assert time.monotonic() < deadline, "the zip did not grow"
        assert running.poll() is None, running.communicate()[1][-2000:]
        time.sleep(0.005)


def later(now: str, minutes: int) -> str:
    return (datetime.fromisoformat(now) + timedelta(minutes=minutes)).isoformat()


@pytest.mark.slow
def test_the_next_maker_goes_on_where_the_killed_one_was(tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    first = told(process(small, "seed", "8"))
    small_peak = told(process(small, "make", str(first["now"])))["peak_mb"]
    seeded = told(process(large, "seed", str(MEGABYTES)))
    making = large / "packages" / f"making-{seeded['order']}"
    for attempt in range(2):
        running = process(large, "make", later(str(seeded["now"]), 10 * attempt))
        until_written(making / "package.zip", running)
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=DEADLINE)
        assert (making / "layout.jsonl").exists()
    done = told(process(large, "make", later(str(seeded["now"]), 20)))
    assert (done["state"], done["exports"]) == ("done", 1), done
    assert not making.exists()
    assert int(str(done["size"])) > MEGABYTES << 20
    # Fifty times the bytes: what grows is not allowed to be the bytes.
    assert int(str(done["peak_mb"])) - int(str(small_peak)) < 24, (small_peak, done)
    pins = signers.parse(str(seeded["signers"]).encode())
    anchors = [Anchor("kept", tuple(checkpoint.find((large / "kept.checkpoint").read_bytes())))]
    report = verify(Path(str(done["path"])), pins, anchors)
    assert list(report.findings) == []
    assert report.verdict is Verdict.INTACT
