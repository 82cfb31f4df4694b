"""Before `qd up` starts anything: is this the ledger that was sealed last? A restored database is recognised here.

Two halves: what the sealer's memory says is read where its folder can be read, the database is asked in a process of
its own as its owner. Nothing is changed; the answer is a sentence.
"""

import argparse
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from django.db import DatabaseError  # noqa: E402  the models need Django first

from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.workflows.restore_ledger import kept_size, mismatch  # noqa: E402


def main() -> int:
    """Return 1 with a sentence when the ledger here is not the one that was sealed, else 0."""
    parser = argparse.ArgumentParser(prog="qd up")
    parser.add_argument("sealed", help="size and root that the sealer remembers, as JSON")
    told = json.loads(parser.parse_args().sealed)
    try:
        differs = mismatch(int(told["size"]), str(told["root"]), kept_size())
    except (DatabaseError, Refused):
        return 0  # no ledger yet, or one that every process refuses by itself and says why
    if differs is None:
        return 0
    for reason in differs.reasons:
        print(f"qd up: {reason.sentence} {reason.next_step}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
