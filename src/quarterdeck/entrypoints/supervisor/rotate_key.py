"""`qd ledger rotate-key`: a new sealing key, signed in by the old one; or, where that is lost, recorded as unsigned.

Runs beside `qd up` and asks the sealer, which alone holds keys. A fresh process does the database's half, as the owner
of the data folder.
"""

import argparse
import os
import sys
from pathlib import Path

from quarterdeck.adapters.ssh_signature import SigningFailed, fingerprint_of
from quarterdeck.config.api import load
from quarterdeck.entrypoints.supervisor.owned import run_with_data

SECOND_HALF = "quarterdeck.entrypoints.supervisor.rotated"


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd ledger rotate-key",
        description="Change to a new sealing key. Old and new key sign the change, the ledger records it, the next "
        "checkpoint is the new key's. An approver or CUI owner acknowledges the new fingerprint afterwards.",
    )
    place = made.add_mutually_exclusive_group()
    place.add_argument("--public-key", type=Path, metavar="FILE", help="adopt the agent's key with this public half")
    place.add_argument("--key-name", default="", metavar="NAME", help="adopt sealing_key-N of the sealer's folder")
    made.add_argument(
        "--old-key-lost", action="store_true", help="the old key is gone for good: change without its signature"
    )
    return made


def main(arguments: list[str] | None = None) -> int:
    """Change the key; returns 1 with a sentence when the sealer refuses."""
    chosen = parser().parse_args(arguments)
    words = ["--lost"] if chosen.old_key_lost else []
    try:
        if chosen.public_key is not None:
            public = " ".join(chosen.public_key.read_text().split()[:2])
            fingerprint_of(public)
            words += ["--public", public]
        if chosen.key_name:
            words += ["--name", chosen.key_name]
        return run_with_data(load(), SECOND_HALF, words)
    except (OSError, ValueError, IndexError, SigningFailed) as error:
        print(f"qd ledger rotate-key: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
