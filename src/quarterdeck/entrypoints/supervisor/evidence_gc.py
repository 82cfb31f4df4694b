"""`qd evidence gc`: removes stored files that no entry has named for a day; what the store has locked is counted."""

import argparse
import os
import sys

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()


from quarterdeck.config.api import load  # noqa: E402  the models need Django first
from quarterdeck.entrypoints.supervisor.as_owner import become_owner  # noqa: E402
from quarterdeck.entrypoints.supervisor.store_work import follow  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402
from quarterdeck.kernel.actors import OPERATOR  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.workflows import keep_store  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    return argparse.ArgumentParser(
        prog="qd evidence gc",
        description="Remove stored files that no entry of the ledger has named for 24 hours.",
    )


def main() -> int:
    """Sweep and print what was removed; returns 1 when the store does not answer."""
    parser().parse_args()
    become_owner(load().data_dir)
    clock = SystemClock()
    try:
        store = evidence.artifact_store()
        job = keep_store.order_sweep(OPERATOR, clock)
        return follow(job, lambda: keep_store.do_next_job(OPERATOR, clock, store, job.id))
    except Refused as refused:
        print(f"qd evidence gc: {refused}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
