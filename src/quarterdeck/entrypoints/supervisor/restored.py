"""The second half of `qd restore`, with the database: compare with the sealer, void all access, write it down, seal.

The order is the point: the sealer first says whether this is an older state of the log that it signed, and how many
entries are lost; only then is the first new entry written.
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  the models need Django first

from quarterdeck import wiring  # noqa: E402
from quarterdeck.access import api as access  # noqa: E402
from quarterdeck.adapters.openssh_ca import init_keys  # noqa: E402
from quarterdeck.adapters.sealer_client import SealerClient  # noqa: E402
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.api import ObjectRef  # noqa: E402
from quarterdeck.kernel.actors import OPERATOR  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.personnel import api as personnel  # noqa: E402
from quarterdeck.workflows import seal_checkpoint  # noqa: E402

START_SECONDS = 20


def main() -> int:
    """Finish the restoration; returns 1 with a sentence when the ledger or the sealer does not fit."""
    parser = argparse.ArgumentParser(prog="qd restore")
    parser.add_argument("backup")
    backup = parser.parse_args().backup
    init_keys(load().signer_folder)
    call_command("migrate", interactive=False, verbosity=0)
    report = evidence.verify_ledger()
    beyond = f"checkpoint {report.size} "
    problems = [problem for problem in report.problems if not problem.startswith(beyond)]
    if problems:
        print(f"qd restore: the restored ledger is not whole: {problems[0]}.", file=sys.stderr)
        return 1
    try:
        with running_sealer() as sealer:
            finish(sealer, backup)
    except Refused as refused:
        print(f"qd restore: {refused}", file=sys.stderr)
        return 1
    return 0


def finish(sealer: SealerClient, backup: str) -> None:
    """Agree with the sealer, begin a new epoch of access, record it and seal it; Refused when they disagree."""
    clock = SystemClock()
    head = evidence.head()
    status = sealer.status(head.size)
    lost = max(status.size - head.size, 0)
    if lost:
        bodies = [entry.body for entry in evidence.entries(from_seq=status.restorable_from)]
        sealer.restore(head.size, bodies, head.root.hex())
    with evidence.act(OPERATOR, clock) as act:
        access.begin_epoch(act, "restored")
        for person in personnel.people():
            personnel.revoke_tokens(act, person.id)
        act.record(
            "ledger.restored",
            ObjectRef("backup", backup),
            data={
                "restored_size": head.size,
                "restored_root": head.root.hex(),
                "abandoned_size": status.size,
                "abandoned_root": status.root,
                "lost_entries": lost,
            },
        )
    seal_checkpoint.seal(sealer, reason="key")
    print(
        f"Restored {head.size} entries. {lost} entries that were sealed after this backup are lost, and the ledger "
        "says so.\nEvery access that was given is void and every `qd login` has ended. A checkpoint that "
        "somebody kept from the lost entries will "
        "not fit this ledger; entry ledger.restored explains why.",
        file=sys.stderr,
    )


@contextmanager
def running_sealer() -> Iterator[SealerClient]:
    """Run a sealer for as long as the restoration takes."""
    process = subprocess.Popen([sys.executable, "-m", "quarterdeck.entrypoints.sealer"])
    try:
        yield _answering(process)
    finally:
        process.terminate()
        process.wait(START_SECONDS)


def _answering(process: subprocess.Popen[bytes]) -> SealerClient:
    sealer = wiring.sealer()
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            sealer.status()
        except Refused:
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return sealer


if __name__ == "__main__":
    sys.exit(main())
