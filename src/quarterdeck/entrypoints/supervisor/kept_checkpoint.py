"""`qd ledger checkpoint --out FILE`: writes the newest signed checkpoint, to be kept outside this server. Reads only.

It is the same file that the anchor mail carries; whoever carries it off this machine makes it an anchor.
"""

import argparse
import os
import sys
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "quarterdeck.settings")
django.setup()

from django.db import DatabaseError  # noqa: E402  the models need Django first

from quarterdeck.adapters.smtp import ATTACHMENT, kept_checkpoint  # noqa: E402
from quarterdeck.evidence import api as evidence  # noqa: E402


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd ledger checkpoint",
        description="Write the newest signed checkpoint, to be kept by somebody else, outside this server.",
        epilog="A package verifies as INTACT with `qd verify --anchor FILE` up to the entries that FILE covers, "
        "when it was exported after it.",
    )
    made.add_argument("--out", type=Path, default=Path(ATTACHMENT), metavar="FILE", help=f"default: {ATTACHMENT} here")
    return made


def main() -> int:
    """Write the file; returns 1 with a sentence when there is no checkpoint yet or FILE is there already."""
    chosen = parser().parse_args()
    try:
        newest = evidence.latest_checkpoint()
    except DatabaseError:
        print("qd ledger checkpoint: there is no ledger here yet. Run `qd init` first.", file=sys.stderr)
        return 1
    if newest is None:
        print("qd ledger checkpoint: none was signed yet; `qd up` signs one within minutes.", file=sys.stderr)
        return 1
    try:
        with chosen.out.open("xb") as out:
            out.write(kept_checkpoint(newest.body, newest.sshsig))
    except OSError as error:
        print(f"qd ledger checkpoint: {chosen.out} cannot be written ({error.strerror}).", file=sys.stderr)
        return 1
    print(f"{chosen.out} covers {newest.size} entries. Carry it off this server: here it proves nothing to a stranger.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
