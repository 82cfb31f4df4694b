"""The second half of `qd restore` and `qd ledger adopt`, with the database: agree with the sealer, void, record, seal.

The order is the point: the sealer first says whether this is an older state of the log that it signed, and how many
entries are lost; only then is the first new entry written.
"""

import argparse
import os
import sys

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  the models need Django first

from quarterdeck import wiring  # noqa: E402
from quarterdeck.adapters.openssh_ca import init_keys  # noqa: E402
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.evidence.api import ObjectRef  # noqa: E402
from quarterdeck.kernel.actors import OPERATOR  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.workflows import restore_ledger  # noqa: E402
from quarterdeck.workflows.restore_ledger import Restored  # noqa: E402


def main() -> int:
    """Finish the restoration; returns 1 with a sentence when the ledger or the sealer does not fit."""
    parser = argparse.ArgumentParser(prog="qd restore")
    parser.add_argument("backup", nargs="?", default="")
    chosen = parser.parse_args()
    verb = "qd restore" if chosen.backup else "qd ledger adopt"
    init_keys(load().signer_folder)
    call_command("migrate", interactive=False, verbosity=0)
    report = evidence.verify_ledger()
    beyond = f"checkpoint {report.size} "
    problems = [problem for problem in report.problems if not problem.startswith(beyond)]
    if problems:
        print(f"{verb}: this ledger is not whole: {problems[0]}.", file=sys.stderr)
        return 1
    about = ObjectRef("backup", chosen.backup) if chosen.backup else ObjectRef("database", "as-found")
    try:
        done = restore_ledger.restore(
            wiring.sealer(), about, actor=OPERATOR, clock=SystemClock(), untouched=bool(chosen.backup)
        )
    except Refused as refused:
        print(f"{verb}: {refused}", file=sys.stderr)
        return 1
    tell(done)
    return 0


def tell(done: Restored) -> None:
    """Say what happened, and to whom it has to be told."""
    said = [
        f"{done.size} entries are here. {done.lost} entries that were sealed are lost, and the ledger says so.",
        "Every access that was given is void and every `qd login` has ended. A checkpoint that somebody kept from the "
        "lost entries will not fit this ledger; entry ledger.restored explains why.",
    ]
    if done.how == "adopted":
        said.append("The sealer remembered nothing and took these entries as they are. Compare with kept checkpoints.")
    if done.changes:
        said.append("The sealing key changed; an approver or CUI owner has to acknowledge it under Evidence.")
    print("\n".join(said), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
