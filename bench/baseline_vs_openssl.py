"""A full baseline (collector, receiver, manifest) against the floor: `openssl dgst -sha256` over the same files.

Both run on the same generated tree, warm, interleaved; the figure that counts is the ratio of processor seconds.
Prints JSON. `--files` and `--rounds` make it larger; goals and peers are in docs/explanation/baselines.md.
"""

import argparse
import io
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from quarterdeck.baselines.bootstrap import bootstrap_command, collector_bytes, collector_sha256
from quarterdeck.baselines.diff import compare
from quarterdeck.baselines.manifest import Reader
from quarterdeck.baselines.receiver import receive

# Shares of file sizes as measured on a Debian /usr: two thirds below 4 KB, nearly all below 64 KB.
SIZES = ((0.66, 200, 4_000), (0.96, 4_000, 64_000), (1.0, 64_000, 1_200_000))
WORKERS = len(os.sched_getaffinity(0))


def make_tree(root: Path, files: int, seed: int = 7) -> int:
    """Write `files` files into folders of fifty; returns the bytes written."""
    chance, total, block = random.Random(seed), 0, os.urandom(2_000_000)
    for number in range(files):
        folder = root / f"d{number // 2500}" / f"d{number // 50}"
        folder.mkdir(parents=True, exist_ok=True)
        draw = chance.random()
        least, most = next((least, most) for upto, least, most in SIZES if draw <= upto)
        size = chance.randint(least, most)
        start = chance.randint(0, len(block) - size)
        (folder / f"file{number}.dat").write_bytes(block[start : start + size])
        total += size
    return total


def run_floor(root: Path) -> None:
    """Hash every file with openssl, as many processes as there are processors."""
    command = f"find '{root}' -xdev -type f -print0 | xargs -0 -n 500 -P {WORKERS} openssl dgst -sha256 -r > /dev/null"
    subprocess.run(["sh", "-c", command], check=True)


def run_collector(root: Path) -> bytes:
    """Run the collector as a target would and return its output."""
    command = bootstrap_command(collector_sha256(), len(collector_bytes()), ["manifest", str(root)])
    return subprocess.run(["sh", "-c", command], input=collector_bytes(), capture_output=True, check=True).stdout


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Return processor and wall seconds of the children that `work` starts."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.perf_counter() - started


def own_cost(work: Callable[[], object]) -> float:
    """Return processor seconds of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def take(root: Path, rounds: int) -> dict[str, object]:
    """Measure in turns and return the least of each with their ratios."""
    run_floor(root)
    output = run_collector(root)
    floor, full = [], []
    for _ in range(rounds):
        floor.append(cost(lambda: run_floor(root)))
        full.append(cost(lambda: run_collector(root)))
    arguments, target = ["manifest", str(root)], io.BytesIO()
    received = receive(io.BytesIO(output), target, arguments=arguments, sha256=collector_sha256())
    receiving = own_cost(
        lambda: receive(io.BytesIO(output), io.BytesIO(), arguments=arguments, sha256=collector_sha256())
    )
    text = target.getvalue()
    diffing = own_cost(lambda: list(compare(Reader(io.BytesIO(text)), Reader(io.BytesIO(text)))))
    least_floor, least_full = min(cpu for cpu, _ in floor), min(cpu for cpu, _ in full)
    medians = [statistics.median(cpu for cpu, _ in runs) for runs in (full, floor)]
    return {
        "entries": received.totals.entries,
        "unreadable": received.totals.unreadable,
        "openssl_cpu_s": round(least_floor, 3),
        "collector_cpu_s": round(least_full, 3),
        "ratio_cpu": round(least_full / least_floor, 3),
        "ratio_cpu_median": round(medians[0] / medians[1], 3),
        "ratio_wall": round(min(wall for _, wall in full) / min(wall for _, wall in floor), 3),
        "receive_cpu_s": round(receiving, 3),
        "diff_cpu_s": round(diffing, 3),
        "wire_bytes_per_entry": round(len(output) / received.totals.entries, 1),
        "manifest_bytes_per_entry": round(len(text) / received.totals.entries, 1),
    }


def main() -> None:
    """Generate the tree, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tree", type=Path, help="an existing folder instead of a generated one")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as folder:
        root = chosen.tree or Path(folder) / "tree"
        size = 0 if chosen.tree else make_tree(root, chosen.files)
        found = {"bench": "baseline_vs_openssl", "workers": WORKERS, "bytes": size, **take(root, chosen.rounds)}
    json.dump(found, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
