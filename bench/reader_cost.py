"""What a reader pays for believing only checked entries, as the ledger grows.

Each size is a ledger of its own. `first` is the first reading of a process, `look` what every later answer begins with,
`newest` the question behind every guarded row (the newest entry about an object) and `facts` the one behind the hold
points. `by_column` is the same question to the database by its columns through the ORM, with an index, and nothing
checked: what a reader that believes the database pays. `act` is a whole durable act. Rounds in turns; one line of JSON.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import django
from django.core.management import call_command
from django.db import connection, connections

SIZES = (1_000, 30_000, 100_000)
REPEATS = 40
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))


def held(read: Callable[[], object]) -> float:
    """Return the MiB that are held after this reading."""
    tracemalloc.start()
    read()
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return round(taken / 2**20, 1)


def timed(work: Callable[[], object]) -> float:
    """Return processor milliseconds."""
    begun = time.process_time()
    work()
    return (time.process_time() - begun) * 1000


def questions() -> dict[str, Callable[[], object]]:
    """Return what is asked, by name."""
    from quarterdeck.evidence import api as evidence  # noqa: PLC0415  Django must be set up before
    from quarterdeck.evidence.models import LedgerEntry  # noqa: PLC0415
    from quarterdeck.evidence.watch import ledger  # noqa: PLC0415
    from quarterdeck.kernel.actors import Actor, ActorKind  # noqa: PLC0415
    from quarterdeck.kernel.clock import SystemClock  # noqa: PLC0415

    actor, clock, thing = Actor("pe_bench", ActorKind.PERSON, "mfa"), SystemClock(), evidence.ObjectRef("asset", "as_7")
    rows = LedgerEntry.objects.filter(event__in=["checks.ran"], object_type="asset", object_id="as_7")

    def an_act() -> None:
        with evidence.act(actor, clock) as act:
            act.record("asset.changed", thing, ticket="MT-2026-00001", data={"number": 1})

    return {
        "look": ledger,
        "newest": lambda: evidence.last_entry(["checks.ran"], object=thing),
        "by_column": lambda: json.loads(bytes(rows.order_by("-seq").values_list("body", "leaf").first()[0])),  # type: ignore[index]
        "facts": lambda: evidence.facts(ticket="MT-2026-00099"),
        "act": an_act,
    }


def one_size(count: int) -> dict[str, object]:
    """Fill a ledger and ask; in a process of its own, so that its memory is its own."""
    from verify_100k import fill  # noqa: PLC0415  the neighbour's

    from quarterdeck.evidence import api as evidence  # noqa: PLC0415  Django must be set up before
    from quarterdeck.evidence.watch import forget, ledger  # noqa: PLC0415
    from quarterdeck.kernel.actors import OPERATOR  # noqa: PLC0415
    from quarterdeck.kernel.clock import SystemClock  # noqa: PLC0415

    fill(count - 30)
    with evidence.act(OPERATOR, SystemClock()) as act:
        for _ in range(30):
            entry = act.record("checks.ran", evidence.ObjectRef("ticket", "MT-2026-00099"), ticket="MT-2026-00099")
            act.fact(
                "backup.verified", entry=entry, outcome=evidence.Outcome.PASSED, grade=evidence.Grade.CAPTURED,
                ticket="MT-2026-00099",
            )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("CREATE INDEX bench_by_object ON evidence_ledgerentry (object_type, object_id, seq)")
    forget()
    connections.close_all()
    told: dict[str, object] = {"entries": count, "first_ms": round(timed(ledger), 1)}
    forget()
    told["memory_mb"] = held(ledger)
    works = questions()
    found: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(REPEATS):
        for name, work in works.items():
            found[name].append(timed(work))
    medians = {name: statistics.median(times) for name, times in found.items()}
    told |= {f"{name}_ms": round(value, 3) for name, value in medians.items()}
    return told | {"newest_vs_by_column": round(medians["newest"] / medians["by_column"], 2)}


def main() -> None:
    """Run each size in a process of its own and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, help="only this size, in this process")
    chosen = parser.parse_args()
    if chosen.size is None:
        runs = [subprocess.check_output([sys.executable, __file__, "--size", str(size)]) for size in SIZES]
        load = round(os.getloadavg()[0], 1)
        print(json.dumps({"bench": "reader_cost", "load": load, "sizes": [json.loads(run) for run in runs]}))
        return
    with tempfile.TemporaryDirectory(prefix="qd-bench-") as folder:
        os.environ |= {"QD_DATA_DIR": str(Path(folder) / "data"), "DJANGO_SETTINGS_MODULE": "quarterdeck.settings"}
        Path(folder, "data").mkdir(mode=0o700)
        django.setup()
        call_command("migrate", verbosity=0)
        print(json.dumps(one_size(chosen.size)))
        connections.close_all()


if __name__ == "__main__":
    main()
