"""`qd`: parse, run one verb, print sentences. Exit codes: 0 ok, 1 refused or failed, 2 usage, 3 unanchored."""

import argparse
import os
import sys
from collections.abc import Sequence

from quarterdeck import __version__
from quarterdeck.entrypoints.cli import (
    access_verbs,
    activity_verbs,
    anchor_verbs,
    attach_verbs,
    backup_verbs,
    capture_verbs,
    check_verbs,
    gap_verbs,
    keeping_verbs,
    listing_verbs,
    login_verbs,
    monitoring_verbs,
    package_verbs,
    policy_verbs,
    register_verbs,
    reimage_verbs,
    revoke_verbs,
    rollback_verbs,
    run_verbs,
    sealing_verbs,
    server_verbs,
    ticket_verbs,
    time_verbs,
)
from quarterdeck.entrypoints.cli.server import Failed
from quarterdeck.entrypoints.cli.showing import complain
from quarterdeck.entrypoints.cli.verbs import Group, Parser
from quarterdeck.kernel.clock import SystemClock

REFUSED = 1
EPILOG = """\
QD_URL names the server (default http://127.0.0.1:8600). The token of `qd login` is kept in
~/.config/quarterdeck/token, or where QD_TOKEN_FILE says.
Exit codes: 0 ok, 1 refused or failed, 2 wrong usage, 3 unanchored."""


_MODULES = (
    login_verbs,
    ticket_verbs,
    time_verbs,
    access_verbs,
    revoke_verbs,
    rollback_verbs,
    attach_verbs,
    backup_verbs,
    capture_verbs,
    check_verbs,
    run_verbs,
    monitoring_verbs,
    activity_verbs,
    register_verbs,
    listing_verbs,
    package_verbs,
    anchor_verbs,
    gap_verbs,
    sealing_verbs,
    policy_verbs,
    reimage_verbs,
    keeping_verbs,
    server_verbs,
)


def parser() -> argparse.ArgumentParser:
    """Return the whole command line."""
    made = Parser(
        prog="qd",
        description="Maintenance of systems that hold CUI: tickets, access, evidence.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("--version", action="version", version=f"qd {__version__}")
    verbs = Group(made, "verb")
    for module in _MODULES:
        module.add(verbs)
    return made


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit code; never a traceback for something a person can mend."""
    given = list(sys.argv[1:] if words is None else words)
    server_verbs.become(given)
    os.umask(0o077)
    arguments = parser().parse_args(given)
    access_verbs.sweep(SystemClock().now())
    try:
        return int(arguments.handler(arguments))
    except Failed as failed:
        complain(str(failed))
        return REFUSED
    except BrokenPipeError:
        return REFUSED
    except OSError as error:
        # A file or folder that a person named and that this user cannot read or write.
        complain(f"{error.filename or 'A file'} cannot be used ({error.strerror or error}).")
        return REFUSED
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
