"""The second half of `qd ledger rotate-key`, with the database: ask the sealer, record the change, seal with it."""

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
from quarterdeck.workflows.change_key import change_key  # noqa: E402
from quarterdeck_verify.signers import parse_public_key  # noqa: E402


def main() -> int:
    """Change the key and say what to do with the new fingerprint; returns 1 with a sentence when it is refused."""
    parser = argparse.ArgumentParser(prog="qd ledger rotate-key")
    parser.add_argument("--public", default="")
    parser.add_argument("--name", default="")
    parser.add_argument("--lost", action="store_true")
    chosen = parser.parse_args()
    try:
        change, sealed = change_key(
            wiring.sealer(), OPERATOR, SystemClock(), lost=chosen.lost, public=chosen.public, name=chosen.name
        )
    except Refused as refused:
        print(f"qd ledger rotate-key: {refused}", file=sys.stderr)
        return 1
    print(parse_public_key(change.public).fingerprint)
    unsigned = " The old key did not sign this: whoever pinned it must be told by another way." if chosen.lost else ""
    print(
        f"This key signs from the checkpoint of {sealed.size} entries on.{unsigned}\n"
        "Write its fingerprint down on paper beside the old one. An approver or CUI owner acknowledges it under "
        "Evidence, Sealing key; until then every page says that nobody did. `qd ledger key` prints the new pins.",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
