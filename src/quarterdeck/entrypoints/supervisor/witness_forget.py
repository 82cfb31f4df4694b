"""`qd ledger witness-forget ORIGIN`: let another log that we witness begin anew, after its recorded restoration.

A witness never does this by itself: who asks for it may be hiding what was there. What had been seen is set aside,
and the ledger says that it was.
"""

import argparse
import os
import sys

import django

os.umask(0o077)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck import wiring  # noqa: E402  the models need Django first
from quarterdeck.kernel.actors import OPERATOR  # noqa: E402
from quarterdeck.kernel.clock import SystemClock  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402
from quarterdeck.workflows.keep_witness import forget_log  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd ledger witness-forget",
        description="Forget what our witness saw of another log, so that it may begin anew. Only when its organisation "
        "showed you its entry ledger.restored: a log that asks for this without a reason hides something.",
    )
    made.add_argument("origin", help="the log's name, first line of its checkpoints")
    return made


def main() -> int:
    """Forget it and record that; returns 1 with a sentence when nothing was seen of it."""
    chosen = parser().parse_args()
    try:
        size = forget_log(wiring.sealer(), chosen.origin, OPERATOR, SystemClock())
    except Refused as refused:
        print(f"qd ledger witness-forget: {refused}", file=sys.stderr)
        return 1
    print(f"{chosen.origin} may begin anew; {size} entries of it had been seen. The ledger says so.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
