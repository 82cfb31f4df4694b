"""What doctor looks at in the running installation: processes, database, clock against the ledger, sealer, anchors."""

import json

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connection

from quarterdeck import wiring
from quarterdeck.config.api import Settings
from quarterdeck.entrypoints.supervisor.anchor_checks import anchors
from quarterdeck.entrypoints.supervisor.findings import Finding, fine, note, wrong
from quarterdeck.entrypoints.supervisor.store_checks import store_findings
from quarterdeck.entrypoints.supervisor.work_checks import work_findings
from quarterdeck.evidence import api as evidence
from quarterdeck.kernel.clock import Clock
from quarterdeck.kernel.decision import Refused
from quarterdeck.workflows import change_key
from quarterdeck.workflows.restore_ledger import look
from quarterdeck.workflows.seal_checkpoint import SealerStatus

_SQLITE_DURABLE = {"PRAGMA synchronous": ("2", "3")}
_POSTGRESQL_DURABLE = {
    "SHOW synchronous_commit": ("on", "remote_apply", "remote_write", "local"),
    "SHOW fsync": ("on",),
    "SHOW full_page_writes": ("on",),
}


def running_findings(config: Settings, clock: Clock) -> list[Finding]:
    """Return every finding about the running installation; a database that cannot be read is one finding."""
    try:
        return [
            processes(config),
            durability(),
            ledger_time(clock),
            *sealer(),
            *anchors(config, clock),
            *store_findings(config, clock),
            *work_findings(clock),
        ]
    except Refused as refused:
        return [wrong("ledger", one.sentence, one.next_step) for one in refused.decision.reasons]
    except (DatabaseError, ImproperlyConfigured) as error:
        return [wrong("database", f"The database cannot be read: {error}.", "Run `qd init`, or `qd restore` a backup.")]


def processes(config: Settings) -> Finding:
    """Compare with what the supervisor wrote down."""
    state = config.run_dir / "supervisor.json"
    try:
        told = json.loads(state.read_text())
    except (OSError, ValueError):
        return note("processes", "Quarterdeck is not running.", "Start it with `qd up`.")
    late = [name for name, child in told["children"].items() if not child["ready"]]
    if late:
        return wrong("processes", f"Not ready: {', '.join(late)}.", f"Read the logs in {config.logs_dir}.")
    restarts = {name: child["restarts"] for name, child in told["children"].items() if child["restarts"]}
    if restarts:
        words = ", ".join(f"{name} {count} times" for name, count in restarts.items())
        return note("processes", f"All run; restarted: {words}.", f"Read the logs in {config.logs_dir}.")
    return fine("processes", "All processes run and answer.")


def durability() -> Finding:
    """An acknowledged entry must survive a power cut (evidence.md, trap 12)."""
    questions = _SQLITE_DURABLE if connection.vendor == "sqlite" else _POSTGRESQL_DURABLE
    with connection.cursor() as cursor:
        for question, good in questions.items():
            cursor.execute(question)
            setting, name = str(cursor.fetchone()[0]), question.split()[-1]
            if setting not in good:
                words = f"The database runs with {name}={setting}."
                return wrong("durability", words, f"Set {name} to {good[0]} on the database server.")
    return fine("durability", "What the database acknowledged survives a power cut.")


def ledger_time(clock: Clock) -> Finding:
    """Nothing opens while the clock is behind the ledger's last time (attacks.md row 18)."""
    last = evidence.head().last_at
    if last is not None and clock.now() < last:
        behind = (last - clock.now()).total_seconds()
        return wrong("clock", f"The clock is {behind:.0f} s behind the ledger's last entry.", "Set the clock right.")
    return fine("ledger", f"{evidence.head().size} entries.")


def sealer() -> list[Finding]:
    """The sealer answers, the ledger continues what it signed, and where its key lives."""
    try:
        status, differs = look(wiring.sealer())
    except Refused as refused:
        return [note("sealer", str(refused))]
    head = evidence.head()
    if differs is not None:
        return [wrong("sealer", one.sentence, one.next_step) for one in differs.reasons]
    found = [fine("sealer", f"Signed {status.size} of {head.size} entries, epoch {status.epoch}."), key_place(status)]
    found += [
        wrong("sealer", f"Since {one.since:%Y-%m-%d %H:%M} UTC: {one.sentence}", one.next_step)
        for one in evidence.sealing_troubles()
    ]
    change = change_key.unacknowledged()
    if change is not None:
        how = "without the old key's signature " if change.unsigned else ""
        found.append(
            note(
                "sealing key",
                f"It changed {how}and nobody acknowledged it.",
                "An approver or CUI owner compares its fingerprint and acknowledges it under Evidence, Sealing key.",
            )
        )
    return found


def key_place(status: SealerStatus) -> Finding:
    """Say where the sealing key lives: whoever has it can sign whatever no outsider has anchored."""
    retired = sum(1 for key in status.keys if key.until)
    kind = status.key.partition(" ")[0]
    return fine("sealing key", f"It lives {status.key_place} ({kind}); {retired} retired.")
