"""`qd ledger key`: prints the `allowed_signers` line of the sealing key, for assessors, outside any package."""

import argparse
import sys

from quarterdeck.adapters.ssh_signature import SshKeygenSigner
from quarterdeck.config.api import load
from quarterdeck.entrypoints.supervisor.folders import SEALING_KEY


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    return argparse.ArgumentParser(
        prog="qd ledger key",
        description="Print the allowed_signers line of the sealing key, and its fingerprint beside it.",
    )


def main() -> int:
    """Print line and fingerprint; returns 1 with a sentence before `qd init`."""
    parser().parse_args()
    config = load()
    signer = SshKeygenSigner(config.sealer_folder / SEALING_KEY)
    try:
        print(signer.allowed_signers_line(config.ledger_origin), end="")
        print(f"Fingerprint: {signer.shown_fingerprint()}", file=sys.stderr)
    except OSError as error:
        print(f"qd ledger key: {error.filename} cannot be read. Run `qd init` first.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
