"""What the ledger costs: a durable act with its entry against the same change with an audit row.

Every way changes one business row through the ORM and commits once, in the same SQLite file with the same settings
(WAL, synchronous=FULL). `audit` is what most applications write: one row through the ORM (who, when, what, about which
object, JSON of the change), found by object and by event. `audit_sql` writes the same row without the ORM, as few do,
and `bare` none. The rounds are interleaved, so that a busy machine slows all. Prints one line of JSON with the ratios.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command
from django.db import connection, models, transaction

ACTS = 60
NAMES = ("bare", "audit_sql", "audit", "ledger", "ledger_of_ticket", "ledger_three_entries", "ledger_ten_entries")


def prepare() -> dict[str, Any]:
    """Make the database and two plain tables in it; return their models."""
    django.setup()
    call_command("migrate", verbosity=0)
    fields = {
        "at": models.DateTimeField(),
        "actor": models.CharField(max_length=64),
        "event": models.CharField(max_length=64),
        "object_type": models.CharField(max_length=32), "object_id": models.CharField(max_length=64),
        "ticket": models.CharField(max_length=32, null=True), "data": models.JSONField(),
    }  # fmt: skip
    indexes = [models.Index(fields=["object_type", "object_id"], name="of"), models.Index(fields=["event"], name="ev")]
    made = {
        "Business": _model("Business", {"counter": models.IntegerField()}),
        "Audit": _model("Audit", fields, indexes=indexes),
    }
    with connection.schema_editor() as editor:
        for model in made.values():
            editor.create_model(model)
    made["Business"].objects.create(id=1, counter=0)
    return made


def _model(name: str, fields: dict[str, Any], **options: object) -> Any:  # noqa: ANN401
    meta = type("Meta", (), {"app_label": "evidence", "db_table": f"bench_{name.lower()}", **options})
    told = {**fields, "Meta": meta, "__module__": __name__, "unguarded_reason": "a table of the bench"}
    return type(name, (models.Model,), told)


class Ways:
    """The ways to make a change; each takes how many times."""

    def __init__(self, made: dict[str, Any]) -> None:
        from quarterdeck.evidence import api as evidence  # noqa: PLC0415  Django must be set up before
        from quarterdeck.kernel.actors import Actor, ActorKind  # noqa: PLC0415
        from quarterdeck.kernel.clock import SystemClock  # noqa: PLC0415

        self.business, self.audit_model, self.evidence = made["Business"], made["Audit"], evidence
        self.actor, self.clock = Actor("pe_bench", ActorKind.PERSON, "mfa"), SystemClock()

    def change(self) -> None:
        self.business.objects.filter(id=1).update(counter=models.F("counter") + 1)

    def bare(self, count: int) -> None:
        for _ in range(count):
            with transaction.atomic(durable=True):
                self.change()

    def audit(self, count: int) -> None:
        for number in range(count):
            with transaction.atomic(durable=True):
                self.change()
                self.audit_model.objects.create(
                    at=self.clock.now(), actor="pe_bench", event="asset.changed", object_type="asset",
                    object_id="as_bench", ticket=None, data={"number": number},
                )  # fmt: skip

    def audit_sql(self, count: int) -> None:
        for number in range(count):
            with transaction.atomic(durable=True):
                self.change()
                with connection.cursor() as cursor:
                    cursor.execute(
                        "INSERT INTO bench_audit (at, actor, event, object_type, object_id, data)"
                        " VALUES (%s, %s, %s, %s, %s, %s)",
                        [str(self.clock.now()), "pe_bench", "asset.changed", "asset", "as_bench",
                         json.dumps({"number": number})],
                    )  # fmt: skip

    def ledger(self, count: int, *, ticket: str | None = None, entries: int = 1) -> None:
        for number in range(count):
            with self.evidence.act(self.actor, self.clock) as act:
                self.change()
                for _ in range(entries):
                    thing = self.evidence.ObjectRef("asset", "as_bench")
                    act.record("asset.changed", thing, ticket=ticket, data={"number": number})

    def by_name(self) -> dict[str, Callable[[int], None]]:
        return {
            "bare": self.bare, "audit_sql": self.audit_sql, "audit": self.audit, "ledger": self.ledger,
            "ledger_of_ticket": lambda count: self.ledger(count, ticket="MT-2026-00001"),
            "ledger_three_entries": lambda count: self.ledger(count, entries=3),
            "ledger_ten_entries": lambda count: self.ledger(count, entries=10),
        }  # fmt: skip


def measure(work: Callable[[int], None]) -> tuple[float, float]:
    """Return wall and processor milliseconds for one act."""
    wall, spent = time.perf_counter(), time.process_time()
    work(ACTS)
    return (time.perf_counter() - wall) * 1000 / ACTS, (time.process_time() - spent) * 1000 / ACTS


def told(found: dict[str, list[tuple[float, float]]], acts: int) -> dict[str, object]:
    """Return medians, and their ratios to the audit row and to the bare change."""
    wall = {name: statistics.median(one for one, _ in runs) for name, runs in found.items()}
    spent = {name: statistics.median(one for _, one in runs) for name, runs in found.items()}
    ledgers = [name for name in NAMES if name.startswith("ledger")]
    said: dict[str, object] = {"bench": "ledger_cost", "acts": acts, "load": round(os.getloadavg()[0], 1)}
    said |= {f"{name}_ms": round(wall[name], 3) for name in NAMES}
    said |= {f"{name}_cpu_ms": round(spent[name], 3) for name in NAMES}
    said |= {f"cpu_{name}_vs_audit": round(spent[name] / spent["audit"], 2) for name in ledgers}
    said["cpu_ledger_vs_audit_sql"] = round(spent["ledger"] / spent["audit_sql"], 2)
    said["durable_tx_vs_audit"] = round(wall["audit"] / wall["ledger"], 2)
    said["durable_tx_vs_bare"] = round(wall["bare"] / wall["ledger"], 2)
    said["cpu_per_entry_of_ten_vs_one"] = round(spent["ledger_ten_entries"] / 10 / spent["ledger"], 2)
    return said


def main() -> None:
    """Measure in turns and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", help="where the database is made: a disk for durable figures, else memory will do")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qd-bench-", dir=chosen.folder) as folder:
        os.environ |= {"QD_DATA_DIR": str(Path(folder) / "data"), "DJANGO_SETTINGS_MODULE": "quarterdeck.settings"}
        Path(folder, "data").mkdir(mode=0o700)
        works = Ways(prepare()).by_name()
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in NAMES}
        for name in NAMES:
            works[name](10)
        for _ in range(chosen.rounds):
            for name in NAMES:
                found[name].append(measure(works[name]))
        connection.close()
    print(json.dumps(told(found, ACTS * chosen.rounds)))


if __name__ == "__main__":
    main()
