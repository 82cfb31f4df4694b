"""`qd evidence scrub`: reads stored files through and compares their hashes; what differs becomes an entry."""

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
    made = argparse.ArgumentParser(
        prog="qd evidence scrub",
        description="Read stored files through and compare their hashes: those not read for longest, or all.",
    )
    made.add_argument("--all", action="store_true", help="every file, not only a thirtieth")
    return made


def main() -> int:
    """Read, and print what was found; returns 1 when a file is altered or missing, or the store does not answer."""
    chosen = parser().parse_args()
    become_owner(load().data_dir)
    clock = SystemClock()
    try:
        store = evidence.artifact_store()
        job = keep_store.order_scrub(OPERATOR, clock, everything=chosen.all)
        code = follow(job, lambda: keep_store.do_next_job(OPERATOR, clock, store, job.id))
    except Refused as refused:
        print(f"qd evidence scrub: {refused}", file=sys.stderr)
        return 1
    wrong = keep_store.found_wrong()
    for sha256, event in sorted(wrong.items()):
        print(f"WRONG: {sha256} {event.partition('found_')[2]}")
    return 1 if wrong else code


if __name__ == "__main__":
    sys.exit(main())
