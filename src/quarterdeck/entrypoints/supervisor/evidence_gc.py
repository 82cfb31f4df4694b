"""`qd evidence gc`: removes stored files that no entry has named for a day; what the store has locked is counted."""

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
    return argparse.ArgumentParser(
        prog="qd evidence gc",
        description="Remove stored files that no entry of the ledger has named for 24 hours.",
    )


def main() -> int:
    """Sweep and print what was removed; returns 1 when the store does not answer."""
    parser().parse_args()
    return ordered("qd evidence gc", partial(keep_store.order_sweep, OPERATOR))


if __name__ == "__main__":
    sys.exit(main())
