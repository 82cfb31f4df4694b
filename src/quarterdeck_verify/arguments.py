"""The options by which a person brings a pin and an anchor: the same for packages and for the ledger on the server."""

import argparse
from pathlib import Path


def add_outside(parser: argparse.ArgumentParser) -> None:
    """Add `--signers` and `--anchor`, each of which may be given several times."""
    parser.add_argument(
        "--signers", type=Path, action="append", default=[], metavar="FILE",
        help="allowed_signers file that was kept elsewhere: only its keys may have signed",
    )  # fmt: skip
    parser.add_argument(
        "--anchor", type=Path, action="append", default=[], metavar="FILE",
        help="a checkpoint that was kept elsewhere, such as the mail that brought it: the ledger must continue it",
    )  # fmt: skip
