"""What the ledger costs: a durable act with its entry against the same change with a plain audit row.

Both change one business row and commit once, in the same SQLite file with the same settings (WAL, synchronous=FULL).
The rounds are interleaved, so that a busy machine slows both. Prints one line of JSON; the ratios are what counts.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection, transaction

ACTS = 40
NAMES = ("plain", "ledger", "ledger_of_ticket", "ledger_three_entries")


def prepare() -> None:
    """Make the database and two plain tables in it."""
    django.setup()
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_business (id INTEGER PRIMARY KEY, counter INTEGER NOT NULL)")
        cursor.execute("INSERT INTO bench_business VALUES (1, 0)")
        cursor.execute(
            "CREATE TABLE bench_audit (id INTEGER PRIMARY KEY, at TEXT, actor TEXT, event TEXT, object TEXT, data TEXT)"
        )


def change() -> None:
    """The business change that both sides make."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE bench_business SET counter = counter + 1 WHERE id = 1")


def plain(count: int) -> None:
    """Acts with an audit row such as most applications write."""
    for number in range(count):
        with transaction.atomic(durable=True):
            change()
            with connection.cursor() as cursor:
                cursor.execute(
                    "INSERT INTO bench_audit (at, actor, event, object, data) VALUES (%s, %s, %s, %s, %s)",
                    [str(time.time()), "pe_bench", "asset.changed", "as_bench", json.dumps({"number": number})],
                )


def with_ledger(count: int, *, ticket: str | None = None, entries: int = 1) -> None:
    """Acts as Quarterdeck makes them."""
    from quarterdeck.evidence import api as evidence  # noqa: PLC0415  Django must be set up before
    from quarterdeck.kernel.actors import Actor, ActorKind  # noqa: PLC0415
    from quarterdeck.kernel.clock import SystemClock  # noqa: PLC0415

    actor, clock = Actor("pe_bench", ActorKind.PERSON, "mfa"), SystemClock()
    for number in range(count):
        with evidence.act(actor, clock) as act:
            change()
            for _ in range(entries):
                act.record(
                    "asset.changed", evidence.ObjectRef("asset", "as_bench"), ticket=ticket, data={"number": number}
                )


def measure(work: Callable[[int], None]) -> tuple[float, float]:
    """Return wall and processor milliseconds for one act."""
    wall, spent = time.perf_counter(), time.process_time()
    work(ACTS)
    return (time.perf_counter() - wall) * 1000 / ACTS, (time.process_time() - spent) * 1000 / ACTS


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as folder:
        os.environ |= {"QD_DATA_DIR": str(Path(folder) / "data"), "DJANGO_SETTINGS_MODULE": "quarterdeck.settings"}
        Path(folder, "data").mkdir(mode=0o700)
        prepare()
        works: dict[str, Callable[[int], None]] = {
            "plain": plain,
            "ledger": with_ledger,
            "ledger_of_ticket": lambda count: with_ledger(count, ticket="MT-2026-00001"),
            "ledger_three_entries": lambda count: with_ledger(count, entries=3),
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
        for name in NAMES:
            works[name](5)
        for _ in range(chosen.rounds):
            for name in NAMES:
                found[name].append(measure(works[name]))
        connection.close()
    wall = {name: statistics.median(one for one, _ in runs) for name, runs in found.items()}
    spent = {name: statistics.median(one for _, one in runs) for name, runs in found.items()}
    told: dict[str, object] = {"bench": "ledger_cost", "acts": ACTS * chosen.rounds}
    told |= {f"{name}_ms": round(wall[name], 2) for name in NAMES}
    told |= {f"{name}_cpu_ms": round(spent[name], 2) for name in NAMES}
    told |= {f"ratio_{name}": round(wall[name] / wall["plain"], 2) for name in NAMES[1:]}
    told |= {f"ratio_{name}_cpu": round(spent[name] / spent["plain"], 2) for name in NAMES[1:]}
    print(json.dumps(told))


if __name__ == "__main__":
    main()
