"""Verifying a log of 100,000 entries, as `qd ledger verify` does, against the floor: reading and hashing every body.

The scan reads each row and hashes its bytes; the verification decodes and re-checks canonical form, chain, ticket
chains, columns, the tree and its head besides. Interleaved rounds in one process; prints one line of JSON.
"""

import argparse
import hashlib
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection

BATCH = 1000


def fill(count: int) -> float:
    """Append `count` entries of fifty tickets, a thousand an act, and return the seconds that it took."""
    from quarterdeck.evidence import api as evidence  # noqa: PLC0415  Django must be set up before
    from quarterdeck.kernel.actors import Actor, ActorKind  # noqa: PLC0415
    from quarterdeck.kernel.clock import SystemClock  # noqa: PLC0415

    actor, clock, begun = Actor("pe_bench", ActorKind.PERSON, "mfa"), SystemClock(), time.perf_counter()
    for start in range(0, count, BATCH):
        with evidence.act(actor, clock) as act:
            for number in range(start, min(start + BATCH, count)):
                act.record(
                    "checks.ran", evidence.ObjectRef("asset", f"as_{number % 40}"),
                    ticket=f"MT-2026-{number % 50 + 1:05d}",
                    data={"number": number, "row": "ab" * 32, "state": "passed"},
                )  # fmt: skip
    return time.perf_counter() - begun


def scan() -> int:
    """Read every body in order and hash it; return the bytes."""
    total = 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM evidence_ledgerentry ORDER BY seq")
        for rows in iter(lambda: cursor.fetchmany(1000), []):
            for (body,) in rows:
                hashlib.sha256(body).digest()
                total += len(body)
    return total


def verify() -> None:
    """Verify the whole log; a problem would spoil the figure."""
    from quarterdeck.evidence import api as evidence  # noqa: PLC0415

    report = evidence.verify_ledger()
    if report.problems:
        raise SystemExit(report.problems[0])


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return wall and processor seconds."""
    wall, spent = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - spent


def main() -> None:
    """Fill, measure in turns, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=2)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as folder:
        os.environ |= {"QD_DATA_DIR": str(Path(folder) / "data"), "DJANGO_SETTINGS_MODULE": "quarterdeck.settings"}
        Path(folder, "data").mkdir(mode=0o700)
        django.setup()
        call_command("migrate", verbosity=0)
        filled = fill(chosen.entries)
        size = scan()
        raw, full = [], []
        for _ in range(chosen.rounds):
            raw.append(timed(scan))
            full.append(timed(verify))
        connection.close()
    wall = [statistics.median(one for one, _ in runs) for runs in (raw, full)]
    spent = [statistics.median(one for _, one in runs) for runs in (raw, full)]
    told = {
        "bench": "verify_100k",
        "entries": chosen.entries,
        "bytes_per_entry": round(size / chosen.entries),
        "append_batched_s": round(filled, 2),
        "scan_s": round(wall[0], 2),
        "verify_s": round(wall[1], 2),
        "verify_entries_per_s": round(chosen.entries / wall[1]),
        "ratio": round(wall[1] / wall[0], 1),
        "ratio_cpu": round(spent[1] / spent[0], 1),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
