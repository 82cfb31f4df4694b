"""`qd ledger adopt`: go on with the database that is here although it is not the one that was sealed last.

For a copy that somebody put back by hand, and for a sealer whose memory is lost. It voids all access and says in the
ledger what happened; nothing does this by itself.
"""

import argparse
import os
import re
import sys

from quarterdeck.adapters.ssh_signature import SigningFailed
from quarterdeck.config.api import WrongSettings, load
from quarterdeck.entrypoints.supervisor.folders import Unusable, prepare
from quarterdeck.entrypoints.supervisor.owned import NotAnswering, run_with_data, running_sealer
from quarterdeck.entrypoints.supervisor.restore import SECOND_HALF, RestoreFailed, refuse_while_running

NAME = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
DESCRIPTION = (
    "Go on with the database as it is: one that was put back by hand, or one that the sealer does not remember. Voids "
    "all access and records ledger.restored. `qd up` must not be running."
)


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(prog="qd ledger adopt", description=DESCRIPTION)
    made.add_argument(
        "--backup", default="", metavar="NAME", help="what put it back: a copy of this name, untouched since"
    )
    made.add_argument("--yes", action="store_true", help="do it; without this the verb only says what it does")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Agree with the sealer and record it; returns 1 with a sentence when that is not possible, 2 without --yes."""
    chosen = parser().parse_args(arguments)
    if not chosen.yes:
        print(f"{DESCRIPTION}\nNothing was done. Run it again with --yes.", file=sys.stderr)
        return 2
    if chosen.backup and not NAME.fullmatch(chosen.backup):
        print("qd ledger adopt: a name has letters, digits, dot, dash and underscore, 64 at most.", file=sys.stderr)
        return 2
    try:
        config = load()
        refuse_while_running(config)
        prepare(config)
        with running_sealer(config):
            return run_with_data(config, SECOND_HALF, [chosen.backup] if chosen.backup else [])
    except (RestoreFailed, NotAnswering, Unusable, SigningFailed, WrongSettings, OSError) as error:
        print(f"qd ledger adopt: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
