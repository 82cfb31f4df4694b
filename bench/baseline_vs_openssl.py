"""A full baseline (collector, receiver, manifest) against `openssl dgst -sha256` and the AIDE that is installed.

All run on the same generated tree, warm, interleaved; the figure that counts is the ratio of processor seconds. Prints
JSON with what binds (`goals`), each figure beside its goal; exit 1 when one is missed. AIDE is compared by its version:
from 0.19 on it uses the processor's SHA instructions; where none is installed, the answer says *not run here*.
`--files` and `--rounds` make it larger, `--copy /usr` measures a copy of that folder, `--tree` the folder itself; goals
and peers are in docs/explanation/baselines.md.
"""

import argparse
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
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO

from quarterdeck.baselines.bootstrap import bootstrap_command, collector_bytes, collector_sha256
from quarterdeck.baselines.carrying import RACY, SHARE, carried
from quarterdeck.baselines.diff import compare
from quarterdeck.baselines.manifest import Reader
from quarterdeck.baselines.receiver import FORMAT, receive
from quarterdeck.baselines.target.frames import END, frame

# Shares of file sizes as measured on a Debian /usr: two thirds below 4 KB, nearly all below 64 KB.
SIZES = ((0.66, 200, 4_000), (0.96, 4_000, 64_000), (1.0, 64_000, 1_200_000))
WORKERS = len(os.sched_getaffinity(0))
# The interpreter itself, as on a target: a version manager's shim would cost more than its start.
PLACES = {**os.environ, "PATH": str(Path(sys.executable).resolve().parent) + os.pathsep + os.environ.get("PATH", "")}


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
    return run_command(command)


def run_command(command: str) -> bytes:
    """Run the collector by its bootstrap and return its output."""
    return subprocess.run(
        ["sh", "-c", command], input=collector_bytes(), capture_output=True, check=True, env=PLACES
    ).stdout


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


