"""`qd gate target-setup HOST`: prints the script that makes a target admit only certificates of our target authority.

It is read and run by a person as root on the target; `--check` prints what sshd -T must say afterwards.
"""

import argparse
import json
import os
import sys

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from quarterdeck import wiring  # noqa: E402  the models need Django first
from quarterdeck.access.api import DROP_IN, FOLDER, target_files, target_script  # noqa: E402
from quarterdeck.config.api import load  # noqa: E402
from quarterdeck.kernel.decision import Refused  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd gate target-setup",
        description="Print a POSIX shell script, to be read and then run as root on the target.",
        epilog="Afterwards the ticket's sole-path hold point proves by sshd -T and from outside that it worked.",
    )
    made.add_argument("hostname", help="the asset's host name, as in the inventory")
    made.add_argument(
        "--account", action="append", required=True, metavar="NAME", help="target account; may be repeated"
    )
    made.add_argument("--folder", default=FOLDER, metavar="DIR", help="where the target keeps keys and principals")
    made.add_argument("--drop-in", default=DROP_IN, metavar="FILE", help="the drop-in that the target's sshd includes")
    made.add_argument("--json", action="store_true", help="print the files as a JSON object, path to content")
    return made


def main() -> int:
    """Print the script; returns 1 with a sentence when a name is malformed or the signer does not answer."""
    chosen = parser().parse_args()
    try:
        authority = str(wiring.signer().status()["target_ca"])
        files = target_files(
            hostname=chosen.hostname,
            accounts=chosen.account,
            authority=authority,
            gate_address=load().gate_address,
            folder=chosen.folder,
            drop_in=chosen.drop_in,
        )
    except Refused as refused:
        print(f"qd gate target-setup: {refused}", file=sys.stderr)
        return 1
    print(json.dumps(files, indent=1) if chosen.json else target_script(files), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
