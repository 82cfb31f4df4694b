"""`qd evidence scrub`: reads stored files through and compares their hashes; what differs becomes an entry."""

import argparse
import os
import sys
from functools import partial

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()


from quarterdeck.entrypoints.supervisor.store_work import ordered  # noqa: E402  the models need Django first
from quarterdeck.kernel.actors import OPERATOR  # noqa: E402
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
    order = partial(keep_store.order_scrub, OPERATOR, everything=chosen.all)
    code = ordered("qd evidence scrub", order)
    wrong = keep_store.found_wrong()
    for sha256, event in sorted(wrong.items()):
        print(f"WRONG: {sha256} {event.partition('found_')[2]}")
    return 1 if wrong else code


if __name__ == "__main__":
    sys.exit(main())
