"""`qd ledger key`: prints the `allowed_signers` lines of the sealing keys, for assessors, outside any package."""

import argparse
import sys
from pathlib import Path

from quarterdeck.adapters.note_signature import VERIFIER_KEYS_FILE
from quarterdeck.adapters.ssh_signature import SIGNERS_FILE, SshKeygenSigner
from quarterdeck.config.api import WrongSettings, load
from quarterdeck.entrypoints.supervisor.folders import SEALING_KEY
from quarterdeck_verify.signers import parse


def parser() -> argparse.ArgumentParser:
    """Return the verb's arguments."""
    made = argparse.ArgumentParser(
        prog="qd ledger key",
        description="Print the allowed_signers lines of the sealing keys, each for its time, and their fingerprints.",
    )
    made.add_argument(
        "--witness", action="store_true", help="print the keys for witnessing instead: the log's, then the witness's"
    )
    return made


def main() -> int:
    """Print lines and fingerprints; returns 1 with a sentence before `qd init`."""
    chosen = parser().parse_args()
    try:
        config = load()
    except WrongSettings as error:
        print(f"qd ledger key: {error}", file=sys.stderr)
        return 1
    if chosen.witness:
        return verifier_keys(config.sealer_folder / VERIFIER_KEYS_FILE)
    kept = config.sealer_folder / SIGNERS_FILE
    try:
        lines = kept.read_text() if kept.exists() else ""
        if not lines:
            lines = SshKeygenSigner(config.sealer_folder / SEALING_KEY).allowed_signers_line(config.ledger_origin)
        print(lines, end="")
        for signer in parse(lines.encode()):
            print(f"Fingerprint: {signer.key.fingerprint}", file=sys.stderr)
    except OSError as error:
        print(f"qd ledger key: {error.filename} cannot be read. Run `qd init` first.", file=sys.stderr)
        return 1
    return 0


def verifier_keys(path: Path) -> int:
    """Print what peers configure to witness this log, and to believe this witness."""
    try:
        print(path.read_text(), end="")
    except OSError:
        print("qd ledger key: the sealer has not been started yet. Run `qd up` once.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
