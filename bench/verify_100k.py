"""Verifying a log of 100,000 entries, as `qd ledger verify` does, against the floor: reading and hashing every body.

The scan reads each row and hashes its bytes. `tree` also makes the RFC 6962 tree over the leaves, the floor of what a
verifier of hashes does (evidence.md section 4). The verification decodes and re-checks canonical form, chain, ticket
chains, columns, times, the tree and its head besides. `first_reading` is what each process does at its start. Then
proofs: how many hashes, how long. Interleaved rounds in one process; prints one line of JSON.
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

from quarterdeck_verify.entry import leaf_hash
from quarterdeck_verify.merkle import Frontier

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


def scan_rows() -> None:
    """Read every column that a verification reads, and hash every body."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq, event_id, event, ticket, ticket_seq, actor_id, object_type, object_id, leaf, body"
            " FROM evidence_ledgerentry ORDER BY seq"
        )
        for rows in iter(lambda: cursor.fetchmany(1000), []):
            for row in rows:
                hashlib.sha256(row[9]).digest()


def tree() -> bytes:
    """Read every body and make the tree over their leaf hashes."""
    frontier = Frontier()
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM evidence_ledgerentry ORDER BY seq")
        for rows in iter(lambda: cursor.fetchmany(1000), []):
            for (body,) in rows:
                frontier.append(leaf_hash(body))
    return frontier.root()


def first_reading() -> None:
    """Read the log as a process does that starts."""
    from quarterdeck.evidence.watch import forget, ledger  # noqa: PLC0415  Django must be set up before

    forget()
    ledger()


def proofs(size: int) -> dict[str, object]:
    """Make proofs all over the log; return their largest number of hashes and the milliseconds for one."""
    from quarterdeck.evidence import api as evidence  # noqa: PLC0415  Django must be set up before

    places = [number * (size - 1) // 99 for number in range(100)]
    begun = time.process_time()
    inclusion = [len(evidence.inclusion_proof(place, size)) for place in places]
    middle = time.process_time()
    consistency = [len(evidence.consistency_proof(place + 1, size)) for place in places]
    ended = time.process_time()
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(sum(length(data)), 0) FROM evidence_ledgertile")
        (tiles,) = cursor.fetchone()
    return {
        "inclusion_hashes": max(inclusion),
        "inclusion_cpu_ms": round((middle - begun) * 10, 2),
        "consistency_hashes": max(consistency),
        "consistency_cpu_ms": round((ended - middle) * 10, 2),
        "tile_bytes": tiles,
    }


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
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as folder:
        os.environ |= {"QD_DATA_DIR": str(Path(folder) / "data"), "DJANGO_SETTINGS_MODULE": "quarterdeck.settings"}
        Path(folder, "data").mkdir(mode=0o700)
        django.setup()
        call_command("migrate", verbosity=0)
        filled = fill(chosen.entries)
        size = scan()
        works = {"scan": scan, "scan_rows": scan_rows, "tree": tree, "verify": verify, "first_reading": first_reading}
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
        for _ in range(chosen.rounds):
            for name, work in works.items():
                found[name].append(timed(work))
        proven = proofs(chosen.entries)
        connection.close()
    wall = {name: statistics.median(one for one, _ in runs) for name, runs in found.items()}
    spent = {name: statistics.median(one for _, one in runs) for name, runs in found.items()}
    told = {
        "bench": "verify_100k",
        "entries": chosen.entries,
        "bytes_per_entry": round(size / chosen.entries),
        "append_batched_s": round(filled, 2),
        "load": round(os.getloadavg()[0], 1),
        **{f"{name}_cpu_s": round(spent[name], 2) for name in works},
        **{f"{name}_s": round(wall[name], 2) for name in works},
        **{f"cpu_{name}_vs_scan": round(spent[name] / spent["scan"], 1) for name in works if name != "scan"},
        "cpu_scan_rows_vs_verify": round(spent["scan_rows"] / spent["verify"], 2),
        "verify_entries_per_s": round(chosen.entries / wall["verify"]),
        **proven,
        "tiles_vs_bodies": round(int(str(proven["tile_bytes"])) / size, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main()