def ceiling() -> float:
    """Return how many bytes a second of processor time `openssl speed -evp sha256` hashes."""
    command = ["openssl", "speed", "-mr", "-seconds", "1", "-bytes", str(1 << 20), "-evp", "sha256"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(re.findall(r"^\+F:\d+:\w+[\w-]*:([\d.]+)", told.stdout, re.MULTILINE)[-1])


def share_of_ceiling(place: Path, size: int = 64 << 20, count: int = 16) -> float:
    """Return the share of that speed at which one worker of the collector reads big files."""
    folder = place / "big"
    folder.mkdir()
    block = os.urandom(size)
    for number in range(count):
        (folder / f"big{number}").write_bytes(block)
    command = bootstrap_command(collector_sha256(), len(collector_bytes()), ["manifest", str(folder), "workers=1"])
    fastest, runs = 0.0, []
    for _ in range(3):
        fastest = max(fastest, ceiling())
        runs.append(cost(lambda: run_command(command))[0])
    shutil.rmtree(folder)
    return round(size * count / min(runs) / fastest, 2)


def whole(root: Path, target: IO[bytes], known: tuple[Path, float] | None = None) -> float:
    """Measure as the controller does, with the digests carried of a known manifest; return the wall time."""
    started, arguments = time.perf_counter(), ["manifest", str(root)]
    if known:
        arguments.append(f"carry={int(known[1]) - RACY}:{SHARE}:seed")
    command = bootstrap_command(collector_sha256(), len(collector_bytes()), arguments)
    with subprocess.Popen(["sh", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=PLACES) as running:
        running.stdin.write(collector_bytes())
        running.stdin.close()
        if known is None:
            receive(running.stdout, target, arguments=arguments, sha256=collector_sha256())
        else:
            with known[0].open("rb") as before:
                through = partial(carried, Reader(before))
                receive(running.stdout, target, arguments=arguments, sha256=collector_sha256(), through=through)
    return time.perf_counter() - started


def incremental(root: Path, folder: Path, rounds: int) -> float:
    """Return the wall time of a measurement that carries digests, as a share of a full one; in turns."""
    time.sleep(RACY + 1.1)  # what was written just now is hashed again, whatever its change time says
    known, full, carrying = folder / "known", [], []
    for _ in range(rounds):
        began = time.time()
        with known.open("wb") as target:
            full.append(whole(root, target))
        with tempfile.TemporaryFile() as target:
            carrying.append(whole(root, target, (known, began)))
    return round(min(carrying) / min(full), 3)


class Stream:
    """The output of a collector that found `count` files, made while it is read; about 250 bytes of line for each."""

    def __init__(self, count: int) -> None:
        self._parts = self._frames(count)
        self._rest = b""

    @staticmethod
    def _frames(count: int) -> Iterator[bytes]:
        told = {"format": FORMAT, "mode": "manifest", "arguments": ["/srv"], "collector_sha256": "c" * 64,
                "python": "3", "system": "Linux", "uid": 0, "started": "1.0"}  # fmt: skip
        yield frame(b"H", json.dumps(told).encode())
        yield frame(b"R", b"./srv type=dir uid=0 gid=0 mode=0755 time=1.000000000 ctime=1.000000000 inode=5\n")
        line = ("./srv/%03d/%04d/file%08d.dat type=file uid=0 gid=0 mode=0644 nlink=1 size=12 time=1700000000.000000000"
                " sha256digest=" + "a" * 64 + " ctime=1700000000.000000000 inode=%d\n")  # fmt: skip
        for start in range(0, count, 500):
            numbers = range(start, min(start + 500, count))
            # Scattered, as the workers of a real collector deliver it.
            yield frame(b"R", "".join(line % (n % 997, n % 9973, n, n + 9) for n in numbers).encode())
        yield frame(b"T", json.dumps({"entries": count + 1, "finished": "2.0"}).encode()) + END

    def read(self, size: int) -> bytes:
        while len(self._rest) < size:
            part = next(self._parts, b"")
            if not part:
                break
            self._rest += part
        found, self._rest = self._rest[:size], self._rest[size:]
        return found


def in_a_process(*arguments: str) -> dict[str, float]:
    """Run this file again for one task and return what it tells, its own greatest memory among it."""
    done = subprocess.run([sys.executable, __file__, *arguments], capture_output=True, check=True)
    return json.loads(done.stdout)


def task(name: str, *given: str) -> dict[str, float]:
    """Do one task of a process of its own: receive an output or a stream, or compare two manifests."""
    started, found = time.process_time(), 0
    if name == "diff":
        with open(given[0], "rb") as one, open(given[1], "rb") as other:
            found = sum(1 for _ in compare(Reader(one), Reader(other)))
    else:
        with tempfile.TemporaryFile() as target:
            if name == "stream":
                told = receive(Stream(int(given[0])), target, arguments=["manifest", "/srv"], sha256="c" * 64)
            else:
                with open(given[0], "rb") as source:
                    told = receive(source, target, arguments=["manifest", given[1]], sha256=collector_sha256())
        found = told.totals.entries
    return {"cpu_s": round(time.process_time() - started, 3), "found": found, "rss_mb": most_memory()}


def most_memory() -> float:
    """Return the greatest resident memory of this process since it was started, in megabytes."""
    return round(int(re.findall(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[0]) / 1024, 1)


def cost(work: Callable[[], object]) -> tuple[float, float]:
    """Return processor and wall seconds of the children that `work` starts."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    work()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, time.perf_counter() - started


def changed_copy(one: Path, other: Path) -> None:
    """Write the manifest again with another mode in every thousandth line."""
    with one.open("rb") as source, other.open("wb") as target:
        for at, line in enumerate(source):
            target.write(line.replace(b" mode=0", b" mode=4") if at % 1000 == 999 else line)


def take(root: Path, rounds: int, folder: Path) -> dict[str, object]:
    """Measure in turns and return the least of each with their ratios."""
    run_floor(root)
    output, manifest = folder / "output", folder / "manifest"
    output.write_bytes(run_collector(root))
    floor, full, aides, version = [], [], [], aide_version()
    for _ in range(rounds):
        if version is not None and len(aides) < 2:
            aides.append(cost(lambda: run_aide(root, folder)))
        floor.append(cost(lambda: run_floor(root)))
        full.append(cost(lambda: run_collector(root)))
    with output.open("rb") as source, manifest.open("wb") as target:
        received = receive(source, target, arguments=["manifest", str(root)], sha256=collector_sha256())
    changed_copy(manifest, folder / "changed")
    entries = received.totals.entries
    receiving = in_a_process("--task", "receive", str(output), str(root))
    diffs = [in_a_process("--task", "diff", str(manifest), str(folder / "changed")) for _ in range(rounds)]
    least_floor, least_full = min(cpu for cpu, _ in floor), min(cpu for cpu, _ in full)
    medians = [statistics.median(cpu for cpu, _ in runs) for runs in (full, floor)]
    return {
        "entries": entries,
        "unreadable": received.totals.unreadable,
        "openssl_cpu_s": round(least_floor, 3),
        "collector_cpu_s": round(least_full, 3),
        "ratio_cpu": round(least_full / least_floor, 3),
        "ratio_cpu_median": round(medians[0] / medians[1], 3),
        "ratio_wall": round(min(wall for _, wall in full) / min(wall for _, wall in floor), 3),
        "receive_cpu_s": receiving["cpu_s"],
        "receive_rss_mb": receiving["rss_mb"],
        "diff_cpu_s_of_140k": round(min(one["cpu_s"] for one in diffs) * 140_000 / entries, 3),
        "diff_rss_mb": max(one["rss_mb"] for one in diffs),
        "share_of_sha_ceiling": share_of_ceiling(folder),
        "incremental_wall": incremental(root, folder, rounds),
        "aide": "not run here" if version is None else ".".join(map(str, version)),
        "aide_cpu_s": None if not aides else round(min(cpu for cpu, _ in aides), 2),
        "ratio_to_aide": None if not aides else round(least_full / min(cpu for cpu, _ in aides), 3),
        "wire_bytes_per_entry": round(output.stat().st_size / entries, 1),
        "manifest_bytes_per_entry": round(manifest.stat().st_size / entries, 1),
    }


def goals(found: dict[str, object], version: tuple[int, int] | None) -> dict[str, str]:
    """Return each figure that binds with its goal and whether it is kept; what was not measured says so."""
    own = in_a_process("--task", "nothing")["rss_mb"]
    told = {
        "full scan / openssl, CPU": _most(found["ratio_cpu"], 1.1),
        "full scan / AIDE 0.18, CPU": "not run here (goal: at most 0.2)",
        "full scan / AIDE >= 0.19, CPU": "not run here (goal: at most 0.7)",
        "big files, share of the SHA ceiling": _most(found["share_of_sha_ceiling"], 0.7, least=True),
        "incremental / full scan, wall": _most(found["incremental_wall"], 0.35),
        "diff of 140k entries, s": _most(found["diff_cpu_s_of_140k"], 0.2),
        "diff, MB above an idle interpreter": _most(round(float(str(found["diff_rss_mb"])) - own, 1), 20),
        "receiver, MB, the whole process": _most(found["receive_rss_mb"], 64),
    }
    if version is not None:
        old = version < (0, 19)
        told["full scan / AIDE 0.18, CPU" if old else "full scan / AIDE >= 0.19, CPU"] = _most(
            found["ratio_to_aide"], 0.2 if old else 0.7
        )
    if "stream_rss_mb" in found:
        told["receiver of the stream, MB, the whole process"] = _most(found["stream_rss_mb"], 64)
    return told


def _most(value: object, goal: float, *, least: bool = False) -> str:
    kept = float(str(value)) >= goal if least else float(str(value)) <= goal
    return f"{value} (goal: at {'least' if least else 'most'} {goal}) {'kept' if kept else 'MISSED'}"


def main() -> None:
    """Generate the tree, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tree", type=Path, help="an existing folder instead of a generated one")
    parser.add_argument("--copy", type=Path, help="copy this folder (such as /usr) and measure the copy")
    parser.add_argument("--stream", type=int, default=0, help="also receive a made stream of so many objects")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.task:
        json.dump(task(*chosen.task) if chosen.task != ["nothing"] else {"rss_mb": most_memory()}, sys.stdout)
        return
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as folder:
        root = chosen.tree or Path(folder) / "tree"
        if chosen.copy:
            subprocess.run(["cp", "-a", chosen.copy, root], check=True)
        size = 0 if chosen.tree or chosen.copy else make_tree(root, chosen.files)
        found = {
            "bench": "baseline_vs_openssl",
            "workers": WORKERS,
            "bytes": size,
            **take(root, chosen.rounds, Path(folder)),
        }
    if chosen.stream:
        told = in_a_process("--task", "stream", str(chosen.stream))
        found |= {"stream_entries": told["found"], "stream_cpu_s": told["cpu_s"], "stream_rss_mb": told["rss_mb"]}
    found["goals"] = kept = goals(found, aide_version())
    json.dump(found, sys.stdout, indent=1)
    print()
    raise SystemExit(1 if any("MISSED" in told for told in kept.values()) else 0)


if __name__ == "__main__":
    main()
