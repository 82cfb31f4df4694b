"""`qd gate sudo-setup HOST`: prints the script after which a target's sudo believes signed orders of this Quarterdeck.

It is read and run by a person as root on the target. Afterwards the account needs no standing right to root.
"""

import argparse
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck import wiring  # noqa: E402  the models need Django first
from quarterdeck.access.api import sudo_setup_script  # noqa: E402
from quarterdeck.entrypoints.supervisor.target_setup import is_listed, name_target  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd gate sudo-setup",
        description="Print a POSIX shell script, to be read and then run as root on the target.",
        epilog="At its end it lists what sudo allows the accounts; remove all but quarterdeck-elevate.",
    )
    name_target(made)
    return made


def main() -> int:
    """Print the script; returns 1 with a sentence when a name is malformed or the signer does not answer."""
    chosen = parser().parse_args()
    try:
        if not chosen.unlisted:
            is_listed(chosen.hostname, chosen.account).require()
        authority = str(wiring.signer().status()["target_ca"])
        script = sudo_setup_script(hostname=chosen.hostname, accounts=chosen.account, authority=authority)
    except Refused as refused:
        print(f"qd gate sudo-setup: {refused}", file=sys.stderr)
        return 1
    print(script, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
