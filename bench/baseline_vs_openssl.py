"""A full baseline (collector, receiver, manifest) against `openssl dgst -sha256` and the AIDE that is installed.

All run on the same generated tree, warm, interleaved; the figure that counts is the ratio of processor seconds. Prints
JSON with what binds (`goals`); exit 1 when one is missed. AIDE is compared by its version: from 0.19 on it uses the
processor's SHA instructions; where none is installed, the answer says *not run here*. `--files` and `--rounds` make it
larger, `--tree` takes an existing folder; goals and peers are in docs/explanation/baselines.md.
"""

import argparse
import hashlib
import io
import json
import os
import random
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
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


def aide_version() -> tuple[int, int] | None:
    """Return major and minor of the installed AIDE."""
    if shutil.which("aide") is None:
        return None
    told = subprocess.run(["aide", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"(?:AIDE|Aide) (\d+)\.(\d+)", told.stdout + told.stderr)
    return (int(found[1]), int(found[2])) if found else None


def run_aide(root: Path, folder: Path) -> None:
    """Make AIDE's database of the tree with the facts that the collector records, as far as it knows them."""
    configured = folder / "aide.conf"
    configured.write_text(
        f"database_out=file:{folder}/aide.db\ngzip_dbout=no\nreport_url=file:/dev/null\nnum_workers={WORKERS}\n"
        f"All = p+u+g+s+m+c+i+n+l+ftype+acl+xattrs+caps+sha256\n{root} All\n"
    )
    subprocess.run(["aide", "--config", configured, "--init"], check=True, capture_output=True)


def peak(work: Callable[[], object]) -> float:
    """Return how many megabytes of Python's memory `work` takes at most."""
    tracemalloc.start()
    work()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round(most / 1e6, 1)


def hash_ceiling(place: Path, size: int = 64 << 20, count: int = 16) -> float:
    """Return the share of the processor's SHA-256 speed at which the collector reads big files (one worker)."""
    folder = place / "big"
    folder.mkdir()
    block = os.urandom(size)
    for number in range(count):
        (folder / f"big{number}").write_bytes(block)
    state = [own_cost(lambda: hashlib.sha256(block).digest()) for _ in range(3)]
    command = bootstrap_command(collector_sha256(), len(collector_bytes()), ["manifest", str(folder), "workers=1"])
    runs = [
        cost(lambda: subprocess.run(["sh", "-c", command], input=collector_bytes(), capture_output=True, check=True))[0]
        for _ in range(3)
    ]
    shutil.rmtree(folder)
    return round(min(state) * count / min(runs), 2)


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


def _differences(text: bytes) -> list[object]:
    """Compare the manifest with itself in which every thousandth file was changed."""
    lines = text.split(b"\n")
    for at in range(1000, len(lines) - 1, 1000):
        lines[at] = lines[at].replace(b" mode=0", b" mode=4")
    return list(compare(Reader(io.BytesIO(text)), Reader(io.BytesIO(b"\n".join(lines)))))


def take(root: Path, rounds: int, folder: Path) -> dict[str, object]:
    """Measure in turns and return the least of each with their ratios."""
    run_floor(root)
    output = run_collector(root)
    floor, full, aides, version = [], [], [], aide_version()
    for _ in range(rounds):
        if version is not None and len(aides) < 2:
            aides.append(cost(lambda: run_aide(root, folder)))
        floor.append(cost(lambda: run_floor(root)))
        full.append(cost(lambda: run_collector(root)))
    arguments, target = ["manifest", str(root)], io.BytesIO()
    received = receive(io.BytesIO(output), target, arguments=arguments, sha256=collector_sha256())
    receiving = own_cost(
        lambda: receive(io.BytesIO(output), io.BytesIO(), arguments=arguments, sha256=collector_sha256())
    )
    text = target.getvalue()
    differing = partial(_differences, text)
    diffing = min(own_cost(differing) for _ in range(rounds))
    with tempfile.TemporaryFile() as disk:
        receiving_peak = peak(lambda: receive(io.BytesIO(output), disk, arguments=arguments, sha256=collector_sha256()))
    per_140k = 140_000 / received.totals.entries
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
        "diff_cpu_s_of_140k": round(diffing * per_140k, 3),
        "receive_peak_mb": receiving_peak,
        "share_of_sha_ceiling": hash_ceiling(folder),
        "aide": "not run here" if version is None else ".".join(map(str, version)),
        "ratio_to_aide": None if not aides else round(least_full / min(cpu for cpu, _ in aides), 3),
        "wire_bytes_per_entry": round(len(output) / received.totals.entries, 1),
        "manifest_bytes_per_entry": round(len(text) / received.totals.entries, 1),
    }


def goals(found: dict[str, object], version: tuple[int, int] | None) -> dict[str, str]:
    """Return for each figure that binds whether it is kept; what was not measured says so."""
    told = {
        "full scan <= 1.1 x openssl": _kept(found["ratio_cpu"], 1.1),
        "diff of 140k entries <= 0.2 s": _kept(found["diff_cpu_s_of_140k"], 0.2),
        "controller memory <= 64 MB": _kept(found["receive_peak_mb"], 64),
        "big files >= 70 % of the SHA ceiling": _kept(-float(str(found["share_of_sha_ceiling"])), -0.7),
        "full scan <= 0.2 x AIDE 0.18": "not run here",
        "full scan <= 0.7 x AIDE 0.19": "not run here",
    }
    if version is not None:
        old = version < (0, 19)
        name = "full scan <= 0.2 x AIDE 0.18" if old else "full scan <= 0.7 x AIDE 0.19"
        told[name] = _kept(found["ratio_to_aide"], 0.2 if old else 0.7)
    return told


def _kept(value: object, most: float) -> str:
    return "kept" if float(str(value)) <= most else "missed"


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
        found = {
            "bench": "baseline_vs_openssl",
            "workers": WORKERS,
            "bytes": size,
            **take(root, chosen.rounds, Path(folder)),
        }
    found["goals"] = kept = goals(found, aide_version())
    json.dump(found, sys.stdout, indent=1)
    print()
    raise SystemExit(1 if "missed" in kept.values() else 0)


if __name__ == "__main__":
    main()
